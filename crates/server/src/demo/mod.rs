//! The sample organisation of `beffroi demo`: made once in a folder, found again at the next start.
//!
//! Every step looks first whether its object is there, so that a start that was broken off is taken up by the
//! next one. The passwords stand in a file of the folder, written before the people are made.

mod mail;
mod people;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Cursor, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base::{AccountId, Ctx, Error, OrganisationId, Result, Secret};
use directory::credentials::HashedPassword;
use directory::entries::{self, Kind, NewEntry};
use directory::roles::{Allowed, Verb, grants};
use directory::{Edit, aliases, classes, domains, groups, import, organisations, people as persons, units};
use httpd::auth::Sample;
use kernel::{Right, Rights};
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::serve::Opened;
use people::{
    ALIAS_DOMAIN, ALIASES, BENCH_PASSWORD, BENCH_SHARED, CLASSES, ORGANISATION, PEOPLE, Person, RESOURCES,
    SHARED, TEAMS, UNITS,
};
pub use people::{BENCH_DOMAIN, DOMAIN};

/// Someone who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The address.
    pub login: String,
    /// The password.
    pub password: String,
}

/// The passwords of a demo, as they are kept in its folder.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    passwords: BTreeMap<String, String>,
    /// When the mail of the sample was made, in milliseconds since 1970.
    mail_made_at: Option<i64>,
    /// Whether all of it is there.
    #[serde(default)]
    mail_is_there: bool,
    /// The hash of the password that all people of `--people` share: made once, so that a later start finds them
    /// unchanged.
    bench_hash: Option<String>,
}

/// Makes what is missing of the sample, and `count` people at `bench.test`. The administrator is the first of the
/// sample; the people at `bench.test` stand before the others. Scripts that ask for people get empty mailboxes.
pub async fn fill(opened: &Opened, folder: &Path, count: u64) -> Result<(Login, Vec<Login>)> {
    let node = &opened.node;
    let ctx = node.at_the_machine();
    let file = folder.join("demo.json");
    let mut kept = read(&file)?;
    for person in PEOPLE {
        kept.passwords.entry(person.login.to_owned()).or_insert_with(|| ctx.random.readable(12));
    }
    write(&file, &kept)?;
    let organisation = organisation(node, &ctx).await?;
    let mut hashes = BTreeMap::new();
    for person in PEOPLE {
        if !exists(node, organisation, person.login).await? {
            let password = Secret::new(kept.passwords.get(person.login).cloned().unwrap_or_default());
            hashes.insert(person.login, node.directory.hasher().hash(password, &ctx.random).await?);
        }
    }
    node.directory.edit(&ctx, organisation, move |edit| sample(edit, &hashes)).await?;
    if count > 0 {
        bench_people(node, &ctx, organisation, &file, &mut kept, count).await?;
        bench_shared(opened, &ctx, organisation).await?;
    } else if !kept.mail_is_there {
        let made_at = *kept.mail_made_at.get_or_insert_with(|| ctx.now_ms());
        write(&file, &kept)?;
        let shared = SHARED.iter().map(|(address, _)| *address);
        let people: Vec<&str> = PEOPLE.iter().map(|person| person.login).chain(shared).collect();
        mail::fill(&opened.mail, &ctx, &people, made_at).await?;
        kept.mail_is_there = true;
        write(&file, &kept)?;
    }
    let login = |person: &Person| Login {
        login: person.login.to_owned(),
        password: kept.passwords.get(person.login).cloned().unwrap_or_default(),
    };
    let bench = (1..=count).map(|number| Login {
        login: format!("u{number}@{BENCH_DOMAIN}"),
        password: BENCH_PASSWORD.to_owned(),
    });
    let everyone = bench.chain(PEOPLE.iter().map(login)).collect();
    let administrator = PEOPLE.first().map(login).ok_or_else(|| Error::corrupt("demo", "has nobody"))?;
    Ok((administrator, everyone))
}

