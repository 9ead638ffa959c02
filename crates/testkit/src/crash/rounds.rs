//! The watching process: starts, kills, verifies, round after round.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base::{AccountId, Random, Result};

use super::load;
use super::place::{Place, fresh_folder};
use super::record::{Record, listen};
use super::verify::{Known, Verdict, bodies, verify};
use crate::postgres;

/// Rounds on one database; then a new one is begun, so that verifying does not grow without bound.
const ROUNDS_EACH: u32 = 20;
const ACCOUNTS: u32 = 8;
const READY_WAIT: Duration = Duration::from_mins(1);

/// What to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// PostgreSQL instead of SQLite.
    pub postgres: bool,
    /// Kills.
    pub rounds: u32,
    /// Writers at a time.
    pub writers: u32,
    /// What the writers do follows from it.
    pub seed: u64,
    /// The program that is killed.
    pub child: PathBuf,
    /// Have it acknowledge too early, to see that this is found out.
    pub hasty: bool,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Rounds that were run.
    pub rounds: u32,
    /// Times the writing process was killed.
    pub kills: u32,
    /// Times the database server was stopped as by a power cut.
    pub server_kills: u32,
    /// Steps that were acknowledged.
    pub acknowledged: u64,
    /// Steps that were done and not acknowledged any more.
    pub unsaid: u64,
    /// Letters that were compared.
    pub letters: u64,
    /// Bodies that were read whole, at the end of each database.
    pub bodies: u64,
    /// What was lost, wrong, half or twice.
    pub losses: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Summary {
    /// Adds a round and prints its line.
    fn take_in(&mut self, said: &Said, verdict: &Verdict, took: Duration) {
        self.kills += 1;
        self.server_kills += u32::from(said.server_killed);
        self.acknowledged += said.steps;
        self.unsaid += verdict.unsaid;
        self.letters += verdict.letters;
        self.bodies += verdict.bodies;
        self.losses += verdict.losses.len() as u64 + said.faults;
        for loss in verdict.losses.iter().take(20) {
            eprintln!("  LOST {loss}");
        }
        eprintln!(
            "round {:3}: {:5} steps acknowledged, {:2} done unsaid, {:5} letters compared, {} lost, {} faults{} ({:.1} s)",
            self.rounds,
            said.steps,
            verdict.unsaid,
            verdict.letters,
            verdict.losses.len(),
            said.faults,
            if said.server_killed { ", server killed too" } else { "" },
            took.as_secs_f64()
        );
    }

    pub(crate) fn json(&self, backend: &str, seed: u64) -> String {
        format!(
            "{{\"backend\":\"{backend}\",\"seed\":{seed},\"rounds\":{},\"kills\":{},\"server_kills\":{},\
             \"acknowledged\":{},\"unsaid\":{},\"letters_compared\":{},\"bodies_verified\":{},\"losses\":{},\"seconds\":{:.1}}}",
            self.rounds,
            self.kills,
            self.server_kills,
            self.acknowledged,
            self.unsaid,
            self.letters,
            self.bodies,
            self.losses,
            self.seconds
        )
    }
}

/// A PostgreSQL server of the test's own, which syncs to its disk; it ends with this.
struct Server {
    folder: PathBuf,
}

const SERVER_SETTINGS: &str = "fsync=on";

impl Server {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("beffroi-crash-pg-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for PostgreSQL");
        postgres::start(&folder, SERVER_SETTINGS);
        Self { folder }
    }

    fn crash(&self) {
        postgres::stop(&self.folder, true);
    }

    fn start_again(&self) {
        postgres::start(&self.folder, SERVER_SETTINGS);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        postgres::stop(&self.folder, true);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs all rounds.
pub fn run(settings: &Settings) -> Summary {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let begun = Instant::now();
    let server = settings.postgres.then(Server::start);
    let mut summary = Summary::default();
    while summary.rounds < settings.rounds {
        let folder = fresh_folder(&std::env::temp_dir());
        let name = format!("crash{}", summary.rounds);
        let url = server.as_ref().map(|server| postgres::create_database(&server.folder, &name));
        let place = Place { folder: folder.path().to_owned(), url };
        let mut world = World { settings, place, server: server.as_ref(), dice: Random::system() };
        if let Err(error) = world.rounds(&runtime, &mut summary) {
            eprintln!("round {}: {error:?}", summary.rounds);
            summary.losses += 1;
            break;
        }
    }
    summary.seconds = begun.elapsed().as_secs_f64();
    summary
}

struct World<'s> {
    settings: &'s Settings,
    place: Place,
    server: Option<&'s Server>,
    dice: Random,
}

