//! The commands of someone who is logged in (RFC 5804 sections 2.5 to 2.12).

use base::{Error, Result};
use codec::managesieve::{Command, Status, write_literal, write_status, write_string};
use mail::sieve::{self, Filter};
use wire::auth::Session;

use crate::answer;

/// Does what a command asks for and writes the answer.
pub(crate) async fn run(out: &mut Vec<u8>, filter: &Filter, session: &Session, command: Command) {
    let begun = out.len();
    match done(out, filter, session, command).await {
        Ok(text) => write_status(out, Status::Ok, None, text),
        Err(error) => {
            out.truncate(begun);
            answer::refusal(out, &error);
        }
    }
}

async fn done(
    out: &mut Vec<u8>,
    filter: &Filter,
    session: &Session,
    command: Command,
) -> Result<&'static str> {
    let (ctx, account) = (&session.ctx, session.account);
    match command {
        Command::HaveSpace { name, bytes } => {
            filter.room(ctx, account, &name, bytes).await?;
            Ok("There is room")
        }
        Command::PutScript { name, text } => {
            filter.put_script(ctx, account, &name, script(&text)?).await?;
            Ok("Stored")
        }
        Command::CheckScript(text) => {
            sieve::check(&ctx.limits, script(&text)?)?;
            Ok("Nothing is wrong with it")
        }
        Command::ListScripts => {
            for script in filter.scripts(ctx, account).await? {
                write_string(out, script.name.as_bytes());
                out.extend_from_slice(if script.active { b" ACTIVE\r\n" } else { b"\r\n" });
            }
            Ok("")
        }
        Command::SetActive(name) => {
            filter.activate(ctx, account, Some(name.as_str()).filter(|name| !name.is_empty())).await?;
            Ok(if name.is_empty() { "No script is in force" } else { "In force" })
        }
        Command::GetScript(name) => {
            let text = filter.script(ctx, account, &name).await?;
            write_literal(out, text.as_bytes());
            out.extend_from_slice(b"\r\n");
            Ok("")
        }
        Command::DeleteScript(name) => {
            filter.remove_script(ctx, account, &name).await?;
            Ok("Removed")
        }
        Command::RenameScript { from, to } => {
            filter.rename_script(ctx, account, &from, &to).await?;
            Ok("Renamed")
        }
        _ => Err(Error::invalid("command", "is not for now")),
    }
}

fn script(bytes: &[u8]) -> Result<&str> {
    codec::text::utf8("script", bytes)
}
