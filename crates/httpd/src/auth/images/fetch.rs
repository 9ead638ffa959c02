//! Fetching a picture.

use std::sync::Arc;
use std::time::Duration;

use base::{Ctx, Error, Result};
use reqwest::header::{CONTENT_LENGTH, LOCATION};
use tokio::sync::Semaphore;
use url::Url;
use wire::Networks;

use super::Picture;
use super::cache::Cache;
use super::network;

/// Addresses that a picture may lead to, one after the other.
const REDIRECTS: usize = 4;
/// Pictures that are fetched at a time.
const AT_ONCE: usize = 32;

/// Fetches pictures, and keeps them for a while.
pub(in crate::auth) struct Images {
    own: Networks,
    tls: rustls::ClientConfig,
    cache: Cache,
    places: Semaphore,
}

fn unavailable(rule: &'static str) -> Error {
    Error::unavailable("image", rule)
}

impl Images {
    /// Fetches from public networks and from `own`.
    pub(in crate::auth) fn new(own: Networks, tls: rustls::ClientConfig) -> Arc<Self> {
        Arc::new(Self { own, tls, cache: Cache::default(), places: Semaphore::new(AT_ONCE) })
    }

    /// A picture.
    ///
    /// # Errors
    /// `Forbidden` about `address`, `TooLarge` or `Invalid` about `image`, `Unavailable` when nobody gives it.
    pub(super) async fn get(&self, ctx: &Ctx, address: &str) -> Result<Picture> {
        if let Some(picture) = self.cache.get(ctx.now_ms(), address) {
            return Ok(picture);
        }
        let time = Duration::from_secs(ctx.limits.image_seconds);
        let fetch = async {
            let _place = self.places.acquire().await.map_err(|_| unavailable("is not fetched any more"))?;
            self.follow(address, ctx.limits.image_bytes).await
        };
        let picture =
            tokio::time::timeout(time, fetch).await.map_err(|_| unavailable("comes too slowly"))??;
        self.cache.put(ctx.now_ms(), ctx.limits.image_cache_bytes, address, &picture);
        Ok(picture)
    }

    async fn follow(&self, address: &str, most: u64) -> Result<Picture> {
        let mut address = network::target(address)?;
        for _ in 0..=REDIRECTS {
            let answer = self.ask(&address).await?;
            if !answer.status().is_redirection() {
                return read(answer, most).await;
            }
            let next = answer.headers().get(LOCATION).and_then(|next| next.to_str().ok());
            let next =
                next.and_then(|next| address.join(next).ok()).ok_or_else(|| unavailable("leads nowhere"))?;
            // Each place on the way is looked at like the first.
            address = network::target(next.as_str())?;
        }
        Err(unavailable("leads in circles"))
    }

    async fn ask(&self, address: &Url) -> Result<reqwest::Response> {
        let sockets = network::sockets(address, &self.own).await?;
        // The very sockets that were looked at: a name that leads elsewhere a moment later changes nothing.
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .resolve_to_addrs(address.host_str().unwrap_or_default(), &sockets)
            .build()
            .map_err(|_| unavailable("cannot be asked for"))?;
        let mut address = address.clone();
        address.set_fragment(None);
        let answer = client.get(address).header("accept", "image/*").send().await;
        let answer = answer.map_err(|_| unavailable("is not given"))?;
        if answer.status().is_success() || answer.status().is_redirection() {
            return Ok(answer);
        }
        Err(unavailable("is not given"))
    }
}

async fn read(mut answer: reqwest::Response, most: u64) -> Result<Picture> {
    let too_large = || Error::too_large("image", format!("has more than {most} bytes"));
    let told =
        answer.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_| unavailable("breaks off"))? {
        bytes.extend_from_slice(&part);
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(too_large());
        }
    }
    let kind = kind(&bytes).ok_or_else(|| Error::invalid("image", "is none that is shown here"))?;
    Ok(Picture { kind, bytes: bytes.into() })
}

/// What bytes are, by how they begin: what the sender calls them counts for nothing. Drawings (SVG) are documents
/// that can ask for more, and are not shown.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, text: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(text));
    Some(match bytes {
        _ if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        _ if at(0, b"\xff\xd8\xff") => "image/jpeg",
        _ if at(0, b"GIF87a") || at(0, b"GIF89a") => "image/gif",
        _ if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        _ if at(4, b"ftypavif") || at(4, b"ftypavis") => "image/avif",
        _ if at(0, b"BM") && bytes.len() > 26 => "image/bmp",
        _ if at(0, b"\0\0\x01\0") => "image/x-icon",
        _ => return None,
    })
}
