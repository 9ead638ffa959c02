//! Who asks, and under which address the client found this server.

use ::jmap::Client;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;

use crate::auth::Caller;

/// A client that is logged in.
pub(crate) struct Who {
    pub client: Client,
    pub caller: Caller,
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let caller = Caller::in_any_tree(parts).await?;
        let client =
            Client { ctx: caller.ctx().clone(), address: caller.address().to_owned(), origin: origin(parts) };
        Ok(Self { client, caller })
    }
}

/// The scheme and host that the client used. Whoever sends other ones misleads only itself.
fn origin(parts: &Parts) -> String {
    let value = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_name = |host: &&str| {
        !host.is_empty()
            && host.len() <= 300
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
    };
    let host = value(header::HOST.as_str()).filter(is_name).unwrap_or("localhost");
    let is_tls = parts.extensions.get::<crate::request::Secure>().is_some()
        || value("x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    format!("{}://{host}", if is_tls { "https" } else { "http" })
}
