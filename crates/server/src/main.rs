//! The binary `beffroi`: configuration, command line, wiring and listeners.
//!
//! The only crate that reads the environment. Everything it can do to data it does through the functions of
//! the floors below, which the doors call too.

mod bodies;
mod certificates;
mod chores;
mod cli;
mod clients;
mod config;
mod demo;
mod doors;
mod failure;
mod figures;
mod folder;
mod import;
mod key;
mod logging;
mod node;
mod outbound;
mod process;
mod scanning;
mod serve;

fn main() -> std::process::ExitCode {
    cli::main()
}
