//! Rights that are given and taken.

use base::{AccountId, CollectionId, Error, Result};
use store::params;

use super::Batch;
use crate::changes::Change;
use crate::rights::{Right, Rights};

impl Batch<'_, '_> {
    /// Sets the rights of a person or group on a collection, or on the whole account with collection 0; no
    /// right takes the row away.
    ///
    /// # Errors
    /// `Forbidden` for a right that the actor does not hold itself, `NotFound` for a subject of another
    /// organisation.
    pub fn share(&mut self, collection: CollectionId, subject: AccountId, rights: Rights) -> Result<()> {
        self.require(collection, Right::Share)?;
        if collection.0 != 0 {
            self.live(collection)?;
        }
        if !self.rights(collection)?.covers(rights) {
            return Err(Error::forbidden("rights", "you can give only the rights that you hold"));
        }
        if subject == self.account.id {
            return Err(Error::invalid("subject", "the owner has all rights already"));
        }
        let sql = "SELECT organisation_id FROM account WHERE id = $1";
        let organisation = self.tx.query_opt(sql, params![subject], |row| row.int(0))?;
        if organisation != Some(self.account.organisation.0) {
            return Err(Error::not_found("person or group"));
        }
        let before = self
            .tx
            .query_opt(
                "SELECT rights FROM share WHERE account_id = $1 AND collection_id = $2 AND subject_id = $3",
                params![self.account.id, collection, subject],
                |row| row.int(0),
            )?
            .unwrap_or(0);
        if before == rights.0 {
            return Ok(());
        }
        if before == 0 {
            self.check_room(collection)?;
        }
        let key = params![self.account.id, collection, subject];
        if rights == Rights::NONE {
            self.tx.execute(
                "DELETE FROM share WHERE account_id = $1 AND collection_id = $2 AND subject_id = $3",
                key,
            )?;
        } else {
            let [a, b, c] = key;
            self.tx.execute(
                "INSERT INTO share (account_id, collection_id, subject_id, rights) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (account_id, collection_id, subject_id) DO UPDATE SET rights = excluded.rights",
                [a, b, c, rights.0.into()],
            )?;
        }
        self.start();
        if collection.0 != 0 {
            let mut row = self.live(collection)?;
            self.keep_collection(&mut row)?;
            row.state_seq = self.account.seq;
            self.put(row)?;
        }
        self.changes.push(Change::Share { collection: collection.0, subject: subject.0, rights: rights.0 });
        Ok(())
    }

    fn check_room(&mut self, collection: CollectionId) -> Result<()> {
        let most = self.ctx.limits.shares_per_collection;
        let sql = "SELECT count(*) FROM share WHERE account_id = $1 AND collection_id = $2";
        let count = self.tx.query_one(sql, params![self.account.id, collection], |row| row.int(0))?;
        if count.unsigned_abs() >= most {
            return Err(Error::limit(
                "share",
                format!("a collection has at most {most} shares; use a group"),
            ));
        }
        Ok(())
    }
}
