//! Receipts (RFC 9007): sending one for an email, and reading those that came.
//!
//! What must stay true here: a receipt that nobody asked a person about is sent only where RFC 8098 section 2.1 lets a
//! program decide; what `mail` refuses (a second one, one that was not wished) is refused here in the words of JMAP.

use std::collections::BTreeMap;

use base::Meaning;
use bytes::Bytes;
use codec::Address;
use mail::Columns;
use mail::emails::Email;
use mail::flags::MDN_SENT;
use mail::queue::{Body, NewMessage, NewRecipient};
use mail::receipts::{self, Disposition, Kind, Original, Receipt, Wish};
use mail::submission::{self, Identity};
use serde_json::{Value, json};

use crate::engine::{
    Access, Argument, Arguments, Call, Hook, Map, Method, MethodError, Property, SetError, Shape, Table,
    Type, capabilities,
};
use crate::mail::{blob, ids};

const TEXT: Shape = Shape::Nullable(&Shape::String);
const DISPOSITION: Shape = Shape::Named(
    "Disposition",
    &[
        Property::new(
            "actionMode",
            Shape::OneOf(&["manual-action", "automatic-action"]),
            "Whether a person or a program dealt with the message.",
        ),
        Property::new(
            "sendingMode",
            Shape::OneOf(&["mdn-sent-manually", "mdn-sent-automatically"]),
            "Whether a person was asked before the receipt was sent.",
        ),
        Property::new(
            "type",
            Shape::OneOf(&["deleted", "dispatched", "displayed", "processed"]),
            "What became of the message.",
        ),
    ],
);
const PROPERTIES: &[Property] = &[
    Property::new(
        "forEmailId",
        Shape::Nullable(&Shape::Id),
        "The email that the receipt is for; null in what was parsed.",
    )
    .required(),
    Property::new("subject", TEXT, "Its subject; one in French and English where it is null."),
    Property::new("textBody", TEXT, "What people read; a sentence in French and English where it is null."),
    Property::new("includeOriginalMessage", Shape::Bool, "Whether the message itself is part of it."),
    Property::new("reportingUA", TEXT, "The program that reports."),
    Property::new("disposition", DISPOSITION, "What became of the message.").required(),
    Property::new("mdnGateway", TEXT, "The gateway that made it of something else.").server_set(),
    Property::new("originalRecipient", TEXT, "The recipient as the sender wrote it.").server_set(),
    Property::new("finalRecipient", TEXT, "The recipient; the address of the identity where it is null."),
    Property::new("originalMessageId", TEXT, "The Message-ID of the message.").server_set(),
    Property::new("error", Shape::Nullable(&Shape::List(&Shape::String)), "What went wrong.").server_set(),
    Property::new("extensionFields", Shape::Nullable(&Shape::Map(&Shape::String)), "Fields of others."),
];

static TABLE: Table = Table {
    name: "MDN",
    capability: capabilities::MDN,
    doc: "A receipt: what became of a message. It has no id, and is kept nowhere.",
    properties: PROPERTIES,
    methods: &[
        Method::custom(
            "send",
            "Sends receipts for emails that ask for one, each once, and sets `$mdnsent`.",
            &[
                Argument { name: "identityId", shape: Shape::Id, doc: "The identity that sends." },
                Argument {
                    name: "send",
                    shape: Shape::Map(&Shape::Object),
                    doc: "The receipts, by creation id.",
                },
                Argument {
                    name: "onSuccessUpdateEmail",
                    shape: Shape::Nullable(&Shape::IdMap(&Shape::Object)),
                    doc: "How emails change when their receipt, or that of `#` and a creation id, is sent.",
                },
            ],
        )
        .writing(),
        Method::custom(
            "parse",
            "Reads receipts in blobs.",
            &[Argument { name: "blobIds", shape: Shape::List(&Shape::Id), doc: "The blobs." }],
        ),
    ],
    ..Table::EMPTY
};

/// The type `MDN`.
pub(crate) struct Receipts;

impl Type for Receipts {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, _: &'a Call, _: &'a Access) -> Hook<'a, String> {
        Box::pin(async { Ok(String::new()) })
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        method: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        match method {
            "send" => Box::pin(send(call, account, arguments)),
            _ => Box::pin(parse(call, account, arguments)),
        }
    }
}

