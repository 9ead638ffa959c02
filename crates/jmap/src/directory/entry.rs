//! Everyone and everything that has an address: people, groups, lists, aliases, shared mailboxes and resources.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use base::{AccountId, Secret};
use directory::credentials::{self, HashedPassword};
use directory::entries::{self, Entry, Kind, NewEntry};
use directory::fields::Noun;
use directory::states::{self, State, Transition};
use directory::{Edit, aliases, groups, people};
use serde_json::{Value, json};

use super::columns::{self, DOMAIN, ENTRY, Given, UNIT, refused};
use super::plain::{borrowed, edit, made, number, there};
use super::{Directory, directory_hooks};
use crate::dates;
use crate::engine::{
    Access, Call, Changes, ChangesRequest, Condition, GetRequest, Hook, Map, Method, MethodError, Objects,
    Page, Patch, Property, Query, SetDone, SetError, SetRequest, Shape, Sort, Table, Type, capabilities, ids,
};

const STATES: &[&str] = &["active", "locked", "closed", "preDeleted"];
const NAMED: Shape = Shape::Map(&Shape::Bool);
const ADDRESSES: Shape = Shape::Map(&Shape::Nullable(&Shape::Named(
    "OwnedAddress",
    &[
        Property::new(
            "kind",
            Shape::OneOf(&["primary", "alias", "temporary"]),
            "What it is; set by the server.",
        ),
        Property::new("expiresAt", Shape::Nullable(&Shape::UtcDate), "When a temporary address ends."),
        Property::new("note", Shape::String, "What it was made for."),
    ],
)));

const KINDS: [(Kind, &str, &str); 6] = [
    (Kind::Person, "Person", "Someone who logs in and receives mail."),
    (Kind::Group, "Group", "People with rights and mail in common."),
    (Kind::List, "DistributionList", "A distribution list."),
    (Kind::Alias, "Alias", "An address with several targets, and nothing of its own."),
    (Kind::Shared, "SharedMailbox", "A mailbox that several people share."),
    (Kind::Resource, "Resource", "A room, a vehicle, a device."),
];

fn nouns(kind: Kind) -> Vec<&'static Noun> {
    std::iter::once(&entries::ENTRY).chain(people::own_noun(kind)).collect()
}

fn own_properties(kind: Kind) -> Vec<Property> {
    let mut own = vec![
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("address", Shape::String, "Its primary address; the one before stays as an alias.")
            .required(),
        Property::new("domainId", Shape::Id, "The domain of that address.").server_set(),
        Property::new(
            "state",
            Shape::OneOf(STATES),
            "Active; locked: no login; closed: no mail either; preDeleted: purged after the days of the organisation. \
             Removing the object pre-deletes it, removing it once more purges it.",
        ),
        Property::new(
            "addresses",
            ADDRESSES,
            "Its addresses: a new one is an alias, with an end a temporary one.",
        )
        .hidden(),
    ];
    match kind {
        Kind::Group | Kind::List => {
            own.push(Property::new("members", NAMED, "The addresses of its direct members.").hidden());
        }
        Kind::Alias => {
            own.push(Property::new("targets", NAMED, "The addresses that it leads to.").required());
        }
        _ => {
            own.push(
                Property::new("targets", NAMED, "The addresses that its mail is passed on to.").hidden(),
            );
        }
    }
    if kind == Kind::Person {
        let text = Shape::Nullable(&Shape::String);
        own.push(Property::new("password", text, "A new password; never told: always null.").hidden());
        own.push(
            Property::new(
                "mustChangePassword",
                Shape::Bool,
                "With a new password: whether it is good for nothing but setting another; true when it is not said.",
            )
            .hidden(),
        );
    }
    own
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    KINDS
        .iter()
        .map(|(kind, name, doc)| Table {
            name,
            capability: capabilities::DIRECTORY,
            doc,
            properties: columns::properties(own_properties(*kind), &nouns(*kind)),
            filters: FILTERS,
            sorts: SORTS,
            methods: METHODS,
            ..Table::EMPTY
        })
        .collect()
});
const FILTERS: &[Condition] = &[
    Condition { name: "text", shape: Shape::String, doc: "Its name or primary address holds this." },
    Condition { name: "domainId", shape: Shape::Id, doc: "Its primary address is there." },
    Condition {
        name: "unit",
        shape: Shape::Nullable(&Shape::Id),
        doc: "It is in this very unit; null: in none.",
    },
    Condition {
        name: "class",
        shape: Shape::Nullable(&Shape::Id),
        doc: "It has this class of service; null: none.",
    },
    Condition { name: "state", shape: Shape::OneOf(STATES), doc: "Its state." },
];
const SORTS: &[Sort] = &[
    Sort { name: "address", doc: "Its primary address.", arguments: &[] },
    Sort { name: "name", doc: "Its name.", arguments: &[] },
];
const METHODS: &[Method] = &[
    Method::standard("get"),
    Method::standard("changes"),
    Method::standard("query"),
    Method::standard("set"),
];
static NONE: Table = Table::EMPTY;

