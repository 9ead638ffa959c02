//! ACL (RFC 4314) with `RIGHTS=kxte`: letters for the rights of the kernel. Identifiers are addresses.

use base::AccountId;
use codec::imap::{AclChange, MailboxName, SetAcl, write};
use directory::entries;
use kernel::{Right, Rights};
use mail::Mailbox;
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};
use crate::names;
use crate::out::Out;
use crate::session::{Done, Session};

/// Letters and what they stand for. Letters of one right go together (RFC 4314 section 2.1).
const LETTERS: &[(&str, Right)] = &[
    ("lr", Right::Read),
    ("s", Right::Seen),
    ("w", Right::Flag),
    ("i", Right::Insert),
    ("p", Right::Post),
    ("k", Right::Child),
    ("x", Right::Rename),
    ("te", Right::Delete),
    ("a", Right::Share),
];

/// The letters of rights, with the old `c` and `d` for clients that know no others (RFC 4314 section 2.1.1).
pub(crate) fn letters(rights: Rights) -> String {
    let mut text: String =
        LETTERS.iter().filter(|(_, right)| rights.has(*right)).map(|(word, _)| *word).collect();
    if rights.has(Right::Child) {
        text.push('c');
    }
    if rights.has(Right::Delete) {
        text.push('d');
    }
    text
}

/// The rights of letters.
fn rights(text: &str) -> Result<Rights> {
    let mut found = Rights::NONE;
    for letter in text.chars() {
        let more: Rights = match letter {
            'c' => [Right::Child, Right::Rename].into_iter().collect(),
            'd' => [Right::Delete, Right::Rename].into_iter().collect(),
            letter => {
                let known = LETTERS.iter().find(|(word, _)| word.contains(letter));
                let Some((_, right)) = known else { return Err(Failure::bad("There is no such right")) };
                [*right].into_iter().collect()
            }
        };
        found.0 |= more.0;
    }
    Ok(found)
}

impl Session {
    async fn shared_mailbox(&self, login: &Login, name: &MailboxName) -> Result<Mailbox> {
        names::find(&self.server.mail, login, &name.0).await
    }

    /// The account of an identifier.
    async fn subject(&self, login: &Login, mailbox: &Mailbox, identifier: &str) -> Result<AccountId> {
        if identifier.starts_with('-') {
            return Err(Failure::no("CANNOT", "Rights cannot be denied, only given"));
        }
        if matches!(identifier, "anyone" | "authenticated" | "anonymous") {
            return Err(Failure::no("CANNOT", "Share with people and groups, by their addresses"));
        }
        let organisation = login.organisation.0;
        let text = identifier.to_owned();
        let found =
            self.server.mail.directory().read(move |tx| entries::account_by_address(tx, organisation, &text));
        let Ok(Some(account)) = found.await else {
            return Err(Failure::no("NONEXISTENT", "There is nobody of that address"));
        };
        if account == mailbox.account {
            return Err(Failure::no("CANNOT", "The owner has all rights always"));
        }
        Ok(account)
    }

    async fn is_owner(&self, login: &Login, mailbox: &Mailbox, identifier: &str) -> Result<bool> {
        let owner = self.owner(login, mailbox).await?;
        Ok(owner.is_some_and(|owner| owner.eq_ignore_ascii_case(identifier)))
    }

    /// `SETACL`.
    pub(crate) async fn set_acl(&mut self, set: SetAcl) -> Result<Done> {
        let login = self.login()?;
        let wanted = rights(&set.rights)?;
        let mailbox = self.shared_mailbox(&login, &set.mailbox).await?;
        if self.is_owner(&login, &mailbox, &set.identifier).await? {
            let keeps_all = set.change != AclChange::Remove && letters(wanted) == letters(Rights::all());
            let nothing_goes =
                set.change == AclChange::Add || (set.change == AclChange::Remove && wanted == Rights::NONE);
            if keeps_all || nothing_goes {
                return Done::text("The owner has all rights always");
            }
        }
        let subject = self.subject(&login, &mailbox, &set.identifier).await?;
        let before = if set.change == AclChange::Replace {
            Rights::NONE
        } else {
            let all = self.server.mail.acl(&login.ctx, mailbox.account, mailbox.id).await?;
            all.iter().find(|(account, ..)| *account == subject).map_or(Rights::NONE, |(.., rights)| *rights)
        };
        let after = match set.change {
            AclChange::Replace => wanted,
            AclChange::Add => Rights(before.0 | wanted.0),
            AclChange::Remove => Rights(before.0 & !wanted.0),
        };
        self.server.mail.set_acl(&login.ctx, mailbox.account, mailbox.id, subject, after).await?;
        Done::text("Shared")
    }

