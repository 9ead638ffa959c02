//! A bar for long work, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Session;

impl Session {
    /// A bar for `total` steps of work; 0 when nobody knows how many. Clears itself when dropped.
    pub(super) fn progress(&self, what: &'static str, total: u64) -> Progress {
        let shown = !self.out.is_json() && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let (length, template) = match total {
            0 => (None, "{msg} {pos} ({per_sec})"),
            total => (Some(total), "{msg} {bar:30} {pos}/{len} ({eta})"),
        };
        let bar = ProgressBar::with_draw_target(length, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Progress(bar)
    }
}

/// Work in progress.
pub struct Progress(ProgressBar);

impl Progress {
    /// So many steps are done in all.
    pub fn at(&self, steps: u64) {
        self.0.set_position(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Progress {
    /// Moves the bar from elsewhere: what is being done, how much of it, and of how much (0: nobody knows).
    pub fn shared(&self) -> impl Fn(&'static str, u64, u64) + Send + Sync + 'static + use<> {
        let bar = self.0.clone();
        move |what, done, of| {
            bar.set_message(what);
            if of > 0 {
                bar.set_length(of);
            }
            bar.set_position(done);
        }
    }
}
