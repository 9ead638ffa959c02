//! States of types whose changes are not told apart: the number of the account's newest commit.

use crate::engine::{Access, Call, Hook};

/// The newest commit of an account.
pub(crate) fn of_account<'a>(call: &'a Call, account: &'a Access) -> Hook<'a, String> {
    Box::pin(async move {
        let account = account.account;
        let seq = call.mail().kernel().read(call.ctx(), move |view| view.seq(account)).await?;
        Ok(seq.0.to_string())
    })
}
