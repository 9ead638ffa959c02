//! What providers publish of themselves (OpenID Connect Discovery), and asking them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Ctx, Error, Limits, Result};
use directory::providers::Provider;
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::jwt::{Jwt, Keys};

/// What a provider publishes is asked for again after so long.
const FRESH_MS: i64 = 3_600_000;
/// Keys that are not known are asked for at most so often.
const KEYS_EVERY_MS: i64 = 60_000;

/// What a provider says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    jwks_uri: String,
    pub userinfo_endpoint: Option<String>,
    pub introspection_endpoint: Option<String>,
    pub end_session_endpoint: Option<String>,
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// A provider as it published itself.
pub(super) struct Known {
    pub metadata: Metadata,
    read_at_ms: i64,
    keys: Mutex<(Arc<Keys>, i64)>,
}

/// Asks providers, and keeps what they publish in mind.
pub(in crate::auth) struct Providers {
    client: reqwest::Client,
    known: Mutex<HashMap<String, Arc<Known>>>,
    places: Semaphore,
    most_known: usize,
    answer_bytes: u64,
}

/// A provider that does not do what it should; people are told no more than that.
pub(super) fn broken(rule: &'static str) -> Error {
    Error::unavailable("provider", rule)
}

impl Providers {
    /// Asks over TLS as it is set up.
    ///
    /// # Errors
    /// `Corrupt` when nothing can be asked over it.
    pub(in crate::auth) fn new(tls: rustls::ClientConfig, limits: &Limits) -> Result<Self> {
        let count = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        let failed = |error: String| Error::corrupt("provider", "cannot be asked").with_source(error);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(limits.provider_answer_seconds))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            client,
            known: Mutex::default(),
            places: Semaphore::new(count(limits.provider_questions).min(Semaphore::MAX_PERMITS)),
            most_known: count(limits.providers_known),
            answer_bytes: limits.provider_answer_bytes,
        })
    }

    /// What a provider published.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer, or is another than it should be.
    pub(super) async fn known(&self, ctx: &Ctx, provider: &Provider) -> Result<Arc<Known>> {
        let now = ctx.now_ms();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = known.get(&provider.issuer)
                && now - known.read_at_ms < FRESH_MS
            {
                return Ok(known.clone());
            }
        }
        let address = format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
        let told = self.ask(self.client.get(&address)).await?;
        let metadata: Metadata =
            serde_json::from_value(told).map_err(|_| broken("publishes nothing that can be understood"))?;
        if metadata.issuer != provider.issuer {
            return Err(broken("names itself otherwise than it was configured"));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        let more =
            [&metadata.userinfo_endpoint, &metadata.introspection_endpoint, &metadata.end_session_endpoint];
        let in_clear = provider.issuer.starts_with("http://");
        let all = endpoints.into_iter().chain(more.into_iter().flatten());
        if !all.into_iter().all(|address| in_clear || address.starts_with("https://")) {
            return Err(broken("has addresses that are not encrypted"));
        }
        let keys = Arc::new(Keys::read(&self.ask(self.client.get(&metadata.jwks_uri)).await?));
        let read = Arc::new(Known { metadata, read_at_ms: now, keys: Mutex::new((keys, now)) });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most_known {
            known.retain(|_, known| now - known.read_at_ms < FRESH_MS);
        }
        if known.len() < self.most_known {
            known.insert(provider.issuer.clone(), read.clone());
        }
        Ok(read)
    }

    /// Whether a provider signed a token; keys that are new since are asked for.
    ///
    /// # Errors
    /// `Forbidden` about `token` when it did not, `Unavailable`.
    pub(super) async fn verify(&self, ctx: &Ctx, known: &Known, token: &Jwt) -> Result<()> {
        let (keys, read_at) = known.keys.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if token.verify(&keys) {
            return Ok(());
        }
        let now = ctx.now_ms();
        if now - read_at >= KEYS_EVERY_MS {
            let keys = Arc::new(Keys::read(&self.ask(self.client.get(&known.metadata.jwks_uri)).await?));
            *known.keys.lock().unwrap_or_else(PoisonError::into_inner) = (keys.clone(), now);
            if token.verify(&keys) {
                return Ok(());
            }
        }
        Err(Error::forbidden("token", "is not signed by its provider"))
    }

    /// Sends a form to an endpoint where this server has to say who it is.
    ///
    /// # Errors
    /// `Unavailable` when it does not answer, or refuses.
    pub(super) async fn post(
        &self,
        provider: &Provider,
        known: &Known,
        address: &str,
        form: &[(&str, &str)],
    ) -> Result<Value> {
        let methods = &known.metadata.token_endpoint_auth_methods_supported;
        let mut form: Vec<(&str, &str)> = form.to_vec();
        let secret = provider.client_secret.expose();
        let mut request = self.client.post(address);
        let in_form = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
        if secret.is_empty() || in_form {
            form.push(("client_id", &provider.client_id));
            if !secret.is_empty() {
                form.push(("client_secret", secret));
            }
        } else {
            // RFC 6749 section 2.3.1: both are encoded as in a form before.
            request = request.basic_auth(encoded(&provider.client_id), Some(encoded(secret)));
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// Asks for something with an access token.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(super) async fn get(&self, address: &str, token: &str) -> Result<Value> {
        self.ask(self.client.get(address).bearer_auth(token)).await
    }

    async fn ask(&self, request: RequestBuilder) -> Result<Value> {
        let silent = |error: reqwest::Error| broken("does not answer").with_source(error.without_url());
        let _place = self.places.try_acquire().map_err(|_| broken("is asked too much at once; try again"))?;
        let mut answer = request.header("accept", "application/json").send().await.map_err(silent)?;
        let is_good = answer.status().is_success();
        let mut bytes = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(silent)? {
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > self.answer_bytes {
                return Err(broken("answers too much"));
            }
        }
        if !is_good {
            return Err(broken("refuses"));
        }
        serde_json::from_slice(&bytes).map_err(|_| broken("answers what cannot be understood"))
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
