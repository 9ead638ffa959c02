//! The process that is killed: writers, and beside them marks, pruning, sweeps and compaction.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Error, ItemId, Meaning, Result};
use kernel::{Batch, ItemUpdate, Keep, NewItem};
use store::blobs::Put;
use store::params;
use store::sql::Locks;

use super::load::{self, Writer};
use super::place::{HERE, Opened, Place};
use super::plan::{ARCHIVE, ELSEWHERE, INBOX, State, Step, body, plan, text};
use super::record::{Record, Reporter};
use super::tables::LETTER;

/// How the process is started.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    url: Option<String>,
    #[arg(long)]
    seed: u64,
    /// Report steps before they are done
    #[arg(long)]
    hasty: bool,
}

const STEP: &str = "UPDATE letter_writer SET step = $2 WHERE number = $1 AND step = $2 - 1";
/// Forgets what it can at once, so that pruning always has something to do.
const KEEP: Keep = Keep { hourly: 2, daily: 0, monthly: 0, undelete_days: 0, sync_days: 0 };

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let place = Place { folder: arguments.folder.clone(), url: arguments.url.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let reporter = Arc::new(Reporter::stdout());
    match runtime.block_on(work(&place, arguments, reporter.clone())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the writing process: {error:?}");
            reporter.say(Record::Fault);
            ExitCode::FAILURE
        }
    }
}

async fn work(place: &Place, arguments: &Arguments, reporter: Arc<Reporter>) -> Result<()> {
    let opened = Arc::new(place.open().await?);
    let writers = load::writers(&opened.store).await?;
    let mut states = Vec::new();
    for writer in &writers {
        states.push(load::state(&opened.store, writer).await?.0);
    }
    reporter.say(Record::Ready);
    let mut tasks = tokio::task::JoinSet::new();
    let mut accounts: Vec<AccountId> = writers.iter().map(|writer| writer.home).collect();
    accounts.sort_unstable();
    accounts.dedup();
    tasks.spawn(marks(opened.clone(), accounts.clone(), reporter.clone()));
    tasks.spawn(prune(opened.clone(), accounts, reporter.clone()));
    tasks.spawn(sweep(opened.clone(), reporter.clone()));
    for (writer, state) in writers.into_iter().zip(states) {
        let how = (arguments.seed, arguments.hasty);
        tasks.spawn(write(opened.clone(), how, writer, state, reporter.clone()));
    }
    // They end only when the process is killed.
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Errors that a database which was stopped explains; others are faults.
fn excuse(reporter: &Reporter, what: &str, error: &Error) {
    if error.meaning() != Meaning::Unavailable {
        eprintln!("{what}: {error:?}");
        reporter.say(Record::Fault);
    }
}

async fn write(
    opened: Arc<Opened>,
    (seed, hasty): (u64, bool),
    writer: Writer,
    mut state: State,
    reporter: Arc<Reporter>,
) {
    loop {
        let step = plan(seed, writer.number, &state);
        if hasty {
            // Two ahead, since the step under way may be there all the same.
            reporter.say(Record::Step { writer: writer.number, step: state.step + 2 });
        }
        match perform(&opened, seed, &writer, &state, &step).await {
            Ok(()) => state.apply(&step),
            Err(error) => {
                excuse(&reporter, &format!("writer {} at {step:?}", writer.number), &error);
                state = again(&opened, &writer).await;
            }
        }
        reporter.say(Record::Step { writer: writer.number, step: state.step });
    }
}

/// After an error nobody knows whether the step was done: the database does.
async fn again(opened: &Opened, writer: &Writer) -> State {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if let Ok((state, _)) = load::state(&opened.store, writer).await {
            return state;
        }
    }
}

/// A letter that is about to be written.
struct Delivery {
    flags: i64,
    number: u64,
    put: Option<Put>,
}