/// The entries of one kind.
struct Entries(Kind);

pub(super) fn types() -> Vec<Arc<dyn Type>> {
    KINDS.iter().map(|(kind, ..)| Arc::new(Entries(*kind)) as Arc<dyn Type>).collect()
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Locked => "locked",
        State::Closed => "closed",
        State::PreDeleted => "preDeleted",
    }
}

fn state_of(word: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| state_word(*state) == word)
}

/// What an entry has without a look at more than its row.
fn short(entry: &Entry) -> (String, Map) {
    let members = [
        ("address", json!(entry.address)),
        ("name", json!(entry.name)),
        ("domainId", json!(ids::write(DOMAIN, entry.domain_id))),
        ("unit", json!(entry.unit_id.map(|unit| ids::write(UNIT, unit)))),
        ("class", json!(entry.class_id.map(|class| ids::write(columns::CLASS, class)))),
        ("state", json!(state_word(entry.state))),
    ];
    let object = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    (ids::write(ENTRY, entry.account.0), object)
}

/// The next step from one state to another; none when there is nothing to do, or no way.
const fn step(from: State, to: State) -> Option<Transition> {
    match (from, to) {
        (State::Active, State::Locked) => Some(Transition::Lock),
        (State::Locked, State::Active) => Some(Transition::Unlock),
        (State::Active | State::Locked, State::Closed) => Some(Transition::Close),
        (State::Closed, State::Active | State::Locked) => Some(Transition::Reopen),
        (State::Active | State::Locked | State::Closed, State::PreDeleted) => Some(Transition::PreDelete),
        (State::PreDeleted, State::Active | State::Locked | State::Closed) => Some(Transition::Restore),
        _ => None,
    }
}

fn bring_to(edit: &mut Edit<'_, '_>, account: AccountId, wanted: State) -> base::Result<()> {
    let organisation = edit.organisation();
    // From pre-deleted to any other state there are at most three steps.
    for _ in 0..4 {
        let now = entries::load(edit, organisation, account)?.state;
        let Some(next) = step(now, wanted) else { return Ok(()) };
        states::apply(edit, account, next)?;
    }
    Ok(())
}

/// Addresses that are put in and taken out.
#[derive(Debug, Clone, Default)]
struct Names {
    whole: Option<Vec<String>>,
    put: Vec<String>,
    take: Vec<String>,
}

impl Names {
    fn read(name: &str, whole: Option<Value>, patch: Option<&Patch>) -> Result<Self, SetError> {
        let wrong = || SetError::invalid(name.to_owned(), "has addresses with the value true");
        let mut names = Self::default();
        if let Some(value) = whole {
            let map = value.as_object().ok_or_else(wrong)?;
            if map.values().any(|value| *value != Value::Bool(true)) {
                return Err(wrong());
            }
            names.whole = Some(map.keys().cloned().collect());
        }
        for (address, value) in patch.into_iter().flat_map(|patch| patch.below(name)) {
            match value {
                Value::Bool(true) => names.put.push(address.to_owned()),
                Value::Null => names.take.push(address.to_owned()),
                _ => return Err(wrong()),
            }
        }
        Ok(names)
    }

    fn is_empty(&self) -> bool {
        self.whole.is_none() && self.put.is_empty() && self.take.is_empty()
    }
}

fn texts(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

fn members(edit: &mut Edit<'_, '_>, group: AccountId) -> base::Result<Vec<String>> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let mut all: Vec<groups::Member> = Vec::new();
    loop {
        let after = all.last().map(|member| member.target.clone());
        let page = groups::members(edit, ctx, organisation, group, after.as_ref())?;
        if page.is_empty() {
            return Ok(all.into_iter().map(|member| member.address).collect());
        }
        all.extend(page);
    }
}

