//! The table of all configuration keys. A new key is one line here: parsing, checks, the environment
//! variable, the default file and the manual follow from it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base::{LIMITS, Limits, Secret};

use super::setting::{BlobsBackend, Listens, LogFormat, Nets, Raw, Setting, StoreBackend, Words};

/// A key as the file, the environment and the manual know it.
#[derive(Debug)]
pub struct Key {
    /// The table it stands in; empty at the top of the file.
    pub section: &'static str,
    /// Its name in that table.
    pub name: &'static str,
    /// What kind of value it takes, in words.
    pub kind: &'static str,
    /// Whether its value is hidden wherever it could be shown.
    pub secret: bool,
    /// What it does.
    pub doc: &'static str,
    access: Access,
}

#[derive(Debug)]
enum Access {
    Field { set: fn(&mut Config, &Raw) -> Result<(), String>, literal: fn(&Config) -> String },
    Limit,
}

impl Key {
    /// The name with its table, such as `store.backend`.
    pub fn dotted(&self) -> String {
        if self.section.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// The environment variable that overrides it, such as `BEFFROI_STORE_BACKEND`.
    pub fn environment(&self) -> String {
        format!("BEFFROI_{}", self.dotted().replace('.', "_").to_uppercase())
    }

    /// Sets the value; the error says what to write instead.
    pub fn set(&self, config: &mut Config, raw: &Raw) -> Result<(), String> {
        match self.access {
            Access::Field { set, .. } => set(config, raw),
            Access::Limit => {
                let value = u64::parse(raw)?;
                config.limits.set(self.name, within(1..=i64::MAX.unsigned_abs())(&value).map(|()| value)?);
                Ok(())
            }
        }
    }

    /// The value in `config` as TOML, with a secret hidden.
    pub fn literal(&self, config: &Config) -> String {
        match self.access {
            Access::Field { literal, .. } => literal(config),
            Access::Limit => config.limits.get(self.name).unwrap_or_default().literal(),
        }
    }
}

/// Sections with their line in the manual, in the order of the file.
pub fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    SECTIONS.iter().copied().chain([(
        "limits",
        "Bounds of everything that could grow. What meets one is refused with an error that names it.",
    )])
}

/// All keys, in the order of the file.
pub fn all() -> &'static [Key] {
    static ALL: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let limits = LIMITS.iter().map(|limit| Key {
            section: "limits",
            name: limit.name,
            kind: u64::KIND,
            secret: false,
            doc: limit.doc,
            access: Access::Limit,
        });
        fields().into_iter().chain(limits).collect()
    });
    &ALL
}

macro_rules! keys {
    ($($section:ident: $group:ident = $heading:literal, $about:literal {
        $($name:ident: $kind:ty = $default:expr, $check:expr, $doc:literal;)*
    })*) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone)]
            pub struct $group {
                $(#[doc = $doc] pub $name: $kind,)*
            }

            impl Default for $group {
                fn default() -> Self {
                    Self { $($name: $default,)* }
                }
            }
        )*

        /// The configuration in force: a field for every table of the file, and in it one for every key.
        #[derive(Debug, Clone, Default)]
        pub struct Config {
            $(#[doc = $about] pub $section: $group,)*
            /// The limits, by name.
            pub limits: Limits,
        }

        const SECTIONS: &[(&str, &str)] = &[$(($heading, $about),)*];

        fn fields() -> Vec<Key> {
            vec![$($(Key {
                section: $heading,
                name: stringify!($name),
                kind: <$kind as Setting>::KIND,
                secret: <$kind as Setting>::SECRET,
                doc: $doc,
                access: Access::Field {
                    set: |config, raw| {
                        let value = <$kind as Setting>::parse(raw)?;
                        ($check)(&value)?;
                        config.$section.$name = value;
                        Ok(())
                    },
                    literal: |config| config.$section.$name.literal(),
                },
            },)*)*]
        }
    };
}