pub(crate) async fn perform(
    opened: &Opened,
    seed: u64,
    writer: &Writer,
    state: &State,
    step: &Step,
) -> Result<()> {
    let number = state.step + 1;
    let delivery = match step {
        Step::Deliver { flags, body: named } | Step::Both { flags, body: named } => {
            let put = if *named {
                Some(opened.blobs.put(HERE, body(seed, writer.number, number).into()).await?)
            } else {
                None
            };
            Some(Delivery { flags: *flags, number, put })
        }
        _ => None,
    };
    let crosses = matches!(step, Step::Both { .. } | Step::Remove { at: ELSEWHERE, .. });
    let accounts = if crosses { vec![writer.home.0, writer.other.0] } else { vec![writer.home.0] };
    let locks = Locks { accounts, collections: writer.boxes.iter().map(|id| id.0).collect() };
    let (writer, step, next) = (writer.clone(), step.clone(), state.next);
    opened
        .kernel
        .write_many(&opened.ctx, locks, move |many| {
            many.batch(writer.home, |batch| match &delivery {
                Some(delivery) => deliver(batch, &writer, INBOX, delivery, next),
                None => at_home(batch, &writer, &step, next),
            })?;
            match (&step, &delivery) {
                (Step::Both { .. }, Some(delivery)) => {
                    many.batch(writer.other, |batch| deliver(batch, &writer, ELSEWHERE, delivery, next))?;
                }
                (Step::Remove { at: ELSEWHERE, items }, _) => {
                    many.batch(writer.other, |batch| remove(batch, &writer, ELSEWHERE, items))?;
                }
                _ => {}
            }
            let number = i64::try_from(number).expect("a step");
            match many.tx().execute(STEP, params![writer.number, number])? {
                1 => Ok(()),
                _ => Err(Error::corrupt("step", format!("{number} does not follow on what is there"))),
            }
        })
        .await
}

fn at_home(batch: &mut Batch<'_, '_>, writer: &Writer, step: &Step, next: [i64; 3]) -> Result<()> {
    match step {
        Step::Flag { items, set, clear } => {
            let update = ItemUpdate { set: *set, clear: *clear, ..ItemUpdate::default() };
            let changed = batch.update(writer.boxes[INBOX], &ids(items), &update)?;
            all(changed.missing.is_empty())
        }
        Step::Move { items } if !items.is_empty() => {
            let moved = batch.move_to(writer.boxes[INBOX], &ids(items), writer.boxes[ARCHIVE])?;
            all(moved.len() == items.len() && moved[0].1.0 == next[ARCHIVE])
        }
        Step::Remove { at: ARCHIVE, items } => remove(batch, writer, ARCHIVE, items),
        _ => Ok(()),
    }
}

fn deliver(
    batch: &mut Batch<'_, '_>,
    writer: &Writer,
    at: usize,
    delivery: &Delivery,
    next: [i64; 3],
) -> Result<()> {
    let Delivery { flags, number, put } = delivery;
    let text = text(writer.number, *number);
    let size = i64::try_from(text.len()).expect("a short text");
    let hash = put.as_ref().map(Put::hash);
    let new = NewItem { size, flags: *flags, body: hash, ..NewItem::default() };
    let made = batch.create(writer.boxes[at], new)?;
    if let Some(put) = put {
        put.name(batch.tx())?;
    }
    let step = i64::try_from(*number).expect("a step");
    let row = params![batch.account(), made.content, writer.number, step, text, hash];
    batch.tx().add(&LETTER, row)?;
    all(made.item.0 == next[at])
}

fn remove(batch: &mut Batch<'_, '_>, writer: &Writer, at: usize, items: &[i64]) -> Result<()> {
    let changed = batch.destroy(writer.boxes[at], &ids(items))?;
    all(changed.missing.is_empty())
}

fn ids(items: &[i64]) -> Vec<ItemId> {
    items.iter().map(|id| ItemId(*id)).collect()
}

fn all(as_planned: bool) -> Result<()> {
    if as_planned { Ok(()) } else { Err(Error::corrupt("step", "found another state than was planned on")) }
}

async fn marks(opened: Arc<Opened>, accounts: Vec<AccountId>, reporter: Arc<Reporter>) {
    for index in (0..accounts.len()).cycle() {
        match opened.kernel.mark(&opened.ctx, accounts[index]).await {
            Ok(Some(seq)) => {
                let account = u32::try_from(index).expect("few accounts");
                reporter.say(Record::Mark { account, seq: seq.0.unsigned_abs() });
            }
            Ok(None) => {}
            Err(error) => excuse(&reporter, "a mark", &error),
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

async fn prune(opened: Arc<Opened>, accounts: Vec<AccountId>, reporter: Arc<Reporter>) {
    for index in (0..accounts.len()).cycle() {
        if let Err(error) = opened.kernel.prune(&opened.ctx, accounts[index], KEEP).await {
            excuse(&reporter, "pruning", &error);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

async fn sweep(opened: Arc<Opened>, reporter: Arc<Reporter>) {
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        if let Err(error) = opened.blobs.sweep(&opened.kernel.body_references()).await {
            excuse(&reporter, "a sweep", &error);
        }
        if let Err(error) = opened.blobs.compact().await {
            excuse(&reporter, "compaction", &error);
        }
    }
}
