//! The command line: one file a family of commands, over the same functions as the doors.

mod audit;
mod backup;
mod check;
mod config;
mod confirm;
mod demo;
mod directory;
mod dkim;
mod generate;
mod import;
mod mail;
mod migrate;
mod output;
mod progress;
mod queue;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use ::directory::entries::Kind;
use base::Error;
use clap::{Args, Parser, Subcommand};

use crate::config::{Loaded, find_and_load};
use crate::failure::{EXIT_CODES, Failure};
use output::Output;

#[derive(Debug, Parser)]
#[command(
    name = "beffroi",
    version,
    about = "Mail, calendars, contacts, files and customers of an organisation, in one server",
    after_help = exit_codes(),
    max_term_width = 110,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// The configuration file
    #[arg(long, global = true, env = "BEFFROI_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, whatever the configuration says
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Output for programs: one JSON object a line
    #[arg(long, global = true)]
    json: bool,
    /// The organisation; needed where there are several
    #[arg(long, global = true, value_name = "NAME")]
    org: Option<String>,
    /// Do what is asked without asking back
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server in the foreground until SIGTERM or SIGINT
    Serve,
    /// Look at the configuration, check it, or write a file to start from
    #[command(subcommand)]
    Config(config::Command),
    /// Organisations
    #[command(subcommand)]
    Org(directory::organisation::Command),
    /// Domains of mail
    #[command(subcommand)]
    Domain(directory::domain::Command),
    /// People
    #[command(subcommand)]
    User(directory::person::Command),
    /// Groups: people with rights and mail in common
    #[command(subcommand)]
    Group(directory::group::Command),
    /// Distribution lists
    #[command(subcommand)]
    List(directory::group::Command),
    /// Aliases with several targets
    #[command(subcommand)]
    Alias(directory::group::AliasCommand),
    /// Shared mailboxes
    #[command(subcommand)]
    Shared(directory::entry::OwnCommand),
    /// Rooms, vehicles, equipment
    #[command(subcommand)]
    Resource(directory::entry::OwnCommand),
    /// Classes of service
    #[command(subcommand)]
    Cos(directory::class::Command),
    /// Units that people stand in
    #[command(subcommand)]
    Unit(directory::unit::Command),
    /// Providers that people log in at (OpenID Connect)
    #[command(subcommand)]
    Provider(directory::provider::Command),
    /// Roles: what they allow
    #[command(subcommand)]
    Role(directory::role::Command),
    /// Who has which role, and where
    #[command(subcommand)]
    Grant(directory::role::GrantCommand),
    /// Mailboxes of an account, and who else may use them
    #[command(subcommand)]
    Mailbox(mail::mailbox::Command),
    /// Messages and mailboxes that were removed, and can be brought back
    #[command(subcommand)]
    Recover(mail::recover::Command),
    /// Images: an account as it was at an earlier moment, and how to bring it back
    #[command(subcommand)]
    Restore(mail::restore::Command),
    /// The answer that senders get while somebody is away
    #[command(subcommand)]
    Vacation(mail::vacation::Command),
    /// Filters for all mail of a domain
    #[command(subcommand)]
    Filter(mail::filter::Command),
    /// Tell who receives mail for an address
    Resolve(directory::resolve::Arguments),
    /// Mail on its way to other servers
    #[command(subcommand)]
    Queue(queue::Command),
    /// The keys that sign mail of a domain
    #[command(subcommand)]
    Dkim(dkim::Command),
    /// Take over mail from a Maildir, an mbox file or another server
    #[command(subcommand)]
    Import(import::Command),
    /// Tell who did what, and when
    Audit(audit::Arguments),
    /// Verify counters, hashes, references and histories
    Check(check::Arguments),
    /// Copy the whole server while it runs, and put a copy back on an empty machine
    #[command(subcommand)]
    Backup(backup::Command),
    /// Run a server with a sample organisation, made at the first start in a folder
    Demo(demo::Arguments),
    /// Bring the tables of the database up to date, or tell what that would do
    Migrate(migrate::Arguments),
    /// Print a generated file of the documentation
    #[command(hide = true)]
    Generate(generate::Arguments),
}

/// What a command works with.
pub struct Session {
    global: Global,
    out: Output,
}

impl Session {
    /// The configuration in force; warnings go to standard error.
    fn load(&self) -> Result<Loaded, Failure> {
        let loaded = find_and_load(self.global.config.as_deref(), self.global.data_dir.as_deref())?;
        for warning in &loaded.warnings {
            eprintln!("warning: {warning}");
        }
        Ok(loaded)
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let Arguments { global, command } = Arguments::parse();
    let mut session = Session { out: Output::new(global.json), global };
    match run(&mut session, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match (&failure, session.global.json) {
                (Failure::Unread, _) => {}
                (failure, true) => eprintln!("{}", failure.json()),
                (failure, false) => eprintln!("beffroi: {failure}"),
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run(session: &mut Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::run(session),
        Command::Org(command) => directory::organisation::run(session, command),
        Command::Domain(command) => directory::domain::run(session, command),
        Command::User(command) => directory::person::run(session, command),
        Command::Group(command) => directory::group::run(session, Kind::Group, command),
        Command::List(command) => directory::group::run(session, Kind::List, command),
        Command::Alias(command) => directory::group::run_alias(session, command),
        Command::Shared(command) => directory::entry::run_own(session, Kind::Shared, command),
        Command::Resource(command) => directory::entry::run_own(session, Kind::Resource, command),
        Command::Cos(command) => directory::class::run(session, command),
        Command::Unit(command) => directory::unit::run(session, command),
        Command::Provider(command) => directory::provider::run(session, command),
        Command::Role(command) => directory::role::run(session, command),
        Command::Grant(command) => directory::role::run_grant(session, command),
        Command::Mailbox(command) => mail::mailbox::run(session, command),
        Command::Recover(command) => mail::recover::run(session, command),
        Command::Restore(command) => mail::restore::run(session, command),
        Command::Vacation(command) => mail::vacation::run(session, command),
        Command::Filter(command) => mail::filter::run(session, command),
        Command::Resolve(arguments) => directory::resolve::run(session, &arguments),
        Command::Queue(command) => queue::run(session, command),
        Command::Dkim(command) => dkim::run(session, command),
        Command::Import(command) => import::run(session, command),
        Command::Audit(arguments) => audit::run(session, &arguments),
        Command::Check(arguments) => check::run(session, &arguments),
        Command::Backup(command) => backup::run(session, command),
        Command::Demo(arguments) => demo::run(session, &arguments),
        Command::Config(command) => config::run(session, command),
        Command::Migrate(arguments) => migrate::run(session, &arguments),
        Command::Generate(arguments) => generate::run(session, &arguments),
    }
}

/// Runs `work` on a runtime of its own. `logs` is off for commands: what they have to say is their output.
fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::unavailable("threads", "cannot be started").with_source(error))?;
    runtime.block_on(work)
}

fn exit_codes() -> String {
    EXIT_CODES
        .iter()
        .fold("Exit codes:".to_owned(), |text, (code, doc)| format!("{text}\n  {code:>2}  {doc}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
