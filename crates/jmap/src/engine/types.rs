//! What a type does beyond its table.

use std::future::Future;
use std::pin::Pin;

use super::{
    Access, Arguments, Call, Changes, ChangesRequest, CopyRequest, GetRequest, Map, MethodError, Objects,
    Page, Query, QueryChanges, QueryChangesRequest, SetDone, SetRequest, Table,
};

/// What a hook returns: `Box::pin(async move { .. })`.
pub type Hook<'a, T> = Pin<Box<dyn Future<Output = Result<T, MethodError>> + Send + 'a>>;

fn unknown<'a, T: Send + 'a>() -> Hook<'a, T> {
    Box::pin(async { Err(MethodError::UnknownMethod) })
}

/// A type of data. The hooks get whole batches, which the engine has checked against the table.
#[expect(unused_variables, reason = "the defaults use nothing of what they are given")]
pub trait Type: Send + Sync {
    /// What it is.
    fn table(&self) -> &'static Table;

    /// Whether a property may be asked for or set that stands in no table.
    fn has_property(&self, name: &str) -> bool {
        false
    }

    /// The state of all its objects in an account. Asked often: must be cheap.
    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String>;

    /// Writes objects, all or those with the ids; returns the state of the same snapshot.
    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        unknown()
    }

    /// Creates, updates and removes, in one transaction.
    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        unknown()
    }

    /// What changed since a state.
    fn changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: ChangesRequest,
    ) -> Hook<'a, Changes> {
        Box::pin(async { Err(MethodError::CannotCalculateChanges) })
    }

    /// Finds and sorts.
    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        unknown()
    }

    /// What changed in the results of a query.
    fn query_changes<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: QueryChangesRequest,
    ) -> Hook<'a, QueryChanges> {
        Box::pin(async { Err(MethodError::CannotCalculateChanges) })
    }

    /// Copies from one account to another.
    fn copy<'a>(
        &'a self,
        call: &'a Call,
        from: &'a Access,
        to: &'a Access,
        request: CopyRequest,
    ) -> Hook<'a, SetDone> {
        unknown()
    }

    /// A method of its own.
    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        method: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        unknown()
    }
}
