//! DKIM keys of domains, and signing with them (RFC 6376, RFC 8463).
//!
//! What must stay true here:
//! - A key signs only after it was published: it is made as `next`, its DNS record is set, then [`rotate`] makes it
//!   `active`. The keys before it are `retired`: they sign no more, and their records stay for a while, so that what
//!   is on its way is still verified.
//! - A private key is in memory only as [`base::Secret`], and in no log line.

mod sign;

use base::{Ctx, Error, OrganisationId, Result, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::dkim::generate::DkimKeyPair;
use store::sql::Migration;
use store::{Part, Read, Row, Tx, params};

pub use sign::signatures;

const SCHEMA: &str = include_str!("../../schema/dkim.sql");

/// The tables of DKIM keys.
pub const PART: Part = Part {
    name: "mail_dkim",
    schema: SCHEMA,
    migrations: &[Migration { number: 1, name: "keys", text: SCHEMA }],
};

/// How long the record of a retired key is still needed: longer than mail stays in any queue.
pub const RETIRED_MS: i64 = 14 * 86_400_000;
const RSA_BITS: usize = 2_048;

const COLUMNS: &str =
    "domain, selector, algorithm, private_key, public_key, state, created_at, active_at, retired_at";
const INSERT: &str = "INSERT INTO dkim_key (domain, selector, organisation_id, algorithm, private_key, public_key, \
    state, created_at) VALUES ($1, $2, $3, $4, $5, $6, 'next', $7)";
const ACTIVATE: &str =
    "UPDATE dkim_key SET state = 'active', active_at = $2 WHERE domain = $1 AND state = 'next'";
const RETIRE: &str =
    "UPDATE dkim_key SET state = 'retired', retired_at = $2 WHERE domain = $1 AND state = 'active'";
const FORGET: &str = "DELETE FROM dkim_key WHERE domain = $1 AND state = 'retired' AND retired_at < $2";

/// What a key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with 2048 bits: everyone verifies it.
    Rsa,
    /// Ed25519: short, and not verified everywhere yet.
    Ed25519,
}

impl Algorithm {
    /// Both: mail is signed with each.
    pub const ALL: [Self; 2] = [Self::Rsa, Self::Ed25519];

    /// As in the tag `a` of a signature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "rsa-sha256",
            Self::Ed25519 => "ed25519-sha256",
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Rsa => 'r',
            Self::Ed25519 => 'e',
        }
    }

    fn from_name(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| Error::corrupt("DKIM key", "has an unknown algorithm"))
    }
}

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// To be published; signs after the next rotation.
    Next,
    /// Signs.
    Active,
    /// Signs no more.
    Retired,
}

impl KeyState {
    /// As it stands in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    fn from_name(name: &str) -> Result<Self> {
        [Self::Next, Self::Active, Self::Retired]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| Error::corrupt("DKIM key", "has an unknown state"))
    }
}

/// A key of a domain.
#[derive(Debug, Clone)]
pub struct Key {
    /// The domain.
    pub domain: String,
    /// Its name below `_domainkey`.
    pub selector: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// Where it stands in its life.
    pub state: KeyState,
    /// The public part, in base64.
    pub public_key: String,
    /// When it was made, milliseconds since 1970.
    pub created_at: i64,
    /// When it began to sign.
    pub active_at: Option<i64>,
    /// When it ceased to sign.
    pub retired_at: Option<i64>,
    secret: Secret,
}

impl Key {
    /// The name of its DNS record.
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The text of its DNS record, of type TXT.
    pub fn record(&self) -> String {
        let kind = match self.algorithm {
            Algorithm::Rsa => "rsa",
            Algorithm::Ed25519 => "ed25519",
        };
        format!("v=DKIM1; k={kind}; h=sha256; p={}", self.public_key)
    }
}

fn key(row: &Row<'_>) -> Result<Key> {
    Ok(Key {
        domain: row.text(0)?,
        selector: row.text(1)?,
        algorithm: Algorithm::from_name(row.str(2)?)?,
        secret: Secret::new(row.str(3)?),
        public_key: row.text(4)?,
        state: KeyState::from_name(row.str(5)?)?,
        created_at: row.int(6)?,
        active_at: row.opt_int(7)?,
        retired_at: row.opt_int(8)?,
    })
}

