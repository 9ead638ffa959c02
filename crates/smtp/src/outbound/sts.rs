//! What a domain promises about TLS of its hosts: MTA-STS (RFC 8461).
//!
//! What must stay true here:
//! - A policy that was fetched binds us until it expires, whatever DNS says meanwhile.
//! - A policy is fetched over verified HTTPS, without redirects, with a limit on its length and on the time.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Ctx, Error, Result};
use mail::queue::{Queue, StsPolicy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;

use super::dns::Dns;

/// The longest that a policy may bind (RFC 8461 section 3.2): a year.
const LONGEST_SECONDS: i64 = 31_557_600;
/// After a fetch that failed the next one waits this long.
const RETRY_MS: i64 = 300_000;
/// Failed fetches that are remembered.
const FAILED: usize = 10_000;
const MX_PATTERNS: usize = 100;

/// What is done about a host that breaks the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing is sent to it.
    Enforce,
    /// It is reported.
    Testing,
    /// Nothing.
    None,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) mode: Mode,
    /// Names of hosts; `*.` stands for one label.
    mx: Vec<String>,
    max_age_seconds: i64,
    /// Its lines, for reports.
    pub(super) text: String,
}

impl Policy {
    /// Reads a policy (RFC 8461 section 3.2).
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mut is_first, mut mode, mut max_age, mut mx) = (true, None, None, Vec::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':')?;
            let (key, value) = (key.trim(), value.trim());
            if is_first && (key, value) != ("version", "STSv1") {
                return None;
            }
            is_first = false;
            match key {
                "mode" => {
                    mode = Some(match value {
                        "enforce" => Mode::Enforce,
                        "testing" => Mode::Testing,
                        "none" => Mode::None,
                        _ => return None,
                    });
                }
                "max_age" => max_age = value.parse::<i64>().ok().filter(|age| *age >= 0),
                "mx" if mx.len() < MX_PATTERNS => mx.push(value.trim_end_matches('.').to_ascii_lowercase()),
                _ => {}
            }
        }
        let (mode, max_age) = (mode?, max_age?);
        if mx.is_empty() && mode != Mode::None {
            return None;
        }
        Some(Self { mode, mx, max_age_seconds: max_age.min(LONGEST_SECONDS), text: text.trim().to_owned() })
    }

    /// Whether a host is one of the policy's (RFC 8461 section 4.1).
    pub(super) fn allows(&self, host: &str) -> bool {
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(parent) => {
                host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent)
            }
            None => pattern == host,
        })
    }
}

/// What a domain promises, and what went wrong when it was asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Promise {
    pub(super) policy: Option<Policy>,
    /// The result type for the report.
    pub(super) problem: Option<&'static str>,
}

/// Finds policies.
pub(super) struct Sts {
    dns: Dns,
    client: reqwest::Client,
    port: u16,
    most_bytes: u64,
    failed: Mutex<HashMap<String, i64>>,
}

