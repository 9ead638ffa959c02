//! What is looked at in mail of other servers: SPF, DKIM, DMARC and ARC, spam by Rspamd, viruses by `ClamAV`, and
//! whether its sender comes back (greylisting).
//!
//! What must stay true here:
//! - A check that cannot be made is noted in the log and in the header; whether mail then passes or waits is a setting.
//! - Nothing that a message says of its own authenticity under our name is passed on (RFC 8601 section 5).

mod clamav;
mod greylist;
mod results;
mod rspamd;

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::{Ctx, Error, Result};
use mail_auth::MessageAuthenticator;

pub use greylist::Greylisting;

use crate::inbound::reply::Reply;
use mail::submission::fields;

/// What is checked.
#[derive(Debug, Clone)]
pub struct CheckSettings {
    /// Our name in Authentication-Results.
    pub hostname: String,
    /// Whether a DMARC policy of `reject` refuses mail; otherwise it is treated as `quarantine`, which is junk.
    pub dmarc_rejects: bool,
    /// Where Rspamd answers, as `http://127.0.0.1:11333`; none: no spam check.
    pub rspamd: Option<String>,
    /// Where clamd answers; none: no virus check.
    pub clamav: Option<SocketAddr>,
    /// Whether mail passes unchecked when a scanner does not answer; otherwise its sender is asked to try again.
    pub fails_open: bool,
    /// How long a scanner may take.
    pub scanner_time: Duration,
    /// Whether senders that are not known have to come back; none: they need not.
    pub greylisting: Option<Greylisting>,
}

impl CheckSettings {
    /// SPF, DKIM, DMARC and ARC only.
    pub fn new(hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            dmarc_rejects: true,
            rspamd: None,
            clamav: None,
            fails_open: true,
            scanner_time: Duration::from_secs(20),
            greylisting: None,
        }
    }
}

/// Looks at mail. Cheap to clone.
#[derive(Clone)]
pub struct Checks(Arc<Inner>);

struct Inner {
    settings: CheckSettings,
    authenticator: Option<MessageAuthenticator>,
    http: Option<reqwest::Client>,
}

/// A message that is looked at.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Who hands it over.
    pub peer: IpAddr,
    /// The name that it said hello with.
    pub hello: &'a str,
    /// The envelope's sender; empty: the null sender.
    pub sender: &'a str,
    /// The envelope's recipients.
    pub recipients: &'a [String],
    /// The message.
    pub message: &'a [u8],
}

/// What came out.
#[derive(Debug, Default)]
pub struct Verdict {
    /// The message is not taken.
    pub refusal: Option<Reply>,
    /// Header fields to put before it.
    pub header: String,
    /// It is junk.
    pub junk: bool,
    /// Results under our name that others wrote are to be removed from its header.
    pub foreign_results: bool,
}

impl Checks {
    /// Looks as `settings` say. `authenticator` asks the DNS; none: SPF, DKIM, DMARC and ARC are not looked at.
    ///
    /// # Errors
    /// `Corrupt` when there can be no HTTP client.
    pub fn new(settings: CheckSettings, authenticator: Option<MessageAuthenticator>) -> Result<Self> {
        let http = match &settings.rspamd {
            Some(_) => Some(rspamd::client(settings.scanner_time)?),
            None => None,
        };
        Ok(Self(Arc::new(Inner { settings, authenticator, http })))
    }

    /// As [`Checks::new`] with the name servers of the machine, or with `name_servers` where there are any.
    ///
    /// # Errors
    /// `Unavailable` when the machine has no name servers.
    pub fn with_dns(settings: CheckSettings, name_servers: &[SocketAddr]) -> Result<Self> {
        Self::new(settings, Some(results::authenticator(name_servers)?))
    }

    /// Whether senders that are not known have to come back.
    pub fn greylisting(&self) -> Option<&Greylisting> {
        self.0.settings.greylisting.as_ref()
    }

