//! The organisation, its domains, classes of service and units.

use std::sync::{Arc, LazyLock};

use base::OrganisationId;
use directory::fields::{Noun, Record};
use directory::roles::{self, Verb};
use directory::{Edit, classes, domains, organisations, units};
use serde_json::{Value, json};

use super::columns::{self, CLASS, DOMAIN, UNIT, camel, refused};
use super::{Directory, directory_hooks};
use crate::engine::{
    Access, Call, Changes, ChangesRequest, Condition, GetRequest, Hook, Map, Method, MethodError, Objects,
    Page, Patch, Property, Query, SetDone, SetError, SetRequest, Shape, Sort, Table, Type, capabilities, ids,
};

pub(super) const TEXT: Condition =
    Condition { name: "text", shape: Shape::String, doc: "Its name holds this." };
pub(super) const BY_NAME: Sort = Sort { name: "name", doc: "Its name.", arguments: &[] };
/// The letter of organisations.
const ORGANISATION: char = 'O';
const ID: Property = Property::new("id", Shape::Id, "Its id.").server_set().immutable();
const ONE: &[Method] = &[Method::standard("get"), Method::standard("changes"), Method::standard("set")];
const ALL: &[Method] = &[
    Method::standard("get"),
    Method::standard("changes"),
    Method::standard("query"),
    Method::standard("set"),
];

fn table(name: &'static str, doc: &'static str, own: Vec<Property>, nouns: &[&'static Noun]) -> Table {
    Table {
        name,
        capability: capabilities::DIRECTORY,
        doc,
        properties: columns::properties(own, nouns),
        filters: &[TEXT],
        sorts: &[BY_NAME],
        methods: ALL,
        ..Table::EMPTY
    }
}

static ORGANISATION_TABLE: LazyLock<Table> = LazyLock::new(|| {
    let own = vec![
        ID,
        Property::new("name", Shape::String, "Its short name.").server_set().immutable(),
        Property::new(
            "myRights",
            Shape::List(&Shape::String),
            "What the caller may do somewhere in it: verbs of roles.",
        )
        .server_set(),
    ];
    let doc = "The caller's organisation, of which there is one.";
    Table {
        filters: &[],
        sorts: &[],
        methods: ONE,
        ..table("Organisation", doc, own, &[&organisations::ORGANISATION])
    }
});

static DOMAIN_TABLE: LazyLock<Table> = LazyLock::new(|| {
    let own = vec![
        ID,
        Property::new("name", Shape::String, "Its name, in A-labels.").immutable().required(),
        Property::new(
            "aliasOf",
            Shape::Nullable(&Shape::Id),
            "The domain whose addresses its own are the same as.",
        )
        .immutable(),
    ];
    table("Domain", "A domain that the organisation receives mail for.", own, &[&domains::DOMAIN])
});

static CLASS_TABLE: LazyLock<Table> = LazyLock::new(|| {
    let doc = "A class of service: what the accounts that have it may use, and how much.";
    table("ClassOfService", doc, vec![ID], &[&classes::CLASS])
});

static UNIT_TABLE: LazyLock<Table> = LazyLock::new(|| {
    let own = vec![
        ID,
        Property::new("name", Shape::String, "Its name, unique below its parent.").required(),
        Property::new("parentId", Shape::Nullable(&Shape::Id), "The unit above; null at the top."),
    ];
    table("Unit", "A node of the tree of units.", own, &[])
});

/// The organisation.
struct Organisations;
/// Domains.
struct Domains;
/// Classes of service.
struct Classes;
/// Units.
struct Units;

pub(super) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Organisations), Arc::new(Domains), Arc::new(Classes), Arc::new(Units)]
}

fn numbers(letter: char, ids: &[String]) -> Vec<i64> {
    ids.iter().filter_map(|id| ids::read(letter, id)).collect()
}

pub(super) fn number(letter: char, id: &str) -> Result<i64, SetError> {
    ids::read(letter, id).ok_or_else(SetError::not_found)
}

/// Changes the directory in one commit.
pub(super) async fn edit<T: Send + 'static>(
    call: &Call,
    run: impl Fn(&mut Edit<'_, '_>) -> base::Result<T> + Send + 'static,
) -> Result<T, SetError> {
    let directory = call.mail().directory();
    directory.edit(call.ctx(), columns::organisation(call), run).await.map_err(refused)
}

