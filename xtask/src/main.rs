//! Automation of the project: one subcommand a chore, `cargo xtask --help` lists them.
//!
//! It uses none of the product's crates, so that it builds in seconds and can judge them from outside.

mod bench_jmap;
mod bench_mail;
mod fuzz;
mod generate;
mod needs;
mod places;
mod process;
mod programs;
mod test;
mod tidy;
mod web;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use places::Places;

/// The command line.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Automation of the Beffroi project")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

/// The chores, flat: add one here and in `run`.
#[derive(Subcommand)]
enum Chore {
    /// Builds and starts a server with a sample organisation; arguments go to `beffroi demo`
    #[command(disable_help_flag = true)]
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Installs what the tests need, then runs every check and every test
    Test {
        /// Install nothing: say what is missing and stop
        #[arg(long)]
        no_install: bool,
        /// Run only the tests whose name contains one of these, and none of the other checks
        filters: Vec<String>,
    },
    /// Checks the house rules
    Tidy {
        /// Leave out the comparison of generated files, which has to build the server
        #[arg(long)]
        no_build: bool,
    },
    /// Installs what the tests need
    Needs {
        /// Install nothing: say what is missing and stop
        #[arg(long)]
        no_install: bool,
    },
    /// Rewrites the generated files
    Generate {
        /// Write nothing: fail when a generated file is stale
        #[arg(long)]
        check: bool,
    },
    /// Measures one part and prints one JSON line a figure
    #[command(disable_help_flag = true)]
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Kills a writing server at random moments and verifies what is left
    #[command(disable_help_flag = true)]
    Crash {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Makes the pictures of the users' manual, in a browser
    Shots,
    /// Feeds each parser with mutated input
    Fuzz {
        /// How long each target runs
        #[arg(default_value_t = 60)]
        seconds: u64,
        /// Only the targets whose name contains this
        #[arg(long)]
        target: Option<String>,
    },
}

fn run(chore: Chore) -> anyhow::Result<()> {
    let places = Places::find()?;
    match chore {
        Chore::Demo { arguments } => programs::demo(&places, &arguments),
        Chore::Test { no_install, filters } => test::run(&places, !no_install, &filters),
        Chore::Tidy { no_build } => tidy::run(&places, !no_build),
        Chore::Needs { no_install } => needs::ensure(&places, needs::FOR_TESTS, !no_install),
        Chore::Generate { check } => generate::run(&places, check),
        Chore::Bench { arguments } => programs::bench(&places, &arguments),
        Chore::Crash { arguments } => programs::crash(&places, &arguments),
        Chore::Shots => web::shots(&places),
        Chore::Fuzz { seconds, target } => fuzz::run(&places, seconds, target.as_deref()),
    }
}

fn main() -> ExitCode {
    match run(CommandLine::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_coherent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn what_follows_demo_goes_through_untouched() {
        let line = CommandLine::parse_from(["xtask", "demo", "--data-dir", "d", "--json", "--help"]);
        let Chore::Demo { arguments } = line.chore else { panic!("not the demo") };
        assert_eq!(arguments, ["--data-dir", "d", "--json", "--help"]);
    }

    #[test]
    fn filters_follow_the_switches_of_test() {
        let line = CommandLine::parse_from(["xtask", "test", "--no-install", "store", "kernel"]);
        let Chore::Test { no_install, filters } = line.chore else { panic!("not the tests") };
        assert!(no_install);
        assert_eq!(filters, ["store", "kernel"]);
    }
}
