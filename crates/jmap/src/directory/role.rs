//! Roles and grants: who may do what, where.
//!
//! What must stay true here:
//! - `directory::roles::grants` decides: nobody gives what it does not hold.

use std::sync::Arc;

use base::AccountId;
use directory::roles::grants::{self, Grant, Role};
use directory::roles::{Allowed, Scope, Verb};
use serde_json::{Value, json};

use super::columns::{self, DOMAIN, ENTRY, UNIT};
use super::plain::{BY_NAME, TEXT, edit, made, number};
use super::{Directory, directory_hooks};
use crate::engine::{
    Access, Call, Changes, ChangesRequest, Condition, GetRequest, Hook, Map, Method, MethodError, Objects,
    Page, Patch, Property, Query, SetDone, SetError, SetRequest, Shape, Table, Type, capabilities, ids,
};

/// The letter of roles.
const ROLE: char = 'R';
/// The letter of grants.
const GRANT: char = 'G';
const SCOPES: &[&str] = &["organisation", "domain", "unit", "group"];
const VERBS: Shape = Shape::Map(&Shape::Bool);
const METHODS: &[Method] = &[
    Method::standard("get"),
    Method::standard("changes"),
    Method::standard("query"),
    Method::standard("set"),
];

static ROLE_TABLE: Table = Table {
    name: "Role",
    capability: capabilities::DIRECTORY,
    doc: "What people who have the role may do, where it is granted to them.",
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("name", Shape::String, "Unique in the organisation.").immutable().required(),
        Property::new("description", Shape::String, "What it is for.").immutable(),
        Property::new(
            "verbs",
            VERBS,
            "What it allows: `account.read` and others. Its maker holds all of them.",
        )
        .required(),
    ],
    filters: &[TEXT],
    sorts: &[BY_NAME],
    methods: METHODS,
    ..Table::EMPTY
};

static GRANT_TABLE: Table = Table {
    name: "Grant",
    capability: capabilities::DIRECTORY,
    doc: "A role that a person or group has on a part of the organisation. It is made and removed, never changed. Who \
          does so holds all of it there.",
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("subjectId", Shape::Id, "The person or group that has it.").immutable().required(),
        Property::new("roleId", Shape::Id, "The role.").immutable().required(),
        Property::new(
            "scope",
            Shape::OneOf(SCOPES),
            "What `scopeId` is: all of it, a domain, a unit with those below it, \
            or a group with its members.",
        )
        .immutable(),
        Property::new("scopeId", Shape::Nullable(&Shape::Id), "Where; null: everywhere.").immutable(),
        Property::new(
            "maxPeople",
            Shape::Nullable(&Shape::Unsigned),
            "People that may be there when its holder makes one.",
        )
        .immutable(),
        Property::new(
            "maxQuotaBytes",
            Shape::Nullable(&Shape::Unsigned),
            "The largest quota that its holder may give.",
        )
        .immutable(),
    ],
    filters: &[
        Condition { name: "subjectId", shape: Shape::Id, doc: "This person or group has it." },
        Condition { name: "roleId", shape: Shape::Id, doc: "This role." },
        Condition { name: "scope", shape: Shape::OneOf(SCOPES), doc: "Its `scope`." },
        Condition { name: "scopeId", shape: Shape::Nullable(&Shape::Id), doc: "Its `scopeId`." },
    ],
    methods: METHODS,
    ..Table::EMPTY
};

struct Roles;
struct Grants;

pub(super) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Roles), Arc::new(Grants)]
}

/// Verbs of their names, where the value is true.
fn verbs(map: &Map) -> Result<Vec<Verb>, SetError> {
    let on = map.iter().filter(|(_, on)| **on == Value::Bool(true));
    on.map(|(name, _)| {
        Verb::from_name(name)
            .ok_or_else(|| SetError::invalid("verbs", format!("{name} is none that roles have")))
    })
    .collect()
}

fn role_object(role: &Role) -> (String, Map) {
    let verbs: Map = role.verbs.iter().map(|verb| (verb.name().to_owned(), Value::Bool(true))).collect();
    let members = [
        ("name", json!(role.name)),
        ("description", json!(role.description)),
        ("verbs", Value::Object(verbs)),
    ];
    (ids::write(ROLE, role.id), members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

async fn every_role(call: &Call) -> Result<Vec<Role>, MethodError> {
    let (ctx, organisation) = (call.ctx().clone(), columns::organisation(call));
    Ok(call.mail().directory().read(move |tx| grants::roles(tx, &ctx, organisation)).await?)
}

fn is_asked(asked: Option<&Vec<String>>, id: &str) -> bool {
    asked.is_none_or(|asked| asked.iter().any(|one| one == id))
}

impl Directory for Roles {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        _: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let known = every_role(call).await?;
        Ok(known.iter().map(role_object).filter(|(id, _)| is_asked(asked.as_ref(), id)).collect())
    }

    async fn create(&self, call: &Call, object: Map) -> Result<Map, SetError> {
        let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, description) = (text("name"), text("description"));
        let verbs = verbs(object.get("verbs").and_then(Value::as_object).unwrap_or(&Map::new()))?;
        let id = edit(call, move |edit| grants::create_role(edit, &name, &description, &verbs));
        Ok(made(ROLE, id.await?))
    }

    async fn update(&self, call: &Call, id: &str, object: Map, patch: &Patch) -> Result<(), SetError> {
        let number = number(ROLE, id)?;
        let known = every_role(call).await.map_err(|_| SetError::new("serverFail"))?;
        let role = known.into_iter().find(|role| role.id == number).ok_or_else(SetError::not_found)?;
        let mut wanted = match object.get("verbs") {
            Some(Value::Object(whole)) => whole.clone(),
            _ => role.verbs.iter().map(|verb| (verb.name().to_owned(), Value::Bool(true))).collect(),
        };
        for (verb, on) in patch.below("verbs") {
            wanted.insert(verb.to_owned(), on.clone());
        }
        let verbs = verbs(&wanted)?;
        edit(call, move |edit| grants::set_verbs(edit, number, &verbs)).await
    }

    async fn destroy(&self, call: &Call, id: &str) -> Result<(), SetError> {
        let id = number(ROLE, id)?;
        edit(call, move |edit| grants::remove_role(edit, id)).await
    }
}

