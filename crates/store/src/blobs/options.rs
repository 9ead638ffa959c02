//! What a blob store is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{Clock, Error, Limits, Random, Result, Secret};

/// Where bodies are kept.
#[derive(Debug, Clone)]
pub enum BlobBackend {
    /// A folder of the local disk; it is made when it does not exist.
    Disk {
        /// The folder; nobody else may write in it.
        path: PathBuf,
    },
    /// An object store that speaks S3.
    S3(S3Options),
}

/// How an S3 object store is reached.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The address, as `https://s3.example.org`; plain `http` is for the loopback and closed networks.
    pub endpoint: String,
    /// The bucket; it must exist.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key.
    pub key: String,
    /// The secret key.
    pub secret: Secret,
    /// What the keys of all objects begin with, such as `beffroi/`; may be empty.
    pub prefix: String,
    /// Days for which the bucket's default retention keeps an object from being removed; nothing is
    /// removed earlier. 0 where the bucket has no object lock.
    pub object_lock_days: u32,
}

/// What a blob store is opened with.
#[derive(Debug, Clone)]
pub struct BlobOptions {
    /// Where bodies are kept.
    pub backend: BlobBackend,
    /// How long a body is kept although nothing names it. A body must be named within half of it after it
    /// was put. The clocks of all nodes must agree to within an eighth of it.
    pub lease: Duration,
    /// The length from which a pack takes no more bodies, and the aim for packs on S3.
    pub pack_bytes: u64,
    /// The time.
    pub clock: Clock,
    /// Randomness, for the ids of containers.
    pub random: Random,
    /// The limits in force.
    pub limits: Arc<Limits>,
    /// Crashes that a test asks for; none in production.
    pub faults: Faults,
}

impl BlobOptions {
    /// Packs of 64 MiB and a lease of one hour.
    pub fn new(backend: BlobBackend, clock: Clock, random: Random, limits: Arc<Limits>) -> Self {
        Self {
            backend,
            lease: Duration::from_hours(1),
            pack_bytes: 64 << 20,
            clock,
            random,
            limits,
            faults: Faults::default(),
        }
    }

    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
    }
}

/// The points at which a test may stop the store as a crash would, by name.
pub const FAULT_POINTS: &[&str] = &[
    "pack.opened",
    "pack.created",
    "pack.written",
    "pack.synced",
    "pack.sealing",
    "large.opened",
    "large.written",
    "large.synced",
    "large.sealed",
    "stage.opened",
    "stage.sent",
    "stage.moved",
    "sweep.rows",
    "sweep.dying",
    "sweep.removed",
    "compact.copied",
    "compact.moved",
];

/// A hook that decides at each of [`FAULT_POINTS`] whether the store stops there. Once it has stopped it
/// does nothing more: what a crash would not do, such as cleaning up, is not done either.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

struct Hook {
    dead: AtomicBool,
    strikes: Box<dyn Fn(&'static str) -> bool + Send + Sync>,
}

impl Faults {
    /// Stops the store at the first point for which `strikes` is true.
    pub fn new(strikes: impl Fn(&'static str) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Hook { dead: AtomicBool::new(false), strikes: Box::new(strikes) })))
    }

    /// Whether the store has stopped.
    pub fn struck(&self) -> bool {
        self.0.as_ref().is_some_and(|hook| hook.dead.load(Ordering::SeqCst))
    }

    /// Stops it now, wherever it is.
    pub fn strike(&self) {
        if let Some(hook) = &self.0 {
            hook.dead.store(true, Ordering::SeqCst);
        }
    }

    pub(crate) fn at(&self, point: &'static str) -> Result<()> {
        let Some(hook) = &self.0 else { return Ok(()) };
        debug_assert!(FAULT_POINTS.contains(&point), "{point}");
        if !hook.dead.load(Ordering::SeqCst) && !(hook.strikes)(point) {
            return Ok(());
        }
        hook.dead.store(true, Ordering::SeqCst);
        Err(Error::unavailable("blob store", "was stopped by a test"))
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Faults::Some" } else { "Faults::None" })
    }
}
