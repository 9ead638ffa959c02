//! Reading receipts of others (RFC 8098 section 3).

use std::collections::BTreeMap;

use mail_parser::{MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::wish::one_line;
use super::{Disposition, Kind, Receipt};
use crate::submission::fields;

/// Fields that RFC 8098 does not know, of one receipt.
const MOST_EXTENSIONS: usize = 50;

fn is(part: &MessagePart<'_>, kind: &str, subtype: &str) -> bool {
    part.content_type().is_some_and(|of| {
        of.ctype().eq_ignore_ascii_case(kind)
            && of.subtype().is_some_and(|own| own.eq_ignore_ascii_case(subtype))
    })
}

/// The bytes of a part that is no message of its own.
fn bytes<'p>(part: &'p MessagePart<'_>) -> Option<&'p [u8]> {
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => Some(text.as_bytes()),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => Some(bytes),
        PartType::Message(_) | PartType::Multipart(_) => None,
    }
}

fn disposition(value: &str) -> Option<Disposition> {
    let (modes, rest) = value.split_once(';')?;
    let (action, sending) = modes.split_once('/')?;
    let kind = rest.split(['/', ',']).next()?.trim();
    let is_automatic = match action.trim().to_ascii_lowercase().as_str() {
        "automatic-action" => true,
        "manual-action" => false,
        _ => return None,
    };
    let is_sent_automatically = match sending.trim().to_ascii_lowercase().as_str() {
        "mdn-sent-automatically" => true,
        "mdn-sent-manually" => false,
        _ => return None,
    };
    Some(Disposition { kind: Kind::from_word(kind)?, is_automatic, is_sent_automatically })
}

/// Reads a message that is a receipt; none for any other.
pub fn read(message: &[u8]) -> Option<Receipt> {
    let parsed = MessageParser::default().parse(message)?;
    let whole = parsed.parts.first()?;
    let kind = whole.content_type()?.attribute("report-type").unwrap_or_default();
    if !is(whole, "multipart", "report") || !kind.eq_ignore_ascii_case("disposition-notification") {
        return None;
    }
    let PartType::Multipart(children) = &whole.body else { return None };
    let parts: Vec<&MessagePart<'_>> =
        children.iter().filter_map(|index| parsed.parts.get(usize::try_from(*index).ok()?)).collect();
    let report = parts.iter().copied().find(|part| {
        is(part, "message", "disposition-notification")
            || is(part, "message", "global-disposition-notification")
    })?;
    let mut receipt = Receipt {
        subject: parsed.subject().map(str::to_owned),
        text: parts.first().filter(|part| is(part, "text", "plain")).and_then(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            _ => None,
        }),
        has_original: parts
            .iter()
            .any(|part| matches!(part.body, PartType::Message(_)) || is(part, "text", "rfc822-headers")),
        reporting_agent: None,
        disposition: Disposition { kind: Kind::Processed, is_automatic: true, is_sent_automatically: true },
        gateway: None,
        original_recipient: None,
        final_recipient: None,
        original_message_id: None,
        errors: Vec::new(),
        extensions: BTreeMap::new(),
    };
    // A last line without an end is a line.
    let lines = [bytes(report)?, b"\r\n"].concat();
    let mut told = None;
    for (name, field) in fields(&lines) {
        let value = one_line(field.get(name.len()..).unwrap_or_default());
        let value = value.trim_start_matches([' ', ':']).to_owned();
        let name = String::from_utf8_lossy(name).into_owned();
        match name.to_ascii_lowercase().as_str() {
            "disposition" => told = disposition(&value),
            "reporting-ua" => receipt.reporting_agent = Some(value),
            "mdn-gateway" => receipt.gateway = Some(value),
            "original-recipient" => receipt.original_recipient = Some(value),
            "final-recipient" => receipt.final_recipient = Some(value),
            "original-message-id" => receipt.original_message_id = Some(value),
            "error" => receipt.errors.push(value),
            _ if receipt.extensions.len() < MOST_EXTENSIONS => {
                receipt.extensions.insert(name, value);
            }
            _ => {}
        }
    }
    receipt.disposition = told?;
    Some(receipt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "From: b@x.test\nTo: a@x.test\nSubject: Read\nMIME-Version: 1.0\n\
        Content-Type: multipart/report; report-type=disposition-notification; boundary=\"-\"\n\n\
        ---\nContent-Type: text/plain; charset=utf-8\n\nIt was shown.\n\
        ---\nContent-Type: message/disposition-notification\n\n\
        Reporting-UA: host.test; A Mailer\nFinal-Recipient: rfc822;b@x.test\n\
        Original-Message-ID: <1@x.test>\nDisposition: Manual-action/MDN-sent-manually;\n displayed/error\n\
        Error: none really\nX-Mood: good\n\
        ---\nContent-Type: message/rfc822\n\nSubject: hi\n\nbody\n-----\n";

    fn told(text: &str) -> Option<Receipt> {
        read(text.replace('\n', "\r\n").as_bytes())
    }

    #[test]
    fn b11_a_receipt_is_read() {
        let found = told(TEXT).unwrap();
        assert_eq!(found.subject.as_deref(), Some("Read"));
        assert_eq!(found.text.as_deref().map(str::trim), Some("It was shown."));
        assert_eq!(
            found.disposition,
            Disposition { kind: Kind::Displayed, is_automatic: false, is_sent_automatically: false }
        );
        assert_eq!(found.final_recipient.as_deref(), Some("rfc822;b@x.test"));
        assert_eq!(found.reporting_agent.as_deref(), Some("host.test; A Mailer"));
        assert_eq!(found.original_message_id.as_deref(), Some("<1@x.test>"));
        assert_eq!(found.errors, ["none really"]);
        assert_eq!(found.extensions.get("X-Mood").map(String::as_str), Some("good"));
        assert!(found.has_original);
    }

    #[test]
    fn b11_what_is_no_receipt_is_none() {
        assert_eq!(told(&TEXT.replace("disposition-notification; b", "delivery-status; b")), None);
        assert_eq!(told(&TEXT.replace("multipart/report", "multipart/mixed")), None);
        assert_eq!(told(&TEXT.replace("message/disposition", "message/delivery")), None);
        assert_eq!(told(&TEXT.replace("Disposition: Manual", "Disposition: Some")), None);
        assert_eq!(told(&TEXT.replace("displayed/error", "eaten")), None);
        for text in [
            "",
            "\n",
            "Subject: hi\n\nhi",
            "Content-Type: multipart/report; report-type=disposition-notification",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