fn set_members(edit: &mut Edit<'_, '_>, group: AccountId, names: &Names) -> base::Result<()> {
    let (mut put, mut take) = (names.put.clone(), names.take.clone());
    if let Some(whole) = &names.whole {
        let now = members(edit, group)?;
        take.extend(now.iter().filter(|address| !whole.contains(address)).cloned());
        put.extend(whole.iter().filter(|address| !now.contains(address)).cloned());
    }
    if !take.is_empty() {
        groups::remove_members(edit, group, &texts(&take))?;
    }
    if !put.is_empty() {
        groups::add_members(edit, group, &texts(&put))?;
    }
    Ok(())
}

/// The addresses that targets lead to.
fn target_addresses(
    targets: Vec<directory::links::Target>,
    mut find: impl FnMut(&[AccountId]) -> base::Result<Vec<Entry>>,
) -> base::Result<Vec<String>> {
    let mut accounts = Vec::new();
    let mut all = Vec::new();
    for target in targets {
        match target {
            directory::links::Target::Account(account) => accounts.push(account),
            directory::links::Target::Outside(address) => all.push(address),
        }
    }
    all.extend(find(&accounts)?.into_iter().map(|entry| entry.address));
    Ok(all)
}

fn set_targets(edit: &mut Edit<'_, '_>, account: AccountId, names: &Names) -> base::Result<()> {
    let (ctx, organisation) = (edit.ctx(), edit.organisation());
    let mut wanted = if let Some(whole) = &names.whole {
        whole.clone()
    } else {
        let now = aliases::targets(edit, ctx, organisation, account)?;
        target_addresses(now, |accounts| entries::of_accounts(edit, organisation, accounts))?
    };
    wanted.retain(|address| !names.take.contains(address));
    wanted.extend(names.put.iter().cloned());
    aliases::set_targets(edit, account, &texts(&wanted))
}

/// A new address beside the primary one.
#[derive(Debug, Clone, Default)]
struct Extra {
    expires_at: Option<i64>,
    note: String,
}

/// Addresses that are added and removed; none: removed.
#[derive(Debug, Clone, Default)]
struct Extras {
    whole: bool,
    each: BTreeMap<String, Option<Extra>>,
}

impl Extras {
    fn read(whole: Option<&Value>, patch: Option<&Patch>) -> Result<Self, SetError> {
        let mut extras = Self { whole: whole.is_some(), ..Self::default() };
        let map = whole.and_then(Value::as_object).into_iter().flatten();
        let below = patch.into_iter().flat_map(|patch| patch.below("addresses"));
        for (address, value) in map.map(|(address, value)| (address.as_str(), value)).chain(below) {
            let extra = match value {
                Value::Null => None,
                value => Some(Extra {
                    expires_at: match value.get("expiresAt").and_then(Value::as_str) {
                        Some(text) => Some(
                            dates::read(text)
                                .ok_or_else(|| SetError::invalid("addresses", "has a wrong date"))?,
                        ),
                        None => None,
                    },
                    note: value.get("note").and_then(Value::as_str).unwrap_or_default().to_owned(),
                }),
            };
            extras.each.insert(address.to_owned(), extra);
        }
        Ok(extras)
    }

    fn apply(&self, edit: &mut Edit<'_, '_>, account: AccountId) -> base::Result<()> {
        if !self.whole && self.each.is_empty() {
            return Ok(());
        }
        let (ctx, organisation) = (edit.ctx(), edit.organisation());
        let now = aliases::list(edit, ctx, organisation, account)?;
        for known in now.iter().filter(|known| known.kind != "primary") {
            let wanted = self.each.get(&known.address);
            let same = |extra: &Extra| extra.note == known.note && extra.expires_at == known.expires_at;
            match wanted {
                None if self.whole => aliases::remove(edit, account, &known.address)?,
                Some(None) => aliases::remove(edit, account, &known.address)?,
                Some(Some(extra)) if !same(extra) => {
                    aliases::remove(edit, account, &known.address)?;
                    aliases::add(edit, account, &known.address, extra.expires_at, &extra.note)?;
                }
                _ => {}
            }
        }
        for (address, extra) in &self.each {
            let Some(extra) = extra else { continue };
            if !now.iter().any(|known| known.address == *address) {
                aliases::add(edit, account, address, extra.expires_at, &extra.note)?;
            }
        }
        Ok(())
    }
}

/// What a client says of an entry.
#[derive(Clone)]
struct Said {
    fields: Vec<Given>,
    address: Option<String>,
    state: Option<State>,
    members: Names,
    targets: Names,
    extras: Extras,
    password: Option<HashedPassword>,
    must_change: bool,
}

