//! Deliveries of whole messages through the kind `mail`: read, stored, threaded, with the whole history, durable;
//! the work of a delivery without a wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::{AccountId, Ctx, OrganisationId, Random};
use bytes::Bytes;
use directory::Directory;
use directory::credentials::{Costs, Hasher};
use directory::entries::Kind;
use directory::resolve::Recipient;
use kernel::{ChainKey, Kernel, create_accounts};
use mail::{Incoming, Mail, Rcpt};
use store::sql::Dialect;
use store::{BlobBackend, BlobOptions, Blobs};

use super::figure::{Figure, Report};
use super::store::{Bench, runtime};
use super::{Load, body, machine};
use crate::postgres;

const ACCOUNTS: i64 = 50;

pub fn run(report: &mut Report, load: &Load) {
    let runtime = runtime();
    let folder = tempfile::Builder::new().prefix("beffroi-bench").tempdir().expect("a folder");
    for dialect in load.engines() {
        runtime.block_on(engine(report, load.quick, dialect, folder.path()));
    }
    postgres::stop(&folder.path().join("pg"), false);
}

async fn engine(report: &mut Report, quick: bool, dialect: Dialect, folder: &std::path::Path) {
    let during = Duration::from_millis(if quick { 200 } else { 2_000 });
    let (store, ctx) = Bench::store(dialect, folder, crate::mail::parts()).await;
    let backend = BlobBackend::Disk { path: folder.join(format!("mail-{}", dialect.name())) };
    let options = BlobOptions::new(backend, ctx.clock.clone(), ctx.random.clone(), ctx.limits.clone());
    let blobs = Blobs::open(store.clone(), options).await.expect("a blob store");
    let kernel = Kernel::new(store.clone(), vec![mail::KIND], ChainKey::new([3; 32]));
    let hasher =
        Hasher::new(Costs { memory_kib: 8, passes: 1, lanes: 1 }, 1, &Random::seeded(1)).expect("a hasher");
    let mail = Mail::new(Directory::new(kernel, hasher), blobs.clone());
    let now_ms = ctx.now_ms();
    let made = store.write([], move |tx| create_accounts(tx, OrganisationId(1), "person", ACCOUNTS, now_ms));
    let people: Arc<[AccountId]> = made.await.expect("accounts").into();
    for account in people.iter() {
        mail.inbox(&ctx, *account).await.expect("an inbox");
    }
    for writers in [1, 8, 32] {
        let sync = machine::fdatasync_rate(folder, 700, during / 10);
        let (rate, cpu_ms) = deliveries(&mail, &ctx, &people, writers, during).await;
        let name = dialect.name();
        report.add(Figure {
            name: format!("{name}: messages of 14 KiB delivered, {writers} at once"),
            value: rate,
            unit: "1/s",
            peer: Some(("fdatasync of 700 bytes", sync)),
            target: None,
        });
        report.add(Figure {
            name: format!("{name}: CPU of a delivery, {writers} at once"),
            value: cpu_ms,
            unit: "ms",
            peer: None,
            target: None,
        });
    }
    blobs.close().await;
    store.close().await;
}

/// Deliveries a second, and the processor time of each in milliseconds.
async fn deliveries(
    mail: &Mail,
    ctx: &Ctx,
    people: &Arc<[AccountId]>,
    writers: usize,
    during: Duration,
) -> (f64, f64) {
    let done = Arc::new(AtomicU64::new(0));
    let (begun, used) = (Instant::now(), machine::cpu_seconds());
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (mail, ctx, people, done) = (mail.clone(), ctx.clone(), people.clone(), done.clone());
            let (template, salt) = (body::template(1), ctx.random.u64());
            tokio::spawn(async move {
                let mut n = writer as u64 * 7_919;
                while begun.elapsed() < during {
                    n += 1;
                    let account = people[usize::try_from(n * 31).unwrap_or(0) % people.len()];
                    let incoming = Incoming {
                        message: message(&template, salt.wrapping_add(n)),
                        trace_bytes: 0,
                        received_at: ctx.now_ms(),
                        sender: "camille.lefort@example.org".to_owned(),
                        junk: false,
                    };
                    let recipient = Recipient {
                        account,
                        organisation: OrganisationId(1),
                        kind: Kind::Person,
                        quota_bytes: None,
                        class_id: None,
                    };
                    let rcpt = Rcpt { recipient, address: "u@bench.test".to_owned(), detail: None };
                    let outcome = mail.deliver(&ctx, &incoming, vec![rcpt]).await.pop().expect("an outcome");
                    outcome.expect("delivered");
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
    (count / begun.elapsed().as_secs_f64(), (machine::cpu_seconds() - used) * 1_000.0 / count)
}

/// A multipart message around the usual body.
fn message(template: &[u8], n: u64) -> Bytes {
    let body = body::body(template, n);
    let head = format!(
        "Received: from mail.example.org (mail.example.org [192.0.2.7]) by mx.bench.test with ESMTPS id {n};\r\n\
         \tMon, 2 Nov 2026 09:00:00 +0100\r\nFrom: Camille Lefort <camille.lefort@example.org>\r\n\
         To: Equipe <u@bench.test>, Autre <autre@bench.test>\r\nSubject: Compte rendu de la reunion numero {n}\r\n\
         Date: Mon, 2 Nov 2026 09:00:00 +0100\r\nMessage-ID: <{n}.1793606400@mail.example.org>\r\n\
         References: <{}.1@mail.example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n",
        n / 4
    );
    [head.as_bytes(), &body].concat().into()
}
