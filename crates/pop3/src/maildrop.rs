//! The inbox as a session sees it, from its login on (RFC 1939 section 5).

use base::{CollectionId, Result};
use mail::Mail;
use wire::auth::Session;

/// A message of the maildrop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message {
    pub(crate) uid: u32,
    pub(crate) content: i64,
    pub(crate) size: u64,
    pub(crate) deleted: bool,
}

/// The inbox as it was when someone logged in.
pub(crate) struct Maildrop {
    mailbox: CollectionId,
    uidvalidity: u32,
    messages: Vec<Message>,
}

impl Maildrop {
    pub(crate) async fn open(mail: &Mail, session: &Session) -> Result<Self> {
        let mailbox = mail.inbox(&session.ctx, session.account).await?;
        let uidvalidity = mail.mailbox(&session.ctx, session.account, mailbox).await?.uidvalidity;
        let view = mail.view(&session.ctx, session.account, mailbox).await?;
        let messages = view
            .iter()
            .map(|entry| Message {
                uid: entry.uid,
                content: entry.content,
                size: u64::try_from(entry.size).unwrap_or(0),
                deleted: false,
            })
            .collect();
        Ok(Self { mailbox, uidvalidity, messages })
    }

    pub(crate) fn mailbox(&self) -> CollectionId {
        self.mailbox
    }

    /// A message by its number, from 1 on, unless it is marked as deleted.
    pub(crate) fn get(&self, number: u32) -> Option<Message> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.messages.get(index).copied().filter(|message| !message.deleted)
    }

    pub(crate) fn delete(&mut self, number: u32) {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        if let Some(message) = index.and_then(|index| self.messages.get_mut(index)) {
            message.deleted = true;
        }
    }

    pub(crate) fn reset(&mut self) {
        self.messages.iter_mut().for_each(|message| message.deleted = false);
    }

    /// Messages that are not marked as deleted, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Message)> {
        let numbered = self.messages.iter().enumerate().map(|(index, message)| (index + 1, message));
        numbered.filter(|(_, message)| !message.deleted)
    }

    /// How many messages there are, and their bytes.
    pub(crate) fn sum(&self) -> (usize, u64) {
        self.iter().fold((0, 0), |(count, bytes), (_, message)| (count + 1, bytes + message.size))
    }

    pub(crate) fn deleted(&self) -> Vec<u32> {
        self.messages.iter().filter(|message| message.deleted).map(|message| message.uid).collect()
    }

    /// A name of a message that stays the same over sessions, and is no other's.
    pub(crate) fn unique(&self, message: &Message) -> String {
        format!("{}.{}", self.uidvalidity, message.uid)
    }
}
