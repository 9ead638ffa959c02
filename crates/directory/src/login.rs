//! Who someone is, from a login name and a password. The answer to a wrong password and to a name that nobody has
//! is the same, and takes as long.

use std::net::IpAddr;

use base::{AccountId, Actor, Ctx, Door, Error, OrganisationId, Result, Secret, Tree};
use store::{Read, Tx, params};

use crate::credentials::passkeys::Passkey;
use crate::credentials::{Hasher, ScramKeys, app, codes, passkeys, scram};
use crate::links;
use crate::resolve;
use crate::throttle::Network;

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// A network is forgotten when nobody logged in from it for so long.
const NETWORK_DAYS: i64 = 180;

/// A try to log in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// An address of the account.
    pub name: String,
    /// Its password, or an app password.
    pub password: Secret,
    /// A code of the second factor, where one was asked for.
    pub code: Option<String>,
    /// The door that asks.
    pub door: Door,
    /// Where it comes from.
    pub network_address: Option<IpAddr>,
}

/// Someone who proved who it is.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// Who acts from now on, with its groups.
    pub actor: Actor,
    /// Its primary address.
    pub address: String,
    /// Its password is good for nothing but setting a new one.
    pub must_change_password: bool,
    /// The app password that it used, if it used one: then it may not change credentials.
    pub app_password: Option<i64>,
    /// What it looks at: its name may ask for what the history shows.
    pub tree: Tree,
}

impl LoggedIn {
    /// Whether it used an app password.
    pub const fn by_app_password(&self) -> bool {
        self.app_password.is_some()
    }
}

/// The answer to a try.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is who it says.
    LoggedIn(LoggedIn),
    /// The password of this account is right; a code of the second factor is needed too.
    NeedsCode(AccountId),
}

/// What the database knows of a login name.
pub(crate) struct Known {
    account: AccountId,
    organisation: OrganisationId,
    address: String,
    /// Why it may not log in here, if its password is right.
    refusal: Option<&'static str>,
    hash: Option<String>,
    must_change: bool,
    second_factor: bool,
    pub(crate) network_seen_at: Option<i64>,
    app_password: Option<(i64, Option<i64>)>,
    subjects: Vec<AccountId>,
    tree: Tree,
    /// The keys of SCRAM that go with the hash.
    scram: Option<ScramKeys>,
}

impl Known {
    /// The keys of SCRAM that go with the password, if there are any.
    pub(crate) fn scram(&self) -> Option<&ScramKeys> {
        self.scram.as_ref()
    }
}

const KNOWN: &str = "
    SELECT e.account_id, e.organisation_id, e.address,
           CASE WHEN e.state = 'active' AND o.state = 'active' AND d.state = 'active' THEN 1 ELSE 0 END,
           c.webmail, c.imap, c.pop3, c.submission, c.sieve, c.dav,
           p.hash, coalesce(p.must_change, 0), p.changed_at, d.password_days,
           CASE WHEN t.confirmed_at IS NOT NULL
                     OR EXISTS (SELECT 1 FROM passkey k WHERE k.account_id = e.account_id) THEN 1 ELSE 0 END,
           n.last_seen_at,
           s.salt, s.iterations, s.stored_key, s.server_key
    FROM address a
    JOIN entry e ON e.account_id = a.account_id
    JOIN organisation o ON o.id = e.organisation_id
    JOIN domain d ON d.organisation_id = e.organisation_id AND d.id = e.domain_id
    LEFT JOIN class_of_service c ON c.organisation_id = e.organisation_id AND c.id = e.class_id
    LEFT JOIN password p ON p.account_id = e.account_id
    LEFT JOIN password_scram s ON s.account_id = p.account_id AND s.of_hash = p.hash
    LEFT JOIN one_time_code t ON t.account_id = e.account_id
    LEFT JOIN known_network n ON n.account_id = e.account_id AND n.network = $2
    WHERE a.address = $1 AND a.kind <> 'temporary'";

/// The column of the class of service that opens a door; none: no class closes it.
fn class_column(door: Door) -> Option<usize> {
    match door {
        Door::Jmap => Some(4),
        Door::Imap => Some(5),
        Door::Pop3 => Some(6),
        Door::Submission => Some(7),
        Door::Sieve => Some(8),
        Door::Dav => Some(9),
        _ => None,
    }
}

/// Doors where someone can be asked for a second factor or for a new password.
const fn can_ask(door: Door) -> bool {
    matches!(door, Door::Jmap | Door::Admin)
}

/// What a domain begins with in the login name of someone who wants to see what the history shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeNames {
    /// For what arrived in the last days.
    pub rescue: String,
    /// For images.
    pub images: String,
}

impl Default for TreeNames {
    fn default() -> Self {
        Self { rescue: "secours".to_owned(), images: "sauvegarde".to_owned() }
    }
}

