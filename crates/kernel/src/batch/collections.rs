//! Collections: make, change, remove, bring back.

use base::{CollectionId, Error, Result, Seq};
use store::params;
use store::sql::{Bulk, Type};

use super::{Batch, NewCollection};
use crate::changes::Change;
use crate::rights::Right;
use crate::rows::{CollectionRow, Rows};

/// Numbers that are tried behind a name that is taken.
const NAMES_TRIED: u32 = 1_000;

static INSERT: Bulk = Bulk::insert(
    "collection",
    &[
        ("account_id", Type::Int),
        ("id", Type::Int),
        ("kind", Type::Text),
        ("parent_id", Type::Int),
        ("name", Type::Text),
        ("role", Type::Text),
        ("state", Type::Text),
        ("uidnext", Type::Int),
        ("total", Type::Int),
        ("unseen", Type::Int),
        ("bytes", Type::Int),
        ("created_seq", Type::Int),
        ("state_seq", Type::Int),
        ("max_seq", Type::Int),
        ("past_seq", Type::Int),
        ("gone", Type::Int),
    ],
);

impl Batch<'_, '_> {
    /// Makes a collection.
    ///
    /// # Errors
    /// `Invalid` for a name that breaks a rule, `Conflict` for one that a sibling has, `NotFound` for a
    /// parent that is not there, `Limit` for too many or too deep ones.
    pub fn create_collection(&mut self, new: &NewCollection<'_>) -> Result<CollectionId> {
        self.require(new.parent, Right::Child)?;
        if self.kernel.kind(new.kind).is_none() {
            return Err(Error::invalid("kind", format!("'{}' is no kind of data", new.kind)));
        }
        self.check_text(new.name, new.role, new.state)?;
        self.check_place(CollectionId(0), new.kind, new.parent, new.name, new.role)?;
        let sql = "SELECT count(*) FROM collection WHERE account_id = $1 AND gone = 0";
        let count = self.tx.query_one(sql, params![self.account.id], |row| row.int(0))?;
        let most = self.ctx.limits.collections_per_account;
        if count.unsigned_abs() >= most {
            return Err(Error::limit("collection", format!("an account has at most {most} collections")));
        }
        let id = CollectionId(self.new_id()?);
        let seq = self.start();
        let row = CollectionRow {
            id,
            kind: new.kind.to_owned(),
            parent: new.parent,
            name: new.name.to_owned(),
            role: new.role.to_owned(),
            state: new.state.to_owned(),
            uidnext: 1,
            total: 0,
            unseen: 0,
            bytes: 0,
            created_seq: seq,
            state_seq: seq,
            max_seq: seq,
            past_seq: seq,
            gone: false,
            purged: false,
        };
        let place = (new.kind, new.parent, new.name, new.role, new.state);
        self.tx.add(
            &INSERT,
            params![
                self.account.id,
                id,
                place.0,
                place.1,
                place.2,
                place.3,
                place.4,
                1,
                0,
                0,
                0,
                seq,
                seq,
                seq,
                seq,
                0
            ],
        )?;
        self.changes.push(Change::Make {
            id: id.0,
            kind: row.kind.clone(),
            parent: row.parent.0,
            role: row.role.clone(),
            name: row.name.clone(),
            state: row.state.clone(),
        });
        self.collections.push(id);
        self.put(row)?;
        Ok(id)
    }