    /// Looks at a message.
    pub async fn look(&self, ctx: &Ctx, seen: &Seen<'_>) -> Verdict {
        let settings = &self.0.settings;
        let mut verdict = Verdict {
            foreign_results: has_foreign_results(seen.message, &settings.hostname),
            ..Verdict::default()
        };
        if let Some(address) = settings.clamav {
            match clamav::scan(address, seen.message, settings.scanner_time).await {
                Ok(None) => verdict.header.push_str("X-Virus-Scanned: clean\r\n"),
                Ok(Some(name)) => {
                    tracing::info!(peer = %seen.peer, virus = %name, "refused a virus");
                    verdict.refusal =
                        Some(Reply::new(550, "5.7.1", format!("the message holds a virus: {name}")));
                    return verdict;
                }
                Err(error) => self.missing("clamav", &error, &mut verdict),
            }
        }
        if let Some(authenticator) = &self.0.authenticator {
            results::look(authenticator, settings, seen, &mut verdict).await;
        }
        if verdict.refusal.is_some() {
            return verdict;
        }
        if let (Some(url), Some(http)) = (&settings.rspamd, &self.0.http) {
            match rspamd::look(http, url, seen).await {
                Ok(found) => found.apply(&mut verdict),
                Err(error) => self.missing("rspamd", &error, &mut verdict),
            }
        }
        let _ = ctx;
        verdict
    }

    /// A scanner does not answer.
    fn missing(&self, scanner: &'static str, error: &Error, verdict: &mut Verdict) {
        tracing::warn!(scanner, error = ?error, open = self.0.settings.fails_open, "a scanner does not answer");
        let _ = write!(verdict.header, "X-Scan-Missing: {scanner}\r\n");
        if !self.0.settings.fails_open && verdict.refusal.is_none() {
            verdict.refusal =
                Some(Reply::new(451, "4.7.1", "the message cannot be checked for now; try again later"));
        }
    }
}

/// Whether a field claims results under a name (RFC 8601 section 2.2: the name is the first word of the value).
fn claims(name: &[u8], field: &[u8], hostname: &str) -> bool {
    if !name.eq_ignore_ascii_case(b"Authentication-Results") {
        return false;
    }
    let value = field.get(name.len() + 1..).unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    // A comment may stand before the name.
    let mut rest = value.trim_start();
    while let Some(after) = rest.strip_prefix('(') {
        rest = after.split_once(')').map_or("", |(_, after)| after).trim_start();
    }
    let claimed = rest.split([';', ' ', '\t', '\r', '\n']).next().unwrap_or_default();
    claimed.trim_matches('"').trim_end_matches('.').eq_ignore_ascii_case(hostname)
}

fn has_foreign_results(message: &[u8], hostname: &str) -> bool {
    fields(message).any(|(name, field)| claims(name, field, hostname))
}

/// A message, with `head` bytes before it that are not looked at, without results that others wrote under our name.
pub(crate) fn without_foreign_results(text: &[u8], head: usize, hostname: &str) -> Vec<u8> {
    let body = text.get(head..).unwrap_or_default();
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(text.get(..head).unwrap_or_default());
    let mut length = 0;
    for (name, field) in fields(body) {
        length += field.len();
        if !claims(name, field, hostname) {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(body.get(length..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p05_results_under_our_name_that_others_wrote_are_removed() {
        let text = b"xxAuthentication-Results: mx.example.org; spf=pass\r\nSubject: a\r\n\
            AUTHENTICATION-RESULTS: (hi)\r\n mx.Example.org 1; dkim=pass\r\nAuthentication-Results: other.example; x=y\r\n\r\nbody\r\n";
        let clean = without_foreign_results(text, 2, "mx.example.org");
        assert_eq!(clean, b"xxSubject: a\r\nAuthentication-Results: other.example; x=y\r\n\r\nbody\r\n");
        assert!(has_foreign_results(&text[2..], "mx.example.org"));
        assert!(!has_foreign_results(&clean[2..], "mx.example.org"));
    }
}