/// A key that was made and not stored yet: making one takes time, which no transaction should wait for.
#[derive(Debug, Clone)]
pub struct NewKey {
    algorithm: Algorithm,
    secret: Secret,
    public_key: String,
}

impl NewKey {
    /// Makes a key with the randomness of the operating system. Takes up to a second: call it where that may be.
    ///
    /// # Errors
    /// `Corrupt` when the library refuses.
    pub fn make(algorithm: Algorithm) -> Result<Self> {
        let pair = match algorithm {
            Algorithm::Rsa => DkimKeyPair::generate_rsa(RSA_BITS),
            Algorithm::Ed25519 => DkimKeyPair::generate_ed25519(),
        }
        .map_err(|error| Error::corrupt("DKIM key", "cannot be made").with_source(error))?;
        Ok(Self {
            algorithm,
            secret: Secret::new(STANDARD.encode(pair.private_key())),
            public_key: STANDARD.encode(pair.public_key()),
        })
    }

    /// One key of each algorithm, made on a thread that may be busy.
    ///
    /// # Errors
    /// As [`NewKey::make`].
    pub async fn make_all() -> Result<Vec<Self>> {
        tokio::task::spawn_blocking(|| Algorithm::ALL.into_iter().map(Self::make).collect())
            .await
            .map_err(|error| Error::corrupt("DKIM key", "was not made").with_source(error))?
    }
}

/// Stores keys of a domain as `next`: their records are to be published now. Keys that retired long ago are
/// forgotten.
///
/// # Errors
/// `Limit` for more keys than `dkim_keys_per_domain`.
pub fn add(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    organisation: OrganisationId,
    domain: &str,
    keys: &[NewKey],
) -> Result<Vec<Key>> {
    let now_ms = ctx.now_ms();
    tx.execute(FORGET, params![domain, now_ms - RETIRED_MS])?;
    let known = of_domain(tx, organisation, domain)?;
    let most = ctx.limits.dkim_keys_per_domain;
    if (known.len() + keys.len()) as u64 > most {
        return Err(Error::limit("DKIM keys", format!("of a domain are at most {most}; rotate less often")));
    }
    let day = jiff::Timestamp::from_millisecond(now_ms)
        .map_err(|error| Error::corrupt("clock", "is out of range").with_source(error))?
        .strftime("%Y%m%d")
        .to_string();
    let mut taken: Vec<String> = known.into_iter().map(|key| key.selector).collect();
    for key in keys {
        let first = format!("b{day}{}", key.algorithm.letter());
        let selector = std::iter::once(first.clone())
            .chain((2..=most + 1).map(|number| format!("{first}{number}")))
            .find(|selector| !taken.contains(selector))
            .ok_or_else(|| Error::conflict("selector", "names are used up for today"))?;
        let (algorithm, private, public) =
            (key.algorithm.name(), key.secret.expose(), key.public_key.as_str());
        tx.execute(INSERT, params![domain, &selector, organisation, algorithm, private, public, now_ms])?;
        taken.push(selector);
    }
    of_domain(tx, organisation, domain)
}

/// Lets the keys that are `next` sign from now on, and those that signed retire; how many sign now. Nothing happens when
/// none is `next`.
///
/// # Errors
/// Those of the database.
pub fn rotate(tx: &mut Tx<'_>, ctx: &Ctx, organisation: OrganisationId, domain: &str) -> Result<u64> {
    let known = of_domain(tx, organisation, domain)?;
    if !known.iter().any(|key| key.state == KeyState::Next) {
        return Ok(0);
    }
    tx.execute(RETIRE, params![domain, ctx.now_ms()])?;
    tx.execute(ACTIVATE, params![domain, ctx.now_ms()])
}

/// The keys of an organisation's domain.
///
/// # Errors
/// Those of the database.
pub fn of_domain(tx: &mut Read<'_>, organisation: OrganisationId, domain: &str) -> Result<Vec<Key>> {
    tx.query(
        &format!(
            "SELECT {COLUMNS} FROM dkim_key WHERE domain = $1 AND organisation_id = $2 ORDER BY domain, selector"
        ),
        params![domain, organisation],
        key,
    )
}