    /// Renames, moves or changes a collection; what is `None` stays.
    pub fn update_collection(
        &mut self,
        id: CollectionId,
        parent: Option<CollectionId>,
        name: Option<&str>,
        role: Option<&str>,
        state: Option<&str>,
    ) -> Result<()> {
        self.require(id, Right::Rename)?;
        let mut row = self.live(id)?;
        let wanted = CollectionRow {
            parent: parent.unwrap_or(row.parent),
            name: name.unwrap_or(&row.name).to_owned(),
            role: role.unwrap_or(&row.role).to_owned(),
            state: state.unwrap_or(&row.state).to_owned(),
            ..row.clone()
        };
        if wanted == row {
            return Ok(());
        }
        self.check_text(&wanted.name, &wanted.role, &wanted.state)?;
        if wanted.parent != row.parent {
            self.require(wanted.parent, Right::Child)?;
        }
        self.check_place(id, &wanted.kind, wanted.parent, &wanted.name, &wanted.role)?;
        self.keep_collection(&mut row)?;
        let seq = self.account.seq;
        let row = CollectionRow { past_seq: row.past_seq, max_seq: seq, state_seq: seq, ..wanted };
        self.changes.push(Change::Modify {
            id: id.0,
            parent: row.parent.0,
            role: row.role.clone(),
            name: row.name.clone(),
            state: row.state.clone(),
        });
        self.put(row)
    }

    /// Removes a collection and all that lies in it. It costs one row whatever its size: the items are gone
    /// because their collection is, and come back with it.
    ///
    /// # Errors
    /// `Conflict` while it has collections in it.
    pub fn destroy_collection(&mut self, id: CollectionId) -> Result<()> {
        self.require(id, Right::Rename)?;
        let mut row = self.live(id)?;
        self.tx.flush_group()?;
        let sql = "SELECT id FROM collection WHERE account_id = $1 AND parent_id = $2 AND gone = 0 LIMIT 1";
        if self.tx.query_opt(sql, params![self.account.id, id], |row| row.int(0))?.is_some() {
            return Err(Error::conflict("collection", "has others in it; remove or move them first"));
        }
        self.keep_collection(&mut row)?;
        row.gone = true;
        row.state_seq = self.account.seq;
        self.account.used_bytes -= row.bytes;
        self.changes.push(Change::Drop { id: id.0 });
        self.put(row)
    }

    /// Brings a removed collection back with all that lay in it, under another name when its own is taken.
    pub fn restore_collection(&mut self, id: CollectionId, parent: CollectionId, name: &str) -> Result<()> {
        self.require(parent, Right::Child)?;
        let mut row = Rows::collection(self.tx, self.account.id, id)?
            .filter(|row| row.gone && !row.purged)
            .ok_or_else(|| Error::not_found("removed collection"))?;
        self.check_text(name, &row.role, &row.state)?;
        self.check_place(id, &row.kind, parent, name, "")?;
        self.check_quota(row.bytes)?;
        self.keep_collection(&mut row)?;
        row.gone = false;
        row.state_seq = self.account.seq;
        self.account.used_bytes += row.bytes;
        self.changes.push(Change::Restore { id: id.0 });
        // Another collection may have taken its role meanwhile.
        let loses_role = self.has_role(id, &row.kind, &row.role)?;
        if row.parent != parent || row.name != name || loses_role {
            if loses_role {
                row.role.clear();
            }
            name.clone_into(&mut row.name);
            row.parent = parent;
            self.changes.push(Change::Modify {
                id: id.0,
                parent: parent.0,
                role: row.role.clone(),
                name: row.name.clone(),
                state: row.state.clone(),
            });
        }
        self.put(row)
    }

    fn check_text(&self, name: &str, role: &str, state: &str) -> Result<()> {
        let most = self.ctx.limits.name_bytes;
        if name.trim().is_empty() {
            return Err(Error::invalid("name", "is empty; give it a name"));
        }
        if name.len() as u64 > most {
            return Err(Error::too_large("name", format!("has more than {most} bytes; shorten it")));
        }
        if name.chars().any(char::is_control) {
            return Err(Error::invalid("name", "has control characters; remove them"));
        }
        if role.len() as u64 > most || role.chars().any(char::is_control) {
            return Err(Error::invalid("role", "is no role"));
        }
        if state.len() as u64 > self.ctx.limits.state_bytes {
            let most = self.ctx.limits.state_bytes;
            return Err(Error::too_large("state", format!("has more than {most} bytes; shorten it")));
        }
        Ok(())
    }

