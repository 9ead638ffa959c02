//! Removed messages.

use base::CollectionId;
use mail::removed::RemovedFilter;
use serde_json::json;

use super::{EXPIRES_AT, Names, REMOVED_AT, REMOVED_BY, REMOVED_THROUGH, answer};
use crate::dates;
use crate::engine::{
    Access, Argument, Arguments, Call, Condition, Filter, GetRequest, Hook, Map, Method, MethodError,
    Objects, Page, Property, Query, SetDone, SetError, SetRequest, Shape, Sort, Table, Type, capabilities,
};
use crate::mail::{ids, keywords};

const RESTORE: &[Argument] = &[
    Argument { name: "ids", shape: Shape::List(&Shape::Id), doc: "The messages." },
    Argument {
        name: "mailboxId",
        shape: Shape::Nullable(&Shape::Id),
        doc: "The mailbox that they come back into. Without it: where they were, unless that is the bin or gone; else \
              where they were before; else the inbox.",
    },
];

static TABLE: Table = Table {
    name: "RemovedEmail",
    capability: capabilities::HISTORY,
    doc: "A message that was removed for good by a person, a filter or a client, and can be brought back for a while. It \
          counts against no quota. One that lies in any mailbox is none.",
    shared: true,
    properties: &[
        Property::new("id", Shape::Id, "Its id: that of the email, which it has again when it is back.")
            .server_set()
            .immutable(),
        Property::new("threadId", Shape::Id, "Its conversation.").server_set(),
        Property::new("mailboxIds", Shape::IdMap(&Shape::Bool), "The mailboxes that it was removed from last.")
            .server_set(),
        Property::new("mailboxPath", Shape::String, "The path of the first of these as it was, levels separated by `/`.")
            .server_set(),
        Property::new("wentWithMailbox", Shape::Bool, "Whether it went with its mailbox.").server_set(),
        Property::new("keywords", Shape::Map(&Shape::Bool), "Its keywords when it was removed.").server_set(),
        Property::new("receivedAt", Shape::UtcDate, "When it arrived.").server_set(),
        Property::new("sentAt", Shape::Nullable(&Shape::UtcDate), "Its Date field.").server_set(),
        Property::new("size", Shape::Unsigned, "Its bytes.").server_set(),
        Property::new("subject", Shape::String, "Its subject.").server_set(),
        Property::new("sender", Shape::String, "Its first author: name and address.").server_set(),
        Property::new("preview", Shape::String, "How its text begins.").server_set(),
        Property::new("hasAttachment", Shape::Bool, "Whether it has attachments.").server_set(),
        REMOVED_AT,
        REMOVED_BY,
        REMOVED_THROUGH,
        EXPIRES_AT,
    ],
    filters: &[
        Condition { name: "text", shape: Shape::String, doc: "Subject or sender hold this." },
        Condition { name: "inMailbox", shape: Shape::Id, doc: "It was removed from this mailbox, or with it." },
        Condition { name: "removedAfter", shape: Shape::UtcDate, doc: "It was removed then or later." },
        Condition { name: "removedBefore", shape: Shape::UtcDate, doc: "It was removed earlier." },
    ],
    sorts: &[Sort { name: "removedAt", doc: "When it was removed: the newest first, always.", arguments: &[] }],
    methods: &[
        Method::standard("get"),
        Method::standard("query"),
        Method {
            doc: "only `destroy`: removes messages for good before their time, from images as well. Needs the right \
                  `history.purge`.",
            ..Method::standard("set")
        },
        Method::custom(
            "restore",
            "brings messages back with their keywords and dates; answers with `restored` (an id for each: `mailboxIds`) \
             and `notRestored` (errors of `set`).",
            RESTORE,
        )
        .writing(),
    ],
    ..Table::EMPTY
};

/// Messages that were removed.
pub(super) struct RemovedEmails;

async fn state(call: &Call, account: &Access) -> Result<String, MethodError> {
    let account = account.account;
    let seq = call.mail().kernel().read(call.ctx(), move |view| view.seq(account)).await?;
    Ok(ids::state(seq))
}

fn objects(ids: &[String]) -> Vec<i64> {
    ids.iter().filter_map(|id| ids::read_email(id)).collect()
}

/// A filter as the history takes it: conditions that all must be met.
fn filter(filter: Option<&Filter>) -> Result<RemovedFilter, MethodError> {
    let mut out = RemovedFilter::default();
    let mut waiting: Vec<&Filter> = filter.into_iter().collect();
    while let Some(next) = waiting.pop() {
        match next {
            Filter::And(all) => waiting.extend(all),
            Filter::Is(tests) => {
                for test in tests {
                    let text = test.value.as_str().unwrap_or_default();
                    match test.name {
                        "text" if out.text.is_none() => out.text = Some(text.to_owned()),
                        "inMailbox" if out.mailbox.is_none() => {
                            // The id of nothing finds nothing.
                            out.mailbox = Some(ids::read_mailbox(text).unwrap_or(CollectionId(-1)));
                        }
                        "removedAfter" => out.after_ms = out.after_ms.max(dates::read(text)),
                        "removedBefore" => {
                            let end = dates::read(text);
                            out.before_ms = out.before_ms.map_or(end, |known| end.map(|end| end.min(known)));
                        }
                        _ => return Err(MethodError::UnsupportedFilter),
                    }
                }
            }
            Filter::Or(_) | Filter::Not(_) => return Err(MethodError::UnsupportedFilter),
        }
    }
    Ok(out)
}

