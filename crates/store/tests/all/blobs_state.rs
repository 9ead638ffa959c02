//! P13, R03: the protocol of the blob store as a state machine, against a model, with crashes at every step
//! and with writers, sweeps and compactions at the same time.

#![allow(clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base::{Meaning, OrganisationId, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use store::blobs::{FAULT_POINTS, Faults, Put, name_again};
use store::{BlobBackend, params};

use crate::blobs_world::{Setup, World, body, crosswise, everywhere, name, unname};

const CASES: u32 = 8;
/// All but the last are in packs, which is in a container of its own.
const SIZES: [usize; 6] = [40, 900, 6_000, 6_001, 20_000, 1_100_000];
const BODIES: u64 = SIZES.len() as u64;

#[derive(Debug, Clone)]
enum Step {
    Put {
        organisation: i64,
        which: u64,
    },
    /// The put of that number, or the last one.
    Name(usize),
    Copy(usize),
    Unname(usize),
    /// In twentieths of a lease.
    Wait(i64),
    Sweep,
    Compact,
    Pack,
    Restart,
    Crash(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let index = || any::<prop::sample::Index>().prop_map(|index| index.index(12));
    prop_oneof![
        6 => (7..9_i64, 0..BODIES).prop_map(|(organisation, which)| Step::Put { organisation, which }),
        6 => index().prop_map(Step::Name),
        1 => index().prop_map(Step::Copy),
        3 => index().prop_map(Step::Unname),
        3 => (1..25_i64).prop_map(Step::Wait),
        3 => Just(Step::Sweep),
        2 => Just(Step::Compact),
        2 => Just(Step::Pack),
        1 => Just(Step::Restart),
        3 => prop::sample::select(FAULT_POINTS).prop_map(Step::Crash),
    ]
}

/// What must be there: the notes, and the bodies that they name.
struct Machine {
    world: World,
    notes: BTreeMap<u64, (i64, u64)>,
    puts: Vec<(Put, u64)>,
    next_note: u64,
    armed: Arc<Mutex<Option<&'static str>>>,
}

type Known = (bytes::Bytes, [u8; 32]);

static TEXTS: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let texts = SIZES.iter().zip(0..).map(|(size, which)| body(which, *size));
    texts.map(|text| (text.clone(), *blake3::hash(&text).as_bytes())).collect()
});

fn text(which: u64) -> bytes::Bytes {
    TEXTS[usize::try_from(which).unwrap()].0.clone()
}

fn hash(which: u64) -> [u8; 32] {
    TEXTS[usize::try_from(which).unwrap()].1
}

impl Machine {
    async fn new(mut world: World) -> Self {
        for table in ["note", "blob", "blob_stage", "blob_container"] {
            let sql = format!("DELETE FROM {table}");
            world.store.write([], move |tx| tx.execute(&sql, [])).await.unwrap();
        }
        for (path, _) in world.containers() {
            std::fs::remove_file(path).unwrap();
        }
        let armed = Arc::new(Mutex::new(None));
        world.options.faults = faults(&armed);
        let world = world.reopen().await;
        Self { world, notes: BTreeMap::new(), puts: Vec::new(), next_note: 1, armed }
    }

    async fn run(&mut self, step: &Step) {
        let done = self.apply(step).await;
        let struck = self.world.options.faults.struck();
        if struck {
            // The program is gone, and with it what was put and not named.
            self.restart().await;
        } else if let Err(error) = done {
            panic!("{step:?}: {error:?}");
        }
        if struck || matches!(step, Step::Sweep | Step::Compact | Step::Pack | Step::Restart) {
            self.all_readable().await;
        }
    }

    async fn restart(&mut self) {
        self.puts.clear();
        self.world.blobs.close().await;
        *self.armed.lock().unwrap() = None;
        self.world.options.faults = faults(&self.armed);
        self.world = self.world.clone().reopen().await;
    }

