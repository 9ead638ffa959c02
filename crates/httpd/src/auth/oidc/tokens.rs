//! Access tokens of providers at the doors of mail (OAUTHBEARER, XOAUTH2): signed ones (RFC 9068) by the provider's
//! keys, others by asking it (RFC 7662).
//!
//! What must stay true here:
//! - A provider's tokens count only where its organisation named the audience that they are for.
//! - A token opens the account that its subject is linked to, and no other. It makes nobody.

use std::pin::Pin;
use std::sync::Arc;

use base::{AccountId, Ctx, Door, Error, Result, Secret};
use directory::Directory;
use directory::login::LoggedIn;
use directory::providers::{self, Provider};
use serde_json::Value;
use wire::auth::Tokens;

use super::jwt::{Jwt, seconds};
use super::provider::Providers;

/// Knows tokens of providers.
pub(in crate::auth) struct ProviderTokens {
    pub(in crate::auth) directory: Directory,
    pub(in crate::auth) ctx: Ctx,
    pub(in crate::auth) providers: Arc<Providers>,
}

fn wrong() -> Error {
    Error::forbidden("login", "the token opens nothing here")
}

impl Tokens for ProviderTokens {
    fn logged_in<'a>(
        &'a self,
        name: &'a str,
        token: &'a Secret,
        door: Door,
    ) -> Pin<Box<dyn Future<Output = Result<LoggedIn>> + Send + 'a>> {
        Box::pin(async move {
            let account = self.account(name, token.expose()).await?;
            self.directory.login_account(&self.ctx, account, door).await
        })
    }
}

impl ProviderTokens {
    async fn account(&self, name: &str, token: &str) -> Result<AccountId> {
        if token.len() as u64 > self.ctx.limits.provider_token_bytes {
            return Err(wrong());
        }
        match Jwt::read(token, &self.ctx.limits) {
            Ok(token) => self.signed(&token).await,
            Err(_) => self.asked(name, token).await,
        }
    }

    async fn signed(&self, token: &Jwt) -> Result<AccountId> {
        // What tells who somebody is, is no key to anything.
        let is_identity = token.claims.get("nonce").is_some() || token.text("typ") == "ID";
        let kind = token.kind.to_ascii_lowercase();
        if is_identity || !matches!(kind.as_str(), "at+jwt" | "application/at+jwt" | "jwt" | "") {
            return Err(wrong());
        }
        let issuer = token.text("iss").to_owned();
        let all = self.directory.read(move |tx| providers::by_issuer(tx, &issuer)).await?;
        for provider in all {
            if provider.token_audience.is_empty() || !token.is_for(&provider.token_audience) {
                continue;
            }
            let known = self.providers.known(&self.ctx, &provider).await?;
            self.providers.verify(&self.ctx, &known, token).await.map_err(|_| wrong())?;
            token.check_times(self.ctx.now_ms()).map_err(|_| wrong())?;
            if let Some(account) = self.linked(&provider, token.text("sub")).await? {
                return Ok(account);
            }
        }
        Err(wrong())
    }

    /// Asks the providers of the name about a token that says nothing by itself.
    async fn asked(&self, name: &str, token: &str) -> Result<AccountId> {
        let name = name.to_owned();
        let all = self.directory.read(move |tx| providers::for_name(tx, &name)).await?;
        for provider in all {
            if !provider.introspects || provider.token_audience.is_empty() {
                continue;
            }
            let known = self.providers.known(&self.ctx, &provider).await?;
            let Some(address) = known.metadata.introspection_endpoint.clone() else { continue };
            let form = [("token", token), ("token_type_hint", "access_token")];
            let told = self.providers.post(&provider, &known, &address, &form).await?;
            if let Some(subject) = self.active(&provider, &told)
                && let Some(account) = self.linked(&provider, subject).await?
            {
                return Ok(account);
            }
        }
        Err(wrong())
    }

    /// The subject of a token that is active and meant for us.
    fn active<'t>(&self, provider: &Provider, told: &'t Value) -> Option<&'t str> {
        let is_meant = match told.get("aud") {
            Some(Value::String(one)) => *one == provider.token_audience,
            Some(Value::Array(all)) => all.iter().any(|one| *one == provider.token_audience.as_str()),
            _ => false,
        };
        let lasts =
            told.get("exp").is_none_or(|at| seconds(at).is_some_and(|at| at > self.ctx.now_ms() / 1_000));
        let is_active = told.get("active").and_then(Value::as_bool).unwrap_or(false);
        told.get("sub").and_then(Value::as_str).filter(|_| is_active && is_meant && lasts)
    }

    async fn linked(&self, provider: &Provider, subject: &str) -> Result<Option<AccountId>> {
        let (own, subject) = (provider.clone(), subject.to_owned());
        self.directory.read(move |tx| providers::linked(tx, &own, &subject)).await
    }
}