keys! {
    top: TopKeys = "", "Where everything is." {
        data_dir: PathBuf = PathBuf::from("/var/lib/beffroi"), not_empty, "The folder that holds the embedded database, the bodies and the keys. Relative paths below start from it.";
    }
    store: StoreKeys = "store", "The database: accounts, collections, items and their history." {
        backend: StoreBackend = StoreBackend::Sqlite, any, "The database: embedded in the process, or a PostgreSQL server (15 or newer).";
        sqlite_path: PathBuf = PathBuf::from("beffroi.sqlite"), not_empty, "The file of the embedded database.";
        postgres_url: Secret = Secret::default(), postgres_url, "The PostgreSQL server, as `postgres://user:password@host:5432/database`.";
        postgres_connections: u64 = 8, within(1..=256), "Connections of this node to PostgreSQL that write; each commits groups of transactions.";
        readers: u64 = 4, within(1..=256), "Reads of the database that run side by side.";
    }
    blobs: BlobsKeys = "blobs", "Bodies: what is too large for the database, stored once per organisation." {
        backend: BlobsBackend = BlobsBackend::Disk, any, "Where bodies are kept: pack files in a folder, or a bucket that speaks S3.";
        path: PathBuf = PathBuf::from("blobs"), not_empty, "The folder of the pack files.";
        s3_endpoint: String = String::new(), s3_endpoint, "The address of the object store, such as `https://s3.example.org`.";
        s3_bucket: String = String::new(), any, "The bucket; it must exist.";
        s3_region: String = "us-east-1".to_owned(), any, "The region that requests are signed for.";
        s3_access_key: String = String::new(), any, "The access key.";
        s3_secret_key: Secret = Secret::default(), any, "The secret key.";
        s3_prefix: String = String::new(), any, "What the names of all objects begin with, such as `beffroi/`.";
        s3_object_lock_days: u64 = 0, within(0..=36_500), "Days for which the bucket keeps objects from being removed; nothing is removed earlier. 0: the bucket has no object lock.";
        lease_minutes: u64 = 60, within(10..=10_080), "Minutes that a body is kept although nothing names it yet. The clocks of all nodes must agree to within an eighth of it.";
        pack_bytes: u64 = 67_108_864, within(1_048_576..=1_073_741_824), "Bytes from which a pack takes no more bodies.";
    }
    history: HistoryKeys = "history", "The history of each account: audit, undelete, images of earlier moments." {
        chain_key_file: PathBuf = PathBuf::from("chain.key"), not_empty, "The key that the history is sealed with, made at the first start. Back it up, apart from the database; all nodes have the same one.";
        keep_hourly: u64 = 48, within(1..=8_784), "Hours of which the image of every account is kept.";
        keep_daily: u64 = 30, within(0..=3_660), "Days of which one image is kept.";
        keep_monthly: u64 = 12, within(0..=1_200), "Months of which one image is kept.";
        undelete_days: u64 = 30, within(1..=3_650), "Days in which what was removed can be brought back.";
        rescue_days: u64 = 15, within(1..=3_650), "Days of which all mail that arrived is shown at the rescue address, whatever became of it.";
        rescue_label: String = "secours".to_owned(), any, "What the domain begins with in the login name that shows what arrived lately: `user@secours.example.org` for IMAP and POP3. Empty: nowhere.";
        images_label: String = "sauvegarde".to_owned(), any, "The same for the images of the account. Empty: nowhere.";
        sync_days: u64 = 90, within(1..=3_650), "Days for which a client that was away is told only what changed; after them it loads all again.";
    }
    passwords: PasswordsKeys = "passwords", "What hashing a password (argon2id) costs. Hashes that were made cheaper are made again at the next login." {
        memory_kib: u64 = 19_456, within(8_192..=1_048_576), "KiB of memory of one hash.";
        passes: u64 = 2, within(1..=16), "Passes over that memory.";
        lanes: u64 = 1, within(1..=16), "Lanes that a hash is worked on in.";
        at_a_time: u64 = 2, within(1..=64), "Hashes that are worked on at the same time; other logins wait. Each takes its memory.";
    }
    log: LogKeys = "log", "What the server tells about its work, on standard error." {
        format: LogFormat = LogFormat::Text, any, "The form of a line: for people, or one JSON object for programs.";
        filter: String = "info".to_owned(), log_filter, "What is told: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by part such as `info,store=debug`.";
    }
    http: HttpKeys = "http", "The HTTP door: health, metrics and what other doors mount on it." {
        listen: SocketAddr = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8080), any, "The address that HTTP is served on.";
        tls_listen: Listens = Listens::default(), any, "Addresses with TLS, such as `0.0.0.0:443`. Empty: closed.";
        public_url: String = String::new(), origin, "What browsers have in their address line, such as `https://mail.example.org`: needed behind a balancer that ends TLS. Empty: what a request says.";
        proxies: Nets = Nets::default(), any, "Balancers whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, or, where there is no `X-Forwarded-For`, their `Forwarded` (RFC 7239).";
        image_networks: Nets = Nets::default(), any, "Networks of our own that remote images of messages may come from, beside the public ones.";
        header_bytes: u64 = 32_768, within(8_192..=1_048_576), "Bytes of the request line and all headers together. Larger ones are refused with 431.";
        header_seconds: u64 = 30, within(1..=3_600), "Seconds that a client may take to send its headers, and that an idle connection is kept.";
        request_seconds: u64 = 60, within(1..=86_400), "Seconds until an answer must begin, the body of the request included; then the request is given up with 503.";
        drain_seconds: u64 = 20, within(0..=3_600), "Seconds that requests in progress may take to end when the server is stopped.";
    }
    mail: MailKeys = "mail", "What all doors of mail share." {
        hostname: String = String::new(), any, "The name of this server in greetings, in header fields and in certificates, such as `mail.example.org`. Empty: the machine's own name.";
        login_domain: String = String::new(), any, "The domain that completes a login name without one. Empty: people log in with their whole address.";
        plain_logins_from_loopback: bool = false, any, "Whether passwords are taken over connections that are not encrypted, from the machine itself only.";
        trusted: Nets = Nets::loopback(), any, "Networks of our own relays: they may use LMTP, and their mail is not checked.";
        relay_from: Nets = Nets::default(), any, "Networks that may send mail to outside addresses without a login.";
        proxies: Nets = Nets::default(), any, "Balancers: connections from there begin with a header of the PROXY protocol (version 1 or 2).";
        sent_copy: bool = false, any, "Whether what a person submits is put into its mailbox for sent mail. Most mail programs do so themselves.";
        postmaster: String = String::new(), any, "Who receives mail for `postmaster` without a domain. Empty: nobody.";
        client_hosts: Words = Words::default(), any, "The host that mail programs of a domain are told, as `example.org=mail.example.org`, where it is not `mail.hostname`.";
        drain_seconds: u64 = 10, within(0..=600), "Seconds that connections may take to end when the server is stopped.";
    }
    smtp: SmtpKeys = "smtp", "Mail from other servers (RFC 5321)." {
        listen: Listens = Listens::default(), any, "Addresses, such as `0.0.0.0:25 [::]:25`. Empty: closed.";
    }
    lmtp: LmtpKeys = "lmtp", "Mail from a relay of our own, such as Postfix (RFC 2033)." {
        listen: Listens = Listens::default(), any, "Addresses, such as `127.0.0.1:24`. Empty: closed.";
    }
    submission: SubmissionKeys = "submission", "Mail that people send with a mail program (RFC 6409)." {
        listen: Listens = Listens::default(), any, "Addresses with STARTTLS, such as `0.0.0.0:587`. Empty: closed.";
        tls_listen: Listens = Listens::default(), any, "Addresses with TLS from the first byte, such as `0.0.0.0:465`. Empty: closed.";
    }
    imap: ImapKeys = "imap", "Mailboxes for mail programs (RFC 9051)." {
        listen: Listens = Listens::default(), any, "Addresses with STARTTLS, such as `0.0.0.0:143`. Empty: closed.";
        tls_listen: Listens = Listens::default(), any, "Addresses with TLS from the first byte, such as `0.0.0.0:993`. Empty: closed.";
    }
    pop3: Pop3Keys = "pop3", "The inbox for programs that fetch mail (RFC 1939)." {
        listen: Listens = Listens::default(), any, "Addresses with STLS, such as `0.0.0.0:110`. Empty: closed.";
        tls_listen: Listens = Listens::default(), any, "Addresses with TLS from the first byte, such as `0.0.0.0:995`. Empty: closed.";
    }
    sieve: SieveKeys = "sieve", "Filters, kept with ManageSieve (RFC 5804)." {
        listen: Listens = Listens::default(), any, "Addresses with STARTTLS, such as `0.0.0.0:4190`. Empty: closed.";
    }
    scan: ScanKeys = "scan", "What is looked at in mail from other servers." {
        authentication: bool = true, any, "Whether SPF, DKIM, DMARC and ARC are looked at.";
        dmarc_rejects: bool = true, any, "Whether mail is refused where the policy of its domain says so; otherwise it goes to junk.";
        name_servers: Listens = Listens::default(), any, "The name servers that are asked for it, such as `127.0.0.1:53`. Empty: those of the machine.";
        rspamd: String = String::new(), any, "Where Rspamd answers, such as `http://127.0.0.1:11333`. Empty: no spam check.";
        clamav: Option<SocketAddr> = None, any, "Where clamd answers, such as `127.0.0.1:3310`. Empty: no virus check.";
        pass_unchecked: bool = true, any, "Whether mail passes when a scanner does not answer; otherwise its sender is asked to try again.";
        seconds: u64 = 20, within(1..=300), "Seconds that a scanner may take.";
        greylisting: bool = false, any, "Whether senders that are not known have to come back before their mail is taken.";
    }
    outbound: OutboundKeys = "outbound", "Mail to other servers." {
        send: bool = true, any, "Whether this node sends what is queued.";
        smarthost: String = String::new(), relay, "A relay that takes all mail to others: `host`, `host:port`, or either after `smtp://` (TLS when offered, port 25), `starttls://` (587), `smtps://` (465), `plain://` (no TLS) or `lmtp://` (24). With `starttls` and `smtps` its certificate is verified. Empty: mail goes to the servers of its domains.";
        smarthost_user: String = String::new(), any, "The name to log in with at the smarthost, over verified TLS only. Empty: without a login.";
        smarthost_password: Secret = Secret::default(), any, "The password to that name.";
        transports: Words = Words::default(), transports, "Relays by domain, such as `example.org=smtp://10.0.0.7 .example.net=lmtp://127.0.0.1:2424`; a domain that begins with a dot stands for all below it.";
        port: u64 = 25, within(1..=65_535), "The port of other mail servers.";
        ipv6: bool = true, any, "Whether mail is sent over IPv6, too.";
        dane: bool = true, any, "Whether TLS keys that are published by DNSSEC are insisted on (DANE, RFC 7672).";
        mta_sts: bool = true, any, "Whether domains are asked for their policy about TLS (MTA-STS, RFC 8461).";
        tls_reports_from: String = String::new(), any, "The address of ours that tells other domains once a day how TLS with them went (RFC 8460). Empty: nothing is told.";
        name_servers: Listens = Listens::default(), any, "The name servers, such as `127.0.0.1:53`. Empty: those of the machine.";
        authorities: PathBuf = PathBuf::new(), any, "A file with more certificate authorities (PEM) that other servers are trusted by, beside those of the system.";
    }
    tls: TlsKeys = "tls", "Certificates of all doors." {
        certificates: PathBuf = PathBuf::from("tls"), not_empty, "The folder of the certificates: each a chain `NAME.crt` (or `NAME.pem`) beside its key `NAME.key`, both PEM. A client gets the one for the name it asks for, else the first by name. They are read again when a file changes and at SIGHUP; open connections stay.";
        self_made: bool = false, any, "Whether a certificate is made, signed by nobody, when the folder has none. For trying things out.";
    }
    push: PushKeys = "push", "Push to clients that are not connected (RFC 8620 section 7.2, Web Push)." {
        send: bool = true, any, "Whether clients may leave addresses that are told of changes.";
        contact: String = String::new(), any, "An address for those who run a push service, such as `mailto:postmaster@example.org`. Empty: `postmaster` at `mail.hostname`.";
        allow_private: bool = false, any, "Whether addresses of private networks are sent to, and addresses of the machine itself without TLS. People could reach inner servers with it.";
    }
    metrics: MetricsKeys = "metrics", "Figures for Prometheus." {
        listen: Option<SocketAddr> = None, any, "An address of its own for `/metrics` and `/health`. Empty: they are answered on `http.listen`.";
        token: Secret = Secret::default(), any, "What a scraper must send as `Authorization: Bearer`. Empty: anyone who reaches the address may read the figures.";
    }
}