    async fn apply(&mut self, step: &Step) -> Result<()> {
        let world = &self.world;
        match step {
            Step::Put { organisation, which } => {
                let put = world.blobs.put(OrganisationId(*organisation), text(*which)).await?;
                self.puts.push((put, *which));
            }
            Step::Name(index) if !self.puts.is_empty() => {
                let (put, which) = self.puts[*index.min(&(self.puts.len() - 1))].clone();
                let note = self.next_note;
                match name(world, &put, note).await {
                    Ok(()) => {
                        self.next_note += 1;
                        self.notes.insert(note, (put.organisation().0, which));
                    }
                    Err(error) => assert_eq!(error.rule(), "was put too long ago; put it again"),
                }
            }
            Step::Copy(index) if !self.notes.is_empty() => {
                let notes: Vec<_> = self.notes.values().copied().collect();
                let (organisation, which) = notes[index % notes.len()];
                self.copy(organisation, which).await?;
            }
            Step::Unname(index) if !self.notes.is_empty() => {
                let notes: Vec<_> = self.notes.keys().copied().collect();
                let note = notes[index % notes.len()];
                let (organisation, _) = self.notes.remove(&note).unwrap();
                unname(world, OrganisationId(organisation), note).await;
            }
            Step::Wait(twentieths) => world.clock.advance_ms(world.lease_ms * twentieths / 20),
            Step::Sweep => world.blobs.sweep(crate::blobs_world::REFERENCES).await.map(|_| ())?,
            Step::Compact => world.blobs.compact().await.map(|_| ())?,
            Step::Pack => world.blobs.pack_staged(0).await.map(|_| ())?,
            Step::Restart => self.restart().await,
            Step::Crash(point) => *self.armed.lock().unwrap() = Some(point),
            Step::Name(_) | Step::Copy(_) | Step::Unname(_) => {}
        }
        Ok(())
    }

    async fn copy(&mut self, organisation: i64, which: u64) -> Result<()> {
        let (note, now, hash) = (self.next_note, self.world.clock.now_ms(), hash(which));
        self.next_note += 1;
        self.world
            .store
            .write([], move |tx| {
                name_again(tx, OrganisationId(organisation), &hash, now)?;
                let sql = "INSERT INTO note (organisation_id, id, hash) VALUES ($1, $2, $3)";
                tx.execute(sql, params![organisation, note.cast_signed(), hash])
            })
            .await?;
        self.notes.insert(note, (organisation, which));
        Ok(())
    }

    fn named(&self) -> BTreeSet<(i64, u64)> {
        self.notes.values().copied().collect()
    }

    async fn all_readable(&self) {
        for (organisation, which) in self.named() {
            let read = self.world.blobs.read(OrganisationId(organisation), hash(which), None).await;
            assert!(read.unwrap() == text(which), "body {which} of {organisation}");
        }
    }

    /// Nothing is lost, nothing is left over: neither rows, nor bytes, nor files.
    async fn end(&mut self) {
        self.restart().await;
        self.settle().await;
        let named = i64::try_from(self.named().len()).unwrap();
        assert_eq!(self.world.count("SELECT count(*) FROM blob").await, named);
        self.world.check().await;
        let empty = "SELECT count(*) FROM blob_container c WHERE NOT EXISTS \
                     (SELECT 1 FROM blob b WHERE b.container_id = c.id) AND c.state <> 'open'";
        assert_eq!(self.world.count(empty).await, 0);
        for (note, (organisation, _)) in std::mem::take(&mut self.notes) {
            unname(&self.world, OrganisationId(organisation), note).await;
        }
        self.restart().await;
        self.settle().await;
        for count in ["blob", "blob_container", "blob_stage"] {
            let sql = format!("SELECT count(*) FROM {count}");
            let left = self.world.store.read(move |tx| tx.query_one(&sql, [], |row| row.int(0))).await;
            assert_eq!(left.unwrap(), 0, "{count}");
        }
        assert_eq!(self.world.containers(), []);
    }

