//! Quotas (RFC 9425): what an account uses of what it may use.
//!
//! The state is the object itself: used and allowed bytes. So what changed is known from any state.

use std::sync::Arc;

use mail::Quota as Figures;
use serde_json::json;

use crate::engine::{
    Access, Call, Changes, ChangesRequest, Condition, Filter, GetRequest, Hook, Map, Method, MethodError,
    Objects, Page, Property, Query, Shape, Sort, Table, Type, capabilities,
};

const ID: &str = "storage";
const NAME: &str = "storage";
const RESOURCE: Shape = Shape::OneOf(&["count", "octets"]);
const SCOPE: Shape = Shape::OneOf(&["account", "domain", "global"]);

static TABLE: Table = Table {
    name: "Quota",
    capability: capabilities::QUOTA,
    doc: "What an account uses of what it may use; there is none where nothing is limited.",
    shared: true,
    pushed: true,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("resourceType", RESOURCE, "What is counted: always bytes.").server_set(),
        Property::new("used", Shape::Unsigned, "Bytes that are used.").server_set(),
        Property::new("hardLimit", Shape::Unsigned, "Bytes that may be used.").server_set(),
        Property::new("scope", SCOPE, "Whom it is for: always the account.").server_set(),
        Property::new("name", Shape::String, "Its name.").server_set(),
        Property::new("types", Shape::List(&Shape::String), "The types whose objects count.").server_set(),
        Property::new(
            "warnLimit",
            Shape::Nullable(&Shape::Unsigned),
            "Bytes from which on a client should warn.",
        )
        .server_set(),
        Property::new("softLimit", Shape::Nullable(&Shape::Unsigned), "Not used: always null.").server_set(),
        Property::new("description", Shape::Nullable(&Shape::String), "Not used: always null.").server_set(),
    ],
    filters: &[
        Condition { name: "name", shape: Shape::String, doc: "Its name has this in it." },
        Condition { name: "scope", shape: SCOPE, doc: "It is for these." },
        Condition { name: "resourceType", shape: RESOURCE, doc: "It counts this." },
        Condition { name: "type", shape: Shape::String, doc: "Objects of this type count." },
    ],
    sorts: &[
        Sort { name: "name", doc: "By name.", arguments: &[] },
        Sort { name: "used", doc: "By what is used.", arguments: &[] },
    ],
    methods: &[
        Method::standard("get"),
        Method::standard("changes"),
        Method::standard("query"),
        Method::standard("queryChanges"),
    ],
};

/// Types whose objects count.
const COUNTED: &[&str] = &["Email"];
/// A client warns when so much of a hundred is used.
const WARN_PERCENT: i64 = 90;

struct Quota;

/// The types of quotas.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Quota)]
}

async fn figures(call: &Call, account: &Access) -> Result<Figures, MethodError> {
    Ok(call.mail().quota(call.ctx(), account.account).await?)
}

fn state_of(figures: Figures) -> String {
    match figures.limit_bytes {
        Some(limit) => format!("{}-{limit}", figures.used_bytes.max(0)),
        None => "none".to_owned(),
    }
}

fn fits(filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(fits),
        Filter::Or(any) => any.iter().any(fits),
        Filter::Not(none) => !none.iter().any(fits),
        Filter::Is(tests) => tests.iter().all(|test| {
            let text = test.value.as_str().unwrap_or_default();
            match test.name {
                "name" => NAME.contains(&text.to_lowercase()),
                "scope" => text == "account",
                "resourceType" => text == "octets",
                _ => COUNTED.contains(&text),
            }
        }),
    }
}

impl Type for Quota {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(async move { Ok(state_of(figures(call, account).await?)) })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let figures = figures(call, account).await?;
            for id in request
                .ids
                .unwrap_or_else(|| figures.limit_bytes.map(|_| ID.to_owned()).into_iter().collect())
            {
                let Some(limit) = figures.limit_bytes.filter(|_| id == ID) else {
                    out.missing(id);
                    continue;
                };
                out.add(&id, |object| {
                    object.put("resourceType", "octets");
                    object.put("used", &figures.used_bytes.max(0));
                    object.put("hardLimit", &limit);
                    object.put("scope", "account");
                    object.put("name", NAME);
                    object.put("types", COUNTED);
                    object.put("warnLimit", &(limit / 100 * WARN_PERCENT));
                    object.put("softLimit", &());
                    object.put("description", &());
                    Ok(())
                })?;
            }
            Ok(state_of(figures))
        })
    }

    fn changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: ChangesRequest,
    ) -> Hook<'a, Changes> {
        Box::pin(async move {
            let now = state_of(figures(call, account).await?);
            let mut changes = Changes { extra: updated(None), ..Changes::none(now.as_str()) };
            if request.since == now {
                return Ok(changes);
            }
            let limit = |state: &str| state.split_once('-').map(|(_, limit)| limit.to_owned());
            let known = |state: &str| {
                state == "none"
                    || state.split_once('-').is_some_and(|(used, limit)| {
                        used.parse::<u64>().is_ok() && limit.parse::<u64>().is_ok()
                    })
            };
            if !known(&request.since) {
                return Err(MethodError::CannotCalculateChanges);
            }
            match (limit(&request.since), limit(&now)) {
                (None, _) => changes.created.push(ID.to_owned()),
                (_, None) => changes.destroyed.push(ID.to_owned()),
                (before, after) => {
                    changes.updated.push(ID.to_owned());
                    changes.extra = updated((before == after).then_some(&["used"]));
                }
            }
            Ok(changes)
        })
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let figures = figures(call, account).await?;
            let found = figures.limit_bytes.is_some() && request.filter.as_ref().is_none_or(fits);
            let ids: Vec<String> = found.then(|| ID.to_owned()).into_iter().collect();
            request.page(&ids, state_of(figures), false)
        })
    }
}

/// The properties that changed; null when all may have.
fn updated(properties: Option<&[&str; 1]>) -> Map {
    Map::from_iter([("updatedProperties".to_owned(), json!(properties))])
}
