//! Rebuilds the state of an account from its commits alone: the oracle for every other way to read it.

use std::collections::BTreeMap;

use base::{Error, Result};

use crate::SEEN;
use crate::changes::Change;

/// A collection as the commits make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub(crate) kind: String,
    pub(crate) parent: i64,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) gone: bool,
    pub(crate) uidnext: i64,
    pub(crate) items: BTreeMap<i64, Entry>,
}

/// A live item as the commits make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) object: i64,
    pub(crate) content: i64,
    pub(crate) size: i64,
    pub(crate) flags: i64,
    pub(crate) state: Option<String>,
}

/// An account as its commits make it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Replay {
    pub(crate) folders: BTreeMap<i64, Folder>,
    pub(crate) shares: BTreeMap<(i64, i64), i64>,
}

impl Folder {
    /// Items, unseen items and bytes.
    pub(crate) fn counters(&self) -> (i64, i64, i64) {
        self.items.values().fold((0, 0, 0), |(total, unseen, bytes), entry| {
            (total + 1, unseen + i64::from(entry.flags & SEEN == 0), bytes + entry.size)
        })
    }
}

fn lost(what: &str) -> Error {
    Error::corrupt("history", format!("changes {what} that is not there"))
}

impl Replay {
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<()> {
        changes.iter().try_for_each(|change| self.one(change))
    }

    fn folder(&mut self, id: i64) -> Result<&mut Folder> {
        self.folders.get_mut(&id).ok_or_else(|| lost("a collection"))
    }

    fn entry(&mut self, collection: i64, item: i64) -> Result<&mut Entry> {
        self.folder(collection)?.items.get_mut(&item).ok_or_else(|| lost("an item"))
    }

    fn one(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Make { id, kind, parent, role, name, state } => {
                let folder = Folder {
                    kind: kind.clone(),
                    parent: *parent,
                    role: role.clone(),
                    name: name.clone(),
                    state: state.clone(),
                    gone: false,
                    uidnext: 1,
                    items: BTreeMap::new(),
                };
                self.folders.insert(*id, folder);
            }
            Change::Modify { id, parent, role, name, state } => {
                let folder = self.folder(*id)?;
                folder.parent = *parent;
                role.clone_into(&mut folder.role);
                name.clone_into(&mut folder.name);
                state.clone_into(&mut folder.state);
            }
            Change::Drop { id } => self.folder(*id)?.gone = true,
            Change::Restore { id } => self.folder(*id)?.gone = false,
            Change::Put { collection, item, object, content, size, flags, state, .. } => {
                let entry = Entry {
                    object: *object,
                    content: *content,
                    size: *size,
                    flags: *flags,
                    state: state.clone(),
                };
                let folder = self.folder(*collection)?;
                folder.uidnext = item + 1;
                folder.items.insert(*item, entry);
            }
            Change::Flags { collection, items, set, cleared } => {
                for item in items.iter() {
                    let entry = self.entry(*collection, item)?;
                    entry.flags = (entry.flags | set) & !cleared;
                }
            }
            Change::State { collection, item, state } => {
                self.entry(*collection, *item)?.state.clone_from(state);
            }
            Change::Content { collection, item, content, size, .. } => {
                let entry = self.entry(*collection, *item)?;
                (entry.content, entry.size) = (*content, *size);
            }
            Change::Move { collection, items, target, first } => {
                for (offset, item) in (0..).zip(items.iter()) {
                    let entry = self.folder(*collection)?.items.remove(&item);
                    let folder = self.folder(*target)?;
                    folder.uidnext = first + offset + 1;
                    folder.items.insert(first + offset, entry.ok_or_else(|| lost("an item"))?);
                }
            }
            Change::Remove { collection, items } => {
                for item in items.iter() {
                    self.folder(*collection)?.items.remove(&item).ok_or_else(|| lost("an item"))?;
                }
            }
            Change::Share { collection, subject, rights: 0 } => {
                self.shares.remove(&(*collection, *subject));
            }
            Change::Share { collection, subject, rights } => {
                self.shares.insert((*collection, *subject), *rights);
            }
            Change::Words(_) => {}
        }
        Ok(())
    }
}