/// What a child said before it died.
#[derive(Default)]
struct Said {
    faults: u64,
    steps: u64,
    server_killed: bool,
}

impl World<'_> {
    fn rounds(&mut self, runtime: &tokio::runtime::Runtime, summary: &mut Summary) -> Result<()> {
        let (accounts, mut known) = runtime.block_on(self.begin())?;
        for number in 1..=ROUNDS_EACH {
            if summary.rounds == self.settings.rounds {
                break;
            }
            summary.rounds += 1;
            let begun = Instant::now();
            let said = self.child(&mut known, summary.rounds);
            let last = number == ROUNDS_EACH || summary.rounds == self.settings.rounds;
            let verdict = runtime.block_on(self.look(&accounts, &mut known, last))?;
            summary.take_in(&said, &verdict, begun.elapsed());
        }
        Ok(())
    }

    async fn begin(&self) -> Result<(Vec<AccountId>, Known)> {
        let opened = self.place.open().await?;
        let accounts = opened.furnish(ACCOUNTS, self.settings.writers).await?;
        let mut known = Known::default();
        for writer in load::writers(&opened.store).await? {
            known.states.push(load::state(&opened.store, &writer).await?.0);
            known.acknowledged.push(0);
        }
        opened.close().await;
        Ok((accounts, known))
    }

    /// Verifies all; every body only in the `last` round on this database, those that are new in each.
    async fn look(&self, accounts: &[AccountId], known: &mut Known, last: bool) -> Result<Verdict> {
        let opened = self.place.open().await?;
        let mut verdict = verify(&opened, self.settings.seed, accounts, known).await?;
        if last {
            bodies(&opened, &mut verdict).await?;
        }
        opened.close().await;
        Ok(verdict)
    }

    /// One life of the writing process, from its start to its end.
    fn child(&self, known: &mut Known, round: u32) -> Said {
        let mut command = Command::new(&self.settings.child);
        command.arg("child").arg("--folder").arg(&self.place.folder);
        command.arg("--seed").arg(self.settings.seed.to_string());
        if self.settings.hasty {
            command.arg("--hasty");
        }
        if let Some(url) = &self.place.url {
            command.arg("--url").arg(url);
        }
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the child starts");
        let pipe = child.stdout.take().expect("its output");
        let (sender, records) = channel();
        let listener = std::thread::spawn(move || listen(pipe, &sender));
        let mut said = Said::default();
        if records.recv_timeout(READY_WAIT) == Ok(Record::Ready) {
            self.disturb(&mut child, &mut said, round);
        } else {
            eprintln!("round {round}: the writing process did not begin");
            said.faults += 1;
            end(&mut child);
        }
        take_in(&records, known, &mut said);
        listener.join().expect("the listener ends");
        said
    }

    /// Lets it work for a random while and kills it; on PostgreSQL in one round of three the server first.
    fn disturb(&self, child: &mut Child, said: &mut Said, round: u32) {
        self.wait(100, 800);
        let Some(server) = self.server.filter(|_| round.is_multiple_of(3)) else { return end(child) };
        server.crash();
        said.server_killed = true;
        if self.dice.u64().is_multiple_of(2) {
            // Both at once.
            end(child);
            server.start_again();
        } else {
            // The process outlives the server and has to find it again.
            server.start_again();
            self.wait(100, 500);
            end(child);
        }
    }

    fn wait(&self, least_ms: u64, more_ms: u64) {
        std::thread::sleep(Duration::from_millis(least_ms + self.dice.u64() % more_ms));
    }
}

/// SIGKILL: nothing of the process runs any more.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn take_in(records: &Receiver<Record>, known: &mut Known, said: &mut Said) {
    for record in records {
        match record {
            Record::Ready => {}
            Record::Step { writer, step } => {
                let last = &mut known.acknowledged[writer as usize];
                said.steps += step.saturating_sub(*last);
                *last = (*last).max(step);
            }
            Record::Mark { account, seq } => {
                known.marks.insert(account as usize, seq);
            }
            Record::Fault => said.faults += 1,
        }
    }
}
