//! Writing a receipt (RFC 8098 section 3).

use std::fmt::Write as _;

use base::{Ctx, Error, Result};
use codec::Address;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address as Mailbox;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::{BodyPart, MimePart};

use super::wish::one_line;
use super::{Kind, Receipt};

/// What a receipt is about, and between whom.
#[derive(Debug, Clone)]
pub struct Original<'o> {
    /// Who reports.
    pub from: &'o Address,
    /// The name of whoever reports.
    pub name: &'o str,
    /// Who is told.
    pub to: &'o [Address],
    /// The message, where it is to be part of the receipt.
    pub message: Option<&'o [u8]>,
    /// Its subject.
    pub subject: Option<&'o str>,
}

/// What people read where nothing else is said, in both languages.
const fn words(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Displayed => [
            "Your message was displayed. Whether it was read or understood, nobody can tell.",
            "Votre message a été affiché. Rien ne dit s'il a été lu ou compris.",
        ],
        Kind::Deleted => [
            "Your message was deleted, perhaps without having been read.",
            "Votre message a été supprimé, peut-être sans avoir été lu.",
        ],
        Kind::Dispatched => ["Your message was sent on.", "Votre message a été transféré."],
        Kind::Processed => [
            "Your message was dealt with by a program, and perhaps read by nobody.",
            "Votre message a été traité par un programme, et n'a peut-être été lu par personne.",
        ],
    }
}

const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Displayed => "Displayed / Affiché",
        Kind::Deleted => "Deleted / Supprimé",
        Kind::Dispatched => "Sent on / Transféré",
        Kind::Processed => "Processed / Traité",
    }
}

/// What programs read.
fn report(receipt: &Receipt) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(out, "{name}: {}\r\n", one_line(value.as_bytes()));
        }
    };
    field("Reporting-UA", receipt.reporting_agent.as_deref());
    field("Original-Recipient", receipt.original_recipient.as_deref());
    field("Final-Recipient", receipt.final_recipient.as_deref());
    field("Original-Message-ID", receipt.original_message_id.as_deref());
    let told = receipt.disposition;
    let action = if told.is_automatic { "automatic-action" } else { "manual-action" };
    let sent = if told.is_sent_automatically { "MDN-sent-automatically" } else { "MDN-sent-manually" };
    field("Disposition", Some(&format!("{action}/{sent}; {}", told.kind.word())));
    for (name, value) in &receipt.extensions {
        field(name, Some(value));
    }
    out
}

fn addressees(to: &[Address]) -> HeaderType<'_> {
    let all: Vec<String> = to.iter().map(|address| format!("<{address}>")).collect();
    HeaderType::Raw(Raw::new(all.join(",\r\n\t")))
}

/// Writes a receipt as it is sent.
///
/// # Errors
/// `Corrupt` when it cannot be written.
pub fn write(ctx: &Ctx, receipt: &Receipt, original: &Original<'_>) -> Result<Vec<u8>> {
    let kind = receipt.disposition.kind;
    let [english, french] = words(kind);
    let text = receipt.text.clone().unwrap_or_else(|| format!("{english}\r\n\r\n-- \r\n\r\n{french}\r\n"));
    let subject = receipt.subject.clone().unwrap_or_else(|| match original.subject {
        Some(subject) => format!("{}: {}", title(kind), one_line(subject.as_bytes())),
        None => title(kind).to_owned(),
    });
    let told = report(receipt);
    let is_utf8 = !told.is_ascii();
    let kind =
        if is_utf8 { "message/global-disposition-notification" } else { "message/disposition-notification" };
    let encoding = |bytes: &[u8]| if bytes.is_ascii() { "7bit" } else { "8bit" };
    let mut parts = vec![
        MimePart::new("text/plain", text),
        MimePart::new(kind, BodyPart::Binary(told.as_bytes().into()))
            .transfer_encoding(encoding(told.as_bytes())),
    ];
    if let Some(message) = original.message {
        let part = MimePart::new(ContentType::new("message/rfc822"), BodyPart::Binary(message.into()));
        parts.push(part.transfer_encoding(encoding(message)));
    }
    let from = original.from.to_string();
    let name = (!original.name.is_empty()).then_some(original.name);
    let sender = if from.is_ascii() {
        HeaderType::Address(Mailbox::new_address(name, from.as_str()))
    } else {
        HeaderType::Raw(Raw::new(format!("<{from}>")))
    };
    let host = original.from.domain().unwrap_or("localhost");
    let (one, two) = (ctx.random.u64(), ctx.random.u64());
    let mut message = MessageBuilder::new()
        .header("From", sender)
        .header("To", addressees(original.to))
        .header("Subject", HeaderType::Text(one_line(subject.as_bytes()).into()))
        .date(Date::new(ctx.now_ms().div_euclid(1_000)))
        .message_id(format!("{one:016x}{two:016x}@{host}"))
        .header("Auto-Submitted", HeaderType::Raw(Raw::new("auto-replied")));
    if let Some(id) = &receipt.original_message_id {
        for name in ["In-Reply-To", "References"] {
            message = message.header(name, HeaderType::Raw(Raw::new(one_line(id.as_bytes()))));
        }
    }
    message
        .body(MimePart::new(
            ContentType::new("multipart/report").attribute("report-type", "disposition-notification"),
            BodyPart::Multipart(parts),
        ))
        .write_to_vec()
        .map_err(|error| Error::corrupt("receipt", "cannot be written").with_source(error))
}
