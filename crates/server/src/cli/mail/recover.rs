//! `beffroi recover`: messages and mailboxes that were removed, to be brought back or removed for good.

use std::collections::BTreeMap;

use base::{AccountId, CollectionId, Error};
use directory::entries;
use mail::Mail;
use mail::removed::{Removal, RemovedEmail, RemovedFilter, RemovedMailbox};
use serde_json::json;

use super::super::Session;
use super::super::directory::Desk;
use super::super::output::{Cell, Column};
use super::mailbox;
use crate::failure::Failure;

/// Commands on what was removed; messages are named M and a number, mailboxes F and a number, as `list` shows them.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List messages that were removed and can be brought back, the newest removal first
    List {
        /// Whose
        address: String,
        /// Only those whose subject or sender holds this
        #[arg(long)]
        text: Option<String>,
        /// At most so many
        #[arg(long, default_value = "100", value_name = "NUMBER")]
        limit: usize,
        /// Mailboxes instead
        #[arg(long, conflicts_with = "text")]
        mailboxes: bool,
    },
    /// Bring messages back where they were, and mailboxes with all that was in them
    Restore {
        /// Whose
        address: String,
        /// What: M12 is a message, F7 a mailbox
        #[arg(required = true)]
        ids: Vec<String>,
        /// Into this mailbox instead; / for the top
        #[arg(long, value_name = "PATH")]
        to: Option<String>,
    },
    /// Remove for good what was removed, also from images of the account
    Purge {
        /// Whose
        address: String,
        /// What: M12 is a message, F7 a mailbox
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Keep everything of an account for as long as a legal hold stands, or lift it
    Hold {
        /// Whose
        address: String,
        /// Lift it
        #[arg(long)]
        lift: bool,
    },
}

type Named<T> = (T, String);

const EMAILS: [Column<Named<RemovedEmail>>; 8] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Text(format!("M{}", row.0.object)) },
    Column { key: "removed_at", title: "Removed", cell: |row| Cell::Time(row.0.removal.at) },
    Column { key: "by", title: "By", cell: |row| Cell::Text(row.1.clone()) },
    Column { key: "door", title: "Door", cell: |row| door(&row.0.removal) },
    Column { key: "mailbox", title: "Mailbox", cell: |row| Cell::Text(row.0.path.clone()) },
    Column { key: "sender", title: "Sender", cell: |row| Cell::Text(row.0.row.sender.clone()) },
    Column { key: "subject", title: "Subject", cell: |row| Cell::Text(row.0.row.subject.clone()) },
    Column { key: "until", title: "Until", cell: |row| until(&row.0.removal) },
];

const MAILBOXES: [Column<Named<RemovedMailbox>>; 7] = [
    Column { key: "id", title: "Id", cell: |row| Cell::Text(format!("F{}", row.0.id)) },
    Column { key: "removed_at", title: "Removed", cell: |row| Cell::Time(row.0.removal.at) },
    Column { key: "by", title: "By", cell: |row| Cell::Text(row.1.clone()) },
    Column { key: "door", title: "Door", cell: |row| door(&row.0.removal) },
    Column { key: "path", title: "Mailbox", cell: |row| Cell::Text(row.0.path.clone()) },
    Column { key: "messages", title: "Messages", cell: |row| Cell::Whole(row.0.total) },
    Column { key: "until", title: "Until", cell: |row| until(&row.0.removal) },
];

fn door(removal: &Removal) -> Cell {
    Cell::maybe(removal.door.map(base::Door::name))
}

fn until(removal: &Removal) -> Cell {
    removal.until.map_or(Cell::Nothing, Cell::Time)
}

/// What ids name.
#[derive(Default)]
struct Wanted {
    emails: Vec<i64>,
    mailboxes: Vec<CollectionId>,
}

impl Wanted {
    fn read(ids: &[String]) -> Result<Self, Failure> {
        let mut wanted = Self::default();
        for id in ids {
            let number = |letter| id.strip_prefix(letter).and_then(|digits| digits.parse::<i64>().ok());
            match (number('M'), number('F')) {
                (Some(object), _) => wanted.emails.push(object),
                (_, Some(mailbox)) => wanted.mailboxes.push(CollectionId(mailbox)),
                _ => {
                    let rule =
                        format!("'{id}' is no id; write one as `beffroi recover list` shows it, such as M12");
                    return Err(Error::invalid("id", rule).into());
                }
            }
        }
        Ok(wanted)
    }
}

/// Runs one.
pub fn run(session: &Session, command: Command) -> Result<(), Failure> {
    session.at_desk(async |desk| {
        let (mail, blobs) = desk.mail().await?;
        let done = at(desk, &mail, command).await;
        blobs.close().await;
        done
    })
}