impl TreeNames {
    /// The login name at which the holder of an address sees a tree.
    pub fn address(&self, tree: Tree, address: &str) -> String {
        let word = match tree {
            Tree::Present => "",
            Tree::Rescue => &self.rescue,
            Tree::Images | Tree::Image(_) => &self.images,
        };
        match address.rsplit_once('@') {
            Some((local, domain)) if !word.is_empty() => format!("{local}@{word}.{domain}"),
            _ => address.to_owned(),
        }
    }

    /// A login name as tries are counted by: guesses at the addresses of all trees are guesses of one password. It follows
    /// from the text alone, so that it tells nobody who exists.
    pub(crate) fn counted(&self, name: &str) -> String {
        let name = name.trim();
        let Some((local, domain)) = name.rsplit_once('@') else { return name.to_owned() };
        match domain.split_once('.') {
            Some((first, rest))
                if [&self.rescue, &self.images].iter().any(|word| first.eq_ignore_ascii_case(word)) =>
            {
                format!("{local}@{rest}")
            }
            _ => name.to_owned(),
        }
    }

    /// The stored address of a login name, and what is wanted to be seen of it. A domain of ours is what it is, whatever
    /// it begins with.
    fn find(&self, tx: &mut Read<'_>, credentials: &Credentials) -> Result<(String, Tree)> {
        let name = credentials.name.trim();
        if let Some(address) = resolve::stored_address(tx, name)? {
            return Ok((address, Tree::Present));
        }
        let Some((local, domain)) = name.rsplit_once('@') else { return Ok((String::new(), Tree::Present)) };
        if !matches!(credentials.door, Door::Imap | Door::Pop3 | Door::Jmap) {
            return Ok((String::new(), Tree::Present));
        }
        for (word, tree) in [(&self.rescue, Tree::Rescue), (&self.images, Tree::Images)] {
            let Some((first, rest)) = domain.split_once('.') else { continue };
            if !word.is_empty() && first.eq_ignore_ascii_case(word) {
                let address = resolve::stored_address(tx, &format!("{local}@{rest}"))?;
                return Ok((address.unwrap_or_default(), tree));
            }
        }
        Ok((String::new(), Tree::Present))
    }
}

/// Reads all that a login needs in one snapshot.
pub(crate) fn look_up(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    credentials: &Credentials,
    network: Option<Network>,
    trees: &TreeNames,
) -> Result<Option<Known>> {
    let (address, tree) = trees.find(tx, credentials)?;
    let network = network.map(|network| network.to_string()).unwrap_or_default();
    let now = ctx.now_ms();
    let known = tx.query_opt(KNOWN, params![address, network], |row| {
        let changed_at = row.opt_int(12)?;
        let lasts_days = row.opt_int(13)?;
        let expired = match (changed_at, lasts_days) {
            (Some(changed_at), Some(days)) => changed_at.saturating_add(days.saturating_mul(DAY_MS)) <= now,
            _ => false,
        };
        Ok(Known {
            account: AccountId(row.int(0)?),
            organisation: OrganisationId(row.int(1)?),
            address: row.text(2)?,
            refusal: match class_column(credentials.door) {
                _ if !row.flag(3)? => Some("is not possible: the account is locked; ask an administrator"),
                Some(column) if row.opt_int(column)? == Some(0) => {
                    Some("is not possible here: the class of service does not include it")
                }
                _ => None,
            },
            hash: row.opt_text(10)?,
            must_change: row.flag(11)? || expired,
            second_factor: row.flag(14)?,
            network_seen_at: row.opt_int(15)?,
            app_password: None,
            scram: scram::of_row(row, 16)?,
            subjects: Vec::new(),
            tree,
        })
    })?;
    // These questions are asked for no account as well: it takes as long.
    let account = known.as_ref().map_or(AccountId(0), |known| known.account);
    let app_password = app::find(tx, account, credentials.password.expose(), credentials.door, now)?;
    let subjects = links::subjects(tx, account, ctx.limits.member_depth)?;
    Ok(known.map(|known| Known { app_password, subjects, ..known }))
}

/// The one answer to everything that is wrong with a name or a password.
pub(crate) fn wrong() -> Error {
    Error::forbidden("login", "address or password is wrong")
}

/// What is to be written after a login.
pub(crate) struct After {
    pub(crate) account: AccountId,
    organisation: OrganisationId,
    network: Option<Network>,
    app_password: Option<i64>,
    new_hash: Option<(String, String)>,
    /// Keys of SCRAM, and the hash that they go with.
    scram: Option<(String, ScramKeys)>,
    code: Option<String>,
}

impl After {
    /// Whether there is anything to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.network.is_none()
            && self.app_password.is_none()
            && self.new_hash.is_none()
            && self.scram.is_none()
            && self.code.is_none()
    }
}