pub(super) fn borrowed<'t>(texts: &'t [(&'static str, String)]) -> Vec<(&'t str, &'t str)> {
    texts.iter().map(|(name, text)| (*name, text.as_str())).collect()
}

pub(super) fn made(letter: char, id: i64) -> Map {
    Map::from_iter([("id".to_owned(), json!(ids::write(letter, id)))])
}

fn with_id(letter: char, record: &Record) -> (String, Map) {
    (ids::write(letter, record.id), columns::object(std::slice::from_ref(record)))
}

fn is_missing(error: &base::Error) -> bool {
    matches!(error.meaning(), base::Meaning::NotFound | base::Meaning::Forbidden)
}

/// What is not there, or not to be read, is left out.
pub(super) fn there<T>(found: base::Result<T>) -> base::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Directory for Organisations {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        _: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let (ctx, organisation) = (call.ctx().clone(), columns::organisation(call));
        let id = ids::write(ORGANISATION, organisation.0);
        if asked.is_some_and(|asked| !asked.contains(&id)) {
            return Ok(Vec::new());
        }
        let read = call.mail().directory().read(move |tx| {
            let record = organisations::get(tx, &ctx, organisation)?;
            let mut held = Vec::new();
            for verb in Verb::ALL {
                if !roles::held(tx, &ctx, *verb)?.is_empty() {
                    held.push(verb.name());
                }
            }
            Ok((organisations::name(tx, organisation)?, record, held))
        });
        let (name, record, held) = read.await?;
        let mut object = columns::object(&[record]);
        object.insert("name".to_owned(), json!(name));
        object.insert("myRights".to_owned(), json!(held));
        Ok(vec![(id, object)])
    }

    async fn create(&self, _: &Call, _: Map) -> Result<Map, SetError> {
        Err(SetError::new("singleton").describe("there is always exactly one"))
    }

    async fn update(&self, call: &Call, id: &str, mut object: Map, _: &Patch) -> Result<(), SetError> {
        if number(ORGANISATION, id)? != columns::organisation(call).0 {
            return Err(SetError::not_found());
        }
        let given = columns::take(&mut object, &[&organisations::ORGANISATION]);
        edit(call, move |edit| {
            let texts = columns::texts(edit, &given)?;
            organisations::change(edit, &borrowed(&texts)).map(|_| ())
        })
        .await
    }

    async fn destroy(&self, _: &Call, _: &str) -> Result<(), SetError> {
        Err(SetError::new("singleton").describe("there is always exactly one"))
    }
}

impl Type for Organisations {
    fn table(&self) -> &'static Table {
        &ORGANISATION_TABLE
    }

    directory_hooks!();

    fn changes<'a>(&'a self, call: &'a Call, _: &'a Access, request: ChangesRequest) -> Hook<'a, Changes> {
        Box::pin(super::changes::changes(call, ("organisation", ORGANISATION), request))
    }
}

/// All domains, by name.
fn every_domain(call: &Call) -> impl Future<Output = base::Result<Vec<domains::Domain>>> + Send {
    let (ctx, organisation) = (call.ctx().clone(), columns::organisation(call));
    call.mail().directory().read(move |tx| {
        let mut all: Vec<domains::Domain> = Vec::new();
        loop {
            let after = all.last().map(|domain| domain.name.clone()).unwrap_or_default();
            let page = domains::list(tx, &ctx, organisation, &after)?;
            if page.is_empty() || all.len() as u64 > ctx.limits.directory_query_objects {
                return Ok(all);
            }
            all.extend(page);
        }
    })
}

impl Directory for Domains {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        _: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let (ctx, organisation) = (call.ctx().clone(), columns::organisation(call));
        let mut known = every_domain(call).await?;
        if let Some(asked) = asked {
            let asked = numbers(DOMAIN, &asked);
            known.retain(|domain| asked.contains(&domain.id));
        }
        let read = call.mail().directory().read(move |tx| {
            let mut out = Vec::new();
            for domain in known {
                let Some(record) = there(domains::get(tx, &ctx, organisation, domain.id))? else { continue };
                let (id, mut object) = with_id(DOMAIN, &record);
                object.insert("name".to_owned(), json!(domain.name));
                let alias_of = domain.alias_of.map(|id| ids::write(DOMAIN, id));
                object.insert("aliasOf".to_owned(), json!(alias_of));
                out.push((id, object));
            }
            Ok(out)
        });
        Ok(read.await?)
    }

    async fn create(&self, call: &Call, mut object: Map) -> Result<Map, SetError> {
        let name = object.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let alias_of = match object.get("aliasOf").and_then(Value::as_str) {
            Some(id) => Some(number(DOMAIN, id).map_err(|_| SetError::invalid("aliasOf", "does not exist"))?),
            None => None,
        };
        let given = columns::take(&mut object, &[&domains::DOMAIN]);
        let id = edit(call, move |edit| {
            if let Some(of) = alias_of {
                return domains::create_alias(edit, &name, of);
            }
            let texts = columns::texts(edit, &given)?;
            domains::create(edit, &name, &borrowed(&texts))
        });
        Ok(made(DOMAIN, id.await?))
    }

    async fn update(&self, call: &Call, id: &str, mut object: Map, _: &Patch) -> Result<(), SetError> {
        let id = number(DOMAIN, id)?;
        let given = columns::take(&mut object, &[&domains::DOMAIN]);
        edit(call, move |edit| {
            let texts = columns::texts(edit, &given)?;
            domains::change(edit, id, &borrowed(&texts)).map(|_| ())
        })
        .await
    }

    async fn destroy(&self, call: &Call, id: &str) -> Result<(), SetError> {
        let id = number(DOMAIN, id)?;
        edit(call, move |edit| domains::remove(edit, id)).await
    }
}

