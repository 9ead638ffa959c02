//! The doors of mail: a listener each, around the floors below.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base::{Ctx, Error, Result};
use httpd::metrics::{Figures, Metrics};
use mail::Mail;
use smtp::checks::Checks;
use smtp::{Inbound, Profile};
use tokio::task::JoinSet;
use wire::auth::Authenticator;
use wire::conn::Patience;
use wire::tls::TlsSource;
use wire::{Conn, Listening, Places, Protocol, Stop};

use crate::config::Config;
use crate::config::setting::Listens;
use crate::serve::bind;
use crate::{certificates, scanning};

/// What the doors of mail open to.
pub struct Doors<'c> {
    config: &'c Config,
    mail: Mail,
    authenticator: Authenticator,
    ctx: Ctx,
    tls: Option<TlsSource>,
    stop: Stop,
    counters: Vec<Arc<Counters>>,
    addresses: Vec<(&'static str, SocketAddr)>,
}

/// The doors that are open.
pub struct Open {
    /// Each with an address that it really has, in the order of opening.
    pub addresses: Vec<(&'static str, SocketAddr)>,
    /// Ends them.
    pub stop: Stop,
    /// Who logged in through them.
    pub authenticator: Authenticator,
}

impl<'c> Doors<'c> {
    /// Doors that are not open yet.
    pub fn new(config: &'c Config, mail: &Mail, ctx: &Ctx, tls: Option<TlsSource>) -> Self {
        let authenticator = Authenticator::new(mail.directory().clone(), ctx.clone(), tls.clone());
        Self {
            config,
            mail: mail.clone(),
            authenticator,
            ctx: ctx.clone(),
            tls,
            stop: Stop::default(),
            counters: Vec::new(),
            addresses: Vec::new(),
        }
    }

    /// Who lets people in, at all doors.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// Opens every door that has an address.
    ///
    /// # Errors
    /// `Unavailable` when an address cannot be listened on, `Invalid` for one with TLS where there is no certificate.
    pub async fn open(mut self, metrics: &mut Metrics, tasks: &mut JoinSet<Result<()>>) -> Result<Open> {
        self.smtp(tasks).await?;
        self.imap(tasks).await?;
        self.others(tasks).await?;
        let counters = std::mem::take(&mut self.counters);
        metrics.add(move |figures| counters.iter().for_each(|door| door.measure(figures)));
        Ok(Open { addresses: self.addresses, stop: self.stop, authenticator: self.authenticator })
    }

    /// The doors that mail comes in by.
    async fn smtp(&mut self, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
        let config = self.config;
        let (smtp, lmtp, submission) = (&config.smtp, &config.lmtp, &config.submission);
        self.listen(
            self.inbound(Profile::Lmtp, None),
            &[("lmtp", "lmtp.listen", &lmtp.listen, false)],
            tasks,
        )
        .await?;
        if !smtp.listen.0.is_empty() {
            let door = self.inbound(Profile::Smtp, Some(scanning::checks(config)?));
            self.listen(door, &[("smtp", "smtp.listen", &smtp.listen, false)], tasks).await?;
        }
        let door = self.inbound(Profile::Submission, None);
        let listens = [
            ("submission", "submission.listen", &submission.listen, false),
            ("submissions", "submission.tls_listen", &submission.tls_listen, true),
        ];
        self.listen(door, &listens, tasks).await
    }

    fn inbound(&self, profile: Profile, checks: Option<Checks>) -> Inbound {
        let keys = &self.config.mail;
        let settings = smtp::Settings {
            hostname: certificates::hostname(self.config),
            trusted: keys.trusted.networks.clone(),
            relay_from: keys.relay_from.networks.clone(),
            login_in_clear: keys.plain_logins_from_loopback,
            sent_copy: keys.sent_copy,
            postmaster: (!keys.postmaster.is_empty()).then(|| keys.postmaster.clone()),
        };
        let authenticator = (profile == Profile::Submission).then(|| self.authenticator.clone());
        Inbound::new(profile, settings, self.mail.clone(), &self.ctx, authenticator, self.tls.clone(), checks)
    }

    async fn imap(&mut self, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
        let keys = &self.config.imap;
        let options = imap::Options {
            tls: self.tls.clone(),
            plain_from_loopback: self.config.mail.plain_logins_from_loopback,
        };
        let door = imap::Imap::new(self.mail.clone(), self.authenticator.clone(), self.ctx.clone(), options);
        let listens = [
            ("imap", "imap.listen", &keys.listen, false),
            ("imaps", "imap.tls_listen", &keys.tls_listen, true),
        ];
        self.listen(door, &listens, tasks).await
    }

