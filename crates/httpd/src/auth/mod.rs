//! Who a request is from.
//!
//! What must stay true here:
//! - Every request is checked anew: a session, a password or an account that was ended counts no more from the next
//!   request on, and requests that stay open learn of it ([`Caller::watch`]).
//! - The answer to a wrong name and to a wrong password is the same.

mod caller;
mod programs;

use std::sync::Arc;

use base::Ctx;
use directory::Directory;
use wire::auth::Authenticator;

pub use caller::{Caller, Way};
use programs::Programs;

/// Lets people in over HTTP. Cheap to clone; a node has one, which [`crate::Site::with_auth`] gives to its routes.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    authenticator: Authenticator,
    programs: Programs,
}

impl Auth {
    /// Lets people in over the authenticator that the other doors use, so that they share its book of sessions.
    pub fn new(authenticator: Authenticator) -> Self {
        Self(Arc::new(Inner { authenticator, programs: Programs::default() }))
    }

    /// Who lets people in, of all doors.
    pub fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        self.0.authenticator.directory()
    }

    /// The program's own context.
    pub fn ctx(&self) -> &Ctx {
        self.0.authenticator.ctx()
    }

    /// The sessions of programs that send a password with every request.
    fn programs(&self) -> &Programs {
        &self.0.programs
    }
}
