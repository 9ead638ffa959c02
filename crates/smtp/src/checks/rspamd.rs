//! Rspamd over HTTP: `POST /checkv2`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result};
use serde::Deserialize;

use super::{Seen, Verdict};
use crate::inbound::reply::Reply;

/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 1 << 20;

/// What Rspamd answers, as far as we ask.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    action: String,
    score: Option<f64>,
    /// None, or null, where no action has a score.
    required_score: Option<f64>,
}

/// A client for a scanner on the own network.
pub(super) fn client(time: Duration) -> Result<reqwest::Client> {
    let failed = |error: String| Error::corrupt("rspamd", "cannot be asked").with_source(error);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(time)
        .build()
        .map_err(|error| failed(error.to_string()))
}

/// Asks about a message.
pub(super) async fn look(client: &reqwest::Client, url: &str, seen: &Seen<'_>) -> Result<Answer> {
    let failed = |error: reqwest::Error| Error::unavailable("rspamd", "does not answer").with_source(error);
    let mut request = client
        .post(format!("{}/checkv2", url.trim_end_matches('/')))
        .header("IP", seen.peer.to_string())
        .header("Helo", header_value(seen.hello))
        .header("From", header_value(seen.sender))
        .body(seen.message.to_vec());
    for recipient in seen.recipients {
        request = request.header("Rcpt", header_value(recipient));
    }
    let mut response = request.send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&part);
        if bytes.len() > ANSWER_BYTES {
            return Err(Error::unavailable("rspamd", "answers too much"));
        }
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::unavailable("rspamd", "answers what is not known").with_source(error))
}

fn header_value(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_graphic()).take(1_000).collect()
}

impl Answer {
    /// What follows from it.
    pub(super) fn apply(&self, verdict: &mut Verdict) {
        let spam = matches!(self.action.as_str(), "add header" | "rewrite subject" | "reject");
        let flag = if spam { "Yes" } else { "No" };
        let _ = write!(
            verdict.header,
            "X-Spam-Status: {flag}, score={:.2} required={:.2}\r\nX-Spam-Action: {}\r\n",
            self.score.unwrap_or_default(),
            self.required_score.unwrap_or_default(),
            header_text(&self.action)
        );
        match self.action.as_str() {
            // What Rspamd would refuse is kept as junk: a person can find what was taken for spam by mistake.
            "add header" | "rewrite subject" | "reject" => verdict.junk = true,
            "soft reject" | "greylist" => {
                verdict.refusal = Some(Reply::new(451, "4.7.1", "try again later"));
            }
            _ => {}
        }
    }
}

fn header_text(text: &str) -> String {
    text.chars().filter(|character| character.is_ascii_graphic() || *character == ' ').take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_their_consequences() {
        for (action, junk, refused) in [
            ("no action", false, false),
            ("add header", true, false),
            ("rewrite subject", true, false),
            ("reject", true, false),
            ("soft reject", false, true),
            ("greylist", false, true),
        ] {
            let text = format!(r#"{{"action":"{action}","score":3.5,"required_score":15,"symbols":{{}}}}"#);
            let answer: Answer = serde_json::from_str(&text).unwrap();
            let mut verdict = Verdict::default();
            answer.apply(&mut verdict);
            assert_eq!((verdict.junk, verdict.refusal.is_some()), (junk, refused), "{action}");
            assert!(verdict.header.contains("score=3.50 required=15.00"));
        }
    }
}
