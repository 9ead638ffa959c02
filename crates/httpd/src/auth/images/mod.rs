//! Remote images of messages, fetched by this server after their reader allowed it: the sender learns that somebody
//! reads, and neither who nor where.
//!
//! What must stay true here:
//! - Nothing is fetched before a picture is asked for, and it is asked for only under an address that this server
//!   gave to the same session, within the hour.
//! - No cookie, no referrer and no name of a browser go to the sender.
//! - What is fetched is from a public network, small, quick, and a picture by its content; it runs nothing in our
//!   origin, whatever it is called.

mod cache;
mod fetch;
mod network;

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

pub(super) use self::fetch::Images;
use super::Json;
use super::account::answered;
use super::caller::Caller;
use super::steps::failed;

/// How long an address is good for.
const LASTS_MS: i64 = 3_600_000;
const FOR_IMAGE: &str = "image";
/// Addresses that are signed at a time.
const MOST_ADDRESSES: usize = 200;
/// Bytes of an address.
const ADDRESS_BYTES: usize = 4_096;

/// A picture that was fetched.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    kind: &'static str,
    bytes: Bytes,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    addresses: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Allowed {
    session: i64,
    address: String,
}

/// `POST /auth/images`
pub(super) async fn allow(caller: Caller, Json(wanted): Json<Wanted>) -> Response {
    let allow = || {
        if wanted.addresses.len() > MOST_ADDRESSES {
            return Err(Error::too_large("addresses", format!("are at most {MOST_ADDRESSES} at a time")));
        }
        let auth = caller.auth();
        let mut images = Map::new();
        for address in wanted.addresses {
            // What is no address of a picture is left out.
            if address.len() > ADDRESS_BYTES || network::target(&address).is_err() {
                continue;
            }
            let allowed = Allowed { session: caller.session().0, address: address.clone() };
            let sealed = auth.tickets().seal(auth.ctx(), FOR_IMAGE, LASTS_MS, allowed)?;
            images.insert(address, format!("/auth/image/{}", sealed.expose()).into());
        }
        Ok(json!({ "images": images }))
    };
    answered(allow())
}

/// `GET /auth/image/{address}`
pub(super) async fn show(caller: Caller, Path(sealed): Path<String>) -> Response {
    picture(&caller, &sealed).await.unwrap_or_else(failed)
}

async fn picture(caller: &Caller, sealed: &str) -> Result<Response> {
    let auth = caller.auth();
    let allowed = auth.tickets().open::<Allowed>(auth.ctx(), FOR_IMAGE, sealed)?.body;
    if allowed.session != caller.session().0 {
        return Err(Error::forbidden("ticket", "is of another session; ask for the picture again"));
    }
    let picture = auth.images().get(auth.ctx(), &allowed.address).await?;
    let mut answer = picture.bytes.into_response();
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, picture.kind),
        (header::CACHE_CONTROL, "private, max-age=3600"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::CONTENT_DISPOSITION, "inline; filename=\"image\""),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(answer)
}
