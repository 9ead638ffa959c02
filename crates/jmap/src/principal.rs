//! Principals (RFC 9670 section 2): with whom mailboxes can be shared.
//!
//! What must stay true here:
//! - Everyone of an organisation finds whoever is not hidden; who is hidden is found by its exact address, and seen by
//!   those who may read it or share something with it.
//! - A principal of another organisation does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::AccountId;
use directory::address_book;
use directory::entries::{self, Entry, Kind};
use serde_json::{Value, json};

use crate::engine::{
    Access, Call, Changes, ChangesRequest, Condition, Filter, GetRequest, Hook, Map, Method, MethodError,
    Objects, Page, Property, Query, SetDone, SetError, SetRequest, Shape, Sort, Table, Type, capabilities,
    ids,
};
use crate::session;

const TEXT: Shape = Shape::Nullable(&Shape::String);
const TYPES: &[&str] = &["individual", "group", "resource", "location", "other"];
/// The letter of principals: with the same number it is the entry in the directory.
const LETTER: char = 'E';

static TABLE: Table = Table {
    name: "Principal",
    capability: capabilities::PRINCIPALS,
    doc: "Someone, a group or a thing of the organisation that is not hidden.",
    properties: &[
        Property::new("id", Shape::Id, "Its id; the same as in the directory.").server_set().immutable(),
        Property::new(
            "type",
            Shape::OneOf(TYPES),
            "What it is: a shared mailbox is `other`, a list a `group`.",
        )
        .server_set(),
        Property::new("name", Shape::String, "Its name.").server_set(),
        Property::new("description", TEXT, "Not told: always null.").server_set(),
        Property::new("email", TEXT, "Its primary address.").server_set(),
        Property::new("timeZone", TEXT, "Not told: always null.").server_set(),
        Property::new("capabilities", Shape::Object, "What can be asked of it: nothing yet.").server_set(),
        Property::new(
            "accounts",
            Shape::Nullable(&Shape::Map(&Shape::Object)),
            "Its account as the session has it, when the caller may use it.",
        )
        .server_set(),
    ],
    filters: &[
        Condition {
            name: "accountIds",
            shape: Shape::List(&Shape::Id),
            doc: "One of its `accounts` is one of these.",
        },
        Condition { name: "email", shape: Shape::String, doc: "This is one of its addresses." },
        Condition { name: "name", shape: Shape::String, doc: "Its name holds this." },
        Condition { name: "text", shape: Shape::String, doc: "Its name or primary address holds this." },
        Condition { name: "type", shape: Shape::OneOf(TYPES), doc: "What it is." },
        Condition { name: "timeZone", shape: Shape::String, doc: "Finds nothing: it is not told." },
    ],
    sorts: &[
        Sort { name: "name", doc: "Its name.", arguments: &[] },
        Sort { name: "email", doc: "Its primary address.", arguments: &[] },
    ],
    methods: &[
        Method::standard("get"),
        Method::standard("changes"),
        Method::standard("query"),
        Method::standard("queryChanges"),
        Method::standard("set"),
    ],
    ..Table::EMPTY
};

struct Principals;

/// The type of principals.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Principals)]
}

/// The id of the principal of an account.
pub(crate) fn id_of(account: AccountId) -> String {
    ids::write(LETTER, account.0)
}

/// The account of a principal.
pub(crate) fn read_id(id: &str) -> Option<AccountId> {
    ids::read(LETTER, id).map(AccountId)
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Person => "individual",
        Kind::Group | Kind::List => "group",
        Kind::Resource => "resource",
        Kind::Shared | Kind::Alias => "other",
    }
}

/// What the session says of it (RFC 9670 section 1.4.1).
pub(crate) fn of_account(_: &base::Limits, access: &Access) -> Value {
    json!({ "currentUserPrincipalId": access.own.then(|| id_of(access.account)) })
}

/// Of which principal an account is (RFC 9670 section 1.4.2).
pub(crate) fn of_owner(call: &Call, access: &Access) -> Value {
    json!({ "accountIdForPrincipal": call.own().id(), "principalId": id_of(access.account) })
}

