//! IDLE (RFC 2177), and what is told between commands.

use kernel::Push;
use wire::{Conn, Fault};

use crate::failure::{Failure, Result};
use crate::out::Out;
use crate::session::{Done, Idling, Session, State, Step};

impl Session {
    /// `IDLE`. What follows is told until the client says `DONE`.
    pub(crate) async fn idle(&mut self, tag: &str, out: &mut Out<'_>) -> Result<Done> {
        let mut heard = None;
        if let State::Selected(login, selected) = &self.state
            && self.watch.is_none()
        {
            // Listening before looking, so that nothing falls between.
            let kernel = self.server.mail.kernel();
            heard = Some(kernel.subscribe(&login.ctx, &[selected.account]).await?);
        }
        out.text("+ idling\r\n");
        self.sync(true, out).await?;
        self.idle = Some(Box::new(Idling { tag: tag.to_owned(), heard }));
        Ok(Done { silent: true, ..Done::default() })
    }

    /// A line while idling: only `DONE` has a place there.
    pub(crate) async fn end_idle(&mut self, conn: &mut Conn, line: &[u8]) -> Result<(), Fault> {
        let Some(idling) = self.idle.take() else { return Ok(()) };
        let is_done = line.eq_ignore_ascii_case(b"DONE");
        let mut out = Out::new(conn);
        if let Err(Failure::Gone(fault)) = self.sync(true, &mut out).await {
            return Err(fault);
        }
        out.text(&idling.tag);
        out.text(if is_done { " OK Idle is over\r\n" } else { " BAD Idle ends with DONE\r\n" });
        out.hand_over().await
    }

    /// Something changed in an account that is followed.
    pub(crate) async fn pushed(&mut self, conn: &mut Conn, push: Push) -> Result<(), Fault> {
        let mut out = Out::new(conn);
        let told = if self.watch.is_some() {
            self.notified(&push, &mut out).await
        } else if self.concerns(&push) {
            self.sync(true, &mut out).await
        } else {
            Ok(())
        };
        match told {
            Ok(()) => out.hand_over().await,
            Err(Failure::Gone(fault)) => Err(fault),
            Err(failure) => {
                // The database does not answer: the client is told with its next command.
                tracing::debug!(?failure, "a change could not be told");
                out.hand_over().await
            }
        }
    }

    /// Whether a change may be one of the selected mailbox.
    pub(crate) fn concerns(&self, push: &Push) -> bool {
        let State::Selected(_, selected) = &self.state else { return false };
        match push {
            Push::Missed => true,
            Push::Changed(change) => {
                change.account == selected.account
                    && (change.collections.is_empty() || change.collections.contains(&selected.mailbox))
            }
        }
    }

    /// Ends the session with a goodbye.
    pub(crate) fn logout(&mut self, out: &mut Out<'_>) -> Result<Done> {
        out.text("* BYE See you\r\n");
        self.go(Step::End);
        Done::text("Logged out")
    }
}