    /// POP3 and ManageSieve.
    async fn others(&mut self, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
        let (config, in_clear) = (self.config, self.config.mail.plain_logins_from_loopback);
        let parts = (self.mail.clone(), self.authenticator.clone(), self.tls.clone());
        let door = pop3::Pop3::new(parts.0.clone(), parts.1.clone(), parts.2.clone(), in_clear);
        let listens = [
            ("pop3", "pop3.listen", &config.pop3.listen, false),
            ("pop3s", "pop3.tls_listen", &config.pop3.tls_listen, true),
        ];
        self.listen(door, &listens, tasks).await?;
        let door = managesieve::ManageSieve::new(parts.0, parts.1, parts.2, in_clear);
        self.listen(door, &[("sieve", "sieve.listen", &config.sieve.listen, false)], tasks).await
    }

    /// Serves a protocol on all its addresses: each with its name in the list of doors, its key in the configuration,
    /// and whether it begins with TLS.
    async fn listen<P: Protocol>(
        &mut self,
        protocol: P,
        listens: &[(&'static str, &'static str, &Listens, bool)],
        tasks: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        let limits = &self.ctx.limits;
        let places = Places::new(limits.mail_connections, limits.mail_connections_per_address);
        let counters = Arc::new(Counters::new(protocol.name()));
        let watched = Arc::new(Watched { protocol, counters: counters.clone() });
        for (name, key, addresses, begins_with_tls) in listens {
            for address in &addresses.0 {
                let (listener, real) = bind(key, *address).await?;
                let implicit_tls = match (begins_with_tls, &self.tls) {
                    (false, _) => None,
                    (true, Some(source)) => Some(source.clone()),
                    (true, None) => return Err(no_certificate()),
                };
                let listening = Listening {
                    places: places.clone(),
                    patience: Patience::default(),
                    implicit_tls,
                    proxies: self.config.mail.proxies.networks.clone(),
                    drain: Duration::from_secs(self.config.mail.drain_seconds),
                };
                tasks.spawn(wire::serve(listener, watched.clone(), listening, self.stop.clone()));
                self.addresses.push((name, real));
            }
        }
        if listens.iter().any(|(_, _, addresses, _)| !addresses.0.is_empty()) {
            self.counters.push(counters);
        }
        Ok(())
    }
}

/// Says that there is no certificate for a door that begins with TLS.
pub fn no_certificate() -> Error {
    Error::invalid(
        "tls.certificates",
        "is a folder without a certificate, and a door with TLS is to be opened; put NAME.crt and NAME.key there",
    )
}

/// What a door counts.
struct Counters {
    door: &'static str,
    begun: AtomicU64,
    ended: AtomicU64,
    milliseconds: AtomicU64,
}

impl Counters {
    const fn new(door: &'static str) -> Self {
        Self { door, begun: AtomicU64::new(0), ended: AtomicU64::new(0), milliseconds: AtomicU64::new(0) }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts fit a float")]
    fn measure(&self, figures: &mut Figures) {
        let labels = &[("door", self.door)];
        let (ended, begun) = (self.ended.load(Ordering::Relaxed), self.begun.load(Ordering::Relaxed));
        figures.counter("mail_connections", "Connections that a door of mail served", labels, begun);
        figures.gauge(
            "mail_open_connections",
            "Connections that a door of mail serves now",
            labels,
            begun.saturating_sub(ended) as f64,
        );
        figures.counter_real(
            "mail_connection_seconds",
            "Time that the connections which ended took",
            labels,
            self.milliseconds.load(Ordering::Relaxed) as f64 / 1_000.0,
        );
    }
}

/// A protocol whose connections are counted.
struct Watched<P> {
    protocol: P,
    counters: Arc<Counters>,
}

/// A connection that is counted, however it ends.
struct Counted<'c> {
    counters: &'c Counters,
    begun: Instant,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let took = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.counters.milliseconds.fetch_add(took, Ordering::Relaxed);
        self.counters.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl<P: Protocol> Protocol for Watched<P> {
    fn name(&self) -> &'static str {
        self.protocol.name()
    }

    async fn serve(&self, conn: Conn) {
        self.counters.begun.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted { counters: &self.counters, begun: Instant::now() };
        self.protocol.serve(conn).await;
    }

    fn full(&self) -> &'static [u8] {
        self.protocol.full()
    }
}
