//! Mailboxes (RFC 8621 section 2).

mod query;
mod set;
mod share;

use base::Seq;
use kernel::CollectionChange;
use mail::emails::EmailState;
use mail::{Mailbox, Role};
use serde_json::{Value, json};

use crate::engine::{
    Access, Argument, Call, Changes, ChangesRequest, Condition, GetRequest, Hook, Map, Method, MethodError,
    Objects, Page, Property, Query, QueryChanges, QueryChangesRequest, SetDone, SetRequest, Shape, Sort,
    Table, Type, capabilities,
};
use crate::mail::email::cannot;
use crate::mail::ids;

pub(crate) use share::NAMES;

/// The type Mailbox.
pub(crate) struct Mailboxes;

const RIGHTS: Shape = Shape::Named(
    "MailboxRights",
    &[
        Property::new("mayReadItems", Shape::Bool, "Read its emails."),
        Property::new("mayAddItems", Shape::Bool, "Put emails into it."),
        Property::new("mayRemoveItems", Shape::Bool, "Take emails out of it."),
        Property::new("maySetSeen", Shape::Bool, "Mark emails as seen."),
        Property::new("maySetKeywords", Shape::Bool, "Change the other keywords."),
        Property::new("mayCreateChild", Shape::Bool, "Make mailboxes in it."),
        Property::new("mayRename", Shape::Bool, "Rename and move it."),
        Property::new("mayDelete", Shape::Bool, "Remove it."),
        Property::new("maySubmit", Shape::Bool, "Send in the name of its account."),
        Property::new("mayShare", Shape::Bool, "Say who may do what in it."),
    ],
);

static TABLE: Table = Table {
    name: "Mailbox",
    capability: capabilities::MAIL,
    doc: "A named set of emails.",
    shared: true,
    pushed: true,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id; in the own account the MAILBOXID of IMAP.")
            .server_set()
            .immutable(),
        Property::new("name", Shape::String, "Its name for people.").required(),
        Property::new("parentId", Shape::Nullable(&Shape::Id), "The mailbox that it lies in."),
        Property::new("role", Shape::Nullable(&Shape::String), "What it is for."),
        Property::new("sortOrder", Shape::Unsigned, "Its place among its siblings, the lowest first."),
        Property::new("totalEmails", Shape::Unsigned, "Its emails.").server_set(),
        Property::new("unreadEmails", Shape::Unsigned, "Those neither seen nor drafts.").server_set(),
        Property::new("totalThreads", Shape::Unsigned, "Conversations with an email in it.").server_set(),
        Property::new("unreadThreads", Shape::Unsigned, "Conversations with an unread email in it.")
            .server_set(),
        Property::new("myRights", RIGHTS, "What the caller may do.").server_set(),
        Property::new(
            "shareWith",
            Shape::Nullable(&Shape::IdMap(&Shape::Nullable(&RIGHTS))),
            "What principals besides the owner may do; null: nobody else, or the caller may not know.",
        )
        .hidden(),
        Property::new("isSubscribed", Shape::Bool, "Whether the caller wants to see it in lists."),
    ],
    filters: &[
        Condition {
            name: "parentId",
            shape: Shape::Nullable(&Shape::Id),
            doc: "Lies in this mailbox; null: at the top.",
        },
        Condition { name: "name", shape: Shape::String, doc: "Its name holds this." },
        Condition { name: "role", shape: Shape::Nullable(&Shape::String), doc: "Has this role." },
        Condition { name: "hasAnyRole", shape: Shape::Bool, doc: "Has a role." },
        Condition { name: "isSubscribed", shape: Shape::Bool, doc: "Is subscribed to." },
    ],
    sorts: &[
        Sort { name: "sortOrder", doc: "Its place among its siblings.", arguments: &[] },
        Sort { name: "name", doc: "Its name.", arguments: &[] },
        Sort { name: "parentId", doc: "The mailbox that it lies in.", arguments: &[] },
    ],
    methods: &[
        Method::standard("get"),
        Method::standard("changes"),
        Method::standard("query").taking(TREE),
        Method::standard("queryChanges").taking(TREE),
        Method::standard("set").taking(&[Argument {
            name: "onDestroyRemoveEmails",
            shape: Shape::Bool,
            doc: "Removes mailboxes with what lies in them.",
        }]),
    ],
};

const TREE: &[Argument] = &[
    Argument { name: "sortAsTree", shape: Shape::Bool, doc: "Each behind the one that it lies in." },
    Argument { name: "filterAsTree", shape: Shape::Bool, doc: "Only those whose parents are found too." },
];

impl Type for Mailboxes {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(async move { Ok(ids::state(call.mail().mail_state(call.ctx(), account.account).await?)) })
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

    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(set::set(call, account, request))
    }

    fn changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: ChangesRequest,
    ) -> Hook<'a, Changes> {
        Box::pin(changes(call, account, request))
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(query::query(call, account, request))
    }

    fn query_changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: QueryChangesRequest,
    ) -> Hook<'a, QueryChanges> {
        Box::pin(query::query_changes(call, account, request))
    }
}

/// The mailboxes of an account; those that every account has are made first.
async fn all(call: &Call, access: &Access) -> Result<(Seq, Vec<Mailbox>), MethodError> {
    if access.own {
        call.mail().inbox(call.ctx(), access.account).await?;
    }
    let state = call.mail().mail_state(call.ctx(), access.account).await?;
    Ok((state, call.mail().mailboxes(call.ctx(), access.account).await?))
}

