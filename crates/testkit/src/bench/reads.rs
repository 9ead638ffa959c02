//! Pages and changes of a large account.

use std::time::Instant;

use base::{AccountId, CollectionId, ItemId, OrganisationId, Seq};
use kernel::{ItemUpdate, NewCollection, create_accounts};
use store::sql::Dialect;

use super::figure::{Figure, Report, Target};
use super::store::Bench;
use super::{letter, machine};

const BATCH: u64 = 5_000;

/// Measures pages of 50 and changes since in one account of a million items.
pub async fn run(report: &mut Report, bench: &Bench, quick: bool) {
    let items: u64 = if quick { 100_000 } else { 1_000_000 };
    let (account, inbox) = fill(bench, items).await;
    let name = bench.kernel.store().dialect().name();
    let (page, since) = match bench.kernel.store().dialect() {
        Dialect::Sqlite => (150.0, 150.0),
        Dialect::Postgres => (500.0, 500.0),
    };
    let seq = bench.kernel.read(&bench.ctx, move |view| view.seq(account)).await.expect("a state");
    let some: Vec<ItemId> = (1..=50).map(|n| ItemId(n * 997)).collect();
    let flag = bench.kernel.write(&bench.ctx, account, move |batch| {
        batch.update(inbox, &some, &ItemUpdate { set: 1, ..ItemUpdate::default() })
    });
    flag.await.expect("flags");
    let last = i64::try_from(items).unwrap_or(i64::MAX);
    let mut pages = Vec::new();
    let mut changes = Vec::new();
    let mut nothing = Vec::new();
    for n in 0..400i64 {
        let before = ItemId(last - (n * 7_919) % last + 51);
        let begun = Instant::now();
        let read =
            bench.kernel.read(&bench.ctx, move |view| view.page_back(account, inbox, before, 50)).await;
        pages.push(begun.elapsed().as_secs_f64() * 1e6);
        assert_eq!(read.expect("a page").len(), 50);
        let begun = Instant::now();
        let read = bench
            .kernel
            .read(&bench.ctx, move |view| view.changes(account, inbox, seq, ItemId(0), 500))
            .await;
        changes.push(begun.elapsed().as_secs_f64() * 1e6);
        assert_eq!(read.expect("changes").len(), 50);
        let begun = Instant::now();
        let read = bench
            .kernel
            .read(&bench.ctx, move |view| view.changes(account, inbox, Seq(seq.0 + 1), ItemId(0), 500))
            .await;
        nothing.push(begun.elapsed().as_secs_f64() * 1e6);
        assert!(read.expect("no change").is_empty());
    }
    for (what, values, most) in [
        ("a page of 50", &mut pages, page),
        ("changes since, 50 flags changed", &mut changes, since),
        ("changes since, nothing new", &mut nothing, since),
    ] {
        report.add(Figure {
            name: format!("{name}: {what}, account of {items} items"),
            value: machine::median(values),
            unit: "us",
            peer: None,
            target: Some(Target::AtMost(most)),
        });
    }
}

async fn fill(bench: &Bench, items: u64) -> (AccountId, CollectionId) {
    let now_ms = bench.ctx.now_ms();
    let store = bench.kernel.store();
    let made = store.write([], move |tx| create_accounts(tx, OrganisationId(1), "person", 1, now_ms)).await;
    let account = made.expect("an account")[0];
    let made = bench.kernel.write(&bench.ctx, account, |batch| {
        batch.create_collection(&NewCollection { kind: "letter", name: "Inbox", ..Default::default() })
    });
    let inbox = made.await.expect("a collection");
    for first in (0..items).step_by(usize::try_from(BATCH).unwrap_or(1)) {
        let filled = bench.kernel.write(&bench.ctx, account, move |batch| {
            (first..first + BATCH).try_for_each(|n| {
                let mut hash = [1; 32];
                hash[..8].copy_from_slice(&n.to_le_bytes());
                letter::deliver(batch, inbox, hash, 14_336, n).map(|_| ())
            })
        });
        filled.await.expect("items");
    }
    (account, inbox)
}