/// What a client wants to be sent.
struct Wanted {
    receipt: Receipt,
    final_recipient: Option<Address>,
}

fn text(object: &Map, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn disposition(object: &Map) -> Result<Disposition, SetError> {
    let wrong = || SetError::invalid("disposition", "has actionMode, sendingMode and type in small letters");
    let Some(Value::Object(given)) = object.get("disposition") else { return Err(wrong()) };
    let one_of = |name: &str, manual: &str, automatic: &str| match given.get(name).and_then(Value::as_str) {
        Some(word) if word == manual => Ok(false),
        Some(word) if word == automatic => Ok(true),
        _ => Err(wrong()),
    };
    let kind = given.get("type").and_then(Value::as_str);
    Ok(Disposition {
        kind: Kind::ALL.into_iter().find(|known| Some(known.word()) == kind).ok_or_else(wrong)?,
        is_automatic: one_of("actionMode", "manual-action", "automatic-action")?,
        is_sent_automatically: one_of("sendingMode", "mdn-sent-manually", "mdn-sent-automatically")?,
    })
}

/// Fields of others: names that RFC 8098 does not know, and values in one line.
fn extensions(object: &Map) -> Result<BTreeMap<String, String>, SetError> {
    const OWN: [&str; 9] = [
        "reporting-ua",
        "mdn-gateway",
        "original-recipient",
        "final-recipient",
        "original-message-id",
        "disposition",
        "failure",
        "error",
        "warning",
    ];
    let Some(Value::Object(given)) = object.get("extensionFields") else { return Ok(BTreeMap::new()) };
    let is_name = |name: &str| {
        (1..=70).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
            && !OWN.contains(&name.to_ascii_lowercase().as_str())
    };
    let wrong = |why: &str| SetError::invalid("extensionFields", why);
    if given.len() > 20 {
        return Err(wrong("are too many"));
    }
    let read = |(name, value): (&String, &Value)| match value.as_str() {
        Some(value) if is_name(name) && value.len() <= 900 && !value.chars().any(char::is_control) => {
            Ok((name.clone(), value.to_owned()))
        }
        _ => Err(wrong("have a name or a value that no field may have")),
    };
    given.iter().map(read).collect()
}

impl Wanted {
    fn read(object: &Map) -> Result<Self, SetError> {
        for (name, value) in object {
            let property = TABLE.property(name);
            let Some(property) = property.filter(|property| value.is_null() || !property.is_server_set())
            else {
                return Err(SetError::invalid(name.clone(), "cannot be set"));
            };
            if !property.shape.fits(value) {
                return Err(SetError::invalid(name.clone(), "is of another type"));
            }
        }
        let given = text(object, "finalRecipient");
        let final_recipient = given.map(|given| {
            let address =
                given.split_once(';').filter(|(kind, _)| kind.trim().eq_ignore_ascii_case("rfc822"));
            let address = address.and_then(|(_, address)| Address::parse(address.trim()).ok());
            address.ok_or_else(|| SetError::invalid("finalRecipient", "is rfc822; and an address"))
        });
        let receipt = Receipt {
            subject: text(object, "subject"),
            text: text(object, "textBody"),
            has_original: object.get("includeOriginalMessage").and_then(Value::as_bool).unwrap_or(false),
            reporting_agent: text(object, "reportingUA"),
            disposition: disposition(object)?,
            gateway: None,
            original_recipient: None,
            final_recipient: None,
            original_message_id: None,
            errors: Vec::new(),
            extensions: extensions(object)?,
        };
        Ok(Self { receipt, final_recipient: final_recipient.transpose()? })
    }
}

/// What stands in a call, with who sends.
struct Sender<'c> {
    call: &'c Call,
    account: &'c Access,
    identity: Identity,
    from: Address,
}