/// The password's side of a login: whether it is right, and what follows from it.
///
/// # Errors
/// `Forbidden` when anything is wrong.
pub(crate) async fn verify(
    hasher: &Hasher,
    ctx: &Ctx,
    credentials: &Credentials,
    known: Option<Known>,
    network: Option<Network>,
) -> Result<(Answer, After)> {
    let by_app_password = known.as_ref().and_then(|known| known.app_password);
    let right = if by_app_password.is_some() {
        true
    } else {
        match known.as_ref().and_then(|known| Some((known.account, known.hash.as_deref()?))) {
            Some((account, hash)) => {
                hasher.verify_stored(&ctx.limits, account, &credentials.password, hash).await?
            }
            None => hasher.verify(credentials.password.clone(), None).await?,
        }
    };
    let Some(known) = known.filter(|_| right) else { return Err(wrong()) };
    admit(hasher, ctx, credentials, known, network, Proof::Shown).await
}

/// How someone proved to know a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// By showing it.
    Shown,
    /// By SCRAM: we do not know it.
    Scram,
}

/// What follows from a password that is right.
///
/// # Errors
/// `Forbidden` when the account may not log in here, or not with its password alone.
pub(crate) async fn admit(
    hasher: &Hasher,
    ctx: &Ctx,
    credentials: &Credentials,
    known: Known,
    network: Option<Network>,
    proof: Proof,
) -> Result<(Answer, After)> {
    if let Some(rule) = known.refusal {
        return Err(Error::forbidden("login", rule));
    }
    let now = ctx.now_ms();
    let by_app_password = known.app_password.filter(|_| proof == Proof::Shown);
    let plain = by_app_password.is_none();
    let shown = plain && proof == Proof::Shown;
    // Who wants to see what the history shows is a program.
    let is_asked = can_ask(credentials.door) && known.tree == Tree::Present;
    if plain && !is_asked && (known.second_factor || known.must_change) {
        let rule = if known.second_factor {
            "needs an app password here, since the account has a second factor; make one on the web"
        } else {
            "needs a new password first; set one on the web"
        };
        return Err(Error::forbidden("login", rule));
    }
    if plain && known.second_factor && credentials.code.is_none() {
        let nothing = After {
            account: known.account,
            organisation: known.organisation,
            network: None,
            app_password: None,
            new_hash: None,
            scram: None,
            code: None,
        };
        return Ok((Answer::NeedsCode(known.account), nothing));
    }
    let outdated = known.hash.clone().filter(|hash| shown && hasher.is_outdated(hash));
    let new_hash = match outdated {
        Some(old) => {
            let new = hasher.hash(credentials.password.clone(), &ctx.random).await?;
            Some((old, new.as_str().to_owned()))
        }
        None => None,
    };
    let scram = match (&new_hash, &known.hash) {
        _ if !shown => None,
        (None, _) if known.scram.is_some() => None,
        (Some((_, hash)), _) | (None, Some(hash)) => {
            Some((hash.clone(), hasher.scram(credentials.password.clone(), &ctx.random).await?))
        }
        (None, None) => None,
    };
    let after = After {
        account: known.account,
        organisation: known.organisation,
        network: network.filter(|_| known.network_seen_at.is_none_or(|seen| now - seen >= DAY_MS)),
        app_password: by_app_password
            .filter(|(_, used)| used.is_none_or(|used| now - used >= HOUR_MS))
            .map(|(id, _)| id),
        new_hash,
        scram,
        code: credentials.code.clone().filter(|_| plain && known.second_factor),
    };
    let logged_in = LoggedIn {
        actor: Actor {
            account: known.account,
            organisation: known.organisation,
            subjects: known.subjects.into(),
            system: false,
        },
        address: known.address,
        must_change_password: plain && known.must_change,
        app_password: by_app_password.map(|(id, _)| id),
        tree: known.tree,
    };
    Ok((Answer::LoggedIn(logged_in), after))
}

/// Takes a code of the second factor after a password that was right, and notes the network.
///
/// # Errors
/// `Forbidden` about `code` when it is wrong or was used before.
pub(crate) fn take_code(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    account: AccountId,
    code: &str,
    network: Option<Network>,
) -> Result<()> {
    if !codes::take(tx, account, code, ctx.now_ms())? {
        return Err(Error::forbidden("code", "is wrong or was used before"));
    }
    note_network(tx, account, network, ctx.now_ms())
}

/// Notes that a passkey whose signature was right is used, and from where.
///
/// # Errors
/// `Forbidden` about `credential` when it is gone meanwhile.
pub(crate) fn take_passkey(
    tx: &mut Tx<'_>,
    account: AccountId,
    passkey: &Passkey,
    credential: &str,
    network: Network,
    now: i64,
) -> Result<()> {
    passkeys::used(tx, account, passkey, credential, now)?;
    note_network(tx, account, Some(network), now)
}

