//! What a person is told of what others share with it (RFC 9670 section 3).

use std::sync::Arc;

use base::{Meaning, Seq};
use kernel::Rights;
use mail::shares::ShareNotification;
use serde_json::{Value, json};

use crate::dates;
use crate::engine::{
    Access, Call, Changes, ChangesRequest, Condition, Filter, GetRequest, Hook, Map, Method, MethodError,
    Objects, Page, Property, Query, QueryChanges, QueryChangesRequest, SetDone, SetError, SetRequest, Shape,
    Sort, Table, Type, capabilities, ids,
};
use crate::mail::{MAILBOX_RIGHTS, mailbox_id};
use crate::principal;

const RIGHTS: Shape = Shape::Nullable(&Shape::Map(&Shape::Bool));
const ENTITY: Shape = Shape::Named(
    "Entity",
    &[
        Property::new("name", Shape::String, "Its name then; empty: an administrator at the machine."),
        Property::new("email", Shape::Nullable(&Shape::String), "Its address then."),
        Property::new("principalId", Shape::Nullable(&Shape::Id), "Its principal."),
    ],
);
/// The only type of objects that can be shared.
const MAILBOX: &str = "Mailbox";
/// The letter of notifications.
const LETTER: char = 'W';

static TABLE: Table = Table {
    name: "ShareNotification",
    capability: capabilities::PRINCIPALS,
    doc: "Somebody changed what the person may do with an object of another account. The person itself is not told of \
          what it changed.",
    pushed: true,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("created", Shape::UtcDate, "When it changed.").server_set().immutable(),
        Property::new("changedBy", ENTITY, "Who changed it.").server_set().immutable(),
        Property::new("objectType", Shape::String, "What kind of object: always `Mailbox`.")
            .server_set()
            .immutable(),
        Property::new("objectAccountId", Shape::Id, "The account of the object.").server_set().immutable(),
        Property::new("objectId", Shape::Id, "The object; the inbox where all of the account was shared.")
            .server_set()
            .immutable(),
        Property::new("oldRights", RIGHTS, "What the person could do; null: nothing.")
            .server_set()
            .immutable(),
        Property::new("newRights", RIGHTS, "What the person can do since; null: nothing.")
            .server_set()
            .immutable(),
        Property::new("name", Shape::String, "The name of the object then.").server_set().immutable(),
    ],
    filters: &[
        Condition {
            name: "after",
            shape: Shape::Nullable(&Shape::UtcDate),
            doc: "It was made then or later.",
        },
        Condition { name: "before", shape: Shape::Nullable(&Shape::UtcDate), doc: "It was made before." },
        Condition { name: "objectType", shape: Shape::String, doc: "Its `objectType`." },
        Condition { name: "objectAccountId", shape: Shape::Id, doc: "Its `objectAccountId`." },
    ],
    sorts: &[Sort { name: "created", doc: "When it was made.", arguments: &[] }],
    methods: &[
        Method::standard("get"),
        Method::standard("changes"),
        Method::standard("query"),
        Method::standard("queryChanges"),
        Method::standard("set"),
    ],
    ..Table::EMPTY
};

struct ShareNotifications;

/// The type of notifications.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(ShareNotifications)]
}

fn id_of(notification: i64) -> String {
    ids::write(LETTER, notification)
}

fn read_id(id: &str) -> Option<i64> {
    ids::read(LETTER, id)
}

fn state_of(seq: Seq) -> String {
    seq.0.to_string()
}

fn read_state(state: &str) -> Result<Seq, MethodError> {
    let digits = !state.is_empty() && state.len() <= 18 && state.bytes().all(|byte| byte.is_ascii_digit());
    let seq = if digits { state.parse().ok() } else { None };
    seq.map(Seq).ok_or(MethodError::CannotCalculateChanges)
}

fn rights(rights: Rights) -> Value {
    let has = |(name, right): &(&str, kernel::Right)| ((*name).to_owned(), json!(rights.has(*right)));
    if rights == Rights::NONE { Value::Null } else { Value::Object(MAILBOX_RIGHTS.iter().map(has).collect()) }
}

fn cannot(error: base::Error) -> MethodError {
    match error.meaning() {
        Meaning::Conflict | Meaning::Invalid => MethodError::CannotCalculateChanges,
        _ => error.into(),
    }
}

fn passes(one: &ShareNotification, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|inner| passes(one, inner)),
        Filter::Or(any) => any.iter().any(|inner| passes(one, inner)),
        Filter::Not(none) => !none.iter().any(|inner| passes(one, inner)),
        Filter::Is(tests) => tests.iter().all(|test| {
            let text = test.value.as_str();
            match test.name {
                "after" => text.and_then(dates::read).is_none_or(|after| one.created_at >= after),
                "before" => text.and_then(dates::read).is_none_or(|before| one.created_at < before),
                "objectType" => text == Some(MAILBOX),
                "objectAccountId" => text == Some(ids::account(one.owner).as_str()),
                _ => false,
            }
        }),
    }
}