async fn get(
    call: &Call,
    account: &Access,
    request: GetRequest,
    out: &mut Objects,
) -> Result<String, MethodError> {
    let (mail, ctx) = (call.mail(), call.ctx());
    let (seq, found) = if let Some(asked) = &request.ids {
        mail.removed_by_ids(ctx, account.account, objects(asked)).await?
    } else {
        let most = call.limits().jmap_objects_get;
        let every = RemovedFilter::default();
        let (seq, all) = mail.removed_ids(ctx, account.account, every, most.saturating_add(1)).await?;
        if all.len() as u64 > most {
            return Err(MethodError::RequestTooLarge);
        }
        (seq, mail.removed_by_ids(ctx, account.account, all).await?.1)
    };
    for id in request.ids.unwrap_or_default() {
        let object = ids::read_email(&id);
        if !found.iter().any(|email| Some(email.object) == object) {
            out.missing(&id);
        }
    }
    let names = Names::of(call, found.iter().map(|email| email.removal)).await?;
    for email in found {
        out.add(&ids::email(email.object), |object| {
            let mailboxes: Map =
                email.mailboxes.iter().map(|mailbox| (ids::mailbox(*mailbox), json!(true))).collect();
            object.put("threadId", &ids::thread(email.row.thread));
            object.put("mailboxIds", &mailboxes);
            object.put("mailboxPath", &email.path);
            object.put("wentWithMailbox", &email.with_mailbox);
            object.put("keywords", &keywords(&email.keywords));
            object.put("receivedAt", &dates::utc(email.row.received_at));
            object.put("sentAt", &email.row.sent_at.map(dates::utc));
            object.put("size", &email.row.size);
            object.put("subject", &email.row.subject);
            object.put("sender", &email.row.sender);
            object.put("preview", &email.row.preview);
            object.put("hasAttachment", &email.row.has_attachment);
            names.put(&email.removal, object);
            Ok(())
        })?;
    }
    Ok(ids::state(seq))
}

async fn restore(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let asked = arguments.strings("ids")?;
    if asked.len() as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    let to = match arguments.string_opt("mailboxId")? {
        Some(id) => {
            let known = ids::read_mailbox(&id);
            Some(known.ok_or_else(|| MethodError::invalid_arguments("mailboxId", "does not exist"))?)
        }
        None => None,
    };
    let done = call.mail().restore_emails(call.ctx(), account.account, objects(&asked), to).await;
    let (mut restored, mut not_restored) = (Map::new(), Map::new());
    match done {
        Ok(done) => {
            for email in done {
                let mailboxes: Map =
                    email.places.iter().map(|(mailbox, _)| (ids::mailbox(*mailbox), json!(true))).collect();
                restored.insert(ids::email(email.object), json!({ "mailboxIds": mailboxes }));
            }
            for id in asked.into_iter().filter(|id| !restored.contains_key(id)) {
                not_restored.insert(id, SetError::not_found().body());
            }
        }
        Err(error) => {
            let error = SetError::from(error).body();
            not_restored.extend(asked.into_iter().map(|id| (id, error.clone())));
        }
    }
    Ok(answer(&account.id(), ("restored", restored), ("notRestored", not_restored)))
}

async fn purge(call: &Call, account: &Access, request: SetRequest) -> Result<SetDone, MethodError> {
    let mut done = SetDone { old_state: Some(state(call, account).await?), ..SetDone::default() };
    let only =
        || SetError::new("forbidden").describe("removed messages are brought back or removed for good");
    done.not_created = request.create.into_iter().map(|(name, _)| (name, only())).collect();
    done.not_updated = request.update.into_iter().map(|(id, _)| (id, only())).collect();
    if !request.destroy.is_empty() {
        match call.mail().purge_emails(call.ctx(), account.account, objects(&request.destroy)).await {
            Ok(gone) => {
                for id in request.destroy {
                    if ids::read_email(&id).is_some_and(|object| gone.contains(&object)) {
                        done.destroyed.push(id);
                    } else {
                        done.not_destroyed.push((id, SetError::not_found()));
                    }
                }
            }
            Err(error) => {
                let error = SetError::from(error);
                done.not_destroyed = request.destroy.into_iter().map(|id| (id, error.clone())).collect();
            }
        }
    }
    done.new_state = state(call, account).await?;
    Ok(done)
}

impl Type for RemovedEmails {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(state(call, account))
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(get(call, account, request, out))
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            if request.sort.iter().any(|key| key.ascending) {
                return Err(MethodError::UnsupportedSort);
            }
            let wanted = filter(request.filter.as_ref())?;
            let most = call.limits().removed_looked_at;
            let (seq, found) = call.mail().removed_ids(call.ctx(), account.account, wanted, most).await?;
            let found: Vec<String> = found.into_iter().map(ids::email).collect();
            request.page(&found, ids::state(seq), false)
        })
    }

    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(purge(call, account, request))
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        _: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        Box::pin(restore(call, account, arguments))
    }
}
