//! CREATE with special uses (RFC 6154), DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE.

use base::{CollectionId, Error, Meaning};
use codec::imap::MailboxName;
use mail::{MailboxChange, Role};
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};
use crate::names::{self, INBOX, Spot};
use crate::out::Out;
use crate::select::mailbox_id;
use crate::session::{Done, Session, State, Step};

impl Session {
    /// `CREATE`. The id of the mailbox goes with the answer (RFC 8474 section 4.1).
    pub(crate) async fn create(&mut self, name: &MailboxName, uses: &[String]) -> Result<Done> {
        let login = self.login()?;
        let role = match uses {
            [] => None,
            [one] => Some(role(one)?),
            _ => return Err(Failure::no("USEATTR", "A mailbox has one special use")),
        };
        let spot = names::spot(&self.server.mail, &login, &name.0).await?;
        let id = self.make(&login, &spot, role).await?;
        let id = mailbox_id(login.account, spot.account, id);
        Done::code(format!("MAILBOXID ({id})"), "Created")
    }

    /// Makes a mailbox and what is missing above it. Only SUBSCRIBE subscribes to them.
    async fn make(&self, login: &Login, spot: &Spot, role: Option<Role>) -> Result<CollectionId> {
        let mut parent = spot.parent;
        for (index, level) in spot.missing.iter().enumerate() {
            let role = role.filter(|_| index + 1 == spot.missing.len());
            let mail = &self.server.mail;
            let made = mail.make_mailbox(&login.ctx, spot.account, (parent, level), role, false).await;
            parent = made.map_err(|error| taken(error, role))?;
        }
        Ok(parent)
    }

    /// `DELETE`.
    pub(crate) async fn delete(&mut self, name: &MailboxName, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        if name.0 == INBOX {
            return Err(Failure::no("CANNOT", "The inbox cannot be removed"));
        }
        let mailbox = names::find(&self.server.mail, &login, &name.0).await?;
        let removed = self.server.mail.destroy_mailbox(&login.ctx, mailbox.account, mailbox.id).await;
        removed.map_err(|error| match error.meaning() {
            Meaning::Conflict => Failure::no("HASCHILDREN", "Remove the mailboxes below it first"),
            _ => error.into(),
        })?;
        if mailbox.subscribed {
            // The subscription outlives the mailbox (RFC 9051 section 6.3.7).
            self.server.mail.subscribe_name(&login.ctx, &name.0, true).await?;
        }
        if let State::Selected(_, selected) = &self.state
            && (selected.account, selected.mailbox) == (mailbox.account, mailbox.id)
        {
            self.go(Step::Unselect);
            out.text("* OK [CLOSED] The selected mailbox was removed\r\n");
        }
        Done::text("Removed")
    }

    /// `RENAME`. Renaming the inbox moves its messages to a new mailbox (RFC 9051 section 6.3.6).
    pub(crate) async fn rename(
        &mut self,
        from: &MailboxName,
        to: &MailboxName,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        let login = self.login()?;
        let mail = self.server.mail.clone();
        let mailbox = names::find(&mail, &login, &from.0).await?;
        if to.0.strip_prefix(from.0.as_str()).is_some_and(|rest| rest.starts_with(names::SEPARATOR))
            && from.0 != INBOX
        {
            return Err(Failure::no("CANNOT", "A mailbox cannot be put below itself"));
        }
        let spot = names::spot(&mail, &login, &to.0).await?;
        if spot.account != mailbox.account {
            return Err(Failure::no("CANNOT", "A mailbox stays in its account; move its messages instead"));
        }
        if mailbox.role == Some(Role::Inbox) {
            let target = self.make(&login, &spot, None).await?;
            let view = mail.view(&login.ctx, mailbox.account, mailbox.id).await?;
            let uids: Vec<u32> = view.iter().map(|entry| entry.uid).collect();
            if !uids.is_empty() {
                mail.move_to(&login.ctx, (mailbox.account, mailbox.id), uids, (spot.account, target)).await?;
            }
            return Done::text("The messages of the inbox were moved");
        }
        let Some((last, above)) = spot.missing.split_last() else {
            return Err(Failure::no("ALREADYEXISTS", "There is such a mailbox already"));
        };
        let mut parent = spot.parent;
        if !above.is_empty() {
            let above = Spot { missing: above.to_vec(), ..spot.clone() };
            parent = self.make(&login, &above, None).await?;
        }
        let change = MailboxChange {
            parent: (parent != mailbox.parent).then_some(parent),
            name: (*last != mailbox.name).then(|| last.clone()),
            role: None,
        };
        mail.change_mailbox(&login.ctx, mailbox.account, mailbox.id, change).await?;
        if self.modes.has(crate::selected::Modes::REV2) {
            out.text("* LIST () \"/\" ");
            codec::imap::write::mailbox(&mut out.bytes, &to.0, true);
            out.text(" (\"OLDNAME\" (");
            codec::imap::write::mailbox(&mut out.bytes, &from.0, true);
            out.text("))\r\n");
        }
        Done::text("Renamed")
    }

    /// `SUBSCRIBE`.
    pub(crate) async fn subscribe(&mut self, name: &MailboxName) -> Result<Done> {
        let login = self.login()?;
        let mailbox = names::find(&self.server.mail, &login, &name.0).await?;
        self.server.mail.subscribe(&login.ctx, mailbox.account, mailbox.id, true).await?;
        Done::text("Subscribed")
    }

    /// `UNSUBSCRIBE`. What is not there is not subscribed to.
    pub(crate) async fn unsubscribe(&mut self, name: &MailboxName) -> Result<Done> {
        let login = self.login()?;
        match names::find(&self.server.mail, &login, &name.0).await {
            Ok(mailbox) => {
                self.server.mail.subscribe(&login.ctx, mailbox.account, mailbox.id, false).await?;
            }
            Err(Failure::No(words)) if words.code == "NONEXISTENT" => {}
            Err(failure) => return Err(failure),
        }
        self.server.mail.subscribe_name(&login.ctx, &name.0, false).await?;
        Done::text("Unsubscribed")
    }
}

/// The role of a special-use attribute. Those that would need a mailbox that the server fills are not offered.
fn role(name: &str) -> Result<Role> {
    let found = Role::from_attribute(&format!("\\{name}"));
    let offered = found.filter(|role| !matches!(role, Role::All | Role::Flagged | Role::Inbox));
    offered.ok_or_else(|| Failure::no("USEATTR", "That special use is not offered"))
}

fn taken(error: Error, role: Option<Role>) -> Failure {
    match (error.meaning(), role) {
        (Meaning::Conflict, Some(_)) if error.field().contains("role") => {
            Failure::no("USEATTR", "Another mailbox has that special use")
        }
        _ => error.into(),
    }
}
