//! METADATA (RFC 5464) of mailboxes and of the server. What is noted about the server lies in one's own account.

use base::{AccountId, CollectionId};
use codec::imap::{Depth, GetMetadata, MailboxName, SetMetadata, write};
use mail::{Annotation, Mailbox, Note};
use wire::auth::Session as Login;

use crate::failure::{Failure, Result};
use crate::names;
use crate::out::Out;
use crate::session::{Done, Session};

impl Session {
    /// Where the annotations of a name lie.
    async fn annotated(&self, login: &Login, name: &MailboxName) -> Result<(AccountId, CollectionId)> {
        if name.0.is_empty() {
            return Ok((login.account, CollectionId(0)));
        }
        let mailbox = names::find(&self.server.mail, login, &name.0).await?;
        Ok((mailbox.account, mailbox.id))
    }

    /// `GETMETADATA`.
    pub(crate) async fn get_metadata(&mut self, get: GetMetadata, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let (account, mailbox) = self.annotated(&login, &get.mailbox).await?;
        let all = self.server.mail.annotations(&login.ctx, account, mailbox).await?;
        let mut longest = 0;
        let mut told: Vec<(String, Option<&[u8]>)> = Vec::new();
        for entry in &get.entries {
            let entry = entry.to_ascii_lowercase();
            for annotation in &all {
                let name = full_name(annotation);
                if !reaches(&entry, &name, get.depth) || told.iter().any(|(known, _)| *known == name) {
                    continue;
                }
                let bytes = annotation.value.len() as u64;
                if get.max_size.is_some_and(|most| bytes > most) {
                    longest = longest.max(bytes);
                } else {
                    told.push((name, Some(&annotation.value)));
                }
            }
            let is_there = all.iter().any(|annotation| full_name(annotation) == entry);
            if !is_there && get.depth == Depth::Zero {
                told.push((entry, None));
            }
        }
        self.push_entries(&get.mailbox.0, &told, out);
        if longest > 0 {
            return Done::code(format!("METADATA LONGENTRIES {longest}"), "Longer ones were left out");
        }
        Done::text("Those are the annotations")
    }

    /// Appends the annotations of a mailbox that LIST asked for (RFC 9590).
    pub(crate) async fn push_metadata(
        &self,
        mailbox: &Mailbox,
        name: &str,
        entries: &[String],
        out: &mut Out<'_>,
    ) -> Result<()> {
        let all = self.server.mail.annotations(self.ctx(), mailbox.account, mailbox.id).await?;
        let told: Vec<(String, Option<&[u8]>)> = (entries.iter())
            .map(|entry| {
                let entry = entry.to_ascii_lowercase();
                let found = all.iter().find(|annotation| full_name(annotation) == entry);
                (entry, found.map(|annotation| annotation.value.as_slice()))
            })
            .collect();
        self.push_entries(name, &told, out);
        Ok(())
    }

    fn push_entries(&self, mailbox: &str, told: &[(String, Option<&[u8]>)], out: &mut Out<'_>) {
        if told.is_empty() {
            return;
        }
        let utf8 = self.modes.is_utf8();
        out.text("* METADATA ");
        write::mailbox(&mut out.bytes, mailbox, utf8);
        out.text(" (");
        for (index, (name, value)) in told.iter().enumerate() {
            if index > 0 {
                out.text(" ");
            }
            write::astring(&mut out.bytes, name.as_bytes(), utf8);
            out.text(" ");
            match value {
                // NUL has a place only in a literal8 (RFC 5464 section 5).
                Some(value) if value.contains(&0) => {
                    out.text("~");
                    write::literal(&mut out.bytes, value);
                }
                value => write::nstring(&mut out.bytes, *value, utf8),
            }
        }
        out.text(")\r\n");
    }

    /// `SETMETADATA`.
    pub(crate) async fn set_metadata(&mut self, set: SetMetadata) -> Result<Done> {
        let login = self.login()?;
        let (account, mailbox) = self.annotated(&login, &set.mailbox).await?;
        let most = login.ctx.limits.annotation_bytes;
        // All or none (RFC 5464 section 4.3): one commit.
        let mut ready = Vec::with_capacity(set.entries.len());
        for (name, value) in set.entries {
            let name = name.to_ascii_lowercase();
            let (rest, private) = match (name.strip_prefix("/private/"), name.strip_prefix("/shared/")) {
                (Some(rest), _) => (rest.to_owned(), true),
                (_, Some(rest)) => (rest.to_owned(), false),
                _ => return Err(Failure::bad("Entries begin with /private/ or /shared/")),
            };
            if mailbox.0 == 0 && !private {
                return Err(Failure::no("NOPERM", "What all see of the server is set by its administration"));
            }
            if value.as_ref().is_some_and(|value| value.len() as u64 > most) {
                return Err(Failure::no(format!("METADATA MAXSIZE {most}"), "The value is too long"));
            }
            ready.push(Note { name: rest, private, value });
        }
        let set = self.server.mail.annotate(&login.ctx, account, mailbox, ready).await;
        set.map_err(|error| match error.meaning() {
            base::Meaning::Limit => Failure::no("METADATA TOOMANY", error.to_string()),
            _ => error.into(),
        })?;
        Done::text("Noted")
    }
}

fn full_name(annotation: &Annotation) -> String {
    format!("/{}/{}", if annotation.private { "private" } else { "shared" }, annotation.name)
}

/// Whether an entry with its depth asks for a name.
fn reaches(entry: &str, name: &str, depth: Depth) -> bool {
    if entry == name {
        return true;
    }
    let Some(below) = name.strip_prefix(entry).and_then(|rest| rest.strip_prefix('/')) else { return false };
    match depth {
        Depth::Zero => false,
        Depth::One => !below.contains('/'),
        Depth::Infinity => true,
    }
}
