//! Blobs as a type (RFC 9404), and their copies between accounts (RFC 8620 section 6.3).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha1::Digest as _;

use crate::blobs;
use crate::engine::{
    Access, Argument, Arguments, Call, GetRequest, Hook, Map, Method, MethodError, Objects, Property,
    SetError, Shape, Table, Type, capabilities,
};

const TEXT: Shape = Shape::Nullable(&Shape::String);
const IDS: Shape = Shape::List(&Shape::Id);
/// Pieces that one blob is made of.
const SOURCES: usize = 64;

static TABLE: Table = Table {
    name: "Blob",
    capability: capabilities::BLOB,
    doc: "Bytes: what was uploaded, whole messages, parts of messages.",
    shared: true,
    pushed: false,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("data", TEXT, "Its bytes: `data:asText` when they are UTF-8, else `data:asBase64`.")
            .server_set(),
        Property::new("data:asText", TEXT, "Its bytes as text; null when they are not UTF-8.")
            .server_set()
            .hidden(),
        Property::new("data:asBase64", TEXT, "Its bytes in base64.").server_set().hidden(),
        Property::new("digest:sha", TEXT, "SHA-1 of the bytes, in base64.").server_set().hidden(),
        Property::new("digest:sha-256", TEXT, "SHA-256 of the bytes, in base64.").server_set().hidden(),
        Property::new("size", Shape::Unsigned, "Bytes of the whole blob.").server_set(),
        Property::new(
            "isEncodingProblem",
            Shape::Bool,
            "Whether text was asked for and the bytes are not UTF-8.",
        )
        .server_set()
        .hidden(),
        Property::new("isTruncated", Shape::Bool, "Whether the range reaches beyond the end.")
            .server_set()
            .hidden(),
    ],
    filters: &[],
    sorts: &[],
    methods: &[
        Method::standard("get").taking(&[
            Argument { name: "offset", shape: Shape::Unsigned, doc: "The first byte that is wanted." },
            Argument { name: "length", shape: Shape::Unsigned, doc: "How many bytes are wanted." },
        ]),
        Method::custom(
            "upload",
            "Makes blobs of texts, of base64, and of ranges of other blobs.",
            &[Argument {
                name: "create",
                shape: Shape::Map(&Shape::Object),
                doc: "What is made, by name: `data`, a list of sources, and `type`.",
            }],
        )
        .writing(),
        Method::custom(
            "copy",
            "Copies blobs from one account to another (RFC 8620 section 6.3).",
            &[
                Argument { name: "fromAccountId", shape: Shape::Id, doc: "Where they are." },
                Argument { name: "blobIds", shape: IDS, doc: "Which ones." },
            ],
        )
        .writing()
        .of(capabilities::CORE),
    ],
};

struct Blobs;

/// The type of blobs.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Blobs)]
}

/// The bytes of a blob that a client wants, and whether it wants more than there are.
fn cut(bytes: &Bytes, offset: Option<u64>, length: Option<u64>) -> (Bytes, bool) {
    let size = bytes.len() as u64;
    let start = offset.unwrap_or(0);
    let end = length.map_or(size.max(start), |length| start.saturating_add(length));
    let truncated = start > size || end > size;
    let at = |place: u64| usize::try_from(place.min(size)).unwrap_or(bytes.len());
    (bytes.slice(at(start)..at(end)), truncated)
}

async fn source(
    call: &Call,
    account: &Access,
    source: &Value,
) -> Result<Result<Bytes, SetError>, MethodError> {
    let wrong = |why: &str| Ok(Err(SetError::invalid("data", why)));
    let Value::Object(source) = source else { return wrong("has something else than objects") };
    match (source.get("data:asText"), source.get("data:asBase64"), source.get("blobId")) {
        (Some(Value::String(text)), None, None) => Ok(Ok(Bytes::from(text.clone()))),
        (None, Some(Value::String(text)), None) => match STANDARD.decode(text) {
            Ok(bytes) => Ok(Ok(Bytes::from(bytes))),
            Err(_) => wrong("has something else than base64"),
        },
        (None, None, Some(Value::String(id))) => {
            let Some(bytes) = call.blob(account, id).await? else {
                return Ok(Err(SetError::new("blobNotFound").with("notFound", json!([id]))));
            };
            let number = |name: &str| source.get(name).and_then(Value::as_u64);
            let (bytes, truncated) = cut(&bytes, number("offset"), number("length"));
            if truncated { wrong("has a range beyond the end of a blob") } else { Ok(Ok(bytes)) }
        }
        _ => wrong("has a source that is not one of text, base64 or another blob"),
    }
}

async fn make(call: &Call, account: &Access, object: &Value) -> Result<Result<Map, SetError>, MethodError> {
    let Some(Value::Array(sources)) = object.get("data") else {
        return Ok(Err(SetError::invalid("data", "is not a list")));
    };
    if sources.len() > SOURCES {
        return Ok(Err(SetError::invalid("data", format!("has more than {SOURCES} sources"))));
    }
    let kind = match object.get("type") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) => Some(kind.clone()),
        Some(_) => return Ok(Err(SetError::invalid("type", "is not a text"))),
    };
    let mut all = Vec::new();
    for one in sources {
        match source(call, account, one).await? {
            Ok(bytes) => all.extend_from_slice(&bytes),
            Err(error) => return Ok(Err(error)),
        }
        if all.len() as u64 > call.limits().jmap_upload_bytes {
            return Ok(
                Err(SetError::new("tooLarge").with("maxSize", json!(call.limits().jmap_upload_bytes))),
            );
        }
    }
    let size = all.len();
    let id = match keep(call, account, Bytes::from(all), kind.as_deref().unwrap_or_default()).await {
        Ok(id) => id,
        Err(error) => return Ok(Err(error.into())),
    };
    Ok(Ok(Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("type".to_owned(), json!(kind)),
        ("size".to_owned(), json!(size)),
    ])))
}

