//! Uploads (RFC 8620 section 6.1).

use ::jmap::{Jmap, RequestError, Work};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::Error;
use futures_util::StreamExt;
use store::blobs::Put;

use super::client::Who;
use super::{json, refused};
use crate::problem::Problem;

pub(crate) async fn upload(
    who: Who,
    State(jmap): State<Jmap>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let _busy = match jmap.begin(&who.client, Work::Upload) {
        Ok(busy) => busy,
        Err(error) => return refused(&error),
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match keep(&who, &jmap, &account, kind.unwrap_or("application/octet-stream"), body).await {
        Ok(answer) => answer,
        Err(error) if error.field() == "jmap_upload_bytes" => refused(&RequestError::Limit("maxSizeUpload")),
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn keep(who: &Who, jmap: &Jmap, account: &str, kind: &str, body: Body) -> base::Result<Response> {
    let account = jmap.account(&who.client, account, true).await?;
    let put = put(who, jmap, body).await?;
    let answer = jmap.uploaded(&who.client, account.account, &put, kind).await?;
    Ok(json(StatusCode::CREATED, "application/json", answer.to_string()))
}

/// Stores the body as it arrives.
async fn put(who: &Who, jmap: &Jmap, body: Body) -> base::Result<Put> {
    let most = who.client.ctx.limits.jmap_upload_bytes;
    let mut writer = jmap.mail().blobs().writer(who.caller.organisation());
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let broken = |error| Error::invalid("body", "broke off; send it again").with_source(error);
        let piece = piece.map_err(broken)?;
        if writer.size() + piece.len() as u64 > most {
            return Err(Error::too_large("jmap_upload_bytes", "is less than the file has; send less"));
        }
        writer.write(&piece).await?;
    }
    writer.finish().await
}
