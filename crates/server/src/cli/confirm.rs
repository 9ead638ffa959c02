//! Asks before what cannot be undone.

use std::io::{IsTerminal, Write};

use base::Error;

use super::Session;
use crate::failure::Failure;

impl Session {
    /// Goes on with `--yes`, or when a person answers `yes`. `what` says what is about to happen.
    pub(super) fn confirm(&self, what: &str) -> Result<(), Failure> {
        if self.global.yes {
            return Ok(());
        }
        let refused = |rule: String| Err(Error::forbidden("", rule).into());
        if !std::io::stdin().is_terminal() {
            return refused(format!("{what} To go on without a person who answers, add --yes."));
        }
        eprint!("{what}\nType `yes` to go on: ");
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_ok() && answer.trim() == "yes" { Ok(()) } else { refused("Nothing was done.".to_owned()) }
    }
}
