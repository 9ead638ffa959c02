//! NOTIFY (RFC 5465): what is told without being asked, also of mailboxes that are not selected.
//!
//! Changes come from the feed of the accounts that one sees. Of other mailboxes a STATUS is told, of names and subscriptions
//! a LIST; these are found by comparing with what was told before. Annotations are no part of the feed: they can be asked
//! for, and nothing is told of them.

use base::{AccountId, CollectionId};
use codec::imap::{Event, EventGroup, FetchItem, Notify, NotifyFilter, Ranges, StatusItem, write};
use kernel::{Push, Subscription};
use mail::{Mailbox, Role};
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};
use crate::fetch;
use crate::names::{self, Named};
use crate::out::Out;
use crate::selected::{Look, Modes};
use crate::session::{Done, Session, State};

/// The events that can be asked for.
const EVENTS: &str = "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange \
                      ServerMetadataChange";

/// What a client wants to hear.
pub(crate) struct Watch {
    groups: Vec<EventGroup>,
    heard: Subscription,
    /// What was told of names, where they are wanted.
    names: Vec<Known>,
}

/// A name that a client was told of.
#[derive(Clone, PartialEq, Eq)]
struct Known {
    account: AccountId,
    mailbox: CollectionId,
    name: Box<str>,
    subscribed: bool,
}

impl Watch {
    /// Hears of changes.
    pub(crate) fn heard(&mut self) -> &mut Subscription {
        &mut self.heard
    }

    fn selected(&self) -> Option<&EventGroup> {
        let is_selected = |group: &&EventGroup| {
            matches!(group.filter, NotifyFilter::Selected | NotifyFilter::SelectedDelayed)
        };
        self.groups.iter().find(is_selected)
    }

    /// Whether names or subscriptions are wanted anywhere.
    fn wants_names(&self) -> bool {
        let wanted = |event: &Event| matches!(event, Event::MailboxName | Event::SubscriptionChange);
        self.groups.iter().any(|group| group.events.iter().any(wanted))
    }

    /// Whether messages of a mailbox that is not selected are wanted.
    fn wants_messages(&self, named: &Named, own: AccountId) -> bool {
        let wanted =
            |event: &Event| matches!(event, Event::MessageNew(_) | Event::MessageExpunge | Event::FlagChange);
        named.mailbox.as_ref().is_some_and(|mailbox| {
            let mut groups = self.groups.iter();
            groups.any(|group| {
                group.events.iter().any(wanted) && takes(&group.filter, &named.name, mailbox, own)
            })
        })
    }

    /// Whether changes of flags in it are wanted: then HIGHESTMODSEQ is told (RFC 5465 section 5.3).
    fn wants_flags(&self, named: &Named, own: AccountId) -> bool {
        let wants = |mailbox| self.wants(&named.name, mailbox, own, &Event::FlagChange);
        named.mailbox.as_ref().is_some_and(wants)
    }

    fn wants(&self, name: &str, mailbox: &Mailbox, own: AccountId, event: &Event) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.events.contains(event) && takes(&group.filter, name, mailbox, own))
    }
}

/// Whether a filter takes a mailbox.
pub(crate) fn takes(filter: &NotifyFilter, name: &str, mailbox: &Mailbox, own: AccountId) -> bool {
    match filter {
        NotifyFilter::Selected | NotifyFilter::SelectedDelayed => false,
        NotifyFilter::Inboxes => mailbox.account == own && mailbox.role == Some(Role::Inbox),
        NotifyFilter::Personal => mailbox.account == own,
        NotifyFilter::Subscribed => mailbox.subscribed,
        NotifyFilter::Mailboxes(names) => names.iter().any(|wanted| wanted.0 == name),
        NotifyFilter::SubtreeOne(names) => names.iter().any(|wanted| {
            let below = name.strip_prefix(wanted.0.as_str());
            let below = below.map(|rest| rest.strip_prefix(names::SEPARATOR).unwrap_or(rest));
            name == wanted.0 || below.is_some_and(|rest| is_right_below(name, &wanted.0, rest))
        }),
        NotifyFilter::Subtree(names) => names.iter().any(|wanted| {
            let below = name.strip_prefix(wanted.0.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with(names::SEPARATOR))
        }),
    }
}

