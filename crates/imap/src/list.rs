//! LIST and LSUB with their extensions: RFC 5258, 5819, 6154, 8440, 9590, and `OLDNAME`-less RFC 9051.

use codec::imap::{List, ListReturns, write};
use mail::{Mailbox, Role};

use crate::acl;
use crate::failure::Result;
use crate::names::{self, INBOX, Named};
use crate::out::Out;
use crate::session::{Done, Session};

/// Bytes of a pattern that are looked at; no name is longer.
const PATTERN_BYTES: usize = 8_192;
/// Patterns of one LIST.
const PATTERNS: usize = 100;

/// What is told of a name.
struct Told<'n> {
    named: &'n Named,
    /// Below it there is something that was selected and is not told itself.
    child_info: bool,
    selected: bool,
}

impl Session {
    /// `LIST`.
    pub(crate) async fn list(&mut self, list: List, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        if !list.extended && list.patterns.iter().all(String::is_empty) {
            // Only the separator is asked for (RFC 9051 section 6.3.9).
            out.text("* LIST (\\Noselect) \"/\" \"\"\r\n");
            return Done::text("That is the separator");
        }
        let all = names::all(&self.server.mail, &login).await?;
        let patterns = whole_patterns(&list);
        let told = choose(&all, &patterns, &list);
        for Told { named, child_info, selected } in told {
            let attributes = attributes(&all, named, &list, selected);
            out.text("* LIST ");
            write::list(&mut out.bytes, attributes);
            out.text(" \"/\" ");
            write::mailbox(&mut out.bytes, &named.name, self.modes.is_utf8());
            if child_info {
                out.text(if list.special_use {
                    " (\"CHILDINFO\" (\"SPECIAL-USE\"))"
                } else {
                    " (\"CHILDINFO\" (\"SUBSCRIBED\"))"
                });
            }
            out.text("\r\n");
            if let Some(mailbox) = &named.mailbox {
                self.more(&list.returns, mailbox, &named.name, out).await?;
            }
            out.checkpoint().await?;
        }
        Done::text("Listed")
    }

    /// What else a client asked to be told of each mailbox.
    async fn more(
        &self,
        returns: &ListReturns,
        mailbox: &Mailbox,
        name: &str,
        out: &mut Out<'_>,
    ) -> Result<()> {
        if !returns.status.is_empty() {
            self.push_status(mailbox, name, &returns.status, out).await?;
        }
        if returns.my_rights {
            out.text("* MYRIGHTS ");
            write::mailbox(&mut out.bytes, name, self.modes.is_utf8());
            out.text(" ");
            out.text(&acl::letters(mailbox.rights));
            out.text("\r\n");
        }
        if !returns.metadata.is_empty() {
            self.push_metadata(mailbox, name, &returns.metadata, out).await?;
        }
        Ok(())
    }

    /// `LSUB`.
    pub(crate) async fn lsub(&mut self, list: &List, out: &mut Out<'_>) -> Result<Done> {
        let login = self.login()?;
        let all = names::all(&self.server.mail, &login).await?;
        let patterns = whole_patterns(list);
        for named in &all {
            let fits = patterns.iter().any(|pattern| fits(pattern, &named.name));
            // With `%`, a level is told when something below it is subscribed to (RFC 3501 section 6.3.9).
            let above = patterns.iter().any(|pattern| pattern.ends_with('%'))
                && all.iter().any(|other| other.subscribed && is_below(&other.name, &named.name));
            let attribute = match (fits, named.subscribed, above) {
                (true, true, _) if named.mailbox.is_some() => "()",
                // Its mailbox is gone, or it is only above others.
                (true, true, _) | (true, false, true) => "(\\Noselect)",
                _ => continue,
            };
            out.text("* LSUB ");
            out.text(attribute);
            out.text(" \"/\" ");
            write::mailbox(&mut out.bytes, &named.name, self.modes.is_utf8());
            out.text("\r\n");
        }
        Done::text("Listed")
    }
}

fn whole_patterns(list: &List) -> Vec<String> {
    (list.patterns.iter().take(PATTERNS))
        .map(|pattern| format!("{}{pattern}", list.reference))
        .filter(|pattern| pattern.len() <= PATTERN_BYTES)
        .collect()
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with(names::SEPARATOR))
}