    /// The parent is there, of the same kind, not below the collection itself and not too deep; no sibling
    /// has the name, no other collection of the kind the role.
    fn check_place(
        &mut self,
        id: CollectionId,
        kind: &str,
        parent: CollectionId,
        name: &str,
        role: &str,
    ) -> Result<()> {
        let most = self.ctx.limits.collection_depth;
        let mut above = parent;
        for level in 0.. {
            if above.0 == 0 {
                break;
            }
            if above == id {
                return Err(Error::invalid("parent", "lies within the collection itself"));
            }
            if level >= most {
                return Err(Error::limit("parent", format!("lies more than {most} levels deep")));
            }
            let row = self.live(above).map_err(|_| Error::not_found("parent collection"))?;
            if row.kind != kind {
                return Err(Error::invalid("parent", format!("holds {}, not {kind}", row.kind)));
            }
            above = row.parent;
        }
        if self.has_name(id, kind, parent, name)? {
            return Err(Error::conflict("name", "another collection there has this name; choose another"));
        }
        if self.has_role(id, kind, role)? {
            return Err(Error::conflict("role", "another collection of this account has this role"));
        }
        Ok(())
    }

    /// Whether a live collection of that kind and place, other than `id`, has the name.
    fn has_name(&mut self, id: CollectionId, kind: &str, parent: CollectionId, name: &str) -> Result<bool> {
        self.tx.flush_group()?;
        let sql = "SELECT id FROM collection WHERE account_id = $1 AND parent_id = $2 AND name = $3
                   AND kind = $4 AND gone = 0 AND id <> $5 LIMIT 1";
        let values = params![self.account.id, parent, name, kind, id];
        Ok(self.tx.query_opt(sql, values, |row| row.int(0))?.is_some())
    }

    /// Whether a live collection of that kind, other than `id`, has the role.
    fn has_role(&mut self, id: CollectionId, kind: &str, role: &str) -> Result<bool> {
        if role.is_empty() {
            return Ok(false);
        }
        self.tx.flush_group()?;
        let sql = "SELECT id FROM collection WHERE account_id = $1 AND role = $2 AND kind = $3
                   AND gone = 0 AND id <> $4 LIMIT 1";
        Ok(self.tx.query_opt(sql, params![self.account.id, role, kind, id], |row| row.int(0))?.is_some())
    }

    /// The name itself where it is free among the collections of a place, else the name with a number behind it.
    ///
    /// # Errors
    /// `Conflict` when all that are tried are taken.
    pub fn free_name(&mut self, kind: &str, parent: CollectionId, name: &str) -> Result<String> {
        let none = CollectionId(0);
        if !self.has_name(none, kind, parent, name)? {
            return Ok(name.to_owned());
        }
        let most = usize::try_from(self.ctx.limits.name_bytes).unwrap_or(usize::MAX);
        for number in 2..=NAMES_TRIED {
            let suffix = format!(" ({number})");
            let cut = name.floor_char_boundary(most.saturating_sub(suffix.len()).min(name.len()));
            let wanted = format!("{}{suffix}", name.get(..cut).unwrap_or(name));
            if !self.has_name(none, kind, parent, &wanted)? {
                return Ok(wanted);
            }
        }
        Err(Error::conflict("name", "is taken there, with a number behind it too; choose another"))
    }

    pub(super) fn check_quota(&self, more: i64) -> Result<()> {
        match self.quota_bytes {
            Some(quota) if self.account.used_bytes.saturating_add(more) > quota => Err(Error::new(
                base::Meaning::OverQuota,
                "quota",
                format!("{} of {quota} bytes are used, {more} more do not fit", self.account.used_bytes),
            )),
            _ => Ok(()),
        }
    }

    /// A live collection as this batch sees it: id, kind and the commit that last changed it.
    pub fn collection(&mut self, id: CollectionId) -> Result<(String, Seq)> {
        self.require(id, Right::Read)?;
        self.live(id).map(|row| (row.kind, row.max_seq))
    }
}
