//! NOTIFY (RFC 5465).

use super::cursor::{Cursor, Fault, Parsed};
use super::fetch::{FetchItem, items};
use super::mailbox::MailboxName;

/// `NOTIFY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// `NONE`: tell nothing.
    None,
    /// `SET`.
    Set {
        /// Tell the status of all of them at once.
        status: bool,
        /// Which mailboxes, and what of them.
        groups: Vec<EventGroup>,
    },
}

/// Mailboxes and what is told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventGroup {
    /// Which mailboxes.
    pub filter: NotifyFilter,
    /// What is told; nothing when empty.
    pub events: Vec<Event>,
}

/// Which mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifyFilter {
    /// `SELECTED`.
    Selected,
    /// `SELECTED-DELAYED`: without disturbing sequence numbers.
    SelectedDelayed,
    /// `INBOXES`: where mail is delivered.
    Inboxes,
    /// `PERSONAL`: the personal namespace.
    Personal,
    /// `SUBSCRIBED`.
    Subscribed,
    /// `SUBTREE`: these and all below them.
    Subtree(Vec<MailboxName>),
    /// `SUBTREE-ONE`: these and what is right below them (RFC 7377).
    SubtreeOne(Vec<MailboxName>),
    /// `MAILBOXES`: these.
    Mailboxes(Vec<MailboxName>),
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// New messages, with what is told of each in the selected mailbox.
    MessageNew(Vec<FetchItem>),
    /// Messages that went.
    MessageExpunge,
    /// Flags that changed.
    FlagChange,
    /// Mailboxes that came, went or were renamed.
    MailboxName,
    /// Subscriptions that changed.
    SubscriptionChange,
    /// Annotations of mailboxes.
    MailboxMetadataChange,
    /// Annotations of the server.
    ServerMetadataChange,
    /// One that is not supported: `NO [BADEVENT]`.
    Unsupported,
}

impl Notify {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.take_word("NONE") {
            return Ok(Self::None);
        }
        if !cursor.take_word("SET") {
            return Err(Fault::syntax("NOTIFY takes SET or NONE"));
        }
        let status = cursor.take_text(" STATUS");
        let mut groups = Vec::new();
        while cursor.take(b' ') {
            groups.push(EventGroup::parse(cursor)?);
            if groups.len() > cursor.bounds().list_items {
                return Err(Fault::limit("too many event groups"));
            }
        }
        if groups.is_empty() {
            return Err(Fault::syntax("NOTIFY SET takes at least one event group"));
        }
        Ok(Self::Set { status, groups })
    }
}

impl NotifyFilter {
    /// `filter-mailboxes`.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        Ok(match cursor.word()?.to_ascii_uppercase().as_str() {
            "SELECTED" => Self::Selected,
            "SELECTED-DELAYED" => Self::SelectedDelayed,
            "INBOXES" => Self::Inboxes,
            "PERSONAL" => Self::Personal,
            "SUBSCRIBED" => Self::Subscribed,
            "SUBTREE" => Self::Subtree(mailboxes(cursor)?),
            "SUBTREE-ONE" => Self::SubtreeOne(mailboxes(cursor)?),
            "MAILBOXES" => Self::Mailboxes(mailboxes(cursor)?),
            _ => return Err(Fault::syntax("there is no such mailbox filter")),
        })
    }

    /// Whether it means the selected mailbox.
    pub fn is_selected(&self) -> bool {
        matches!(self, Self::Selected | Self::SelectedDelayed)
    }
}

impl EventGroup {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.open()?;
        let filter = NotifyFilter::parse(cursor)?;
        cursor.space()?;
        let events = if cursor.take_word("NONE") { Vec::new() } else { cursor.list(false, event)? };
        cursor.close()?;
        let is_selected = matches!(filter, NotifyFilter::Selected | NotifyFilter::SelectedDelayed);
        check(&events, is_selected)?;
        Ok(Self { filter, events })
    }
}

/// RFC 5465 section 5: `MessageNew` and `MessageExpunge` come together, `FlagChange` needs them; what is fetched of new
/// messages is for the selected mailbox only.
fn check(events: &[Event], is_selected: bool) -> Parsed<()> {
    let new = events.iter().any(|event| matches!(event, Event::MessageNew(_)));
    let expunge = events.contains(&Event::MessageExpunge);
    let flags = events.contains(&Event::FlagChange);
    if new != expunge || (flags && !new) {
        return Err(Fault::syntax("MessageNew and MessageExpunge come together, and FlagChange with them"));
    }
    let fetches = events.iter().any(|event| matches!(event, Event::MessageNew(items) if !items.is_empty()));
    if fetches && !is_selected {
        return Err(Fault::syntax("only messages of the selected mailbox can be fetched when they come"));
    }
    Ok(())
}

fn mailboxes(cursor: &mut Cursor<'_>) -> Parsed<Vec<MailboxName>> {
    cursor.space()?;
    if cursor.peek() == Some(b'(') {
        cursor.list(false, MailboxName::parse)
    } else {
        Ok(vec![MailboxName::parse(cursor)?])
    }
}

fn event(cursor: &mut Cursor<'_>) -> Parsed<Event> {
    Ok(match cursor.word()?.to_ascii_uppercase().as_str() {
        "MESSAGENEW" => {
            let has_items = cursor.rest().starts_with(b" (");
            if has_items {
                cursor.space()?;
            }
            Event::MessageNew(if has_items { items(cursor)? } else { Vec::new() })
        }
        "MESSAGEEXPUNGE" => Event::MessageExpunge,
        "FLAGCHANGE" => Event::FlagChange,
        "MAILBOXNAME" => Event::MailboxName,
        "SUBSCRIPTIONCHANGE" => Event::SubscriptionChange,
        "MAILBOXMETADATACHANGE" => Event::MailboxMetadataChange,
        "SERVERMETADATACHANGE" => Event::ServerMetadataChange,
        _ => Event::Unsupported,
    })
}