    async fn settle(&self) {
        let world = &self.world;
        for _ in 0..3 {
            world.clock.advance_ms(world.lease_ms + 1);
            world.sweep().await;
            world.blobs.pack_staged(0).await.unwrap();
        }
        self.all_readable().await;
    }
}

fn faults(armed: &Arc<Mutex<Option<&'static str>>>) -> Faults {
    let armed = armed.clone();
    Faults::new(move |point| *armed.lock().unwrap() == Some(point))
}

#[test]
fn p13_no_body_is_lost_or_left_over_whatever_happens_in_which_order() {
    everywhere(&Setup { pack_bytes: Some(20_000), ..Setup::default() }, |world| async move {
        let steps = prop::collection::vec(step(), 5..40);
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let runtime = tokio::runtime::Handle::current();
        let run = |steps: Vec<Step>| {
            runtime.block_on(async {
                let mut machine = Machine::new(world.clone()).await;
                for step in &steps {
                    machine.run(step).await;
                }
                machine.end().await;
            });
            Ok(())
        };
        let done = tokio::task::block_in_place(|| TestRunner::new(config).run(&steps, run));
        done.unwrap_or_else(|failure| panic!("{failure}"));
    });
}

#[test]
fn r03_a_crash_at_each_point_loses_nothing_that_was_named() {
    crosswise(&Setup { pack_bytes: Some(20_000), ..Setup::default() }, |world| async move {
        let mut struck = BTreeSet::new();
        for point in FAULT_POINTS {
            let mut machine = Machine::new(world.clone()).await;
            let puts = |organisation, first| {
                let each = move |which| [Step::Put { organisation, which }, Step::Name(first)];
                (0..BODIES).flat_map(each).collect::<Vec<_>>()
            };
            let mut steps = puts(7, usize::MAX);
            steps.extend([Step::Pack, Step::Restart]);
            // The bodies of 900 and of 1,100,000 bytes stay.
            steps.extend([0, 1, 1, 1].map(Step::Unname));
            steps.push(Step::Wait(21));
            let crash = Step::Crash(point);
            steps.push(crash.clone());
            steps.extend(puts(8, usize::MAX));
            for step in [Step::Pack, Step::Sweep, Step::Compact, Step::Restart, Step::Sweep] {
                steps.extend([crash.clone(), step]);
            }
            for _ in 0..3 {
                steps.extend([crash.clone(), Step::Unname(0), Step::Wait(21), Step::Sweep]);
            }
            steps.extend([crash.clone(), Step::Put { organisation: 9, which: 1 }, Step::Restart]);
            for step in &steps {
                let before = machine.world.options.clone();
                machine.run(step).await;
                if before.faults.struck() {
                    struck.insert(*point);
                }
            }
            machine.end().await;
        }
        let other = match &world.options.backend {
            BlobBackend::Disk { .. } => "stage",
            BlobBackend::S3(_) => "pack",
        };
        let missed: Vec<_> = FAULT_POINTS.iter().filter(|point| !struck.contains(**point)).collect();
        assert!(missed.iter().all(|point| point.starts_with(other)), "never reached: {missed:?}");
    });
}

/// Keeps the clock from moving more than the protocol allows during one transaction.
#[derive(Default)]
struct Gate {
    inside: Mutex<BTreeMap<u64, i64>>,
    next: AtomicU64,
}

struct Inside(Arc<Gate>, u64);

impl Gate {
    fn enter(self: &Arc<Self>, now: i64) -> Inside {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        self.inside.lock().unwrap().insert(id, now);
        Inside(self.clone(), id)
    }

    fn may_move(&self, now: i64, step: i64, most: i64) -> bool {
        self.inside.lock().unwrap().values().all(|began| now + step - began <= most)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.lock().unwrap().remove(&self.1);
    }
}

#[derive(Clone)]
struct Crowd {
    world: World,
    gate: Arc<Gate>,
    stop: Arc<AtomicBool>,
    next_note: Arc<AtomicU64>,
}

