//! The mail of the sample: what a newcomer finds in the mailboxes.
//!
//! Everything is invented here, and the same each time: a start that was broken off counts what lies in a mailbox
//! already and puts the rest. No door is open meanwhile.

mod archive;
mod attached;
mod files;
mod letter;
mod news;
mod talk;
mod world;

use std::collections::BTreeMap;

use base::{AccountId, CollectionId, Ctx, Result};
use directory::entries;
use mail::flags::Keywords;
use mail::{Append, Mail, Role};

use letter::{Letter, Place};

/// Messages of one transaction.
const AT_ONCE: usize = 250;

/// Where letters of one person lie: in a mailbox with a role, or in one with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shelf {
    Role(u8),
    Path(&'static str),
}

const INBOX: Shelf = Shelf::Role(0);
const SENT: Shelf = Shelf::Role(1);
const ROLES: &[Role] = &[Role::Inbox, Role::Sent, Role::Drafts, Role::Trash, Role::Junk, Role::Archive];

/// Fills the mailboxes of people, by their addresses, as if the sample was made at `made_ms`.
pub async fn fill(mail: &Mail, ctx: &Ctx, people: &[&'static str], made_ms: i64) -> Result<()> {
    let now = made_ms / 1_000;
    let mut letters = archive::letters();
    letters.extend(world::letters());
    letters.extend(news::letters());
    letters.extend(talk::letters());
    letters.extend(attached::letters(now)?);
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.minutes_ago));
    debug_assert!(letters.iter().all(|letter| letter.minutes_ago <= archive::OLDEST));
    for person in people {
        if let Some(account) = account(mail, person).await? {
            for (place, letters) in shelves(person, &letters) {
                let mailbox = mailbox(mail, ctx, account, place).await?;
                put(mail, ctx, account, mailbox, letters, now).await?;
            }
        }
    }
    Ok(())
}

async fn account(mail: &Mail, address: &'static str) -> Result<Option<AccountId>> {
    mail.directory()
        .read(move |tx| {
            let sql = "SELECT organisation_id FROM entry WHERE address = $1";
            let organisation = tx.query_opt(sql, store::params![address], |row| row.int(0))?;
            match organisation {
                Some(organisation) => entries::account_by_address(tx, organisation, address),
                None => Ok(None),
            }
        })
        .await
}

/// Which letters a person has, and where; in each place the oldest first.
fn shelves<'l>(person: &str, letters: &'l [Letter]) -> BTreeMap<Shelf, Vec<(&'l Letter, bool)>> {
    let mut shelves: BTreeMap<Shelf, Vec<(&Letter, bool)>> = BTreeMap::new();
    for letter in letters {
        let is_mine = letter.from.1 == person;
        if is_mine {
            let place = if letter.place == Place::Draft { Shelf::Role(2) } else { SENT };
            shelves.entry(place).or_default().push((letter, true));
        }
        let is_to_me = letter.to.iter().chain(&letter.cc).any(|who| who.1 == person);
        if is_to_me && !is_mine {
            let place = match letter.place {
                Place::Inbox => INBOX,
                Place::Filed(path) => Shelf::Path(path),
                Place::Trash => Shelf::Role(3),
                Place::Junk => Shelf::Role(4),
                Place::Archive => Shelf::Role(5),
                Place::Draft => continue,
            };
            shelves.entry(place).or_default().push((letter, false));
        }
    }
    shelves
}

/// The mailbox of a place, made with those above it when it is missing.
async fn mailbox(mail: &Mail, ctx: &Ctx, account: AccountId, place: Shelf) -> Result<CollectionId> {
    let inbox = mail.inbox(ctx, account).await?;
    let all = mail.mailboxes(ctx, account).await?;
    match place {
        Shelf::Role(number) => {
            let role = ROLES.get(usize::from(number)).copied();
            Ok(all.iter().find(|mailbox| mailbox.role == role).map_or(inbox, |mailbox| mailbox.id))
        }
        Shelf::Path(path) => {
            let mut parent = CollectionId(0);
            for name in path.split('/') {
                let found = all.iter().find(|mailbox| mailbox.parent == parent && mailbox.name == name);
                parent = match found {
                    Some(mailbox) => mailbox.id,
                    None => mail.create_mailbox(ctx, account, parent, name, None).await?,
                };
            }
            Ok(parent)
        }
    }
}

/// Puts what is not there yet.
async fn put(
    mail: &Mail,
    ctx: &Ctx,
    account: AccountId,
    mailbox: CollectionId,
    letters: Vec<(&Letter, bool)>,
    now: i64,
) -> Result<()> {
    let there = mail.mailbox(ctx, account, mailbox).await?.total;
    let missing = letters.get(usize::try_from(there).unwrap_or(usize::MAX)..).unwrap_or_default();
    for some in missing.chunks(AT_ONCE) {
        let mut messages = Vec::with_capacity(some.len());
        for (letter, is_mine) in some {
            let sent_at = now - letter.minutes_ago * 60;
            let flags = match (is_mine, letter.place) {
                (true, Place::Draft) => vec!["\\Draft", "\\Seen"],
                (true, _) => vec!["\\Seen"],
                (false, _) => letter.keywords.clone(),
            };
            messages.push(Append {
                body: (*letter).clone().message(sent_at)?,
                keywords: Keywords::parse(flags)?,
                received_at: Some(sent_at * 1_000),
                received_zone: 0,
            });
        }
        mail.append(ctx, account, mailbox, messages).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Letter> {
        let mut all = archive::letters();
        all.extend(world::letters());
        all.extend(news::letters());
        all.extend(talk::letters());
        all.extend(attached::letters(1_700_000_000).unwrap());
        all
    }

    #[test]
    fn letters_have_their_own_ids_and_use_reserved_domains_only() {
        let letters = all();
        let mut ids: Vec<_> = letters.iter().map(|letter| letter.id.as_str()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
        for letter in &letters {
            for who in letter.to.iter().chain(&letter.cc).chain([&letter.from]) {
                assert!(who.1.ends_with(".example"), "{}", who.1);
            }
            Keywords::parse(letter.keywords.iter().copied()).unwrap();
        }
    }

    #[test]
    fn the_first_person_has_an_archive_of_thousands_and_a_long_conversation() {
        let letters = all();
        let shelves = shelves("camille.lefevre@tour.example", &letters);
        assert!(shelves[&Shelf::Role(5)].len() > 2_500, "{}", shelves[&Shelf::Role(5)].len());
        assert!(
            shelves.keys().any(|place| matches!(place, Shelf::Path(path) if path.matches('/').count() == 2))
        );
        assert!(shelves[&INBOX].len() > 30);
    }
}