fn is_right_below(name: &str, above: &str, rest: &str) -> bool {
    name.len() == above.len() + 1 + rest.len() && !rest.is_empty() && !rest.contains(names::SEPARATOR)
}

fn known(all: &[Named]) -> Vec<Known> {
    let mut known: Vec<Known> = (all.iter())
        .filter_map(|named| {
            let mailbox = named.mailbox.as_ref()?;
            let name = named.name.as_str().into();
            Some(Known {
                account: mailbox.account,
                mailbox: mailbox.id,
                name,
                subscribed: mailbox.subscribed,
            })
        })
        .collect();
    known.shrink_to_fit();
    known
}

impl Session {
    /// `NOTIFY`.
    pub(crate) async fn notify(&mut self, notify: Notify, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let (status, groups) = match notify {
            Notify::None => {
                self.watch = None;
                return Done::text("Nothing more is told unasked");
            }
            Notify::Set { status, groups } => (status, groups),
        };
        if groups.iter().any(|group| group.events.contains(&Event::Unsupported)) {
            return Err(Failure::no(format!("BADEVENT ({EVENTS})"), "Not all of these events are known"));
        }
        let mail = self.server.mail.clone();
        // The first mailboxes are made before anyone listens: their coming is no news.
        mail.inbox(&login.ctx, login.account).await?;
        let mut accounts = vec![login.account];
        accounts.extend(mail.shared_accounts(&login.ctx).await?.iter().map(|shared| shared.account));
        let heard = mail.kernel().subscribe(&login.ctx, &accounts).await?;
        let mut watch = Watch { groups, heard, names: Vec::new() };
        if status || watch.wants_names() {
            let all = names::all(&mail, &login).await?;
            if watch.wants_names() {
                watch.names = known(&all);
            }
            if status {
                for named in all.iter().filter(|named| watch.wants_messages(named, login.account)) {
                    let with_modseq = watch.wants_flags(named, login.account);
                    self.tell_status(named, with_modseq, out).await?;
                }
            }
        }
        self.watch = Some(Box::new(watch));
        Done::text("Changes are told from now on")
    }

    /// Tells the status of a mailbox that is not selected.
    async fn tell_status(&self, named: &Named, with_modseq: bool, out: &mut Out<'_>) -> Result<()> {
        let Some(mailbox) = &named.mailbox else { return Ok(()) };
        if let State::Selected(_, selected) = &self.state
            && (selected.account, selected.mailbox) == (mailbox.account, mailbox.id)
        {
            return Ok(());
        }
        let mut items =
            vec![StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity, StatusItem::Unseen];
        if with_modseq || self.modes.has(Modes::CONDSTORE) {
            items.push(StatusItem::HighestModSeq);
        }
        self.push_status(mailbox, &named.name, &items, out).await?;
        Ok(out.checkpoint().await?)
    }

    /// Tells what a change means for a client that asked for it.
    pub(crate) async fn notified(&mut self, push: &Push, out: &mut Out<'_>) -> Result<()> {
        let Some(mut watch) = self.watch.take() else { return Ok(()) };
        let told = self.notified_by(&mut watch, push, out).await;
        // A session that is over, or forgot who it was, wants nothing any more.
        if matches!(self.state, State::LoggedIn(_) | State::Selected(..)) {
            self.watch = Some(watch);
        }
        told
    }

