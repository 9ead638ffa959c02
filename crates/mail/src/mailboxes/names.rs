//! Subscriptions to names whose mailboxes were removed: a client that asked to see a name goes on seeing it until it
//! says otherwise (RFC 9051 section 6.3.7), whoever removed the mailbox.

use base::{Ctx, Result};
use store::params;

use crate::Mail;

impl Mail {
    /// The names of removed mailboxes that the reader is still subscribed to, sorted.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn subscribed_names(&self, ctx: &Ctx) -> Result<Vec<String>> {
        if ctx.is_past() {
            return Ok(Vec::new());
        }
        let reader = ctx.actor.account;
        let sql = "SELECT name FROM mailbox_name_subscription WHERE account_id = $1 ORDER BY name";
        self.kernel().store().read(move |tx| tx.query(sql, params![reader], |row| row.text(0))).await
    }

    /// Subscribes the reader to a name, or ends that. Beyond the limit `subscribed_names` no more names are kept.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn subscribe_name(&self, ctx: &Ctx, name: &str, on: bool) -> Result<()> {
        super::refuse_past(ctx)?;
        let (reader, name) = (ctx.actor.account, name.to_owned());
        let most = i64::try_from(ctx.limits.subscribed_names).unwrap_or(i64::MAX);
        self.kernel()
            .store()
            .write([], move |tx| {
                if !on {
                    let sql = "DELETE FROM mailbox_name_subscription WHERE account_id = $1 AND name = $2";
                    return tx.later(sql, params![reader, &name]);
                }
                let sql = "INSERT INTO mailbox_name_subscription (account_id, name)
                           SELECT $1, $2 WHERE (SELECT count(*) FROM mailbox_name_subscription WHERE account_id = $1) < $3
                           ON CONFLICT (account_id, name) DO NOTHING";
                tx.later(sql, params![reader, &name, most])
            })
            .await
    }
}