/// What passes, in order. They are there the newest first.
fn results(mut found: Vec<ShareNotification>, query: &Query) -> Vec<String> {
    found.retain(|one| query.filter.as_ref().is_none_or(|filter| passes(one, filter)));
    if query.sort.first().is_some_and(|key| key.ascending) {
        found.reverse();
    }
    found.into_iter().map(|one| id_of(one.id)).collect()
}

async fn get(call: &Call, request: GetRequest, out: &mut Objects) -> Result<String, MethodError> {
    let (state, known) = call.mail().share_notifications(call.ctx()).await?;
    for id in request.ids.unwrap_or_else(|| known.iter().map(|one| id_of(one.id)).collect()) {
        let Some(one) = read_id(&id).and_then(|id| known.iter().find(|one| one.id == id)) else {
            out.missing(id);
            continue;
        };
        let email = (!one.actor_address.is_empty()).then_some(&one.actor_address);
        out.add(&id, |object| {
            object.put("created", &dates::utc(one.created_at));
            object.put(
                "changedBy",
                &json!({ "name": one.actor_name, "email": email, "principalId": one.actor.map(principal::id_of) }),
            );
            object.put("objectType", MAILBOX);
            object.put("objectAccountId", &ids::account(one.owner));
            object.put("objectId", &mailbox_id(one.mailbox));
            object.put("oldRights", &rights(one.old_rights));
            object.put("newRights", &rights(one.new_rights));
            object.put("name", &one.name);
            Ok(())
        })?;
    }
    Ok(state_of(state))
}

/// They can be removed, and nothing else.
async fn set(call: &Call, request: SetRequest) -> Result<SetDone, MethodError> {
    let (mail, ctx) = (call.mail(), call.ctx());
    let (before, known) = mail.share_notifications(ctx).await?;
    let forbidden = || SetError::new("forbidden").describe("the server makes them; they can only be removed");
    let there = |id: &str| read_id(id).filter(|id| known.iter().any(|one| one.id == *id));
    let mut done = SetDone {
        old_state: Some(state_of(before)),
        not_created: request.create.iter().map(|(name, _)| (name.clone(), forbidden())).collect(),
        ..SetDone::default()
    };
    for (id, _) in &request.update {
        let error = if there(id).is_some() { forbidden() } else { SetError::not_found() };
        done.not_updated.push((id.clone(), error));
    }
    let wanted: Vec<i64> = request.destroy.iter().filter_map(|id| there(id)).collect();
    let removed =
        if wanted.is_empty() { Vec::new() } else { mail.remove_share_notifications(ctx, wanted).await? };
    for id in request.destroy {
        match read_id(&id).filter(|id| removed.contains(id)) {
            Some(_) => done.destroyed.push(id),
            None => done.not_destroyed.push((id, SetError::not_found())),
        }
    }
    done.new_state = state_of(mail.share_notification_state(ctx).await?);
    Ok(done)
}

async fn changes(call: &Call, request: ChangesRequest) -> Result<Changes, MethodError> {
    let (since, most) = (read_state(&request.since)?, request.max.unwrap_or(u64::MAX));
    let found = call.mail().share_notification_changes(call.ctx(), since, most).await.map_err(cannot)?;
    let written = |list: Vec<i64>| list.into_iter().map(id_of).collect();
    Ok(Changes {
        new_state: state_of(found.state),
        has_more: found.has_more,
        created: written(found.created),
        updated: Vec::new(),
        destroyed: written(found.destroyed),
        extra: Map::new(),
    })
}

async fn query_changes(call: &Call, request: QueryChangesRequest) -> Result<QueryChanges, MethodError> {
    let since = read_state(&request.since)?;
    let changed =
        call.mail().share_notification_changes(call.ctx(), since, u64::MAX).await.map_err(cannot)?;
    let (state, known) = call.mail().share_notifications(call.ctx()).await?;
    if state != changed.state {
        return Err(MethodError::CannotCalculateChanges);
    }
    let found = results(known, &request.query);
    let created: Vec<String> = changed.created.into_iter().map(id_of).collect();
    let added = found.iter().enumerate().filter(|(_, id)| created.contains(id));
    Ok(QueryChanges {
        new_state: state_of(state),
        total: request.query.calculate_total.then_some(found.len() as u64),
        added: added.map(|(index, id)| (id.clone(), index as u64)).collect(),
        removed: changed.destroyed.into_iter().map(id_of).collect(),
    })
}

impl Type for ShareNotifications {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, _: &'a Access) -> Hook<'a, String> {
        Box::pin(async move { Ok(state_of(call.mail().share_notification_state(call.ctx()).await?)) })
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
        Box::pin(set(call, request))
    }

    fn changes<'a>(&'a self, call: &'a Call, _: &'a Access, request: ChangesRequest) -> Hook<'a, Changes> {
        Box::pin(changes(call, request))
    }

    fn query<'a>(&'a self, call: &'a Call, _: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let (state, known) = call.mail().share_notifications(call.ctx()).await?;
            let found = results(known, &request);
            request.page(&found, state_of(state), true)
        })
    }

    fn query_changes<'a>(
        &'a self,
        call: &'a Call,
        _: &'a Access,
        request: QueryChangesRequest,
    ) -> Hook<'a, QueryChanges> {
        Box::pin(query_changes(call, request))
    }
}