/// A type whose objects are found among all of them.
macro_rules! searched {
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

searched!(Domains, DOMAIN_TABLE, "domain", DOMAIN);
searched!(Classes, CLASS_TABLE, "class", CLASS);
searched!(Units, UNIT_TABLE, "unit", UNIT);

impl Directory for Classes {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        _: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let (ctx, organisation) = (call.ctx().clone(), columns::organisation(call));
        let asked = asked.map(|asked| numbers(CLASS, &asked));
        let read = call.mail().directory().read(move |tx| {
            let mut wanted: Vec<i64> = Vec::new();
            let mut after = String::new();
            match asked {
                Some(asked) => wanted = asked,
                None => loop {
                    let page = classes::list(tx, &ctx, organisation, &after)?;
                    let Some((_, last)) = page.last() else { break };
                    after.clone_from(last);
                    wanted.extend(page.iter().map(|(id, _)| *id));
                    if wanted.len() as u64 > ctx.limits.directory_query_objects {
                        break;
                    }
                },
            }
            let mut out = Vec::new();
            for id in wanted {
                let found = there(classes::get(tx, &ctx, organisation, id))?;
                out.extend(found.as_ref().map(|record| with_id(CLASS, record)));
            }
            Ok(out)
        });
        Ok(read.await?)
    }

    async fn create(&self, call: &Call, mut object: Map) -> Result<Map, SetError> {
        let Some(Value::String(name)) = object.remove("name") else {
            return Err(SetError::invalid("name", "is missing"));
        };
        let given = columns::take(&mut object, &[&classes::CLASS]);
        let id = edit(call, move |edit| {
            let texts = columns::texts(edit, &given)?;
            classes::create(edit, &name, &borrowed(&texts))
        });
        Ok(made(CLASS, id.await?))
    }

    async fn update(&self, call: &Call, id: &str, mut object: Map, _: &Patch) -> Result<(), SetError> {
        let id = number(CLASS, id)?;
        let given = columns::take(&mut object, &[&classes::CLASS]);
        edit(call, move |edit| {
            let texts = columns::texts(edit, &given)?;
            classes::change(edit, id, &borrowed(&texts)).map(|_| ())
        })
        .await
    }

    async fn destroy(&self, call: &Call, id: &str) -> Result<(), SetError> {
        let id = number(CLASS, id)?;
        edit(call, move |edit| classes::remove(edit, id)).await
    }
}

/// The id of a unit that a client names; 0 at the top.
fn parent(object: &Map) -> Result<i64, SetError> {
    let wrong = || SetError::invalid(camel("parent_id"), "does not exist");
    match object.get("parentId").and_then(Value::as_str) {
        Some(id) => number(UNIT, id).map_err(|_| wrong()),
        None => Ok(0),
    }
}

/// The units below some, level by level.
async fn every_unit(call: &Call, organisation: OrganisationId) -> base::Result<Vec<units::Unit>> {
    let ctx = call.ctx().clone();
    let read = call.mail().directory().read(move |tx| {
        let mut all: Vec<units::Unit> = Vec::new();
        let mut waiting = vec![0];
        while let Some(above) = waiting.pop() {
            let mut after = String::new();
            loop {
                let page = units::below(tx, &ctx, organisation, above, &after)?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.name);
                waiting.extend(page.iter().map(|unit| unit.id));
                all.extend(page);
                if all.len() as u64 > ctx.limits.directory_query_objects {
                    return Ok(all);
                }
            }
        }
        Ok(all)
    });
    read.await
}

impl Directory for Units {
    async fn read(
        &self,
        call: &Call,
        asked: Option<Vec<String>>,
        _: bool,
    ) -> Result<Vec<(String, Map)>, MethodError> {
        let mut known = every_unit(call, columns::organisation(call)).await?;
        if let Some(asked) = asked {
            let asked = numbers(UNIT, &asked);
            known.retain(|unit| asked.contains(&unit.id));
        }
        let object = |unit: units::Unit| {
            let parent = (unit.parent_id != 0).then(|| ids::write(UNIT, unit.parent_id));
            let members = [("name".to_owned(), json!(unit.name)), ("parentId".to_owned(), json!(parent))];
            (ids::write(UNIT, unit.id), Map::from_iter(members))
        };
        Ok(known.into_iter().map(object).collect())
    }

    async fn create(&self, call: &Call, object: Map) -> Result<Map, SetError> {
        let above = parent(&object)?;
        let name = object.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(made(UNIT, edit(call, move |edit| units::create(edit, above, &name)).await?))
    }

    async fn update(&self, call: &Call, id: &str, object: Map, _: &Patch) -> Result<(), SetError> {
        let id = number(UNIT, id)?;
        let above = if object.contains_key("parentId") { Some(parent(&object)?) } else { None };
        let name = object.get("name").and_then(Value::as_str).map(str::to_owned);
        edit(call, move |edit| {
            if let Some(above) = above {
                units::move_to(edit, id, above)?;
            }
            name.as_ref().map_or(Ok(()), |name| units::rename(edit, id, name))
        })
        .await
    }

    async fn destroy(&self, call: &Call, id: &str) -> Result<(), SetError> {
        let id = number(UNIT, id)?;
        edit(call, move |edit| units::remove(edit, id)).await
    }
}
