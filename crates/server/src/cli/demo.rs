//! `beffroi demo`: a server with a sample organisation, for a first look and for scripts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::json;

use super::serve::doors;
use super::{Session, block_on};
use crate::config::setting::Listens;
use crate::config::{Config, keys};
use crate::demo::{self, Login};
use crate::failure::Failure;
use crate::logging;
use crate::serve::{Opened, Running};

/// Where the demo is.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The first of its eleven ports, on the loopback address: HTTP is there, the other doors behind it
    #[arg(long, value_name = "PORT", default_value = "8080")]
    port_base: u16,
    /// Adds the people u1 to uNUMBER at bench.test, with the password `secret`; the first two share team@bench.test
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    people: u64,
}

/// The folder of a demo that nobody gave one.
const FOLDER: &str = ".data/demo";

/// Runs it until a signal.
pub fn run(session: &mut Session, arguments: &Arguments) -> Result<(), Failure> {
    session.global.data_dir.get_or_insert_with(|| PathBuf::from(FOLDER));
    let loaded = session.load()?;
    let mut config = loaded.config.clone();
    open_doors(&mut config, arguments);
    let filter = keys::all().iter().find(|key| key.dotted() == "log.filter");
    let is_quiet = filter.is_none_or(|key| loaded.origin(key).is_default());
    logging::start(config.log.format, if is_quiet { "warn" } else { &config.log.filter })?;
    block_on(async {
        let mut opened = Opened::open(&config).await?;
        let (administrator, people) = demo::fill(&opened, &config.top.data_dir, arguments.people).await?;
        opened.samples = demo::samples(&people);
        let running = opened.listen(&config).await?;
        let folder = config.top.data_dir.display();
        if session.out.is_json() {
            let ready = json!({
                "pid": std::process::id(),
                "data_dir": config.top.data_dir,
                "doors": doors(&running),
                "administrator": administrator,
                "people": people,
            });
            session.out.line(&ready.to_string())?;
        } else {
            session.out.line(&welcome(&running, &administrator, &people, &folder.to_string()))?;
        }
        Ok(running.until_told().await?)
    })
}

/// Doors on the ports from the first one on, all on the loopback address. Passwords may come in clear there: nobody else
/// hears them.
fn open_doors(config: &mut Config, arguments: &Arguments) {
    // From 0 on, each door takes a port that is free.
    let base = arguments.port_base;
    let port = |number| {
        let port = if base == 0 { 0 } else { base.saturating_add(number) };
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
    };
    let listens = |number| Listens(vec![port(number)]);
    config.http.listen = port(0);
    config.lmtp.listen = listens(1);
    config.smtp.listen = listens(2);
    config.submission.listen = listens(3);
    config.imap.listen = listens(4);
    config.pop3.listen = listens(5);
    config.sieve.listen = listens(6);
    config.imap.tls_listen = listens(7);
    config.submission.tls_listen = listens(8);
    config.pop3.tls_listen = listens(9);
    config.http.tls_listen = listens(10);
    config.tls.self_made = true;
    config.push.allow_private = true;
    let mail = &mut config.mail;
    mail.plain_logins_from_loopback = true;
    if mail.hostname.is_empty() {
        "localhost".clone_into(&mut mail.hostname);
    }
    if mail.login_domain.is_empty() {
        let domain = if arguments.people > 0 { demo::BENCH_DOMAIN } else { demo::DOMAIN };
        domain.clone_into(&mut mail.login_domain);
    }
    // Scripts come with many connections from one address.
    let limits = &mut config.limits;
    limits.mail_connections_per_address = limits.mail_connections;
    limits.smtp_messages_per_address_hour = u64::MAX >> 1;
}

/// People of `--people` that are listed one by one.
const LISTED: usize = 20;

fn welcome(running: &Running, administrator: &Login, people: &[Login], folder: &str) -> String {
    let width = people.iter().map(|login| login.login.len()).max().unwrap_or(0);
    let line = |login: &Login| format!("  {:width$}  {}", login.login, login.password);
    let mut lines = vec![
        format!("The demo is ready. Ctrl-C stops it; {folder} keeps it for the next time."),
        String::new(),
        "Doors".to_owned(),
    ];
    let doors = doors(running);
    let doors = doors.as_object().into_iter().flatten();
    lines
        .extend(doors.map(|(name, address)| format!("  {name:6}  {}", address.as_str().unwrap_or_default())));
    lines.extend([String::new(), "Administrator (login, password)".to_owned(), line(administrator)]);
    lines.extend([String::new(), "People (login, password)".to_owned()]);
    lines.extend(people.iter().filter(|login| *login != administrator).take(LISTED).map(line));
    if people.len() > LISTED {
        lines.push(format!("  and so on, {} in all", people.len()));
    }
    lines.extend([String::new(), format!("Try: beffroi --data-dir {folder} user list")]);
    lines.push(format!("     curl -s http://{}/health/ready", running.http));
    lines.extend([String::new(), "Open this in a browser, and log in as one of them:".to_owned()]);
    lines.push(format!("  http://{}/", running.http));
    lines.join("\n")
}
