//! Reports to senders: delivery status notifications (RFC 3461, 3464, 6533) as messages.

use std::borrow::Cow;

use base::{Error, Result};
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as Mailboxes;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

use super::claim::Recipient;
use super::message::{Message, ReturnText};
use super::settle::Reply;

/// Who reports.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// The name of this host, as it greets others.
    pub hostname: String,
}

/// What is reported about a recipient (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Failed,
    Delayed,
    Delivered,
    Relayed,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Self::Failed => "Undelivered mail / Message non remis",
            Self::Delayed => "Delayed mail / Message retardé",
            Self::Delivered | Self::Relayed => "Delivered mail / Message remis",
        }
    }

    const fn words(self) -> [&'static str; 2] {
        match self {
            Self::Failed => [
                "Your message could not be delivered to the following recipients. It will not be tried again.",
                "Votre message n'a pas pu être remis aux destinataires suivants. Il n'y aura pas d'autre essai.",
            ],
            Self::Delayed => [
                "Your message could not be delivered to the following recipients yet. There is nothing to do: it \
                 is tried again, and you will be told if it fails for good.",
                "Votre message n'a pas encore pu être remis aux destinataires suivants. Vous n'avez rien à faire : \
                 les essais continuent, et vous serez averti en cas d'échec définitif.",
            ],
            Self::Delivered => [
                "Your message was delivered to the following recipients.",
                "Votre message a été remis aux destinataires suivants.",
            ],
            Self::Relayed => [
                "Your message was passed on to the following recipients. Their server does not confirm deliveries.",
                "Votre message a été transmis aux destinataires suivants. Leur serveur ne confirme pas les remises.",
            ],
        }
    }
}

/// What became of a recipient, as it is reported.
pub(super) struct Report<'r> {
    pub(super) recipient: &'r Recipient,
    pub(super) action: Action,
    pub(super) reply: &'r Reply,
}

/// Writes the report of recipients that met with the same action.
pub(super) fn write(
    reporter: &Reporter,
    message: &Message,
    original: &Bytes,
    reports: &[Report<'_>],
    (now_ms, unique): (i64, u64),
) -> Result<Vec<u8>> {
    let Some(action) = reports.iter().map(|report| report.action).min() else {
        return Err(Error::corrupt("report", "is about nobody"));
    };
    let is_utf8 = message.needs_utf8
        || reports.iter().any(|report| !report.recipient.address.is_ascii() || !report.reply.text.is_ascii());
    let host = &reporter.hostname;
    let status_type = if is_utf8 { "message/global-delivery-status" } else { "message/delivery-status" };
    let parts = vec![
        MimePart::new("text/plain", text(host, action, reports)),
        MimePart::new(
            status_type,
            BodyPart::Binary(status(host, message, reports, is_utf8).into_bytes().into()),
        )
        .transfer_encoding(if is_utf8 { "8bit" } else { "7bit" }),
        returned(message, original, action, is_utf8),
    ];
    MessageBuilder::new()
        .header("From", HeaderType::Raw(Raw::new(format!("\"Mail Delivery System\" <MAILER-DAEMON@{host}>"))))
        .header("To", to(&message.sender))
        .header("Subject", HeaderType::Text(action.subject().into()))
        .date(Date::new(now_ms.div_euclid(1_000)))
        .message_id(format!("{unique:016x}.{}@{host}", message.id))
        .header("Auto-Submitted", HeaderType::Raw(Raw::new("auto-replied")))
        .body(MimePart::new(
            ContentType::new("multipart/report").attribute("report-type", "delivery-status"),
            BodyPart::Multipart(parts),
        ))
        .write_to_vec()
        .map_err(|error| Error::corrupt("report", "cannot be written").with_source(error))
}

/// The recipient of the report: an address that is not ASCII stays as it is (RFC 6532).
fn to(sender: &str) -> HeaderType<'_> {
    if sender.is_ascii() {
        HeaderType::Address(Mailboxes::new_address(None::<Cow<'_, str>>, sender))
    } else {
        HeaderType::Raw(Raw::new(format!("<{sender}>")))
    }
}

/// What people read, in both languages.
fn text(host: &str, action: Action, reports: &[Report<'_>]) -> String {
    let [english, french] = action.words();
    let mut list = String::new();
    for report in reports {
        let from = report.reply.from.as_deref().map(|from| format!(" ({from})")).unwrap_or_default();
        let (address, reply) = (&report.recipient.address, report.reply.line());
        list = format!("{list}  {address}\r\n    {reply}{from}\r\n");
    }
    format!("{host}\r\n\r\n{english}\r\n\r\n{list}\r\n-- \r\n\r\n{french}\r\n\r\n{list}")
}

/// What programs read (RFC 3464 section 2).
fn status(host: &str, message: &Message, reports: &[Report<'_>], is_utf8: bool) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: &str| {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(&one_line(value));
        out.push_str("\r\n");
    };
    if let Some(id) = &message.envelope_id {
        field("Original-Envelope-Id", id);
    }
    field("Reporting-MTA", &format!("dns; {host}"));
    field("Arrival-Date", &date(message.created_at));
    for report in reports {
        field_end(&mut out);
        let mut field = |name: &str, value: &str| {
            for piece in [name, ": ", &one_line(value), "\r\n"] {
                out.push_str(piece);
            }
        };
        if let Some(original) = &report.recipient.original {
            field("Original-Recipient", &original.replacen(';', "; ", 1));
        }
        let address = &report.recipient.address;
        let kind = if is_utf8 && !address.is_ascii() { "utf-8" } else { "rfc822" };
        field("Final-Recipient", &format!("{kind}; {address}"));
        field("Action", report.action.name());
        field("Status", &report.reply.status(report.action));
        if let Some(from) = &report.reply.from {
            field("Remote-MTA", &format!("dns; {from}"));
        }
        if report.reply.code.is_some() {
            field("Diagnostic-Code", &format!("smtp; {}", report.reply.line()));
        }
        if report.action == Action::Delayed {
            field("Will-Retry-Until", &date(message.expires_at));
        }
    }
    out
}

/// An empty line: the next recipient begins.
fn field_end(out: &mut String) {
    out.push_str("\r\n");
}

fn date(at_ms: i64) -> String {
    Date::new(at_ms.div_euclid(1_000)).to_rfc822()
}

fn one_line(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What is brought back of the message itself: all of it when it failed and its sender wants it, else its header.
fn returned<'o>(message: &Message, original: &'o Bytes, action: Action, is_utf8: bool) -> MimePart<'o> {
    let is_whole = action == Action::Failed && message.return_text == ReturnText::Full;
    let (kind, bytes): (&str, &[u8]) = match (is_whole, is_utf8) {
        (true, true) => ("message/global", original),
        (true, false) => ("message/rfc822", original),
        (false, true) => ("message/global-headers", header_of(original)),
        (false, false) => ("text/rfc822-headers", header_of(original)),
    };
    let encoding = if bytes.is_ascii() { "7bit" } else { "8bit" };
    MimePart::new(ContentType::new(kind), BodyPart::Binary(bytes.into())).transfer_encoding(encoding)
}

/// The header of a message, without the empty line.
pub(super) fn header_of(message: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    message.get(..end).unwrap_or_default()
}
