//! Where mail programs find the doors: what they are told over HTTP, and what is to be published in the DNS.

use std::sync::Arc;

use base::{Error, Result};
use directory::{Directory, domains};
use httpd::Mount;
use httpd::clients::{Access, Lookup, Service, Speaks};

use crate::certificates;
use crate::config::Config;
use crate::config::setting::Listens;

/// The port of the first address of a door.
fn port(listens: &Listens) -> Option<u16> {
    listens.0.first().map(std::net::SocketAddr::port)
}

/// The doors that people use, the preferred ones first.
fn doors(config: &Config) -> Vec<Access> {
    let all = [
        (Speaks::Imap, &config.imap.tls_listen, true),
        (Speaks::Imap, &config.imap.listen, false),
        (Speaks::Pop3, &config.pop3.tls_listen, true),
        (Speaks::Pop3, &config.pop3.listen, false),
        (Speaks::Smtp, &config.submission.tls_listen, true),
        (Speaks::Smtp, &config.submission.listen, false),
    ];
    let open = all.into_iter().filter_map(|(speaks, listens, begins_with_tls)| {
        port(listens).map(|port| Access { speaks, port, begins_with_tls })
    });
    open.collect()
}

/// The host that people of a domain use: what `mail.client_hosts` says, else the server's own name.
fn host(config: &Config, domain: &str) -> String {
    let own = config.mail.client_hosts.0.iter().filter_map(|word| word.split_once('='));
    own.filter(|(name, _)| name.eq_ignore_ascii_case(domain))
        .map(|(_, host)| host.to_owned())
        .next()
        .unwrap_or_else(|| certificates::hostname(config))
}

/// What mail programs ask over HTTP.
pub fn mount(config: &Config, directory: &Directory) -> Mount {
    let (config, directory) = (Arc::new(config.clone()), directory.clone());
    let lookup: Lookup = Arc::new(move |domain| {
        let (config, directory) = (config.clone(), directory.clone());
        Box::pin(async move {
            let Ok(domain) = codec::domain::parse(&domain) else { return Ok(None) };
            let asked = domain.clone();
            if !directory.read(move |tx| domains::is_received_for(tx, &asked)).await? {
                return Ok(None);
            }
            Ok(Some(Service { host: host(&config, &domain), name: domain, doors: doors(&config) }))
        })
    });
    httpd::clients::mount(lookup)
}

/// A record of a domain: its name, its type and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name, without a dot at its end.
    pub name: String,
    /// The type.
    pub kind: &'static str,
    /// What it says.
    pub says: String,
}

/// What is to be published for a domain, so that mail arrives and mail programs find their way (RFC 6186, RFC 8314).
///
/// # Errors
/// `Invalid` when the server has no name of its own.
pub fn records(config: &Config, domain: &str) -> Result<Vec<Record>> {
    let host = host(config, domain);
    if !host.contains('.') {
        return Err(Error::invalid("mail.hostname", "is no whole name; write one such as mail.example.org"));
    }
    let record = |name: &str, kind, says: String| Record {
        name: if name.is_empty() { domain.to_owned() } else { format!("{name}.{domain}") },
        kind,
        says,
    };
    let mut records = vec![
        record("", "MX", format!("10 {}.", certificates::hostname(config))),
        record("", "TXT", "\"v=spf1 mx -all\"".to_owned()),
    ];
    let services = [
        ("_imaps._tcp", &config.imap.tls_listen),
        ("_imap._tcp", &config.imap.listen),
        ("_pop3s._tcp", &config.pop3.tls_listen),
        ("_pop3._tcp", &config.pop3.listen),
        ("_submissions._tcp", &config.submission.tls_listen),
        ("_submission._tcp", &config.submission.listen),
        ("_sieve._tcp", &config.sieve.listen),
    ];
    for (place, (name, listens)) in services.into_iter().enumerate() {
        // What begins with TLS is preferred; a door that is closed is told so by the root as its host.
        let says = match port(listens) {
            Some(port) => format!("{} 1 {port} {host}.", (place % 2) * 10),
            None => "0 0 0 .".to_owned(),
        };
        records.push(record(name, "SRV", says));
    }
    if let Some(port) = port(&config.http.tls_listen) {
        records.push(record("_autodiscover._tcp", "SRV", format!("0 1 {port} {host}.")));
    }
    records.push(record("autoconfig", "CNAME", format!("{host}.")));
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p12_open_doors_have_records_and_closed_ones_say_so() {
        let mut config = Config::default();
        config.mail.hostname = "mail.example.org".to_owned();
        config.imap.tls_listen = Listens(vec!["0.0.0.0:993".parse().unwrap()]);
        let says = |name: &str| {
            let all = records(&config, "example.org").unwrap();
            all.into_iter().find(|record| record.name == name && record.kind == "SRV").unwrap().says
        };
        assert_eq!(says("_imaps._tcp.example.org"), "0 1 993 mail.example.org.");
        assert_eq!(says("_imap._tcp.example.org"), "0 0 0 .");
    }
}
