//! Turns the counters of the floors below into figures when a scraper asks; those floors know no scraper.

use httpd::metrics::{Figures, Metrics};

use crate::node::Node;

/// Adds what the database, the jobs and the search index tell about themselves.
pub fn measure(metrics: &mut Metrics, node: &Node) {
    let node = node.clone();
    metrics.add(move |figures| store(figures, &node));
}

#[expect(clippy::cast_precision_loss, reason = "queue lengths fit a float")]
fn store(figures: &mut Figures, node: &Node) {
    for (name, doc, value) in node.store().stats().rows() {
        figures.counter(format!("store_{name}"), doc.trim_end_matches('.'), &[], value);
    }
    let (writes, reads) = node.store().waiting();
    for (kind, waiting) in [("write", writes), ("read", reads)] {
        figures.gauge(
            "store_waiting",
            "Transactions that wait for the database now",
            &[("kind", kind)],
            waiting as f64,
        );
    }
}
