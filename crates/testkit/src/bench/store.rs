//! Deliveries with the whole history, durable, on both engines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::{AccountId, Clock, CollectionId, Ctx, Limits, OrganisationId, Random, Secret};
use kernel::{ChainKey, Kernel, NewCollection, create_accounts};
use store::blobs::{BLOBS, BlobBackend, BlobOptions, Blobs};
use store::sql::Dialect;
use store::{Backend, Part, Store, StoreOptions};

use super::figure::{Figure, Report, Target};
use super::{Load, body, letter, machine, reads};
use crate::postgres;

const ACCOUNTS: i64 = 200;

/// A kernel on an engine with real durability, and accounts with a collection each.
pub struct Bench {
    pub kernel: Kernel,
    pub ctx: Ctx,
    pub blobs: Blobs,
    template: Arc<[u8]>,
    pub people: Arc<[(AccountId, CollectionId)]>,
}

/// What a server of two cores runs on.
pub fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}

pub fn run(report: &mut Report, load: &Load) {
    let runtime = runtime();
    let folder = tempfile::Builder::new().prefix("beffroi-bench").tempdir().expect("a folder");
    for dialect in load.engines() {
        runtime.block_on(engine(report, load.quick, dialect, folder.path()));
    }
    postgres::stop(&folder.path().join("pg"), false);
}

async fn engine(report: &mut Report, quick: bool, dialect: Dialect, folder: &std::path::Path) {
    let during = Duration::from_millis(if quick { 100 } else { 500 });
    let bench = open(dialect, folder).await;
    let name = dialect.name();
    let (alone, many, bodies) = match dialect {
        Dialect::Sqlite => {
            (Some(Target::RatioAtLeast(0.35)), Target::AtLeast(8_900.0), Target::AtLeast(4_500.0))
        }
        Dialect::Postgres => (None, Target::AtLeast(5_950.0), Target::AtLeast(3_800.0)),
    };
    let loads = [
        (false, 1, alone),
        (false, 8, None),
        (false, 64, Some(many)),
        (false, 256, None),
        (true, 1, alone),
        (true, 8, None),
        (true, 64, Some(bodies)),
        (true, 256, None),
    ];
    for (with_body, writers, target) in loads {
        let sync = machine::fdatasync_rate(folder, 700, during / 5);
        let mut rates = Vec::new();
        for _ in 0..3 {
            rates.push(deliveries(&bench, with_body, writers, during).await);
        }
        let value = machine::median(&mut rates);
        report.add(Figure {
            name: format!(
                "{name}: deliveries {}, {writers} writers",
                if with_body { "with a body of 14 KiB" } else { "without a body" }
            ),
            value,
            unit: "1/s",
            peer: Some(("fdatasync of 700 bytes", sync)),
            target,
        });
    }
    statements(report, &bench, name).await;
    reads::run(report, &bench, quick).await;
    bench.blobs.close().await;
    bench.kernel.store().close().await;
}

async fn statements(report: &mut Report, bench: &Bench, name: &str) {
    let before = bench.kernel.store().stats();
    let (account, inbox) = bench.people[0];
    let made = bench.kernel.write_into(&bench.ctx, account, inbox, move |batch| {
        letter::deliver(batch, inbox, [9; 32], 14_336, 1)
    });
    made.await.expect("a delivery");
    let after = bench.kernel.store().stats();
    for (what, value) in [
        ("statements", after.statements - before.statements),
        ("round trips", after.round_trips - before.round_trips),
    ] {
        report.add(Figure {
            name: format!("{name}: {what} of one delivery alone"),
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            value: value as f64,
            unit: "",
            peer: None,
            target: None,
        });
    }
}