impl Sts {
    pub(super) fn new(
        ctx: &Ctx,
        dns: &Dns,
        tls: &Arc<rustls::ClientConfig>,
        port: u16,
        ipv6: bool,
    ) -> Result<Self> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.as_ref().clone())
            .dns_resolver(Arc::new(Asks { dns: dns.clone(), ipv6 }))
            .redirect(redirect::Policy::none())
            .https_only(true)
            .no_proxy()
            .timeout(Duration::from_secs(ctx.limits.mta_sts_fetch_seconds))
            .build()
            .map_err(|error| Error::unavailable("MTA-STS", "cannot be asked for").with_source(error))?;
        let most_bytes = ctx.limits.mta_sts_policy_bytes;
        Ok(Self { dns: dns.clone(), client, port, most_bytes, failed: Mutex::default() })
    }

    /// The policy of a domain.
    pub(super) async fn promise(&self, ctx: &Ctx, queue: &Queue, domain: &str) -> Promise {
        let kept = queue.sts_policy(ctx, domain).await.unwrap_or_else(|error| {
            tracing::warn!(domain, ?error, "kept policies of MTA-STS cannot be read");
            None
        });
        let known = kept.as_ref().and_then(|kept| Policy::parse(&kept.text));
        let Some(id) = self.record(domain).await else {
            return Promise { policy: known, problem: None };
        };
        if kept.is_some_and(|kept| kept.id == id) || self.failed_lately(ctx, domain) {
            return Promise { policy: known, problem: None };
        }
        match self.fetch(domain).await {
            Ok(policy) => {
                let expires_at = ctx.now_ms().saturating_add(policy.max_age_seconds.saturating_mul(1_000));
                let keep = StsPolicy { id, text: policy.text.clone(), expires_at };
                if let Err(error) = queue.keep_sts_policy(domain, Some(keep)).await {
                    tracing::warn!(domain, ?error, "a policy of MTA-STS cannot be kept");
                }
                Promise { policy: Some(policy), problem: None }
            }
            Err(problem) => {
                tracing::info!(domain, problem, "the policy of MTA-STS could not be fetched");
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.len() >= FAILED {
                    failed.clear();
                }
                failed.insert(domain.to_owned(), ctx.now_ms());
                Promise { policy: known, problem: Some(problem) }
            }
        }
    }

    fn failed_lately(&self, ctx: &Ctx, domain: &str) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(domain).is_some_and(|at| ctx.now_ms() - at < RETRY_MS)
    }

    /// The id of the domain's record (RFC 8461 section 3.1); none without exactly one.
    async fn record(&self, domain: &str) -> Option<String> {
        let texts = self.dns.texts(&format!("_mta-sts.{domain}")).await.ok()?;
        let mut records = texts.iter().filter(|text| text.starts_with("v=STSv1;"));
        let record = records.next()?;
        if records.next().is_some() {
            return None;
        }
        let id = record.split(';').find_map(|field| field.trim().strip_prefix("id="))?.trim();
        (!id.is_empty() && id.len() <= 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
            .then(|| id.to_owned())
    }

    async fn fetch(&self, domain: &str) -> Result<Policy, &'static str> {
        const FETCH: &str = "sts-policy-fetch-error";
        let port = if self.port == 443 { String::new() } else { format!(":{}", self.port) };
        let url = format!("https://mta-sts.{domain}{port}/.well-known/mta-sts.txt");
        let mut response = self.client.get(url).send().await.map_err(|error| {
            tracing::debug!(domain, ?error, "no answer from the server of the policy");
            if error.is_connect() { "sts-webpki-invalid" } else { FETCH }
        })?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FETCH);
        }
        let mut text = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|_| FETCH)? {
            text.extend_from_slice(&piece);
            if text.len() as u64 > self.most_bytes {
                return Err("sts-policy-invalid");
            }
        }
        let text = String::from_utf8(text).map_err(|_| "sts-policy-invalid")?;
        Policy::parse(&text).ok_or("sts-policy-invalid")
    }
}

/// Lets the HTTP client ask the same name servers.
struct Asks {
    dns: Dns,
    ipv6: bool,
}

impl Resolve for Asks {
    fn resolve(&self, name: Name) -> Resolving {
        let (dns, ipv6) = (self.dns.clone(), self.ipv6);
        Box::pin(async move {
            let found = dns.addresses(name.as_str(), ipv6).await;
            let found = found.map_err(|trouble| format!("{}: {trouble:?}", name.as_str()))?;
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_as_the_standard_shows_it() {
        let policy = Policy::parse(
            "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n",
        )
        .unwrap();
        assert_eq!((policy.mode, policy.max_age_seconds), (Mode::Enforce, 604_800));
        assert!(policy.allows("mail.example.com") && policy.allows("a.example.net"));
        assert!(!policy.allows("example.net") && !policy.allows("a.b.example.net"));
        assert!(!policy.allows("mail.example.com.evil.test"));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for text in [
            "",
            "mode: enforce\nmx: a.test\nmax_age: 1",
            "version: STSv2\nmode: enforce\nmx: a.test\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmax_age: 1",
            "version: STSv1\nmode: maybe\nmx: a.test\nmax_age: 1",
            "version: STSv1\nmode: enforce\nmx: a.test",
            "<html>",
        ] {
            assert_eq!(Policy::parse(text), None, "{text}");
        }
    }
}
