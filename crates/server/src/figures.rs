//! Turns the counters of the floors below into figures when a scraper asks; those floors know no scraper.

use httpd::metrics::{Figures, Metrics};

use kernel::Search;

use crate::chores::Chores;
use crate::node::Node;

/// Adds what the database and the jobs tell about themselves.
pub fn measure(metrics: &mut Metrics, node: &Node, chores: Chores, index: Search) {
    let node = node.clone();
    metrics.add(move |figures| {
        store(figures, &node);
        let slow = node.directory.hasher().slow_hashes();
        figures.counter("password_hashes", "Passwords that were hashed the slow way", &[], slow);
        jobs(figures, &chores);
        search(figures, &index);
    });
}

#[expect(clippy::cast_precision_loss, reason = "queue lengths fit a float")]
fn store(figures: &mut Figures, node: &Node) {
    for (name, doc, value) in node.store().stats().rows() {
        figures.counter(format!("store_{name}"), doc.trim_end_matches('.'), &[], value);
    }
    let (writes, reads) = node.store().waiting();
    for (kind, waiting) in [("write", writes), ("read", reads)] {
        let labels = &[("kind", kind)];
        figures.gauge("store_waiting", "Transactions that wait for the database now", labels, waiting as f64);
    }
}

fn jobs(figures: &mut Figures, chores: &Chores) {
    for queue in chores.counters() {
        let outcomes = [
            ("finished", queue.finished),
            ("failed", queue.failed),
            ("died", queue.died),
            ("lost", queue.lost),
        ];
        for (outcome, count) in outcomes {
            let labels = &[("queue", queue.queue), ("outcome", outcome)];
            figures.counter("jobs", "Runs of jobs on this node by what became of them", labels, count);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts fit a float")]
fn search(figures: &mut Figures, index: &Search) {
    let lag = index.lag();
    figures.gauge(
        "search_lag_accounts",
        "Accounts that the search index is behind",
        &[],
        lag.accounts as f64,
    );
    figures.gauge("search_lag_commits", "Commits that the search index is behind", &[], lag.commits as f64);
    figures.counter("search_indexed", "Contents put into the search index", &[], lag.indexed);
    figures.counter("search_failures", "Times an account could not be indexed", &[], lag.failures);
}
