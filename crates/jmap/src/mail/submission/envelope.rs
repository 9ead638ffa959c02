//! Sender and recipients of a submission, given or taken from the header of the message.

use base::Ctx;
use codec::Address;
use mail::queue::{NewRecipient, Notify, ReturnText};
use mail::submission::Heads;
use serde_json::{Value, json};

use crate::dates;
use crate::engine::{Map, SetError};

/// An envelope that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Envelope {
    /// The sender; none: the null sender.
    pub sender: Option<Address>,
    /// The recipients, each once.
    pub recipients: Vec<(Address, NewRecipient)>,
    /// Not sent before this, milliseconds since 1970.
    pub hold_until: Option<i64>,
    /// ENVID of RFC 3461, by which reports name it.
    pub id: Option<String>,
    /// How much of the message a report has.
    pub return_text: ReturnText,
    /// It goes over verified TLS or not at all.
    pub requires_tls: bool,
    /// As JSON.
    pub json: Value,
}

fn wrong(why: impl Into<String>) -> SetError {
    SetError::invalid("envelope", why)
}

/// Addresses that are none, or that nobody has.
pub(super) fn invalid_recipients(addresses: &[String]) -> SetError {
    SetError::new("invalidRecipients")
        .describe("nobody receives mail there, or not from you")
        .with("invalidRecipients", json!(addresses))
}

fn email(value: Option<&Value>) -> Option<&str> {
    value?.get("email")?.as_str()
}

/// The parameters of an address, with names in capitals.
fn parameters(value: &Value) -> Vec<(String, &str)> {
    let map = value.get("parameters").and_then(Value::as_object);
    let each = map.into_iter().flatten();
    each.map(|(name, value)| (name.to_ascii_uppercase(), value.as_str().unwrap_or_default())).collect()
}

/// When it is to be sent at the earliest.
fn hold(ctx: &Ctx, name: &str, value: &str) -> Result<i64, SetError> {
    let (now, most) =
        (ctx.now_ms(), i64::try_from(ctx.limits.submission_hold_seconds).unwrap_or(i64::MAX / 1_000));
    let at = if name == "HOLDFOR" {
        let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        let seconds: Option<i64> = value.parse().ok().filter(|_| digits);
        seconds.map(|seconds| now.saturating_add(seconds.saturating_mul(1_000)))
    } else {
        dates::read(value)
    };
    let at = at.ok_or_else(|| wrong(format!("has a {name} that cannot be read")))?;
    if at < now || at > now.saturating_add(most.saturating_mul(1_000)) {
        return Err(wrong(format!("{name} holds mail for at most {most} seconds")));
    }
    Ok(at)
}

fn notify(value: &str) -> Result<Notify, SetError> {
    let mut all: Option<Notify> = None;
    for word in value.split(',') {
        let one = match word.trim().to_ascii_uppercase().as_str() {
            "NEVER" => Notify::NEVER,
            "SUCCESS" => Notify::SUCCESS,
            "FAILURE" => Notify::FAILURE,
            "DELAY" => Notify::DELAY,
            _ => return Err(wrong("has a NOTIFY that cannot be read")),
        };
        all = Some(all.map_or(one, |known| known.and(one)));
    }
    Ok(all.unwrap_or_default())
}

impl Envelope {
    fn sender_parameters(&mut self, ctx: &Ctx, value: &Value) -> Result<(), SetError> {
        for (name, value) in parameters(value) {
            match name.as_str() {
                "HOLDFOR" | "HOLDUNTIL" if self.hold_until.is_some() => {
                    return Err(wrong("has both HOLDFOR and HOLDUNTIL"));
                }
                "HOLDFOR" | "HOLDUNTIL" => self.hold_until = Some(hold(ctx, &name, value)?),
                "ENVID" => self.id = Some(value.to_owned()),
                "RET" => {
                    self.return_text = match value.to_ascii_uppercase().as_str() {
                        "FULL" => ReturnText::Full,
                        "HDRS" => ReturnText::Headers,
                        _ => return Err(wrong("has a RET that is neither FULL nor HDRS")),
                    };
                }
                "REQUIRETLS" => self.requires_tls = true,
                // Found out from the message.
                "BODY" | "SIZE" | "SMTPUTF8" => {}
                _ => return Err(wrong(format!("has a parameter that is not known: {name}"))),
            }
        }
        Ok(())
    }

    fn add(&mut self, text: &str, given: Option<&Value>, bad: &mut Vec<String>) -> Result<(), SetError> {
        let Ok(address) = Address::parse(text) else {
            bad.push(text.to_owned());
            return Ok(());
        };
        let mut recipient = NewRecipient::new(address.to_string());
        for (name, value) in given.map(parameters).unwrap_or_default() {
            match name.as_str() {
                "NOTIFY" => recipient.notify = notify(value)?,
                "ORCPT" => recipient.original = Some(value.to_owned()),
                _ => return Err(wrong(format!("has a parameter that is not known: {name}"))),
            }
        }
        if !self.recipients.iter().any(|(known, _)| *known == address) {
            self.recipients.push((address, recipient));
        }
        Ok(())
    }

    /// Reads the envelope of a creation; without one it is made of the header. `own` is the address of the identity.
    pub(super) fn read(ctx: &Ctx, object: &Map, heads: &Heads, own: &str) -> Result<Self, SetError> {
        let mut envelope = Self::default();
        let mut bad = Vec::new();
        let given = object.get("envelope").filter(|given| !given.is_null());
        let from = if let Some(given) = given {
            let from = given.get("mailFrom").ok_or_else(|| wrong("has no mailFrom"))?;
            envelope.sender_parameters(ctx, from)?;
            let list = given.get("rcptTo").and_then(Value::as_array).ok_or_else(|| wrong("has no rcptTo"))?;
            for to in list {
                let text = email(Some(to)).ok_or_else(|| wrong("has a recipient without an address"))?;
                envelope.add(text, Some(to), &mut bad)?;
            }
            envelope.json = given.clone();
            email(Some(from)).ok_or_else(|| wrong("has a mailFrom without an address"))?.to_owned()
        } else {
            for text in &heads.recipients {
                envelope.add(text, None, &mut bad)?;
            }
            let named = heads.sender.first().or(heads.from.first());
            named.cloned().unwrap_or_else(|| own.to_owned())
        };
        if !bad.is_empty() {
            return Err(invalid_recipients(&bad));
        }
        if envelope.recipients.is_empty() {
            return Err(SetError::new("noRecipients").describe("it is addressed to nobody"));
        }
        let most = ctx.limits.submission_recipients.min(ctx.limits.queue_recipients_per_message);
        if envelope.recipients.len() as u64 > most {
            return Err(SetError::new("tooManyRecipients").with("maxRecipients", json!(most)));
        }
        if !from.is_empty() {
            let fault = |fault| SetError::new("forbiddenMailFrom").describe(format!("{from}: {fault}"));
            envelope.sender = Some(Address::parse(&from).map_err(fault)?);
        }
        if given.is_none() {
            let to = envelope.recipients.iter();
            let to: Vec<Value> =
                to.map(|(_, to)| json!({ "email": to.address, "parameters": null })).collect();
            envelope.json = json!({ "mailFrom": { "email": from, "parameters": null }, "rcptTo": to });
        }
        Ok(envelope)
    }
}