/// The people of the sample among those who can log in, as the page for logging in offers them.
pub fn samples(logins: &[Login]) -> Vec<Sample> {
    let named = |person: &Person| {
        let login = logins.iter().find(|login| login.login == person.login)?;
        let name = person.fields.iter().find(|(key, _)| *key == "name").map_or("", |(_, name)| *name);
        Some(Sample { name: name.to_owned(), login: login.login.clone(), password: login.password.clone() })
    };
    PEOPLE.iter().filter_map(named).collect()
}

async fn organisation(node: &Node, ctx: &Ctx) -> Result<OrganisationId> {
    match node.directory.read(|tx| organisations::by_name(tx, ORGANISATION)).await? {
        Some(organisation) => Ok(organisation),
        None => {
            node.directory
                .create_organisation(ctx, ORGANISATION, &[("display_name", "La Tour / The Tower")])
                .await
        }
    }
}

async fn exists(node: &Node, organisation: OrganisationId, address: &str) -> Result<bool> {
    let address = address.to_owned();
    let found =
        node.directory.read(move |tx| entries::account_by_address(tx, organisation.0, &address)).await?;
    Ok(found.is_some())
}

/// The account of an address, if it is there already.
fn there(edit: &mut Edit<'_, '_>, address: &str) -> Result<Option<AccountId>> {
    let organisation = edit.organisation().0;
    entries::account_by_address(edit, organisation, address)
}

fn sample(edit: &mut Edit<'_, '_>, hashes: &BTreeMap<&str, HashedPassword>) -> Result<()> {
    let organisation = edit.organisation();
    frame(edit, organisation)?;
    for person in PEOPLE {
        if there(edit, person.login)?.is_some() {
            continue;
        }
        let new = NewEntry { address: person.login, name: "" };
        let account = persons::create(edit, &new, hashes.get(person.login), person.fields)?;
        for alias in person.aliases {
            aliases::add(edit, account, alias, None, "")?;
        }
    }
    for (is_list, address, name, members) in TEAMS {
        if there(edit, address)?.is_none() {
            let kind = if *is_list { Kind::List } else { Kind::Group };
            let group =
                groups::create(edit, kind, &NewEntry { address, name }, &[("posting", "organisation")])?;
            groups::add_members(edit, group, members)?;
        }
    }
    for (address, targets) in ALIASES {
        if there(edit, address)?.is_none() {
            aliases::create(edit, &NewEntry { address, name: "" }, targets, &[])?;
        }
    }
    for (address, name) in SHARED {
        if there(edit, address)?.is_none() {
            persons::create_shared(edit, &NewEntry { address, name }, &[])?;
        }
    }
    for (address, fields) in RESOURCES {
        if there(edit, address)?.is_none() {
            persons::create_resource(edit, &NewEntry { address, name: "" }, fields)?;
        }
    }
    administrator(edit)
}

/// Domains, classes of service and units.
fn frame(edit: &mut Edit<'_, '_>, organisation: OrganisationId) -> Result<()> {
    for (name, fields) in CLASSES {
        if classes::id_by_name(edit, organisation.0, name)?.is_none() {
            classes::create(edit, name, fields)?;
        }
    }
    let domain = match domains::by_name(edit, organisation, DOMAIN)? {
        Some(domain) => domain.id,
        None => domains::create(edit, DOMAIN, &[("default_class", "Standard"), ("detail_separator", "+")])?,
    };
    if domains::by_name(edit, organisation, ALIAS_DOMAIN)?.is_none() {
        domains::create_alias(edit, ALIAS_DOMAIN, domain)?;
    }
    if domains::by_name(edit, organisation, BENCH_DOMAIN)?.is_none() {
        domains::create(edit, BENCH_DOMAIN, &[])?;
    }
    for path in UNITS {
        if units::id_by_path(edit, organisation.0, path)?.is_none() {
            let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
            let parent =
                if above.is_empty() { None } else { units::id_by_path(edit, organisation.0, above)? };
            units::create(edit, parent.unwrap_or(0), name)?;
        }
    }
    Ok(())
}

