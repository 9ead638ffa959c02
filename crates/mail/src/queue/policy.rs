//! What domains promised about TLS, and how sessions went: kept for all nodes.

use base::{Ctx, Result};
use store::sql::{Bulk, Type};
use store::{Row, params};

use super::Queue;

const DAY_MS: i64 = 86_400_000;
const POLICY: &str =
    "SELECT policy_id, policy, expires_at FROM queue_sts_policy WHERE domain = $1 AND expires_at > $2";
const KEEP: &str = "INSERT INTO queue_sts_policy (domain, policy_id, policy, expires_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (domain) DO UPDATE SET policy_id = excluded.policy_id, policy = excluded.policy, \
    expires_at = excluded.expires_at";
const FORGET: &str = "DELETE FROM queue_sts_policy WHERE domain = $1";
const DOMAINS: &str =
    "SELECT DISTINCT day, domain FROM queue_tls_result WHERE day < $1 ORDER BY day, domain LIMIT $2";
const RESULTS: &str = "SELECT policy_type, result, host, policy, sessions FROM queue_tls_result \
    WHERE day = $1 AND domain = $2 ORDER BY policy_type, result, host LIMIT 1000";
const REPORTED: &str = "DELETE FROM queue_tls_result WHERE day = $1 AND domain = $2";

static COUNT: Bulk = Bulk::upsert(
    "queue_tls_result",
    &[
        ("day", Type::Int),
        ("domain", Type::Text),
        ("policy_type", Type::Text),
        ("result", Type::Text),
        ("host", Type::Text),
        ("policy", Type::Text),
        ("sessions", Type::Int),
    ],
    5,
    "ON CONFLICT (day, domain, policy_type, result, host) \
     DO UPDATE SET sessions = queue_tls_result.sessions + excluded.sessions, policy = excluded.policy",
);

/// A policy of a domain as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsPolicy {
    /// The id of its DNS record then.
    pub id: String,
    /// The text.
    pub text: String,
    /// Until when it binds us, milliseconds since 1970.
    pub expires_at: i64,
}

/// How sessions to a domain went.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsResult {
    /// `sts`, `tlsa` or `no-policy-found`.
    pub policy_type: String,
    /// Empty: it worked; else the result type of RFC 8460 section 4.3.
    pub result: String,
    /// The host that was connected to; empty where it worked.
    pub host: String,
    /// The policy, as lines.
    pub policy: String,
}

/// The results of a day for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDay {
    /// Days since 1970 in UTC.
    pub day: i64,
    /// The domain.
    pub domain: String,
    /// The results, each with its number of sessions.
    pub results: Vec<(TlsResult, i64)>,
}

impl Queue {
    /// The policy of a domain that binds us now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sts_policy(&self, ctx: &Ctx, domain: &str) -> Result<Option<StsPolicy>> {
        let (now_ms, domain) = (ctx.now_ms(), domain.to_owned());
        let read =
            |row: &Row<'_>| Ok(StsPolicy { id: row.text(0)?, text: row.text(1)?, expires_at: row.int(2)? });
        self.0.read(move |tx| tx.query_opt(POLICY, params![&domain, now_ms], read)).await
    }

    /// Keeps the policy of a domain, or forgets it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keep_sts_policy(&self, domain: &str, policy: Option<StsPolicy>) -> Result<()> {
        let domain = domain.to_owned();
        self.0
            .write([], move |tx| match &policy {
                Some(kept) => tx.later(KEEP, params![&domain, &kept.id, &kept.text, kept.expires_at]),
                None => tx.later(FORGET, params![&domain]),
            })
            .await
    }

    /// Counts sessions of today.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_tls(&self, ctx: &Ctx, counts: Vec<(String, TlsResult, i64)>) -> Result<()> {
        let day = ctx.now_ms().div_euclid(DAY_MS);
        self.0
            .write([], move |tx| {
                for (domain, result, sessions) in &counts {
                    let TlsResult { policy_type, result, host, policy } = result;
                    tx.add(&COUNT, params![day, domain, policy_type, result, host, policy, *sessions])?;
                }
                Ok(())
            })
            .await
    }

    /// The results of at most `limit` domains on days before today, to be reported.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tls_days(&self, ctx: &Ctx, limit: i64) -> Result<Vec<TlsDay>> {
        let today = ctx.now_ms().div_euclid(DAY_MS);
        self.0
            .read(move |tx| {
                let domains =
                    tx.query(DOMAINS, params![today, limit], |row| Ok((row.int(0)?, row.text(1)?)))?;
                let mut days = Vec::with_capacity(domains.len());
                for (day, domain) in domains {
                    let results = tx.query(RESULTS, params![day, &domain], |row| {
                        let result = TlsResult {
                            policy_type: row.text(0)?,
                            result: row.text(1)?,
                            host: row.text(2)?,
                            policy: row.text(3)?,
                        };
                        Ok((result, row.int(4)?))
                    })?;
                    days.push(TlsDay { day, domain, results });
                }
                Ok(days)
            })
            .await
    }

    /// Forgets the results of a day for a domain: they are reported, or nobody wants to know.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tls_reported(&self, day: i64, domain: &str) -> Result<()> {
        let domain = domain.to_owned();
        self.0.write([], move |tx| tx.later(REPORTED, params![day, &domain])).await
    }
}
