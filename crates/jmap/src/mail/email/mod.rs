//! Emails (RFC 8621 section 4).

mod body;
mod changes;
mod compose;
mod get;
mod header;
mod import;
mod query;
mod safe;
mod set;
mod table;

use crate::engine::{
    Access, Arguments, Call, Changes, ChangesRequest, CopyRequest, GetRequest, Hook, Map, MethodError,
    Objects, Page, Query, QueryChanges, QueryChangesRequest, SetDone, SetRequest, Table, Type,
};
use crate::mail::ids;

pub(crate) use get::keywords;

/// The type Email.
pub(crate) struct Emails;

static TABLE: Table = table::EMAIL;

impl Type for Emails {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn has_property(&self, name: &str) -> bool {
        header::Header::parse(name).is_some()
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
        Box::pin(get::get(call, account, request, out))
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
        Box::pin(changes::changes(call, account, request))
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

    fn copy<'a>(
        &'a self,
        call: &'a Call,
        from: &'a Access,
        to: &'a Access,
        request: CopyRequest,
    ) -> Hook<'a, SetDone> {
        Box::pin(import::copy(call, from, to, request))
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        method: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        Box::pin(async move {
            match method {
                "import" => import::import(call, account, arguments).await,
                "parse" => import::parse(call, account, arguments).await,
                _ => Err(MethodError::UnknownMethod),
            }
        })
    }
}

pub(crate) use changes::cannot;
pub(crate) use query::found_terms;

/// What emails may be sorted by, for the session.
pub(crate) fn sort_options() -> Vec<&'static str> {
    TABLE.sorts.iter().map(|sort| sort.name).collect()
}

/// A filter of emails.
pub(crate) fn read_filter(
    filter: serde_json::Value,
    call: &Call,
) -> Result<crate::engine::Filter, MethodError> {
    crate::engine::read_filter(&TABLE, filter, call)
}