impl Bench {
    /// An empty database with real durability, below `folder`.
    pub async fn store(dialect: Dialect, folder: &std::path::Path, parts: Vec<Part>) -> (Store, Ctx) {
        let backend = match dialect {
            Dialect::Sqlite => Backend::Sqlite { path: folder.join("bench.sqlite"), readers: 2 },
            Dialect::Postgres => {
                let server = folder.join("pg");
                std::fs::create_dir_all(&server).expect("a folder for PostgreSQL");
                postgres::open_path(folder);
                postgres::start(&server, "synchronous_commit=on");
                let url = Secret::new(postgres::create_database(&server, "bench"));
                Backend::Postgres { url, writers: 8, readers: 4 }
            }
        };
        let clock = Clock::system();
        let limits = Arc::new(Limits::default());
        let options = StoreOptions {
            backend,
            parts,
            on_lock: Some(kernel::on_lock),
            limits: limits.clone(),
            clock: clock.clone(),
        };
        let store = Store::open(options).await.expect("a store");
        (store, Ctx::system(clock, Random::system(), limits))
    }
}

async fn open(dialect: Dialect, folder: &std::path::Path) -> Bench {
    let (store, ctx) = Bench::store(dialect, folder, vec![BLOBS, kernel::PART, letter::PART]).await;
    let backend = BlobBackend::Disk { path: folder.join(dialect.name()) };
    let options = BlobOptions::new(backend, ctx.clock.clone(), ctx.random.clone(), ctx.limits.clone());
    let blobs = Blobs::open(store.clone(), options).await.expect("a blob store");
    let kernel = Kernel::new(store, vec![letter::KIND], ChainKey::new([3; 32]));
    let people = people(&kernel, &ctx).await;
    Bench { kernel, ctx, blobs, template: body::template(1).into(), people }
}

async fn people(kernel: &Kernel, ctx: &Ctx) -> Arc<[(AccountId, CollectionId)]> {
    let now_ms = ctx.now_ms();
    let (inner, inside) = (kernel.clone(), ctx.clone());
    let made = kernel.store().write([], move |tx| {
        let accounts = create_accounts(tx, OrganisationId(1), "person", ACCOUNTS, now_ms)?;
        let mut many = inner.many(tx, &inside);
        accounts
            .into_iter()
            .map(|account| {
                let inbox = many.batch(account, |batch| {
                    batch.create_collection(&NewCollection {
                        kind: "letter",
                        name: "Inbox",
                        ..Default::default()
                    })
                })?;
                Ok((account, inbox))
            })
            .collect::<base::Result<Vec<_>>>()
    });
    made.await.expect("accounts").into()
}

/// Deliveries a second by so many writers, each waiting for its own to be durable.
async fn deliveries(bench: &Bench, with_body: bool, writers: usize, during: Duration) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (kernel, ctx, people) = (bench.kernel.clone(), bench.ctx.clone(), bench.people.clone());
            let (done, blobs, template) = (done.clone(), bench.blobs.clone(), bench.template.clone());
            let salt = bench.ctx.random.u64();
            tokio::spawn(async move {
                let mut n = writer as u64 * 7_919;
                while begun.elapsed() < during {
                    n += 1;
                    let (account, inbox) = people[usize::try_from(n * 31).unwrap_or(0) % people.len()];
                    let mut hash = [0; 32];
                    hash[..8].copy_from_slice(&n.to_le_bytes());
                    hash[8..16].copy_from_slice(&(writer as u64).to_le_bytes());
                    let put = if with_body {
                        let body = body::body(&template, salt.wrapping_add(n));
                        Some(blobs.put(OrganisationId(1), body).await.expect("a body"))
                    } else {
                        None
                    };
                    let made = kernel.write_into(&ctx, account, inbox, move |batch| {
                        let mut hash = hash;
                        if let Some(put) = &put {
                            put.name(batch.tx())?;
                            hash = put.hash();
                        }
                        letter::deliver(batch, inbox, hash, 14_336, n)
                    });
                    made.await.expect("a delivery");
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a writer");
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of seconds")]
    let count = done.load(Ordering::Relaxed) as f64;
    count / begun.elapsed().as_secs_f64()
}