impl Sender<'_> {
    async fn email(&self, object: &Map) -> Result<Email, SetError> {
        let id = text(object, "forEmailId");
        let id = id.map(|id| id.strip_prefix('#').and_then(|name| self.call.created(name)).unwrap_or(id));
        let id = id.as_deref().and_then(ids::read_email).ok_or_else(SetError::not_found)?;
        let (_, mut found) = self
            .call
            .mail()
            .emails(self.call.ctx(), self.account.account, vec![id], Columns::default())
            .await?;
        found.pop().ok_or_else(SetError::not_found)
    }

    /// The message, and what it says of receipts.
    async fn wish(&self, email: &Email) -> Result<(Bytes, Wish), SetError> {
        let id = blob::message_id(&email.row, email.object);
        let whole = blob::read(self.call, self.account, &id).await;
        let whole = whole.map_err(|_| SetError::new("tooLarge").describe("the message cannot be read"))?;
        // Receipts are never answered by receipts.
        let wish = if receipts::read(&whole).is_some() { None } else { receipts::wish(&whole) };
        let wish = wish.ok_or_else(|| SetError::not_found().describe("the email asks for no receipt"))?;
        Ok((whole, wish))
    }

    async fn check(&self, wanted: &Wanted, wish: &Wish) -> Result<(), SetError> {
        let (mail, ctx) = (self.call.mail(), self.call.ctx());
        if let Some(address) = &wanted.final_recipient
            && !mail.may_send_as(ctx, address).await?
        {
            return Err(SetError::new("forbiddenFrom").describe(format!("{address} is not yours")));
        }
        if wanted.receipt.disposition.is_sent_automatically && !wish.is_trustworthy {
            let why = "whoever asks for the receipt is not the sender of the message: a person has to decide";
            return Err(SetError::new("forbidden").describe(why));
        }
        for address in &wish.to {
            if !mail.may_write_to(ctx, address, "").await? {
                return Err(SetError::new("forbidden").describe(format!("{address} takes no receipt")));
            }
        }
        Ok(())
    }

    /// Sends a receipt; what the client is told, and the email.
    async fn send(&self, object: &Map) -> Result<(Map, i64), SetError> {
        let mut wanted = Wanted::read(object)?;
        let email = self.email(object).await?;
        let sent_before = || SetError::new("mdnAlreadySent").describe("a receipt was sent before");
        if email.keywords().flags & MDN_SENT != 0 {
            return Err(sent_before());
        }
        let (whole, wish) = self.wish(&email).await?;
        self.check(&wanted, &wish).await?;
        let own = wanted.final_recipient.as_ref().unwrap_or(&self.from);
        let kind = if own.to_string().is_ascii() { "rfc822" } else { "utf-8" };
        wanted.receipt.final_recipient = Some(format!("{kind}; {own}"));
        wanted.receipt.original_recipient = wish.original_recipient;
        wanted.receipt.original_message_id = wish.message_id;
        let trace = usize::try_from(email.row.trace_bytes).unwrap_or(0).min(whole.len());
        let ctx = self.call.ctx();
        let original = Original {
            from: &self.from,
            name: &self.identity.name,
            to: &wish.to,
            message: wanted.receipt.has_original.then(|| whole.get(trace..)).flatten(),
            subject: wish.subject.as_deref(),
        };
        let text = Bytes::from(receipts::write(ctx, &wanted.receipt, &original)?);
        let recipients = wish.to.iter().map(|to| NewRecipient::new(to.to_string()));
        let unnamed = Body::Named { hash: [0; 32], size: 0 };
        let message = NewMessage {
            needs_utf8: !submission::fields(&text).all(|(_, field)| field.is_ascii()),
            has_8bit: !text.is_ascii(),
            sign_domain: submission::author_domain(&text),
            // The null sender: a receipt that cannot be delivered is reported to nobody (RFC 8098 section 3).
            ..NewMessage::new(ctx.actor.organisation, unnamed, "", recipients)
        };
        let sent =
            self.call.mail().send_receipt(ctx, self.account.account, email.object, text, message).await;
        sent.map_err(|error| match error.meaning() {
            Meaning::Conflict => sent_before(),
            _ => error.into(),
        })?;
        Ok((told(&wanted.receipt), email.object))
    }
}

