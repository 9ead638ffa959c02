//! Removed mailboxes.

use serde_json::json;

use super::{EXPIRES_AT, Names, REMOVED_AT, REMOVED_BY, REMOVED_THROUGH, answer};
use crate::engine::{
    Access, Argument, Arguments, Call, GetRequest, Hook, Map, Method, MethodError, Objects, Page, Property,
    Query, SetDone, SetError, SetRequest, Shape, Sort, Table, Type, capabilities,
};
use crate::mail::ids;

const RESTORE: &[Argument] = &[
    Argument { name: "id", shape: Shape::Id, doc: "The mailbox." },
    Argument {
        name: "parentId",
        shape: Shape::Nullable(&Shape::Id),
        doc: "The mailbox that it comes back into. Without it: where it was, or the nearest above that is there.",
    },
];

static TABLE: Table = Table {
    name: "RemovedMailbox",
    capability: capabilities::HISTORY,
    doc: "A mailbox that was removed with the messages in it, and can be brought back for a while.",
    shared: true,
    properties: &[
        Property::new("id", Shape::Id, "Its id, which it has again when it is back.").server_set().immutable(),
        Property::new("parentId", Shape::Nullable(&Shape::Id), "The mailbox that it lay in; may be removed, too.")
            .server_set(),
        Property::new("name", Shape::String, "Its name.").server_set(),
        Property::new("path", Shape::String, "Its path as it was, levels separated by `/`.").server_set(),
        Property::new("role", Shape::Nullable(&Shape::String), "What it was for.").server_set(),
        Property::new("totalEmails", Shape::Unsigned, "Messages that went with it.").server_set(),
        Property::new("unreadEmails", Shape::Unsigned, "Those of them not seen.").server_set(),
        Property::new("size", Shape::Unsigned, "Their bytes.").server_set(),
        REMOVED_AT,
        REMOVED_BY,
        REMOVED_THROUGH,
        EXPIRES_AT,
    ],
    sorts: &[Sort { name: "removedAt", doc: "When it was removed: the newest first, always.", arguments: &[] }],
    methods: &[
        Method::standard("get"),
        Method::standard("query"),
        Method {
            doc: "only `destroy`: removes mailboxes and what lies only in them for good. Needs the right `history.purge`.",
            ..Method::standard("set")
        },
        Method::custom(
            "restore",
            "brings a mailbox back with its messages, and with the mailboxes in it that were removed within the day \
             before it. A name that is taken gets a number. Answers with `restored` (by id: `name`, `parentId`, \
             `totalEmails`) or `notRestored` (an error of `set`).",
            RESTORE,
        )
        .writing(),
    ],
    ..Table::EMPTY
};

/// Mailboxes that were removed.
pub(super) struct RemovedMailboxes;

async fn state(call: &Call, account: &Access) -> Result<String, MethodError> {
    let account = account.account;
    let seq = call.mail().kernel().read(call.ctx(), move |view| view.seq(account)).await?;
    Ok(ids::state(seq))
}

async fn get(
    call: &Call,
    account: &Access,
    request: GetRequest,
    out: &mut Objects,
) -> Result<String, MethodError> {
    let (seq, mut found) = call.mail().removed_mailboxes(call.ctx(), account.account).await?;
    if let Some(asked) = request.ids {
        found.retain(|gone| asked.contains(&ids::mailbox(gone.id)));
        for id in asked.iter().filter(|id| !found.iter().any(|gone| ids::mailbox(gone.id) == **id)) {
            out.missing(id);
        }
    }
    let names = Names::of(call, found.iter().map(|gone| gone.removal)).await?;
    for gone in found {
        out.add(&ids::mailbox(gone.id), |object| {
            object.put("parentId", &(gone.parent.0 != 0).then(|| ids::mailbox(gone.parent)));
            object.put("name", &gone.name);
            object.put("path", &gone.path);
            object.put("role", &gone.role.map(mail::Role::word));
            object.put("totalEmails", &gone.total);
            object.put("unreadEmails", &gone.unseen);
            object.put("size", &gone.bytes);
            names.put(&gone.removal, object);
            Ok(())
        })?;
    }
    Ok(ids::state(seq))
}

async fn restore(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let id = arguments.string("id")?;
    let to = match arguments.string_opt("parentId")? {
        Some(parent) => {
            let known = ids::read_mailbox(&parent);
            Some(known.ok_or_else(|| MethodError::invalid_arguments("parentId", "does not exist"))?)
        }
        None => None,
    };
    let done = match ids::read_mailbox(&id) {
        Some(mailbox) => call
            .mail()
            .restore_mailbox(call.ctx(), account.account, mailbox, to)
            .await
            .map_err(SetError::from),
        None => Err(SetError::not_found()),
    };
    let (mut restored, mut not_restored) = (Map::new(), Map::new());
    match done {
        Ok(all) => restored.extend(all.into_iter().map(|back| {
            let parent = (back.parent.0 != 0).then(|| ids::mailbox(back.parent));
            let object = json!({ "name": back.name, "parentId": parent, "totalEmails": back.total });
            (ids::mailbox(back.id), object)
        })),
        Err(error) => {
            not_restored.insert(id, error.body());
        }
    }
    Ok(answer(&account.id(), ("restored", restored), ("notRestored", not_restored)))
}

async fn purge(call: &Call, account: &Access, request: SetRequest) -> Result<SetDone, MethodError> {
    let mut done = SetDone { old_state: Some(state(call, account).await?), ..SetDone::default() };
    let only =
        || SetError::new("forbidden").describe("removed mailboxes are brought back or removed for good");
    done.not_created = request.create.into_iter().map(|(name, _)| (name, only())).collect();
    done.not_updated = request.update.into_iter().map(|(id, _)| (id, only())).collect();
    for id in request.destroy {
        let Some(mailbox) = ids::read_mailbox(&id) else {
            done.not_destroyed.push((id, SetError::not_found()));
            continue;
        };
        match call.mail().purge_mailbox(call.ctx(), account.account, mailbox).await {
            Ok(_) => done.destroyed.push(id),
            Err(error) => done.not_destroyed.push((id, error.into())),
        }
    }
    done.new_state = state(call, account).await?;
    Ok(done)
}

impl Type for RemovedMailboxes {
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
            let (seq, found) = call.mail().removed_mailboxes(call.ctx(), account.account).await?;
            let found: Vec<String> = found.into_iter().map(|gone| ids::mailbox(gone.id)).collect();
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
