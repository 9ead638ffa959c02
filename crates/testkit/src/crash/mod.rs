//! The crash test: a process with many writers is killed at random moments, and every effect that it
//! acknowledged must be there afterwards, nothing half, nothing twice.
//!
//! What must stay true here:
//! - What a writer does next follows from the seed and from the state alone, so that the watching process
//!   knows what must be there without being told more than "step 17 is done".
//! - The number of the step is written in the transaction of the step: it tells whether the one step that
//!   was under way when the process died is there, and that none is there twice.
//! - A step is reported only after the kernel has acknowledged it, in one write to a pipe.

mod child;
mod full;
mod load;
mod place;
mod plan;
mod record;
mod rounds;
mod tables;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub use place::Place;
pub use rounds::{Settings, Summary};

#[derive(Debug, Parser)]
#[command(
    name = "beffroi-crash",
    about = "Kills a writing process at random moments and verifies what is left"
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Kills on each back end
    #[arg(long, default_value_t = 100)]
    rounds: u32,
    /// The back ends
    #[arg(long, value_enum, default_value_t = Which::Both)]
    backend: Which,
    /// What all that happens follows from; the moments of the kills differ all the same
    #[arg(long)]
    seed: Option<u64>,
    /// Writers at a time
    #[arg(long, default_value_t = 48)]
    writers: u32,
    /// Acknowledge too early, to see that the test finds it out
    #[arg(long, hide = true)]
    hasty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fills a small disk and verifies that errors are clean and work goes on once there is room
    Full,
    /// The process that is killed
    #[command(hide = true)]
    Child(child::Arguments),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Child(child)) => child::run(&child),
        Some(Command::Full) => full::main(),
        None => every_backend(&arguments),
    }
}

fn every_backend(arguments: &Arguments) -> ExitCode {
    let seed = arguments.seed.unwrap_or_else(|| base::Random::system().u64() >> 32);
    let mut good = true;
    for (which, name) in [(Which::Sqlite, "sqlite"), (Which::Postgres, "postgres")] {
        if arguments.backend != Which::Both && arguments.backend != which {
            continue;
        }
        let settings = Settings {
            postgres: which == Which::Postgres,
            rounds: arguments.rounds,
            writers: arguments.writers,
            seed,
            child: std::env::current_exe().expect("the path of this program"),
            hasty: arguments.hasty,
        };
        eprintln!("{name}: {} rounds with seed {seed}", arguments.rounds);
        let summary = rounds::run(&settings);
        good &= summary.losses == 0;
        println!("{}", summary.json(name, seed));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