    /// `DELETEACL`.
    pub(crate) async fn delete_acl(&mut self, name: &MailboxName, identifier: &str) -> Result<Done> {
        let login = self.login()?;
        let mailbox = self.shared_mailbox(&login, name).await?;
        let subject = self.subject(&login, &mailbox, identifier).await?;
        self.server.mail.set_acl(&login.ctx, mailbox.account, mailbox.id, subject, Rights::NONE).await?;
        Done::text("Shared no more")
    }

    /// `GETACL`: the owner, and whoever it is shared with.
    pub(crate) async fn get_acl(&mut self, name: &MailboxName, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let mailbox = self.shared_mailbox(&login, name).await?;
        let all = self.server.mail.acl(&login.ctx, mailbox.account, mailbox.id).await?;
        let utf8 = self.modes.is_utf8();
        out.text("* ACL ");
        write::mailbox(&mut out.bytes, &name.0, utf8);
        if let Some(owner) = self.owner(&login, &mailbox).await? {
            out.text(" ");
            write::astring(&mut out.bytes, owner.as_bytes(), utf8);
            out.text(" ");
            out.text(&letters(Rights::all()));
        }
        for (_, address, rights) in &all {
            out.text(" ");
            write::astring(&mut out.bytes, address.as_bytes(), utf8);
            out.text(" ");
            write::astring(&mut out.bytes, letters(*rights).as_bytes(), utf8);
        }
        out.text("\r\n");
        Done::text("That is who may do what")
    }

    async fn owner(&self, login: &Login, mailbox: &Mailbox) -> Result<Option<String>> {
        if mailbox.account == login.account {
            return Ok(Some(login.address.clone()));
        }
        let shared = self.server.mail.shared_accounts(&login.ctx).await?;
        Ok(shared.into_iter().find(|shared| shared.account == mailbox.account).map(|shared| shared.address))
    }

    /// `LISTRIGHTS`.
    pub(crate) async fn list_rights(
        &mut self,
        name: &MailboxName,
        identifier: &str,
        out: &mut Out<'_>,
    ) -> Result<Done> {
        let login = self.login()?;
        let mailbox = self.shared_mailbox(&login, name).await?;
        if !mailbox.rights.has(Right::Share) {
            return Err(Failure::no("NOPERM", "The right 'a' on this mailbox is missing"));
        }
        let owner = self.owner(&login, &mailbox).await?;
        out.text("* LISTRIGHTS ");
        write::mailbox(&mut out.bytes, &name.0, self.modes.is_utf8());
        out.text(" ");
        write::astring(&mut out.bytes, identifier.as_bytes(), self.modes.is_utf8());
        if owner.is_some_and(|owner| owner.eq_ignore_ascii_case(identifier)) {
            out.text(" ");
            out.text(&letters(Rights::all()));
        } else {
            out.text(" \"\"");
            for (word, _) in LETTERS {
                out.text(" ");
                out.text(word);
            }
            out.text(" c d");
        }
        out.text("\r\n");
        Done::text("Those rights can be given")
    }

    /// `MYRIGHTS`.
    pub(crate) async fn my_rights(&mut self, name: &MailboxName, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let mailbox = self.shared_mailbox(&login, name).await?;
        out.text("* MYRIGHTS ");
        write::mailbox(&mut out.bytes, &name.0, self.modes.is_utf8());
        out.text(" ");
        out.text(&letters(mailbox.rights));
        out.text("\r\n");
        Done::text("That is what you may do")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_rights_and_back() {
        let all = Rights::all();
        assert_eq!(letters(all), "lrswipkxteacd");
        assert_eq!(letters(rights("lrs").unwrap()), "lrs");
        assert_eq!(letters(rights("l").unwrap()), "lr");
        assert_eq!(letters(rights("d").unwrap()), "xted");
        assert!(rights("q").is_err());
    }
}