/// Takes every value of the type.
#[expect(clippy::unnecessary_wraps, reason = "one of the checks, which have one form")]
fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

fn within(range: std::ops::RangeInclusive<u64>) -> impl Fn(&u64) -> Result<(), String> {
    move |value| {
        if range.contains(value) {
            Ok(())
        } else {
            Err(format!("is {value}; write a number from {} to {}", range.start(), range.end()))
        }
    }
}

fn origin(text: &String) -> Result<(), String> {
    let wrong =
        || format!("{text:?} is no origin; write scheme and host only, such as https://mail.example.org");
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    match host {
        _ if text.is_empty() => Ok(()),
        Some(host) if !host.is_empty() && host.bytes().all(is_plain) => Ok(()),
        _ => Err(wrong()),
    }
}

fn relay(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    smtp::outbound::Relay::parse(text).map(|_| ()).map_err(|error| error.rule().to_owned())
}

fn transports(all: &Words) -> Result<(), String> {
    all.0.iter().try_for_each(|one| match one.split_once('=') {
        Some((domain, to)) if !domain.is_empty() => relay(to),
        _ => Err(format!("{one:?} is no transport; write domain=relay")),
    })
}

fn not_empty(path: &Path) -> Result<(), String> {
    if path.as_os_str().is_empty() { Err("is empty; write a path".to_owned()) } else { Ok(()) }
}