/// What the server set.
fn told(receipt: &Receipt) -> Map {
    let set = [
        ("finalRecipient", &receipt.final_recipient),
        ("originalRecipient", &receipt.original_recipient),
        ("originalMessageId", &receipt.original_message_id),
    ];
    set.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

/// The call that follows for emails whose receipts were sent.
fn following(account: &Access, wished: Map, sent: &[(String, i64)]) -> Option<Map> {
    let mut update = Map::new();
    for (key, patch) in wished {
        let of = |(name, email): &&(String, i64)| key == format!("#{name}") || key == ids::email(*email);
        if let Some((_, email)) = sent.iter().find(of) {
            update.insert(ids::email(*email), patch);
        }
    }
    if update.is_empty() {
        return None;
    }
    let mut arguments = Map::new();
    arguments.insert("accountId".to_owned(), json!(account.id()));
    arguments.insert("update".to_owned(), Value::Object(update));
    Some(arguments)
}

fn or_null(members: Map) -> Value {
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

async fn send(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let identity = ids::read_identity(&arguments.string("identityId")?);
    let wished = arguments.map_opt("onSuccessUpdateEmail")?.unwrap_or_default();
    let objects = arguments.map_opt("send")?.unwrap_or_default();
    if objects.len() as u64 > call.limits().jmap_objects_set {
        return Err(MethodError::RequestTooLarge);
    }
    let identities = call.mail().identities(call.ctx(), account.account).await?;
    let unknown = || MethodError::invalid_arguments("identityId", "names an identity that does not exist");
    let identity = identities.into_iter().find(|one| Some(one.id) == identity).ok_or_else(unknown)?;
    let from = Address::parse(&identity.address).map_err(|_| unknown())?;
    let sender = Sender { call, account, identity, from };
    let (mut sent, mut refused, mut emails) = (Map::new(), Map::new(), Vec::new());
    for (name, object) in objects {
        let Value::Object(object) = object else {
            refused.insert(name, SetError::invalid("send", "has something else than objects").body());
            continue;
        };
        match sender.send(&object).await {
            Ok((told, email)) => {
                emails.push((name.clone(), email));
                sent.insert(name, Value::Object(told));
            }
            Err(error) => drop(refused.insert(name, error.body())),
        }
    }
    if let Some(arguments) = following(account, wished, &emails) {
        call.follow_with("Email/set", arguments);
    }
    let mut out = Map::new();
    out.insert("sent".to_owned(), or_null(sent));
    out.insert("notSent".to_owned(), or_null(refused));
    Ok(out)
}

/// A receipt as JSON. Which email it is for would have to be searched for.
fn object(receipt: &Receipt) -> Value {
    let told = receipt.disposition;
    let action = if told.is_automatic { "automatic-action" } else { "manual-action" };
    let sending = if told.is_sent_automatically { "mdn-sent-automatically" } else { "mdn-sent-manually" };
    let fields = (!receipt.extensions.is_empty()).then_some(&receipt.extensions);
    json!({
        "forEmailId": null,
        "subject": receipt.subject,
        "textBody": receipt.text,
        "includeOriginalMessage": receipt.has_original,
        "reportingUA": receipt.reporting_agent,
        "disposition": { "actionMode": action, "sendingMode": sending, "type": told.kind.word() },
        "mdnGateway": receipt.gateway,
        "originalRecipient": receipt.original_recipient,
        "finalRecipient": receipt.final_recipient,
        "originalMessageId": receipt.original_message_id,
        "error": (!receipt.errors.is_empty()).then_some(&receipt.errors),
        "extensionFields": fields,
    })
}

async fn parse(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let blob_ids = arguments.strings("blobIds")?;
    if blob_ids.len() as u64 > call.limits().jmap_objects_get {
        return Err(MethodError::RequestTooLarge);
    }
    let (mut parsed, mut not_parsable, mut not_found) = (Map::new(), Vec::new(), Vec::new());
    for asked in blob_ids {
        let Some(bytes) = call.blob(account, &asked).await.unwrap_or_default() else {
            not_found.push(asked);
            continue;
        };
        match receipts::read(&bytes) {
            Some(receipt) => {
                parsed.insert(asked, object(&receipt));
            }
            None => not_parsable.push(asked),
        }
    }
    let list = |list: Vec<String>| if list.is_empty() { Value::Null } else { json!(list) };
    let mut out = Map::new();
    out.insert("parsed".to_owned(), or_null(parsed));
    out.insert("notParsable".to_owned(), list(not_parsable));
    out.insert("notFound".to_owned(), list(not_found));
    Ok(out)
}
