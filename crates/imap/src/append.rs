//! APPEND with MULTIAPPEND (RFC 3502), CATENATE (RFC 4469), APPENDUID (RFC 4315), and REPLACE (RFC 8508).

use bytes::{Bytes, BytesMut};
use codec::imap::{
    AppendBody, AppendMessage, CatenatePart, MessageUrl, Numbers, Ranges, Replace, SequenceSet,
};
use kernel::Right;
use mail::flags::Keywords;
use mail::{Append, Appended, Mailbox};
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};
use crate::fetch;
use crate::messages::{in_order, named};
use crate::names;
use crate::out::Out;
use crate::session::{Done, Session, State};

impl Session {
    /// `APPEND`.
    pub(crate) async fn append(&mut self, append: codec::imap::Append, bytes: &Bytes) -> Result<Done> {
        let login = self.login()?;
        let target = names::target(&self.server.mail, &login, &append.mailbox.0).await?;
        let ready = self.ready(&login, &target, append.messages, bytes).await?;
        let appended = self.server.mail.append(&login.ctx, target.account, target.id, ready).await?;
        Done::code(append_uid(&target, &appended), "Appended")
    }

    /// The messages of a command, their parts put together.
    async fn ready(
        &self,
        login: &Login,
        target: &Mailbox,
        messages: Vec<AppendMessage>,
        bytes: &Bytes,
    ) -> Result<Vec<Append>> {
        let mut ready = Vec::with_capacity(messages.len());
        for message in messages {
            let keywords = Keywords::parse(message.flags.iter().map(String::as_str))?;
            let keywords = within_rights(keywords, target);
            let body = match message.body {
                AppendBody::Literal { place, binary, .. } => {
                    let body = bytes.slice(place);
                    if !binary && memchr::memchr(0, &body).is_some() {
                        return Err(Failure::bad("A NUL has a place only in a literal8"));
                    }
                    body
                }
                AppendBody::Catenate(parts) => self.catenate(login, parts, bytes).await?,
            };
            if body.is_empty() {
                return Err(Failure::no("CANNOT", "A message has at least one byte"));
            }
            ready.push(Append {
                body,
                keywords,
                received_at: message.received_at,
                received_zone: message.received_zone,
            });
        }
        Ok(ready)
    }

    /// Puts the parts of a message together.
    async fn catenate(&self, login: &Login, parts: Vec<CatenatePart>, bytes: &Bytes) -> Result<Bytes> {
        let most = login.ctx.limits.message_bytes;
        let mut whole = BytesMut::new();
        for part in parts {
            let part = match part {
                CatenatePart::Text(place) => bytes.slice(place),
                CatenatePart::Url(url) => self.resolve(login, &url).await?,
            };
            if (whole.len() + part.len()) as u64 > most {
                return Err(Failure::no(
                    "TOOBIG",
                    format!("A message has at most {most} bytes; send it as a file"),
                ));
            }
            whole.extend_from_slice(&part);
        }
        Ok(whole.freeze())
    }

    /// The bytes that a URL names.
    async fn resolve(&self, login: &Login, url: &str) -> Result<Bytes> {
        let bad = || {
            let shown: String = url.chars().filter(|c| !c.is_control() && *c != ']').take(200).collect();
            let mut code = b"BADURL ".to_vec();
            codec::imap::write::string(&mut code, shown.as_bytes(), true);
            Failure::no(String::from_utf8_lossy(&code).into_owned(), "That URL names no message here")
        };
        let wanted = MessageUrl::parse(url, &self.bounds()).ok_or_else(bad)?;
        let (account, mailbox, uidvalidity) = match (&wanted.mailbox, &self.state) {
            (Some(name), _) => {
                let name = codec::imap::MailboxName::new(name);
                let found = names::find(&self.server.mail, login, &name.0).await.map_err(|_| bad())?;
                (found.account, found.id, found.uidvalidity)
            }
            (None, State::Selected(_, selected)) => {
                (selected.account, selected.mailbox, selected.uidvalidity)
            }
            (None, _) => return Err(bad()),
        };
        if wanted.uidvalidity.is_some_and(|known| known != uidvalidity) {
            return Err(bad());
        }
        let view = self.server.mail.view(&login.ctx, account, mailbox).await?;
        let entry = view.entry(wanted.uid).ok_or_else(bad)?;
        let section = wanted.section.unwrap_or_default();
        let found = fetch::part(&login.ctx, &self.server.mail, (account, mailbox), entry, &section).await?;
        let whole = found.ok_or_else(bad)?;
        Ok(match wanted.partial {
            None => whole,
            Some(partial) => {
                let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).min(whole.len());
                whole.slice(small(partial.offset)..small(partial.offset.saturating_add(partial.length)))
            }
        })
    }

    /// `REPLACE` and `UID REPLACE`: the new message comes and the old one goes in one transaction.
    pub(crate) async fn replace(
        &mut self,
        replace: Replace,
        bytes: &Bytes,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        let mail = self.server.mail.clone();
        let (login, selected) = self.selected()?;
        if !selected.may(Right::Delete) {
            return Err(Failure::no("NOPERM", "The right 'e' on this mailbox is missing"));
        }
        let numbers = Numbers::Set(SequenceSet(vec![(replace.number, replace.number)]));
        let old: Ranges = named(selected, &numbers, replace.uid)?;
        let from = (selected.account, selected.mailbox);
        let Some(old) = old.first().filter(|uid| !selected.gone.contains(*uid)) else {
            return Err(Failure::no("NONEXISTENT", "There is no such message"));
        };
        let target = names::target(&mail, &login, &replace.mailbox.0).await?;
        let message = self.ready(&login, &target, vec![replace.message], bytes).await?.pop();
        let Some(message) = message else { return Err(Failure::bad("A message is missing")) };
        let place = (target.account, target.id);
        let appended = mail.replace(&login.ctx, from, old, place, message).await?;
        out.untagged(format_args!("OK [{}] The new one is there", append_uid(&target, &[appended])));
        Done::text("Replaced")
    }
}

/// `APPENDUID` (RFC 4315 section 3).
fn append_uid(target: &Mailbox, appended: &[Appended]) -> String {
    let uids: Vec<u32> = appended.iter().map(|appended| appended.uid).collect();
    format!("APPENDUID {} {}", target.uidvalidity, in_order(&uids))
}

/// Flags that one may not set in the target are left out (RFC 4314 section 4).
fn within_rights(mut keywords: Keywords, target: &Mailbox) -> Keywords {
    use mail::flags::{DELETED, SEEN};
    let has = |right| target.rights.has(right);
    if !has(Right::Seen) {
        keywords.flags &= !SEEN;
    }
    if !has(Right::Delete) {
        keywords.flags &= !DELETED;
    }
    if !has(Right::Flag) {
        keywords.flags &= SEEN | DELETED;
        keywords.others.clear();
    }
    keywords
}
