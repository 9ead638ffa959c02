//! States of types whose changes are not told apart: the number of the account's newest commit.

use base::{Result, Seq};

use crate::engine::{Access, Call, Hook};

/// The newest commit of an account.
pub(crate) async fn newest(call: &Call, access: &Access) -> Result<Seq> {
    let account = access.account;
    call.mail().kernel().read(call.ctx(), move |view| view.seq(account)).await
}

/// The newest commit of an account, as a state.
pub(crate) fn of_account<'a>(call: &'a Call, access: &'a Access) -> Hook<'a, String> {
    Box::pin(async move { Ok(newest(call, access).await?.0.to_string()) })
}
