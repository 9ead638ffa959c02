//! Sending (RFC 8621 section 7): what was handed over to be sent, and what became of it.

mod envelope;
mod receipts;
mod set;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use mail::submission::{Submission, SubmissionChanges};
use serde_json::{Map as JsonMap, Value, json};

use super::ids;
use crate::dates;
use crate::engine::{
    Access, Argument, Call, Changes, ChangesRequest, Condition, Filter, GetRequest, Hook, Method,
    MethodError, Objects, Page, Property, Query, QueryChanges, QueryChangesRequest, SetDone, SetRequest,
    Shape, Sort, Table, Test, Type, capabilities,
};

const UNDO: Shape = Shape::OneOf(&["pending", "final", "canceled"]);
const PARAMETERS: Shape = Shape::Nullable(&Shape::Map(&Shape::Nullable(&Shape::String)));
const ADDRESS: Shape = Shape::Named(
    "EnvelopeAddress",
    &[
        Property::new("email", Shape::String, "The address."),
        Property::new("parameters", PARAMETERS, "Parameters of SMTP, with values that are not encoded."),
    ],
);
const ENVELOPE: Shape = Shape::Nullable(&Shape::Named(
    "Envelope",
    &[
        Property::new("mailFrom", ADDRESS, "The sender; HOLDFOR and HOLDUNTIL send it later."),
        Property::new("rcptTo", Shape::List(&ADDRESS), "The recipients."),
    ],
));
const STATUS: Shape = Shape::Map(&Shape::Named(
    "DeliveryStatus",
    &[
        Property::new("smtpReply", Shape::String, "What was answered last."),
        Property::new("delivered", Shape::OneOf(&["queued", "yes", "no", "unknown"]), "Whether it arrived."),
        Property::new("displayed", Shape::OneOf(&["unknown", "yes"]), "Not known: always `unknown`."),
    ],
));
const IDS: Shape = Shape::List(&Shape::Id);

static TABLE: Table = Table {
    name: "EmailSubmission",
    capability: capabilities::SUBMISSION,
    doc: "An email that was handed over to be sent. The record is kept for some days.",
    shared: false,
    pushed: true,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("identityId", Shape::Id, "The identity that sends.").immutable().required(),
        Property::new("emailId", Shape::Id, "The email.").immutable().required(),
        Property::new("threadId", Shape::Id, "The conversation of the email.").server_set().immutable(),
        Property::new("envelope", ENVELOPE, "Sender and recipients; without one, those of the header.")
            .immutable(),
        Property::new("sendAt", Shape::UtcDate, "When it is sent.").server_set().immutable(),
        Property::new("undoStatus", UNDO, "`pending` while it can be taken back by `canceled`."),
        Property::new("deliveryStatus", Shape::Nullable(&STATUS), "What became of it, by recipient.")
            .server_set(),
        Property::new("dsnBlobIds", IDS, "Not collected: always empty.").server_set(),
        Property::new("mdnBlobIds", IDS, "Not collected: always empty.").server_set(),
    ],
    filters: &[
        Condition { name: "identityIds", shape: IDS, doc: "One of these identities sends." },
        Condition { name: "emailIds", shape: IDS, doc: "It is one of these emails." },
        Condition { name: "threadIds", shape: IDS, doc: "The email is of one of these conversations." },
        Condition { name: "undoStatus", shape: UNDO, doc: "It can be taken back, or not." },
        Condition { name: "before", shape: Shape::UtcDate, doc: "It is sent before." },
        Condition { name: "after", shape: Shape::UtcDate, doc: "It is sent then or later." },
    ],
    sorts: &[
        Sort { name: "emailId", doc: "By the email.", arguments: &[] },
        Sort { name: "threadId", doc: "By the conversation.", arguments: &[] },
        Sort { name: "sentAt", doc: "By when it is sent.", arguments: &[] },
    ],
    methods: &[
        Method::standard("get"),
        Method::standard("changes"),
        Method::standard("query"),
        Method::standard("queryChanges"),
        Method::standard("set").taking(&[
            Argument {
                name: "onSuccessUpdateEmail",
                shape: Shape::Nullable(&Shape::IdMap(&Shape::Object)),
                doc: "How emails change when their submission succeeds.",
            },
            Argument {
                name: "onSuccessDestroyEmail",
                shape: Shape::Nullable(&IDS),
                doc: "Submissions whose emails are removed when they succeed.",
            },
        ]),
    ],
};

/// The type of submissions.
pub(crate) struct Submissions;

/// The types of sending.
pub(super) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Submissions), Arc::new(receipts::Receipts)]
}

/// What the session says of it: how long mail is held, and which extensions an envelope may use.
pub(super) fn of_account(limits: &base::Limits, _: &Access) -> Value {
    json!({
        "maxDelayedSend": limits.submission_hold_seconds,
        "submissionExtensions": {
            "FUTURERELEASE": [limits.submission_hold_seconds.to_string()],
            "DSN": [],
            "SMTPUTF8": [],
            "8BITMIME": [],
            "REQUIRETLS": [],
            "SIZE": [limits.message_bytes.to_string()],
        },
    })
}

async fn all(call: &Call, account: &Access) -> Result<(i64, Vec<Submission>), MethodError> {
    Ok(call.mail().submissions(call.ctx(), account.account).await?)
}