async fn said(call: &Call, kind: Kind, mut object: Map, patch: Option<&Patch>) -> Result<Said, SetError> {
    let password = match object.remove("password") {
        Some(Value::String(text)) => {
            let password = Secret::new(text);
            credentials::check_password(call.ctx(), &password).map_err(refused)?;
            let hasher = call.mail().directory().hasher();
            Some(hasher.hash(password, &call.ctx().random).await.map_err(refused)?)
        }
        _ => None,
    };
    let text = |name: &str| object.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Said {
        address: text("address"),
        state: text("state").and_then(|word| state_of(&word)),
        must_change: object.get("mustChangePassword") != Some(&Value::Bool(false)),
        members: Names::read("members", object.remove("members"), patch)?,
        targets: Names::read("targets", object.remove("targets"), patch)?,
        extras: Extras::read(object.remove("addresses").as_ref(), patch)?,
        fields: columns::take(&mut object, &nouns(kind)),
        password,
    })
}

fn create(edit: &mut Edit<'_, '_>, kind: Kind, new: &Said) -> base::Result<i64> {
    let texts_of = columns::texts(edit, &new.fields)?;
    let given = borrowed(&texts_of);
    let name = given.iter().find(|(name, _)| *name == "name").map_or("", |(_, name)| name);
    let entry = NewEntry { address: new.address.as_deref().unwrap_or_default(), name };
    let account = match kind {
        Kind::Person => people::create(edit, &entry, new.password.as_ref(), &given)?,
        Kind::Shared => people::create_shared(edit, &entry, &given)?,
        Kind::Resource => people::create_resource(edit, &entry, &given)?,
        Kind::Group | Kind::List => groups::create(edit, kind, &entry, &given)?,
        Kind::Alias => {
            let targets = new.targets.whole.clone().unwrap_or_default();
            aliases::create(edit, &entry, &texts(&targets), &given)?
        }
    };
    if !new.members.is_empty() {
        set_members(edit, account, &new.members)?;
    }
    if kind != Kind::Alias && !new.targets.is_empty() {
        set_targets(edit, account, &new.targets)?;
    }
    new.extras.apply(edit, account)?;
    if let Some(state) = new.state {
        bring_to(edit, account, state)?;
    }
    Ok(account.0)
}

fn of_kind(edit: &mut Edit<'_, '_>, kind: Kind, account: AccountId) -> base::Result<Entry> {
    let organisation = edit.organisation();
    let entry = entries::load(edit, organisation, account)?;
    if entry.kind == kind { Ok(entry) } else { Err(base::Error::not_found("account")) }
}

fn change(edit: &mut Edit<'_, '_>, kind: Kind, account: AccountId, said: &Said) -> base::Result<()> {
    let entry = of_kind(edit, kind, account)?;
    if !said.fields.is_empty() {
        let texts = columns::texts(edit, &said.fields)?;
        people::change(edit, account, &borrowed(&texts))?;
    }
    if let Some(address) = said.address.as_ref().filter(|address| **address != entry.address) {
        aliases::set_primary(edit, account, address)?;
    }
    if !said.members.is_empty() {
        set_members(edit, account, &said.members)?;
    }
    if !said.targets.is_empty() {
        set_targets(edit, account, &said.targets)?;
    }
    said.extras.apply(edit, account)?;
    if let Some(password) = &said.password {
        credentials::set_password(edit, account, password, said.must_change)?;
    }
    said.state.map_or(Ok(()), |state| bring_to(edit, account, state))
}

impl Entries {
    /// All of the kind that the caller may read, by address.
    async fn every(&self, call: &Call) -> Result<Vec<Entry>, MethodError> {
        let (ctx, organisation, kind) = (call.ctx().clone(), columns::organisation(call), self.0);
        let read = call.mail().directory().read(move |tx| {
            let mut all: Vec<Entry> = Vec::new();
            loop {
                let after = all.last().map(|entry| entry.address.clone()).unwrap_or_default();
                let page = there(entries::list(tx, &ctx, organisation, kind, &after))?.unwrap_or_default();
                if page.is_empty() || all.len() as u64 > ctx.limits.directory_query_objects {
                    return Ok(all);
                }
                all.extend(page);
            }
        });
        let all = read.await?;
        if all.len() as u64 > call.limits().directory_query_objects {
            return Err(MethodError::RequestTooLarge);
        }
        Ok(all)
    }
}