async fn keep(call: &Call, account: &Access, bytes: Bytes, kind: &str) -> base::Result<String> {
    let (mail, ctx) = (call.mail(), call.ctx());
    let put = mail.blobs().put(ctx.actor.organisation, bytes).await?;
    mail.keep_upload(ctx, account.account, &put, kind).await?;
    Ok(blobs::hash_id(&put.hash()))
}

fn or_null(map: Map) -> Value {
    if map.is_empty() { Value::Null } else { Value::Object(map) }
}

async fn upload(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let create = arguments.map_opt("create")?;
    let create = create.ok_or_else(|| MethodError::invalid_arguments("create", "is missing"))?;
    if create.len() as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    let (mut created, mut not_created) = (Map::new(), Map::new());
    for (name, object) in create {
        match make(call, account, &object).await? {
            Ok(made) => {
                if let Some(id) = made.get("id").and_then(Value::as_str) {
                    call.note_created(&name, id);
                }
                created.insert(name, Value::Object(made));
            }
            Err(error) => {
                not_created.insert(name, error.body());
            }
        }
    }
    Ok(Map::from_iter([
        ("accountId".to_owned(), json!(account.id())),
        ("oldState".to_owned(), Value::Null),
        ("newState".to_owned(), json!("blobs")),
        ("created".to_owned(), or_null(created)),
        ("notCreated".to_owned(), or_null(not_created)),
    ]))
}

async fn copy(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let from = arguments.string("fromAccountId")?;
    let from = call.access(&from).await.map_err(|_| MethodError::FromAccountNotFound)?;
    if (from.account, from.tree) == (account.account, account.tree) {
        return Err(MethodError::invalid_arguments("fromAccountId", "is the same account"));
    }
    let ids = arguments.strings("blobIds")?;
    if ids.len() as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    let (mut copied, mut not_copied) = (Map::new(), Map::new());
    for id in ids {
        let done = match call.blob(&from, &id).await? {
            Some(bytes) => keep(call, account, bytes, "").await.map_err(SetError::from),
            None => Err(SetError::new("blobNotFound").with("notFound", json!([id]))),
        };
        match done {
            Ok(new) => copied.insert(id, json!(new)),
            Err(error) => not_copied.insert(id, error.body()),
        };
    }
    Ok(Map::from_iter([
        ("fromAccountId".to_owned(), json!(from.id())),
        ("accountId".to_owned(), json!(account.id())),
        ("copied".to_owned(), or_null(copied)),
        ("notCopied".to_owned(), or_null(not_copied)),
    ]))
}

impl Type for Blobs {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, _: &'a Call, _: &'a Access) -> Hook<'a, String> {
        // Blobs never change.
        Box::pin(async { Ok("blobs".to_owned()) })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        mut request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let (offset, length) =
                (request.arguments.unsigned_opt("offset")?, request.arguments.unsigned_opt("length")?);
            let ids = request.ids.ok_or_else(|| MethodError::invalid_arguments("ids", "is missing"))?;
            for id in ids {
                let Some(whole) = call.blob(account, &id).await? else {
                    out.missing(id);
                    continue;
                };
                let (bytes, truncated) = cut(&whole, offset, length);
                let text = std::str::from_utf8(&bytes).ok();
                let wants_text = out.wants("data:asText") || out.wants("data");
                out.add(&id, |object| {
                    let base64 = || STANDARD.encode(&bytes);
                    if object.wants("data") {
                        match text {
                            Some(text) => object.put_always("data:asText", text),
                            None => object.put_always("data:asBase64", &base64()),
                        }
                    } else {
                        if object.wants("data:asText") {
                            object.put("data:asText", &text);
                        }
                        if object.wants("data:asBase64") {
                            object.put("data:asBase64", &base64());
                        }
                    }
                    if object.wants("digest:sha") {
                        object.put("digest:sha", &STANDARD.encode(sha1::Sha1::digest(&bytes)));
                    }
                    if object.wants("digest:sha-256") {
                        object.put("digest:sha-256", &STANDARD.encode(sha2::Sha256::digest(&bytes)));
                    }
                    object.put("size", &whole.len());
                    if wants_text && text.is_none() {
                        object.put_always("isEncodingProblem", &true);
                    }
                    if truncated {
                        object.put_always("isTruncated", &true);
                    }
                    Ok(())
                })?;
            }
            Ok("blobs".to_owned())
        })
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        method: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        Box::pin(async move {
            match method {
                "upload" => upload(call, account, arguments).await,
                _ => copy(call, account, arguments).await,
            }
        })
    }
}

/// What the session says of blobs.
pub(crate) fn of_account(limits: &base::Limits, _: &Access) -> Value {
    json!({
        "maxSizeBlobSet": limits.jmap_upload_bytes,
        "maxDataSources": SOURCES,
        "supportedTypeNames": [],
        "supportedDigestAlgorithms": ["sha", "sha-256"],
    })
}