/// Principals by their accounts, as far as the caller may know of them.
async fn by_accounts(call: &Call, wanted: Vec<AccountId>) -> Result<Vec<Entry>, MethodError> {
    let mut known = call.mail().shared_with(call.ctx()).await?;
    known.extend(call.shared_accounts().await?.iter().map(|access| access.account));
    let ctx = call.ctx().clone();
    let read = (call.mail().directory())
        .read(move |tx| address_book::of_accounts(tx, &ctx, ctx.actor.organisation, &wanted, &known));
    Ok(read.await?)
}

async fn every(call: &Call) -> Result<Vec<Entry>, MethodError> {
    let ctx = call.ctx().clone();
    let read = call.mail().directory().read(move |tx| address_book::list(tx, &ctx, ctx.actor.organisation));
    Ok(read.await?)
}

/// A filter with what it needs to know of the world.
struct Search {
    /// Whom the addresses of the filter reach.
    reached: BTreeMap<String, AccountId>,
    /// The accounts that the caller may use, by id.
    usable: BTreeMap<String, AccountId>,
}

fn addresses(filter: &Filter, out: &mut Vec<String>) {
    match filter {
        Filter::And(all) | Filter::Or(all) | Filter::Not(all) => {
            for one in all {
                addresses(one, out);
            }
        }
        Filter::Is(tests) => {
            let emails = tests.iter().filter(|test| test.name == "email");
            out.extend(emails.filter_map(|test| test.value.as_str()).map(str::to_owned));
        }
    }
}

/// Whether nothing passes that has none of the addresses.
fn asks_for_address(filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().any(asks_for_address),
        Filter::Or(any) => !any.is_empty() && any.iter().all(asks_for_address),
        Filter::Not(_) => false,
        Filter::Is(tests) => tests.iter().any(|test| test.name == "email"),
    }
}

impl Search {
    async fn new(call: &Call, filter: Option<&Filter>) -> Result<Self, MethodError> {
        let mut asked = Vec::new();
        if let Some(filter) = filter {
            addresses(filter, &mut asked);
        }
        let organisation = call.ctx().actor.organisation;
        let read = call.mail().directory().read(move |tx| {
            let mut reached = BTreeMap::new();
            for address in asked {
                if let Some(account) = entries::account_by_address(tx, organisation.0, &address)? {
                    reached.insert(address, account);
                }
            }
            Ok(reached)
        });
        let reached = read.await?;
        let shared = call.shared_accounts().await?.iter().map(|access| (access.id(), access.account));
        let own = call.own();
        Ok(Self { reached, usable: shared.chain([(own.id(), own.account)]).collect() })
    }

    fn passes(&self, entry: &Entry, filter: &Filter) -> bool {
        match filter {
            Filter::And(all) => all.iter().all(|one| self.passes(entry, one)),
            Filter::Or(any) => any.iter().any(|one| self.passes(entry, one)),
            Filter::Not(none) => !none.iter().any(|one| self.passes(entry, one)),
            Filter::Is(tests) => tests.iter().all(|test| self.holds(entry, test.name, &test.value)),
        }
    }

    fn holds(&self, entry: &Entry, name: &str, value: &Value) -> bool {
        let text = value.as_str().unwrap_or_default();
        let folded = codec::fold::fold(text);
        let has = |whole: &str| codec::fold::fold(whole).contains(&folded);
        match name {
            "accountIds" => {
                let ids = value.as_array().into_iter().flatten().filter_map(Value::as_str);
                ids.filter_map(|id| self.usable.get(id)).any(|account| *account == entry.account)
            }
            "email" => self.reached.get(text) == Some(&entry.account),
            "name" => has(&entry.name),
            "text" => has(&entry.name) || has(&entry.address),
            "type" => text == word(entry.kind),
            _ => false,
        }
    }
}