fn rights(mailbox: &Mailbox) -> Value {
    let inbox = mailbox.role == Some(Role::Inbox);
    let each = share::NAMES.iter().map(|(name, right)| {
        let is_fixed = inbox && matches!(*name, "mayRename" | "mayDelete");
        ((*name).to_owned(), json!(mailbox.rights.has(*right) && !is_fixed))
    });
    Value::Object(each.collect())
}

/// What the caller may see of another's account may have changed otherwise than in its history.
pub(crate) async fn check_shares(call: &Call, access: &Access, since: Seq) -> Result<(), MethodError> {
    if access.own || !call.mail().share_changed_since(call.ctx(), access.account, since).await? {
        return Ok(());
    }
    Err(MethodError::CannotCalculateChanges)
}

fn parent(mailbox: &Mailbox) -> Option<String> {
    (mailbox.parent.0 != 0).then(|| ids::mailbox(mailbox.parent))
}

async fn get(
    call: &Call,
    access: &Access,
    request: GetRequest,
    out: &mut Objects,
) -> Result<String, MethodError> {
    let (state, mailboxes) = all(call, access).await?;
    let asked =
        request.ids.unwrap_or_else(|| mailboxes.iter().map(|mailbox| ids::mailbox(mailbox.id)).collect());
    let counts_wanted =
        ["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"].iter().any(|name| out.wants(name));
    for id in asked {
        let found = ids::read_mailbox(&id).and_then(|id| mailboxes.iter().find(|mailbox| mailbox.id == id));
        let Some(mailbox) = found else {
            out.missing(id);
            continue;
        };
        let counts = if counts_wanted {
            call.mail().counts(call.ctx(), access.account, mailbox).await?
        } else {
            mail::emails::Counts::default()
        };
        let shared = if out.wants("shareWith") && !call.ctx().is_past() {
            share::shown(call, access, mailbox).await?
        } else {
            Value::Null
        };
        // A parent that the caller may not see is none for it.
        let parent = parent(mailbox).filter(|_| mailboxes.iter().any(|other| other.id == mailbox.parent));
        out.add(&id, |out| {
            out.put("name", if mailbox.role == Some(Role::Inbox) { "Inbox" } else { &mailbox.name });
            out.put("parentId", &parent);
            out.put("role", &mailbox.role.map(Role::word));
            out.put("sortOrder", &mailbox.sort_order);
            out.put("totalEmails", &counts.emails);
            out.put("unreadEmails", &counts.unread_emails);
            out.put("totalThreads", &counts.threads);
            out.put("unreadThreads", &counts.unread_threads);
            out.put("myRights", &rights(mailbox));
            out.put("shareWith", &shared);
            out.put("isSubscribed", &mailbox.subscribed);
            Ok(())
        })?;
    }
    Ok(ids::state(state))
}

/// What changed since a state. Of what the history shows it is only known whether anything did.
async fn changed_since(
    call: &Call,
    access: &Access,
    since: Seq,
    newest: Seq,
) -> Result<Vec<CollectionChange>, MethodError> {
    let is_past = call.ctx().is_past();
    if since > newest || is_past && since != newest {
        return Err(MethodError::CannotCalculateChanges);
    }
    if is_past {
        return Ok(Vec::new());
    }
    check_shares(call, access, since).await?;
    let account = access.account;
    let read = call.mail().kernel().read(call.ctx(), move |view| view.collection_changes(account, since));
    read.await.map_err(cannot)
}

async fn changes(call: &Call, access: &Access, request: ChangesRequest) -> Result<Changes, MethodError> {
    let known = ids::read_email_state(&request.since)?;
    let newest = call.mail().mail_state(call.ctx(), access.account).await?;
    if known.told.is_some_and(|(seq, _)| seq > newest) {
        return Err(MethodError::CannotCalculateChanges);
    }
    let mut changed = changed_since(call, access, known.seq, newest).await?;
    let told = known.told.unwrap_or((known.seq, i64::MAX));
    changed.retain(|change| change.info.kind == mail::NAME && (change.info.max_seq, change.info.id.0) > told);
    changed.sort_by_key(|change| (change.info.max_seq, change.info.id.0));
    let most = usize::try_from(request.max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let has_more = changed.len() > most;
    changed.truncate(most);
    let new_state = match changed.last() {
        Some(last) if has_more => {
            EmailState { seq: known.seq, told: Some((last.info.max_seq, last.info.id.0)) }
        }
        _ => EmailState { seq: newest, told: None },
    };
    let mut out = Changes {
        new_state: ids::email_state(new_state),
        has_more,
        created: Vec::new(),
        updated: Vec::new(),
        destroyed: Vec::new(),
        extra: Map::new(),
    };
    let mut only_counts = true;
    for change in changed {
        let id = ids::mailbox(change.info.id);
        if change.gone {
            out.destroyed.push(id);
        } else if change.created {
            out.created.push(id);
        } else {
            only_counts &= !change.state;
            out.updated.push(id);
        }
    }
    let counts = json!(["totalEmails", "unreadEmails", "totalThreads", "unreadThreads"]);
    let updated = if only_counts && !out.updated.is_empty() { counts } else { Value::Null };
    out.extra.insert("updatedProperties".to_owned(), updated);
    Ok(out)
}