impl Directory for Entries {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        details: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let wanted: Vec<AccountId> = match asked {
            Some(asked) => asked.iter().filter_map(|id| ids::read(ENTRY, id)).map(AccountId).collect(),
            None => self.every(call).await?.into_iter().map(|entry| entry.account).collect(),
        };
        if wanted.len() as u64 > call.limits().jmap_objects_get {
            return Err(MethodError::RequestTooLarge);
        }
        let (ctx, organisation, kind) = (call.ctx().clone(), columns::organisation(call), self.0);
        let read = call.mail().directory().read(move |tx| {
            let mut out = Vec::with_capacity(wanted.len());
            for account in wanted {
                let found = there(people::get(tx, &ctx, organisation, account))?;
                let Some((entry, records)) = found.filter(|(entry, _)| entry.kind == kind) else { continue };
                let (id, mut object) = short(&entry);
                object.extend(columns::object(&records));
                if kind == Kind::Alias || details {
                    let targets = aliases::targets(tx, &ctx, organisation, account)?;
                    let targets = target_addresses(targets, |accounts| {
                        entries::of_accounts(tx, organisation, accounts)
                    })?;
                    object.insert("targets".to_owned(), named(targets));
                }
                if details {
                    let owned = aliases::list(tx, &ctx, organisation, account)?;
                    object.insert("addresses".to_owned(), owned_addresses(owned));
                }
                if details && matches!(kind, Kind::Group | Kind::List) {
                    let mut all: Vec<groups::Member> = Vec::new();
                    loop {
                        let after = all.last().map(|member| member.target.clone());
                        let page = groups::members(tx, &ctx, organisation, account, after.as_ref())?;
                        if page.is_empty() {
                            break;
                        }
                        all.extend(page);
                    }
                    let addresses = all.into_iter().map(|member| member.address).collect();
                    object.insert("members".to_owned(), named(addresses));
                }
                out.push((id, object));
            }
            Ok(out)
        });
        Ok(read.await?)
    }

    async fn create(&self, call: &Call, object: Map) -> Result<Map, SetError> {
        let (kind, new) = (self.0, said(call, self.0, object, None).await?);
        let id = edit(call, move |edit| create(edit, kind, &new)).await?;
        Ok(made(ENTRY, id))
    }

    async fn update(&self, call: &Call, id: &str, object: Map, patch: &Patch) -> Result<(), SetError> {
        let (kind, account) = (self.0, AccountId(number(ENTRY, id)?));
        let said = said(call, kind, object, Some(patch)).await?;
        edit(call, move |edit| change(edit, kind, account, &said)).await
    }

    async fn destroy(&self, call: &Call, id: &str) -> Result<(), SetError> {
        let (kind, account) = (self.0, AccountId(number(ENTRY, id)?));
        edit(call, move |edit| {
            let entry = of_kind(edit, kind, account)?;
            let step =
                if entry.state == State::PreDeleted { Transition::Purge } else { Transition::PreDelete };
            states::apply(edit, account, step)
        })
        .await
    }
}

fn named(addresses: Vec<String>) -> Value {
    Value::Object(addresses.into_iter().map(|address| (address, Value::Bool(true))).collect())
}

fn owned_addresses(owned: Vec<aliases::OwnedAddress>) -> Value {
    let each = owned.into_iter().map(|one| {
        let expires_at = one.expires_at.map(dates::utc);
        (one.address, json!({ "kind": one.kind, "expiresAt": expires_at, "note": one.note }))
    });
    Value::Object(each.collect())
}

impl Type for Entries {
    fn table(&self) -> &'static Table {
        let kind = KINDS.iter().position(|(kind, ..)| *kind == self.0);
        kind.and_then(|at| TABLES.get(at)).unwrap_or(&NONE)
    }

    directory_hooks!();

    fn changes<'a>(&'a self, call: &'a Call, _: &'a Access, request: ChangesRequest) -> Hook<'a, Changes> {
        Box::pin(super::changes::changes(call, (self.0.name(), ENTRY), request))
    }

    fn query<'a>(&'a self, call: &'a Call, _: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let found = self.every(call).await?.iter().map(short).collect();
            super::query(call, found, &request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_every_state_leads_to_every_other() {
        for from in State::ALL {
            for to in State::ALL {
                let mut now = from;
                for _ in 0..4 {
                    let Some(transition) = step(now, to) else { break };
                    now = match states::next(now, transition) {
                        Some(states::Next::State(state)) => state,
                        Some(states::Next::Before) => State::Closed,
                        other => panic!("{from:?} {to:?} {other:?}"),
                    };
                }
                assert_eq!(now, to, "{from:?}");
                assert_eq!(state_of(state_word(to)), Some(to));
            }
        }
    }
}
