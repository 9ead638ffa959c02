//! CONTEXT=SEARCH (RFC 5267): results of searches that are kept current for a client.
//!
//! What must stay true here:
//! - What leaves a result is told before its number changes, what comes into it after the client heard of the message.
//! - Only messages that changed are looked at again.

use base::Ctx;
use codec::imap::{Key, Ranges, write};
use mail::{Mail, View};

use crate::failure::{Failure, Result};
use crate::out::Out;
use crate::search;
use crate::selected::{Look, Modes, Selected};
use crate::session::{Done, Session};

/// A search whose result is kept current.
#[derive(Debug, Clone)]
pub struct Update {
    tag: Box<str>,
    uid: bool,
    key: Key,
    /// UIDs that the client takes for the result.
    found: Ranges,
    /// UIDs that came into the result, of which the client is not told yet.
    added: Ranges,
    /// The commit up to which `found` and `added` are right.
    seq: base::Seq,
}

impl Update {
    /// A search that found `found` in what the client knows.
    pub(crate) fn new(tag: &str, uid: bool, key: Key, found: Ranges, selected: &Selected) -> Self {
        Self { tag: tag.into(), uid, key, found, added: Ranges::EMPTY, seq: selected.seq }
    }

    /// Whether results of such a search can be kept current: numbers and `$` mean other messages later.
    pub(crate) fn is_possible(key: &Key) -> bool {
        !key.has_sequence() && !key.has_saved()
    }

    fn push(&self, word: &str, uids: &Ranges, selected: &Selected, out: &mut Out<'_>) {
        let numbers = if self.uid { uids.clone() } else { selected.uids.ranks_of(uids) };
        if numbers.is_empty() {
            return;
        }
        out.text("* ESEARCH (TAG ");
        write::quoted(&mut out.bytes, self.tag.as_bytes());
        out.text(if self.uid { ") UID " } else { ") " });
        // The result has no order of its own: the place is 0 (RFC 5267 section 4.3.3).
        out.text(&format!("{word} (0 {numbers})\r\n"));
    }

    /// Looks again at what changed.
    async fn look_again(&mut self, look: Look<'_>, changed: &Ranges, gone: &Ranges) -> Result<Ranges> {
        let matching = search::run_among(look, &self.key, changed).await?;
        let left = self.found.intersect(changed).without(&matching);
        let removed: Ranges = merged(&left, &self.found.intersect(gone));
        let added = matching.without(&self.found);
        self.added = merged(&self.added.without(changed).without(gone), &added);
        self.found = self.found.without(&removed);
        self.seq = look.view.seq;
        Ok(removed)
    }
}

fn merged(one: &Ranges, other: &Ranges) -> Ranges {
    let mut all: Vec<u32> = one.iter().chain(other.iter()).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().collect()
}

/// To be called before the changes up to `view` are told: tells what leaves results. `modes` and whether messages may be
/// told as gone are those of what follows.
pub(crate) async fn before(
    ctx: &Ctx,
    mail: &Mail,
    selected: &mut Selected,
    view: &View,
    (modes, expunge): (Modes, bool),
    out: &mut Out<'_>,
) -> Result<()> {
    if selected.updates.is_empty() {
        return Ok(());
    }
    let mut updates = std::mem::take(&mut selected.updates);
    for update in &mut updates {
        let pending = if expunge { update.found.intersect(&selected.gone) } else { Ranges::EMPTY };
        if view.seq <= update.seq && pending.is_empty() {
            continue;
        }
        let (changed, gone): (Ranges, Ranges) = if let Some(changes) = view.changes_since(update.seq) {
            (changes.changed.iter().map(|entry| entry.uid).collect(), changes.gone.into_iter().collect())
        } else {
            let there: Ranges = view.iter().map(|entry| entry.uid).collect();
            let gone = update.found.without(&there);
            (there, gone)
        };
        // Who may not be told of a message's end yet keeps it in the result until then.
        let gone = if expunge { merged(&gone, &pending) } else { Ranges::EMPTY };
        let look = Look { ctx, mail, selected, view, modes };
        let removed = update.look_again(look, &changed, &gone).await?;
        update.push("REMOVEFROM", &removed, selected, out);
    }
    selected.updates = updates;
    Ok(())
}

/// To be called after changes were told: tells what came into results.
pub(crate) fn after(selected: &mut Selected, out: &mut Out<'_>) {
    if selected.updates.iter().all(|update| update.added.is_empty()) {
        return;
    }
    let mut updates = std::mem::take(&mut selected.updates);
    for update in &mut updates {
        let known = update.added.intersect(&selected.uids);
        update.push("ADDTO", &known, selected, out);
        update.found = merged(&update.found, &known);
        update.added = update.added.without(&known);
    }
    selected.updates = updates;
}

impl Session {
    /// Keeps a result current, or says that it is not.
    pub(crate) fn keep_current(
        &mut self,
        tag: &str,
        uid: bool,
        key: Key,
        found: Ranges,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let most = usize::try_from(self.ctx().limits.imap_search_updates).unwrap_or(usize::MAX);
        let (_, selected) = self.selected()?;
        selected.updates.retain(|update| *update.tag != *tag);
        if selected.updates.len() >= most || !Update::is_possible(&key) {
            out.text("* NO [NOUPDATE ");
            write::quoted(&mut out.bytes, tag.as_bytes());
            out.text("] This result is not kept current\r\n");
            return Ok(());
        }
        let update = Update::new(tag, uid, key, found, selected);
        selected.updates.push(update);
        Ok(())
    }

    /// `CANCELUPDATE`.
    pub(crate) fn cancel_update(&mut self, tags: &[String]) -> Result<Done> {
        let (_, selected) = self.selected()?;
        let is_known = |tag: &String| selected.updates.iter().any(|update| *update.tag == **tag);
        if !tags.iter().all(is_known) {
            return Err(Failure::bad("No search of that tag is kept current"));
        }
        selected.updates.retain(|update| !tags.iter().any(|tag| **tag == *update.tag));
        Done::text("Cancelled")
    }
}
