//! Sessions of programs that send name and password with every request: one for each account, app password and network, so that a
//! hundred requests a second are one line in the list of sessions, and can be ended there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base::{AccountId, Tree};
use directory::login::LoggedIn;
use directory::throttle::Network;
use wire::Interrupt;
use wire::auth::{self, Authenticator, Session};

/// A program that was silent for so long has ended its session.
const IDLE_MS: i64 = 15 * 60_000;

type Key = (AccountId, Option<i64>, Network, Tree);

struct Open {
    session: Arc<Session>,
    interrupt: Interrupt,
    used_at_ms: i64,
}

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Programs(Mutex<Sessions>);

#[derive(Default)]
struct Sessions {
    open: HashMap<Key, Open>,
    swept_at_ms: i64,
}

impl Programs {
    /// The session that a request belongs to; a new one when there is none, or when it was ended elsewhere.
    pub(super) fn session(
        &self,
        authenticator: &Authenticator,
        caller: &auth::Caller,
        logged_in: LoggedIn,
    ) -> Arc<Session> {
        let network = Network::of(caller.address);
        let key = (logged_in.actor.account, logged_in.app_password, network, logged_in.tree);
        let now = authenticator.ctx().now_ms();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sessions.open.get_mut(&key)
            && open.interrupt.told().is_none()
        {
            open.used_at_ms = now;
            return open.session.clone();
        }
        if now - sessions.swept_at_ms >= IDLE_MS / 5 {
            sessions.swept_at_ms = now;
            sessions.open.retain(|_, open| {
                let is_used = now - open.used_at_ms < IDLE_MS || Arc::strong_count(&open.session) > 1;
                is_used && open.interrupt.told().is_none()
            });
        }
        let interrupt = caller.interrupt.clone();
        let session = Arc::new(authenticator.open(caller, logged_in));
        sessions.open.insert(key, Open { session: session.clone(), interrupt, used_at_ms: now });
        session
    }
}