const fn scope_letter(scope: &str) -> Option<char> {
    match scope.as_bytes() {
        b"domain" => Some(DOMAIN),
        b"unit" => Some(UNIT),
        b"group" => Some(ENTRY),
        _ => None,
    }
}

fn grant_object(grant: &Grant) -> (String, Map) {
    let (scope, id) = grant.allowed.scope.columns();
    let members = [
        ("subjectId", json!(ids::write(ENTRY, grant.subject.0))),
        ("roleId", json!(ids::write(ROLE, grant.role_id))),
        ("scope", json!(scope)),
        ("scopeId", json!(scope_letter(scope).map(|letter| ids::write(letter, id)))),
        ("maxPeople", json!(grant.allowed.max_people)),
        ("maxQuotaBytes", json!(grant.allowed.max_quota_bytes)),
    ];
    (ids::write(GRANT, grant.id), members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// The grants that the caller may see: all, or those of itself and its groups.
async fn every_grant(call: &Call) -> Result<Vec<Grant>, MethodError> {
    let (ctx, organisation) = (call.ctx().clone(), columns::organisation(call));
    let read = call.mail().directory().read(move |tx| {
        match grants::grants(tx, &ctx, organisation, None) {
            Err(error) if error.meaning() == base::Meaning::Forbidden => {}
            found => return found,
        }
        let mut own = Vec::new();
        for subject in ctx.actor.subjects.iter() {
            own.extend(grants::grants(tx, &ctx, organisation, Some(*subject))?);
        }
        Ok(own)
    });
    Ok(read.await?)
}

/// What a creation says of where and how much.
fn allowed(object: &Map) -> Result<Allowed, SetError> {
    let scope = object.get("scope").and_then(Value::as_str).unwrap_or("organisation");
    let wrong = || SetError::invalid("scopeId", "names nothing of that scope");
    let id = match (scope_letter(scope), object.get("scopeId").and_then(Value::as_str)) {
        (None, None) => 0,
        (Some(letter), Some(id)) => number(letter, id).map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    let count = |name: &str| object.get(name).and_then(Value::as_i64);
    Ok(Allowed {
        scope: Scope::from_columns(scope, id)?,
        max_people: count("maxPeople"),
        max_quota_bytes: count("maxQuotaBytes"),
    })
}

impl Directory for Grants {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        _: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let known = every_grant(call).await?;
        let found = known.iter().map(grant_object);
        Ok(found.filter(|(id, _)| is_asked(asked.as_ref(), id)).collect())
    }

    async fn create(&self, call: &Call, object: Map) -> Result<Map, SetError> {
        let id = |name: &'static str, letter| {
            let id = object.get(name).and_then(Value::as_str).unwrap_or_default();
            number(letter, id).map_err(|_| SetError::invalid(name, "does not exist"))
        };
        let (subject, role, allowed) =
            (AccountId(id("subjectId", ENTRY)?), id("roleId", ROLE)?, allowed(&object)?);
        let made_id =
            edit(call, move |edit| grants::grant(edit, subject, role, allowed)).await.map_err(|error| {
                // What it names is not there, and it is not there itself.
                if error.kind == "notFound" {
                    SetError::invalid("subjectId", "or roleId or scopeId does not exist")
                } else {
                    error
                }
            })?;
        let mut out = made(GRANT, made_id);
        for (name, value) in [
            ("scope", json!("organisation")),
            ("scopeId", Value::Null),
            ("maxPeople", Value::Null),
            ("maxQuotaBytes", Value::Null),
        ] {
            if !object.contains_key(name) {
                out.insert(name.to_owned(), value);
            }
        }
        Ok(out)
    }

    async fn update(&self, _: &Call, _: &str, _: Map, _: &Patch) -> Result<(), SetError> {
        Err(SetError::new("forbidden").describe("a grant is taken back and made anew"))
    }

    async fn destroy(&self, call: &Call, id: &str) -> Result<(), SetError> {
        let id = number(GRANT, id)?;
        edit(call, move |edit| grants::revoke(edit, id)).await
    }
}

macro_rules! all_read {
    ($kind:ident, $table:ident, $noun:literal, $letter:ident) => {
        impl Type for $kind {
            fn table(&self) -> &'static Table {
                &$table
            }

            directory_hooks!();

            fn changes<'a>(
                &'a self,
                call: &'a Call,
                _: &'a Access,
                request: ChangesRequest,
            ) -> Hook<'a, Changes> {
                Box::pin(super::changes::changes(call, ($noun, $letter), request))
            }

            fn query<'a>(&'a self, call: &'a Call, _: &'a Access, request: Query) -> Hook<'a, Page> {
                Box::pin(
                    async move { super::query(call, self.read(call, None, false).await?, &request).await },
                )
            }
        }
    };
}

all_read!(Roles, ROLE_TABLE, "role", ROLE);
all_read!(Grants, GRANT_TABLE, "grant", GRANT);