    async fn notified_by(&mut self, watch: &mut Watch, push: &Push, out: &mut Out<'_>) -> Result<()> {
        let login = self.login()?;
        if self.concerns(push) {
            self.notify_selected(watch, out).await?;
        }
        let others = watch.groups.iter().any(|group| {
            !matches!(group.filter, NotifyFilter::Selected | NotifyFilter::SelectedDelayed)
                && !group.events.is_empty()
        });
        if !others {
            return Ok(());
        }
        let all = names::all(&self.server.mail, &login).await?;
        if watch.wants_names() {
            self.tell_names(watch, &all, &login, out);
        }
        for named in all.iter().filter(|named| watch.wants_messages(named, login.account)) {
            let Some(mailbox) = &named.mailbox else { continue };
            let changed = match push {
                Push::Missed => true,
                Push::Changed(change) => {
                    change.account == mailbox.account
                        && (change.collections.is_empty() || change.collections.contains(&mailbox.id))
                }
            };
            if changed {
                let with_modseq = watch.wants_flags(named, login.account);
                self.tell_status(named, with_modseq, out).await?;
            }
        }
        Ok(())
    }

    /// Tells changes of the selected mailbox, with what was asked for of new messages.
    async fn notify_selected(&mut self, watch: &Watch, out: &mut Out<'_>) -> Result<()> {
        let group = watch.selected();
        if group.is_none() && self.idle.is_none() {
            return Ok(());
        }
        let delayed = group.is_some_and(|group| group.filter == NotifyFilter::SelectedDelayed);
        let before = self.selected()?.1.uidnext;
        self.sync(!delayed || self.idle.is_some(), out).await?;
        let wanted = group.and_then(|group| {
            let mut events = group.events.iter();
            events.find_map(|event| match event {
                Event::MessageNew(items) if !items.is_empty() => Some(items),
                _ => None,
            })
        });
        let Some(items) = wanted else { return Ok(()) };
        let (mail, modes) = (self.server.mail.clone(), self.modes);
        let Ok((login, selected)) = self.selected() else { return Ok(()) };
        let new = selected.uids.intersect(&Ranges::span(before, u32::MAX));
        if new.is_empty() {
            return Ok(());
        }
        let view = mail.view(&login.ctx, selected.account, selected.mailbox).await?;
        let mut items = items.clone();
        if !items.contains(&FetchItem::Uid) && !modes.has(Modes::UIDONLY) {
            items.insert(0, FetchItem::Uid);
        }
        let look = Look { ctx: &login.ctx, mail: &mail, selected, view: &view, modes };
        fetch::run(look, fetch::Wanted { items: &items, uids: &new, with_flags: &Ranges::EMPTY }, out)
            .await?;
        Ok(())
    }

    /// Tells names that came, went or changed.
    fn tell_names(&self, watch: &mut Watch, all: &[Named], login: &Login, out: &mut Out<'_>) {
        let utf8 = self.modes.is_utf8();
        let now = known(all);
        for old in &watch.names {
            if !now.iter().any(|new| (new.account, new.mailbox) == (old.account, old.mailbox)) {
                out.text("* LIST (\\NonExistent) \"/\" ");
                write::mailbox(&mut out.bytes, &old.name, utf8);
                out.text("\r\n");
            }
        }
        for (new, named) in now.iter().zip(all.iter().filter(|named| named.mailbox.is_some())) {
            let old = watch.names.iter().find(|old| (new.account, new.mailbox) == (old.account, old.mailbox));
            let Some(mailbox) = &named.mailbox else { continue };
            let renamed = old.is_none_or(|old| old.name != new.name);
            let subscribed = old.is_some_and(|old| old.subscribed != new.subscribed);
            let tells_name = renamed && watch.wants(&new.name, mailbox, login.account, &Event::MailboxName);
            let tells_subscription =
                subscribed && watch.wants(&new.name, mailbox, login.account, &Event::SubscriptionChange);
            if !tells_name && !tells_subscription {
                continue;
            }
            out.text(if new.subscribed { "* LIST (\\Subscribed) \"/\" " } else { "* LIST () \"/\" " });
            write::mailbox(&mut out.bytes, &new.name, utf8);
            if let Some(old) = old.filter(|old| old.name != new.name) {
                out.text(" (\"OLDNAME\" (");
                write::mailbox(&mut out.bytes, &old.name, utf8);
                out.text("))");
            }
            out.text("\r\n");
        }
        watch.names = now;
    }
}