impl Crowd {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst) && !self.world.options.faults.struck()
    }

    /// Puts, names, reads and removes; the notes that it leaves.
    async fn write(self, seed: u64) -> Vec<(u64, u64)> {
        let random = base::Random::seeded(seed);
        let mut notes: Vec<(u64, u64)> = Vec::new();
        while self.goes_on() {
            let which = random.u64() % (BODIES - 1);
            let Ok(put) = self.world.blobs.put(OrganisationId(7), text(which)).await else { continue };
            if random.u64().is_multiple_of(4) {
                tokio::time::sleep(Duration::from_millis(random.u64() % 10)).await;
            }
            let note = self.next_note.fetch_add(1, Ordering::SeqCst);
            let inside = self.gate.enter(self.world.clock.now_ms());
            match name(&self.world, &put, note).await {
                Ok(()) => notes.push((note, which)),
                Err(error) => assert_eq!(error.meaning(), Meaning::Unavailable, "{error:?}"),
            }
            drop(inside);
            if let Some(&(_, which)) = notes.first() {
                let read = self.world.blobs.read(OrganisationId(7), hash(which), None).await;
                assert!(read.unwrap() == text(which));
            }
            if notes.len() > 2 {
                let (note, _) = notes.remove(usize::try_from(random.u64() % 3).unwrap());
                unname(&self.world, OrganisationId(7), note).await;
            }
        }
        notes
    }

    /// Sweeps, compacts and packs until it is over; errors only after a crash.
    async fn tidy(self) {
        while self.goes_on() {
            let blobs = &self.world.blobs;
            let swept = blobs.sweep(crate::blobs_world::REFERENCES).await;
            let inside = self.gate.enter(self.world.clock.now_ms());
            let packed = blobs.pack_staged(0).await;
            drop(inside);
            let inside = self.gate.enter(self.world.clock.now_ms());
            let compacted = blobs.compact().await;
            drop(inside);
            if !self.world.options.faults.struck() {
                assert!(
                    swept.is_ok() && packed.is_ok() && compacted.is_ok(),
                    "{swept:?} {packed:?} {compacted:?}"
                );
            }
        }
    }

    async fn pass_time(self) {
        let step = self.world.lease_ms / 20;
        while self.goes_on() {
            if self.gate.may_move(self.world.clock.now_ms(), step, self.world.lease_ms * 2 / 5) {
                self.world.clock.advance_ms(step);
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
}

#[test]
fn p13_writers_sweeps_and_compactions_at_the_same_time_lose_nothing() {
    everywhere(&Setup { pack_bytes: Some(20_000), ..Setup::default() }, |world| async move {
        let mut machine = Machine::new(world.clone()).await;
        for round in 0..3_u64 {
            let crowd = Crowd {
                world: machine.world.clone(),
                gate: Arc::default(),
                stop: Arc::default(),
                next_note: Arc::new(AtomicU64::new(machine.next_note)),
            };
            let writers: Vec<_> = (0..4).map(|n| tokio::spawn(crowd.clone().write(round * 10 + n))).collect();
            let others = [
                tokio::spawn(crowd.clone().tidy()),
                tokio::spawn(crowd.clone().tidy()),
                tokio::spawn(crowd.clone().pass_time()),
            ];
            tokio::time::sleep(Duration::from_millis(500)).await;
            if round == 1 {
                machine.world.options.faults.strike();
            }
            crowd.stop.store(true, Ordering::SeqCst);
            for writer in writers {
                for (note, which) in writer.await.unwrap() {
                    machine.notes.insert(note, (7, which));
                }
            }
            for other in others {
                other.await.unwrap();
            }
            machine.next_note = crowd.next_note.load(Ordering::SeqCst);
            machine.restart().await;
            machine.all_readable().await;
            machine.world.check().await;
        }
        assert!(machine.next_note > 20, "only {} bodies were put", machine.next_note);
        machine.end().await;
    });
}