/// Gives the first person every right on the organisation.
fn administrator(edit: &mut Edit<'_, '_>) -> Result<()> {
    const ROLE: &str = "Administrator";
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let address = PEOPLE.first().map_or("", |person| person.login);
    let account = there(edit, address)?.ok_or_else(|| Error::not_found("administrator"))?;
    if grants::roles(edit, ctx, organisation)?.iter().any(|role| role.name == ROLE) {
        return Ok(());
    }
    let role = grants::create_role(edit, ROLE, "Every right on the organisation.", Verb::ALL)?;
    grants::grant(edit, account, role, Allowed::all()).map(|_| ())
}

/// Makes `u1` to `u<count>` by an import, which is made for many: those who are there stay as they are.
async fn bench_people(
    node: &Node,
    ctx: &Ctx,
    organisation: OrganisationId,
    file: &Path,
    kept: &mut Kept,
    count: u64,
) -> Result<()> {
    if exists(node, organisation, &format!("u{count}@{BENCH_DOMAIN}")).await? {
        return Ok(());
    }
    if kept.bench_hash.is_none() {
        let hash = node.directory.hasher().hash(Secret::new(BENCH_PASSWORD), &ctx.random).await?;
        kept.bench_hash = Some(hash.as_str().to_owned());
        write(file, kept)?;
    }
    let hash = kept.bench_hash.as_deref().unwrap_or_default();
    let mut lines = String::from("address,name,password_hash\n");
    for number in 1..=count {
        use std::fmt::Write as _;
        let _ = writeln!(lines, "u{number}@{BENCH_DOMAIN},User {number},\"{hash}\"");
    }
    let lines = Cursor::new(lines.into_bytes());
    let report = import::run(&node.directory, ctx, organisation, "demo", lines, false, |_| {}).await?;
    match report.errors.first() {
        None => Ok(()),
        Some(error) => {
            Err(Error::corrupt("demo", format!("line {}: {}: {}", error.line, error.field, error.rule)))
        }
    }
}

/// Makes a shared mailbox at `bench.test` of which the first two people may do everything, so that scripts find a second
/// account.
async fn bench_shared(opened: &Opened, ctx: &Ctx, organisation: OrganisationId) -> Result<()> {
    let directory = &opened.node.directory;
    let make = move |edit: &mut Edit<'_, '_>| match there(edit, BENCH_SHARED)? {
        Some(_) => Ok(None),
        None => {
            persons::create_shared(edit, &NewEntry { address: BENCH_SHARED, name: "Team" }, &[]).map(Some)
        }
    };
    let Some(account) = directory.edit(ctx, organisation, make).await? else { return Ok(()) };
    let find = move |tx: &mut store::Read<'_>| {
        let address = |number| format!("u{number}@{BENCH_DOMAIN}");
        [1, 2]
            .map(address)
            .iter()
            .filter_map(|one| entries::account_by_address(tx, organisation.0, one).transpose())
            .collect()
    };
    let people: Vec<AccountId> = directory.read(find).await?;
    opened.mail.inbox(ctx, account).await?;
    let every: Rights = Right::ALL.iter().copied().collect();
    for mailbox in opened.mail.mailboxes(ctx, account).await? {
        for person in &people {
            opened.mail.set_acl(ctx, account, mailbox.id, *person, every).await?;
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Kept> {
    if !file.exists() {
        return Ok(Kept::default());
    }
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
        let rule = format!("{} cannot be read; give the demo another folder", file.display());
        Error::corrupt("demo", rule).with_source(error)
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.into()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.into()))
}

fn write(file: &Path, kept: &Kept) -> Result<()> {
    let failed = |error: std::io::Error| {
        let rule = format!("{} cannot be written; give the demo a folder that you may write", file.display());
        Error::unavailable("demo", rule).with_source(error)
    };
    let text = serde_json::to_string_pretty(kept)
        .map_err(|error| Error::corrupt("demo", "has passwords that cannot be written").with_source(error))?;
    // Beside it first: a start that is broken off here must not lose the passwords.
    let beside = file.with_extension("new");
    let mut new = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    new.write_all(text.as_bytes()).and_then(|()| new.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, file).map_err(failed)
}
