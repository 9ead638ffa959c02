//! Conversations (RFC 8621 section 3).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::{
    Access, Call, Changes, ChangesRequest, GetRequest, Hook, Map, Method, MethodError, Objects, Property,
    Shape, Table, Type, capabilities,
};
use crate::mail::email::cannot;
use crate::mail::ids;

/// The type Thread.
pub(crate) struct Threads;

static TABLE: Table = Table {
    name: "Thread",
    capability: capabilities::MAIL,
    doc: "A conversation: messages that answer one another.",
    shared: true,
    pushed: true,
    properties: &[
        Property::new("id", Shape::Id, "Its id; the THREADID of IMAP.").server_set().immutable(),
        Property::new(
            "emailIds",
            Shape::List(&Shape::Id),
            "Its emails, those that arrived first before the others.",
        )
        .server_set(),
    ],
    methods: &[Method::standard("get"), Method::standard("changes")],
    ..Table::EMPTY
};

impl Type for Threads {
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
        Box::pin(async move {
            let Some(asked) = request.ids else { return Err(MethodError::RequestTooLarge) };
            let wanted = asked.iter().filter_map(|id| ids::read_thread(id)).collect();
            let (state, threads) = call.mail().threads(call.ctx(), account.account, wanted).await?;
            for id in asked {
                let found = ids::read_thread(&id)
                    .and_then(|thread| threads.binary_search_by_key(&thread, |(known, _)| *known).ok())
                    .and_then(|at| threads.get(at));
                let Some((_, emails)) = found else {
                    out.missing(id);
                    continue;
                };
                out.add(&id, |out| {
                    let emails: Value =
                        emails.iter().map(|object| Value::String(ids::email(*object))).collect();
                    out.put("emailIds", &emails);
                    Ok(())
                })?;
            }
            Ok(ids::state(state))
        })
    }

    fn changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: ChangesRequest,
    ) -> Hook<'a, Changes> {
        Box::pin(changes(call, account, request))
    }
}

/// A conversation changes when an email comes or goes. What one email's news are to its conversation is asked of the
/// emails that it has now.
async fn changes(call: &Call, access: &Access, request: ChangesRequest) -> Result<Changes, MethodError> {
    let known = ids::read_email_state(&request.since)?;
    let (mail, account) = (call.mail(), access.account);
    let mut found = mail.email_changes(call.ctx(), account, known, request.max).await.map_err(cannot)?;
    found.updated.clear();
    let mut touched: Vec<i64> = found.created.iter().chain(&found.destroyed).copied().collect();
    touched.sort_unstable();
    let of: BTreeMap<i64, i64> = mail.threads_of(account, touched).await?.into_iter().collect();
    let mut threads: Vec<i64> = of.values().copied().collect();
    threads.sort_unstable();
    threads.dedup();
    let (_, now) = mail.threads(call.ctx(), account, threads.clone()).await?;
    let is_new = |object: &i64| found.created.contains(object);
    let mut out = Changes {
        new_state: ids::email_state(found.state),
        has_more: found.has_more,
        created: Vec::new(),
        updated: Vec::new(),
        destroyed: Vec::new(),
        extra: Map::new(),
    };
    for thread in threads {
        let emails = now.iter().find(|(known, _)| *known == thread).map(|(_, emails)| emails.as_slice());
        let lost = found.destroyed.iter().any(|object| of.get(object) == Some(&thread));
        let id = ids::thread(thread);
        match emails {
            None if lost => out.destroyed.push(id),
            None => {}
            Some(emails) if !lost && emails.iter().all(is_new) => out.created.push(id),
            Some(_) => out.updated.push(id),
        }
    }
    Ok(out)
}