async fn changes_since(
    call: &Call,
    account: &Access,
    since: i64,
    most: usize,
) -> Result<SubmissionChanges, MethodError> {
    let read = call.mail().submission_changes(call.ctx(), account.account, since, most).await;
    read.map_err(|error| match error.meaning() {
        base::Meaning::Conflict => MethodError::CannotCalculateChanges,
        _ => error.into(),
    })
}

/// What changed may have another place: it is taken out, and put in where it is now.
async fn query_changes(
    call: &Call,
    account: &Access,
    request: QueryChangesRequest,
) -> Result<QueryChanges, MethodError> {
    let since: i64 = request.since.parse().map_err(|_| MethodError::CannotCalculateChanges)?;
    let changed = changes_since(call, account, since, usize::MAX).await?;
    let (_, mut known) = all(call, account).await?;
    known.retain(|one| request.query.filter.as_ref().is_none_or(|filter| fits(one, filter)));
    known.sort_by(|a, b| compare(&request.query, a, b));
    let touched: HashSet<i64> = changed.created.iter().chain(&changed.updated).copied().collect();
    let added = known.iter().enumerate().filter(|(_, one)| touched.contains(&one.id));
    Ok(QueryChanges {
        new_state: changed.seq.to_string(),
        total: request.query.calculate_total.then_some(known.len() as u64),
        added: added.map(|(index, one)| (ids::submission(one.id), index as u64)).collect(),
        removed: changed.updated.iter().chain(&changed.destroyed).copied().map(ids::submission).collect(),
    })
}

/// What became of it, by recipient.
fn status(submission: &Submission) -> Value {
    let each = submission.recipients.iter().map(|to| {
        let status = json!({ "smtpReply": to.reply, "delivered": to.delivered, "displayed": "unknown" });
        (to.address.clone(), status)
    });
    Value::Object(each.collect::<JsonMap<_, _>>())
}

fn test(one: &Submission, test: &Test) -> bool {
    let names = |id: &str| test.value.as_array().is_some_and(|ids| ids.iter().any(|known| known == id));
    let moment = || test.value.as_str().and_then(dates::read).unwrap_or(0);
    match test.name {
        "identityIds" => names(&ids::identity(one.identity)),
        "emailIds" => names(&ids::email(one.email)),
        "threadIds" => names(&ids::thread(one.thread)),
        "undoStatus" => test.value == one.undo.word(),
        "before" => one.send_at < moment(),
        _ => one.send_at >= moment(),
    }
}

fn fits(one: &Submission, filter: &Filter) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|filter| fits(one, filter)),
        Filter::Or(any) => any.iter().any(|filter| fits(one, filter)),
        Filter::Not(none) => !none.iter().any(|filter| fits(one, filter)),
        Filter::Is(tests) => tests.iter().all(|of| test(one, of)),
    }
}

fn compare(query: &Query, a: &Submission, b: &Submission) -> Ordering {
    for key in &query.sort {
        let order = match key.property {
            "emailId" => a.email.cmp(&b.email),
            "threadId" => a.thread.cmp(&b.thread),
            _ => a.send_at.cmp(&b.send_at),
        };
        if order != Ordering::Equal {
            return if key.ascending { order } else { order.reverse() };
        }
    }
    a.id.cmp(&b.id)
}

impl Type for Submissions {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(
            async move { Ok(call.mail().submission_state(call.ctx(), account.account).await?.to_string()) },
        )
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let (state, known) = all(call, account).await?;
            let every = || known.iter().map(|one| ids::submission(one.id)).collect();
            for id in request.ids.unwrap_or_else(every) {
                let found = ids::read_submission(&id).and_then(|id| known.iter().find(|one| one.id == id));
                let Some(one) = found else {
                    out.missing(id);
                    continue;
                };
                out.add(&id, |object| {
                    object.put("identityId", &ids::identity(one.identity));
                    object.put("emailId", &ids::email(one.email));
                    object.put("threadId", &ids::thread(one.thread));
                    object.put_json("envelope", one.envelope.as_bytes());
                    object.put("sendAt", &dates::utc(one.send_at));
                    object.put("undoStatus", one.undo.word());
                    object.put("deliveryStatus", &status(one));
                    object.put("dsnBlobIds", &[""; 0]);
                    object.put("mdnBlobIds", &[""; 0]);
                    Ok(())
                })?;
            }
            Ok(state.to_string())
        })
    }

    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(set::set(call, account, request))
    }

    fn changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: ChangesRequest,
    ) -> Hook<'a, Changes> {
        Box::pin(async move {
            let since: i64 = request.since.parse().map_err(|_| MethodError::CannotCalculateChanges)?;
            let most = request.max.and_then(|max| usize::try_from(max).ok()).unwrap_or(usize::MAX);
            let changed = changes_since(call, account, since, most).await?;
            let write = |ids: Vec<i64>| ids.into_iter().map(ids::submission).collect();
            Ok(Changes {
                has_more: changed.has_more,
                created: write(changed.created),
                updated: write(changed.updated),
                destroyed: write(changed.destroyed),
                ..Changes::none(changed.seq.to_string())
            })
        })
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let (state, mut known) = all(call, account).await?;
            known.retain(|one| request.filter.as_ref().is_none_or(|filter| fits(one, filter)));
            known.sort_by(|a, b| compare(&request, a, b));
            let ids: Vec<String> = known.iter().map(|one| ids::submission(one.id)).collect();
            request.page(&ids, state.to_string(), true)
        })
    }

    fn query_changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: QueryChangesRequest,
    ) -> Hook<'a, QueryChanges> {
        Box::pin(query_changes(call, account, request))
    }
}