async fn at(desk: &Desk<'_>, mail: &Mail, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { address, mailboxes: true, .. } => {
            let account = desk.owner(&address).await?;
            let (_, found) = mail.removed_mailboxes(&desk.ctx, account).await?;
            let found = found.into_iter().map(|gone| (gone.removal, gone));
            desk.session.out.rows(&MAILBOXES, &named(desk, found.collect()).await?)
        }
        Command::List { address, text, limit, .. } => {
            let account = desk.owner(&address).await?;
            let filter = RemovedFilter { text, ..RemovedFilter::default() };
            let mut found: Vec<(Removal, RemovedEmail)> = Vec::new();
            while found.len() < limit {
                let (before, left) = (found.last().map(|(_, email)| email.at), limit - found.len());
                let page = mail.removed(&desk.ctx, account, filter.clone(), before, left as u64).await?;
                if page.is_empty() {
                    break;
                }
                found.extend(page.into_iter().map(|email| (email.removal, email)));
            }
            desk.session.out.rows(&EMAILS, &named(desk, found).await?)
        }
        Command::Restore { address, ids, to } => restore(desk, mail, &address, &ids, to.as_deref()).await,
        Command::Purge { address, ids } => purge(desk, mail, &address, &ids).await,
        Command::Hold { address, lift } => {
            let account = desk.owner(&address).await?;
            mail.kernel().hold(&desk.ctx, account, !lift).await?;
            let sentence = if lift {
                format!("{address} is under no legal hold any more.")
            } else {
                format!("{address} is under a legal hold: nothing of its history is forgotten.")
            };
            desk.done(&sentence, &json!({ "address": address, "held": !lift }))
        }
    }
}

async fn restore(
    desk: &Desk<'_>,
    mail: &Mail,
    address: &str,
    ids: &[String],
    to: Option<&str>,
) -> Result<(), Failure> {
    let (account, wanted) = (desk.owner(address).await?, Wanted::read(ids)?);
    let to = match to {
        Some(path) => Some(mailbox::place(mail, &desk.ctx, account, path).await?),
        None => None,
    };
    let mut back = Vec::new();
    for id in wanted.mailboxes {
        let made = mail.restore_mailbox(&desk.ctx, account, id, to).await?;
        back.extend(
            made.into_iter().map(
                |made| json!({ "id": format!("F{}", made.id), "name": made.name, "messages": made.total }),
            ),
        );
    }
    let emails = mail.restore_emails(&desk.ctx, account, wanted.emails, to.filter(|to| to.0 != 0)).await?;
    let (mailboxes, messages) = (back.len(), emails.len());
    let objects: Vec<String> = emails.iter().map(|email| format!("M{}", email.object)).collect();
    let sentence = format!("{mailboxes} mailboxes and {messages} messages of their own are back.");
    desk.done(&sentence, &json!({ "mailboxes": back, "messages": objects }))
}

async fn purge(desk: &Desk<'_>, mail: &Mail, address: &str, ids: &[String]) -> Result<(), Failure> {
    let (account, wanted) = (desk.owner(address).await?, Wanted::read(ids)?);
    desk.session.confirm(&format!(
        "{} mailboxes and {} messages of {address} are about to be removed for good.",
        wanted.mailboxes.len(),
        wanted.emails.len()
    ))?;
    let mut messages = mail.purge_emails(&desk.ctx, account, wanted.emails).await?.len() as u64;
    let mailboxes = wanted.mailboxes.len();
    for id in wanted.mailboxes {
        messages += mail.purge_mailbox(&desk.ctx, account, id).await?;
    }
    let sentence = format!("{mailboxes} mailboxes and {messages} messages are removed for good.");
    desk.done(&sentence, &json!({ "mailboxes": mailboxes, "messages": messages }))
}

/// Puts the address of who removed it to each.
async fn named<T: Send>(desk: &Desk<'_>, found: Vec<(Removal, T)>) -> Result<Vec<Named<T>>, Failure> {
    let organisation = desk.organisation().await?;
    let mut accounts: Vec<AccountId> = found.iter().map(|(removal, _)| removal.by).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let entries = desk.directory().read(move |tx| entries::of_accounts(tx, organisation, &accounts)).await?;
    let names: BTreeMap<AccountId, String> =
        entries.into_iter().map(|entry| (entry.account, entry.address)).collect();
    let name = |by: AccountId| names.get(&by).cloned().unwrap_or_else(|| "the server".to_owned());
    Ok(found.into_iter().map(|(removal, row)| (row, name(removal.by))).collect())
}
