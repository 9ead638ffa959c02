//! What greylisting remembers (RFC 6647): who tried to hand over mail for the first time, and which networks came back.
//!
//! What must stay true here:
//! - A network that came back once is not asked again for weeks.
//! - What is not of use any more goes with what is written: the tables stay as large as what is new in a day.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::{Ctx, Result};
use store::sql::Migration;
use store::{Part, params};

use crate::Mail;

const SCHEMA: &str = include_str!("../schema/greylist.sql");
const DAY_MS: i64 = 86_400_000;
/// Rows that are forgotten with each that is written.
const FORGET: i64 = 20;

/// The tables of greylisting.
pub const PART: Part = Part {
    name: "mail_greylist",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "greylist", text: SCHEMA }],
};

/// How long what is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    /// A sender that is not known may come back after so long, in milliseconds.
    pub wait_ms: i64,
    /// And has to within so long.
    pub retry_ms: i64,
    /// A network that came back is known for so long after its last mail.
    pub known_ms: i64,
}

impl Default for Delays {
    fn default() -> Self {
        Self { wait_ms: 60_000, retry_ms: 2 * DAY_MS, known_ms: 36 * DAY_MS }
    }
}

/// The network that stands for the servers of a sender: large ones try again from another address.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl Mail {
    /// How many milliseconds a sender has to wait before it may come back; none: its mail is taken.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn greylist(
        &self,
        ctx: &Ctx,
        delays: Delays,
        address: IpAddr,
        sender: &str,
        recipient: &str,
    ) -> Result<Option<i64>> {
        let (now, network) = (ctx.now_ms(), network(address));
        let asked = network.clone();
        let store = self.kernel().store();
        let seen_at = store
            .read(move |tx| {
                let sql = "SELECT seen_at FROM greylist_known WHERE network = $1";
                tx.query_opt(sql, params![asked], |row| row.int(0))
            })
            .await?
            .filter(|seen_at| now - seen_at < delays.known_ms);
        if seen_at.is_some_and(|seen_at| now - seen_at < DAY_MS) {
            return Ok(None);
        }
        let (sender, recipient) = (sender.to_lowercase(), recipient.to_lowercase());
        store
            .write(Vec::new(), move |tx| {
                let first_at = tx.query_opt(
                    "SELECT first_at FROM greylist WHERE network = $1 AND sender = $2 AND recipient = $3",
                    params![&network, &sender, &recipient],
                    |row| row.int(0),
                )?;
                let first_at = first_at.filter(|first_at| now - first_at <= delays.retry_ms);
                let came_back =
                    seen_at.is_some() || first_at.is_some_and(|first_at| now - first_at >= delays.wait_ms);
                if came_back {
                    tx.later(
                        "INSERT INTO greylist_known (network, seen_at) VALUES ($1, $2)
                         ON CONFLICT (network) DO UPDATE SET seen_at = excluded.seen_at",
                        params![&network, now],
                    )?;
                    tx.later(
                        "DELETE FROM greylist WHERE network = $1 AND sender = $2 AND recipient = $3",
                        params![&network, &sender, &recipient],
                    )?;
                    return Ok(None);
                }
                if first_at.is_none() {
                    tx.later(
                        "INSERT INTO greylist (network, sender, recipient, first_at) VALUES ($1, $2, $3, $4)
                         ON CONFLICT (network, sender, recipient) DO UPDATE SET first_at = excluded.first_at",
                        params![&network, &sender, &recipient, now],
                    )?;
                    forget(tx, now - delays.retry_ms, now - delays.known_ms)?;
                }
                Ok(Some(delays.wait_ms - first_at.map_or(0, |first_at| now - first_at)))
            })
            .await
    }
}

fn forget(tx: &mut store::Tx<'_>, tried_before: i64, seen_before: i64) -> Result<()> {
    tx.later(
        "DELETE FROM greylist WHERE (network, sender, recipient) IN (
             SELECT network, sender, recipient FROM greylist WHERE first_at < $1 ORDER BY first_at LIMIT $2)",
        params![tried_before, FORGET],
    )?;
    tx.later("DELETE FROM greylist_known WHERE seen_at < $1", params![seen_before])
}