fn note_network(tx: &mut Tx<'_>, account: AccountId, network: Option<Network>, now: i64) -> Result<()> {
    let Some(network) = network else { return Ok(()) };
    tx.later(
        "INSERT INTO known_network (account_id, network, last_seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (account_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at",
        params![account, network.to_string(), now],
    )?;
    tx.later(
        "DELETE FROM known_network WHERE account_id = $1 AND last_seen_at < $2",
        params![account, now - NETWORK_DAYS * DAY_MS],
    )
}

/// Writes what a login leaves behind; takes the code of the second factor.
///
/// # Errors
/// `Forbidden` when the code is wrong or was used before.
pub(crate) fn write(tx: &mut Tx<'_>, ctx: &Ctx, after: &After) -> Result<()> {
    let now = ctx.now_ms();
    if let Some(code) = &after.code
        && !codes::take(tx, after.account, code, now)?
    {
        return Err(Error::forbidden("login", "the code is wrong or was used before"));
    }
    note_network(tx, after.account, after.network, now)?;
    if let Some(id) = after.app_password {
        app::touch(tx, after.account, id, now)?;
    }
    if let Some((old, new)) = &after.new_hash {
        // Only if nobody set another password meanwhile. When it was set does not change: it is the same.
        tx.later(
            "UPDATE password SET hash = $3, revision = revision + 1
             WHERE account_id = $1 AND hash = $2 AND organisation_id = $4",
            params![after.account, old, new, after.organisation],
        )?;
    }
    if let Some((hash, keys)) = &after.scram {
        scram::store(tx, after.organisation, after.account, hash, keys)?;
    }
    Ok(())
}

/// The actor of an account, with the groups that it is in.
///
/// # Errors
/// `NotFound` when the directory has no such account.
pub fn actor(tx: &mut Read<'_>, ctx: &Ctx, account: AccountId) -> Result<Actor> {
    let organisation = tx
        .query_opt("SELECT organisation_id FROM entry WHERE account_id = $1", params![account], |row| {
            Ok(OrganisationId(row.int(0)?))
        })?
        .ok_or_else(|| Error::not_found("account"))?;
    let subjects = links::subjects(tx, account, ctx.limits.member_depth)?;
    Ok(Actor { account, organisation, subjects: subjects.into(), system: false })
}

/// An account that a session of its own stands for, at a door that its class of service opens.
///
/// # Errors
/// `Forbidden` when the account is gone or the door is closed to it.
pub(crate) fn by_session(tx: &mut Read<'_>, ctx: &Ctx, account: AccountId, door: Door) -> Result<LoggedIn> {
    Ok(LoggedIn { must_change_password: false, ..by_account(tx, ctx, account, door, None)?.0 })
}

/// An account that proved itself by something else than its password, at a door that its class of service opens, and
/// whether it logged in from that network before.
///
/// # Errors
/// `Forbidden` when the account is gone or the door is closed to it.
pub(crate) fn by_account(
    tx: &mut Read<'_>,
    ctx: &Ctx,
    account: AccountId,
    door: Door,
    network: Option<Network>,
) -> Result<(LoggedIn, bool)> {
    let address = tx
        .query_opt("SELECT address FROM entry WHERE account_id = $1", params![account], |row| row.text(0))?
        .ok_or_else(wrong)?;
    let asked =
        Credentials { name: address, password: Secret::default(), code: None, door, network_address: None };
    let known = look_up(tx, ctx, &asked, network, &TreeNames::default())?
        .filter(|known| known.account == account)
        .ok_or_else(wrong)?;
    if let Some(rule) = known.refusal {
        return Err(Error::forbidden("login", rule));
    }
    let logged_in = LoggedIn {
        actor: Actor {
            account: known.account,
            organisation: known.organisation,
            subjects: known.subjects.into(),
            system: false,
        },
        address: known.address,
        must_change_password: known.must_change,
        app_password: None,
        tree: Tree::Present,
    };
    Ok((logged_in, known.network_seen_at.is_some()))
}

/// Whether an account may log in at all: its state, its domain's and its organisation's.
///
/// # Errors
/// Those of the database.
pub fn may_log_in(tx: &mut Read<'_>, account: AccountId) -> Result<bool> {
    let found = tx.query_opt(
        "SELECT 1 FROM entry e JOIN organisation o ON o.id = e.organisation_id
         JOIN domain d ON d.organisation_id = e.organisation_id AND d.id = e.domain_id
         WHERE e.account_id = $1 AND e.state = 'active' AND o.state = 'active' AND d.state = 'active'",
        params![account],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}
