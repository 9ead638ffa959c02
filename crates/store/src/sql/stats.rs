//! Counters of what the store does, for metrics and for benchmarks that count round trips.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

macro_rules! stats {
    ($($name:ident: $doc:literal;)*) => {
        /// Counters since the start; each only grows.
        #[derive(Debug, Default)]
        pub struct Stats {
            $(pub(crate) $name: AtomicU64,)*
            /// Set by tests that look at the plans of all statements.
            pub(crate) recording: AtomicBool,
            pub(crate) recorded: Mutex<BTreeSet<String>>,
        }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct StatsSnapshot {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Stats {
            /// The counters now.
            pub fn snapshot(&self) -> StatsSnapshot {
                StatsSnapshot { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl StatsSnapshot {
            /// Name, meaning and value of each counter.
            pub fn rows(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), $doc, self.$name),)*]
            }
        }
    };
}

stats! {
    transactions: "Transactions that were committed.";
    groups: "Commits of the database, each of one or more transactions.";
    repeats: "Groups that were undone and repeated one by one, because one of them failed.";
    retries: "Transactions that ran again after a serialization failure or a deadlock.";
    reads: "Read transactions.";
    statements: "Statements sent to the database.";
    round_trips: "Times a thread waited for the database to answer.";
    failures: "Transactions that ended in an error.";
    checkpoints: "Checkpoints of the write-ahead log (SQLite).";
}

impl Stats {
    pub(crate) fn record(&self, text: &str) {
        if self.recording.load(Ordering::Relaxed) {
            let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
            if !recorded.contains(text) {
                recorded.insert(text.to_owned());
            }
        }
    }

    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}