async fn find(call: &Call, filter: Option<&Filter>) -> Result<Vec<Entry>, MethodError> {
    let search = Search::new(call, filter).await?;
    // Who is asked for by its address is found, hidden or not.
    let by_address: Vec<AccountId> = search.reached.values().copied().collect();
    let mut found = if filter.is_some_and(asks_for_address) { Vec::new() } else { every(call).await? };
    let (ctx, known) = (call.ctx().clone(), by_address.clone());
    let read = (call.mail().directory())
        .read(move |tx| address_book::of_accounts(tx, &ctx, ctx.actor.organisation, &by_address, &known));
    for entry in read.await? {
        if !found.iter().any(|known| known.account == entry.account) {
            found.push(entry);
        }
    }
    found.retain(|entry| filter.is_none_or(|filter| search.passes(entry, filter)));
    Ok(found)
}

/// Nobody changes the directory here.
async fn refuse(call: &Call, request: SetRequest) -> Result<SetDone, MethodError> {
    let state = crate::directory::state(call).await?;
    let named = request.update.iter().map(|(id, _)| id).chain(&request.destroy);
    let known = by_accounts(call, named.filter_map(|id| read_id(id)).collect()).await?;
    let forbidden = || SetError::new("forbidden").describe("principals are kept in the directory");
    let error = |id: &str| match read_id(id) {
        Some(account) if known.iter().any(|entry| entry.account == account) => forbidden(),
        _ => SetError::not_found(),
    };
    Ok(SetDone {
        not_created: request.create.into_iter().map(|(name, _)| (name, forbidden())).collect(),
        not_updated: request.update.into_iter().map(|(id, _)| (id.clone(), error(&id))).collect(),
        not_destroyed: request.destroy.into_iter().map(|id| (id.clone(), error(&id))).collect(),
        old_state: Some(state.clone()),
        new_state: state,
        ..SetDone::default()
    })
}

async fn get(call: &Call, request: GetRequest, out: &mut Objects) -> Result<String, MethodError> {
    let state = crate::directory::state(call).await?;
    let found = match &request.ids {
        Some(asked) => by_accounts(call, asked.iter().filter_map(|id| read_id(id)).collect()).await?,
        None => every(call).await?,
    };
    for id in request.ids.unwrap_or_default() {
        if !found.iter().any(|entry| Some(entry.account) == read_id(&id)) {
            out.missing(id);
        }
    }
    let mut usable = call.shared_accounts().await?.to_vec();
    usable.push(call.own());
    for entry in found {
        let access = usable.iter().find(|access| access.account == entry.account);
        let accounts = access.map(|access| Map::from_iter([(access.id(), session::account(call, access))]));
        out.add(&id_of(entry.account), |object| {
            object.put("type", word(entry.kind));
            object.put("name", &entry.name);
            object.put("description", &Value::Null);
            object.put("email", &entry.address);
            object.put("timeZone", &Value::Null);
            object.put("capabilities", &Map::new());
            object.put("accounts", &accounts);
            Ok(())
        })?;
    }
    Ok(state)
}

impl Type for Principals {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, _: &'a Access) -> Hook<'a, String> {
        Box::pin(crate::directory::state(call))
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        _: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(get(call, request, out))
    }

    fn set<'a>(&'a self, call: &'a Call, _: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(refuse(call, request))
    }

    fn changes<'a>(&'a self, call: &'a Call, _: &'a Access, request: ChangesRequest) -> Hook<'a, Changes> {
        Box::pin(async move {
            // What the directory says of changes is for those who may read all of it.
            let state = crate::directory::state(call).await?;
            if state == request.since {
                Ok(Changes::none(state))
            } else {
                Err(MethodError::CannotCalculateChanges)
            }
        })
    }

    fn query<'a>(&'a self, call: &'a Call, _: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let mut found = find(call, request.filter.as_ref()).await?;
            let key = |entry: &Entry, by: &str| {
                codec::fold::fold(if by == "name" { &entry.name } else { &entry.address })
            };
            for by in request.sort.iter().rev() {
                found.sort_by_cached_key(|entry| key(entry, by.property));
                if !by.ascending {
                    found.reverse();
                }
            }
            let ids: Vec<String> = found.iter().map(|entry| id_of(entry.account)).collect();
            request.page(&ids, crate::directory::state(call).await?, false)
        })
    }
}