fn s3_endpoint(endpoint: &str) -> Result<(), String> {
    if endpoint.is_empty() || endpoint.starts_with("https://") || endpoint.starts_with("http://") {
        Ok(())
    } else {
        Err(format!("{endpoint:?} is no address; write one such as \"https://s3.example.org\""))
    }
}

fn postgres_url(url: &Secret) -> Result<(), String> {
    let url = url.expose();
    if url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Ok(())
    } else {
        Err("is no PostgreSQL address; write postgres://user:password@host:5432/database".to_owned())
    }
}

fn log_filter(filter: &str) -> Result<(), String> {
    match tracing_subscriber::EnvFilter::try_new(filter) {
        Ok(_) if !filter.is_empty() => Ok(()),
        Ok(_) => Err("is empty; write a level such as \"info\"".to_owned()),
        Err(error) => Err(format!(
            "{filter:?} is no filter ({error}); write a level such as \"info\" or \"info,store=debug\""
        )),
    }
}

/// Rules between keys: the key to look at, and what to write.
pub fn between(config: &Config) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    if config.store.backend == StoreBackend::Postgres && config.store.postgres_url.expose().is_empty() {
        problems.push(("store.backend", "is \"postgres\"; write store.postgres_url too".to_owned()));
    }
    if config.blobs.backend == BlobsBackend::S3 {
        let keys = &config.blobs;
        let missing = [
            (keys.s3_endpoint.is_empty(), "blobs.s3_endpoint"),
            (keys.s3_bucket.is_empty(), "blobs.s3_bucket"),
            (keys.s3_access_key.is_empty(), "blobs.s3_access_key"),
            (keys.s3_secret_key.expose().is_empty(), "blobs.s3_secret_key"),
        ];
        for (_, name) in missing.iter().filter(|(missing, _)| *missing) {
            problems.push(("blobs.backend", format!("is \"s3\"; write {name} too")));
        }
    }
    if config.metrics.listen == Some(config.http.listen) && config.http.listen.port() != 0 {
        problems.push((
            "metrics.listen",
            "is the address of http.listen; write another port, or leave it empty".to_owned(),
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_and_their_environment_variables_are_unique_and_documented() {
        let names: BTreeSet<_> = all().iter().map(Key::dotted).collect();
        let variables: BTreeSet<_> = all().iter().map(Key::environment).collect();
        assert_eq!(names.len(), all().len());
        assert_eq!(variables.len(), all().len());
        let sections: BTreeSet<_> = sections().map(|(name, _)| name).collect();
        for key in all() {
            assert!(key.doc.ends_with('.'), "{}: a sentence", key.dotted());
            assert!(sections.contains(key.section), "{}", key.dotted());
        }
    }

    #[test]
    fn every_default_passes_its_own_check() {
        let mut config = Config::default();
        for key in all().iter().filter(|key| !key.secret) {
            let literal = key.literal(&config);
            let raw = match literal.parse::<toml::Value>() {
                Ok(toml::Value::String(text)) => Raw::Text(text),
                Ok(toml::Value::Integer(number)) => Raw::Whole(number),
                Ok(toml::Value::Boolean(flag)) => Raw::Flag(flag),
                other => panic!("{}: {other:?}", key.dotted()),
            };
            key.set(&mut config, &raw).unwrap_or_else(|error| panic!("{}: {error}", key.dotted()));
            assert_eq!(key.literal(&config), literal, "{}", key.dotted());
        }
    }

    #[test]
    fn a_limit_is_at_least_one() {
        let key = all().iter().find(|key| key.dotted() == "limits.name_bytes").unwrap();
        let mut config = Config::default();
        assert!(key.set(&mut config, &Raw::Whole(0)).is_err());
        key.set(&mut config, &Raw::Whole(9)).unwrap();
        assert_eq!(config.limits.name_bytes, 9);
    }
}