/// Whether the selection options take a name.
fn takes(list: &List, named: &Named) -> bool {
    let has_use = || named.mailbox.as_ref().is_some_and(|mailbox| special_use(mailbox).is_some());
    (named.there || list.subscribed)
        && (!list.subscribed || named.subscribed)
        && (!list.special_use || has_use())
}

fn choose<'n>(all: &'n [Named], patterns: &[String], list: &List) -> Vec<Told<'n>> {
    let fitting: Vec<bool> =
        all.iter().map(|named| patterns.iter().any(|pattern| fits(pattern, &named.name))).collect();
    let mut told = Vec::new();
    for (named, fits) in all.iter().zip(&fitting) {
        if !fits {
            continue;
        }
        let selected = takes(list, named);
        // RFC 5258 section 3.5: what lies below counts when it is selected and not told itself.
        let child_info = list.recursive
            && all
                .iter()
                .zip(&fitting)
                .any(|(other, fits)| !fits && is_below(&other.name, &named.name) && takes(list, other));
        if selected || child_info {
            told.push(Told { named, child_info, selected });
        }
    }
    told
}

fn special_use(mailbox: &Mailbox) -> Option<&'static str> {
    mailbox.role.map(Role::attribute).filter(|attribute| !attribute.is_empty())
}

fn attributes(all: &[Named], named: &Named, list: &List, selected: bool) -> Vec<&'static str> {
    let mut attributes = Vec::with_capacity(4);
    match &named.mailbox {
        // Who asks for subscriptions knows that it implies \Noselect (RFC 5258 section 3).
        None if list.subscribed => attributes.push("\\NonExistent"),
        None => attributes.extend(["\\NonExistent", "\\Noselect"]),
        Some(mailbox) => attributes.extend(special_use(mailbox)),
    }
    if named.subscribed && (list.returns.subscribed || (list.subscribed && selected)) {
        attributes.push("\\Subscribed");
    }
    let has_children = all.iter().any(|other| other.there && is_below(&other.name, &named.name));
    attributes.push(if has_children { "\\HasChildren" } else { "\\HasNoChildren" });
    attributes
}

/// Whether a pattern takes a name: `*` stands for anything, `%` for anything within a level. `INBOX` is compared without
/// case.
fn fits(pattern: &str, name: &str) -> bool {
    if name == INBOX && glob(&pattern.to_ascii_uppercase(), name) {
        return true;
    }
    let below_inbox = name.strip_prefix(INBOX).filter(|rest| rest.starts_with(names::SEPARATOR));
    let head = pattern.get(..INBOX.len()).filter(|head| head.eq_ignore_ascii_case(INBOX));
    match (below_inbox, head) {
        (Some(rest), Some(_)) => glob(pattern.get(INBOX.len()..).unwrap_or_default(), rest),
        _ => glob(pattern, name),
    }
}

/// A row of the table "these first bytes of the pattern take these first bytes of the name" at a time: time is bounded by
/// the product of the lengths.
fn glob(pattern: &str, name: &str) -> bool {
    let name = name.as_bytes();
    let mut row = vec![false; name.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for sign in pattern.bytes() {
        let mut next = Vec::with_capacity(row.len());
        for (index, above) in row.iter().enumerate() {
            let before = index.checked_sub(1);
            let byte = before.and_then(|before| name.get(before)).copied();
            let left = next.last().copied().unwrap_or(false);
            next.push(match sign {
                b'*' => *above || left,
                b'%' => *above || (left && byte != Some(b'/')),
                sign => {
                    byte == Some(sign) && before.and_then(|before| row.get(before)).copied().unwrap_or(false)
                }
            });
        }
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_names() {
        for (pattern, name, expected) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a", false),
            ("a*c", "a/b/c", true),
            ("%/%", "a/b", true),
            ("inbox", "INBOX", true),
            ("InBox/%", "INBOX/x", true),
            ("in%", "INBOX", true),
            ("A", "a", false),
            ("", "", true),
            ("", "a", false),
            ("*b*", "abc", true),
            ("a%b*", "axb/c", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
