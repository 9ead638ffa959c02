//! Automatic answers: who may be answered (RFC 3834 section 2, RFC 5230 section 4.5), and what the answer looks like.

use base::{Ctx, Error, Result};
use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::raw::Raw;
use mail_builder::mime::MimePart;
use mail_parser::{Header, HeaderName, HeaderValue, Message};

/// Longest subject of an answer, in characters.
const SUBJECT_CHARACTERS: usize = 250;

/// Whether a message from `sender` may be answered for someone with these addresses: it was written to one of them,
/// by a person, and not through a list.
pub(super) fn may_answer(message: &Message<'_>, sender: &str, addresses: &[String]) -> bool {
    let sender = sender.to_ascii_lowercase();
    let own = |address: &str| addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
    if sender.is_empty() || own(&sender) || is_robot(&sender) {
        return false;
    }
    let mut written_to = false;
    for header in message.headers() {
        match &header.name {
            HeaderName::To
            | HeaderName::Cc
            | HeaderName::Bcc
            | HeaderName::ResentTo
            | HeaderName::ResentCc
            | HeaderName::ResentBcc => {
                if let HeaderValue::Address(found) = &header.value {
                    written_to |= found.iter().any(|one| one.address.as_deref().is_some_and(own));
                }
            }
            HeaderName::ListArchive
            | HeaderName::ListHelp
            | HeaderName::ListId
            | HeaderName::ListOwner
            | HeaderName::ListPost
            | HeaderName::ListSubscribe
            | HeaderName::ListUnsubscribe => return false,
            _ if is_automatic(header.name(), &text_of(message, header)) => return false,
            _ => {}
        }
    }
    written_to
}

/// What a header field says, as it stands in the message; as text where a script added it.
pub(super) fn text_of(message: &Message<'_>, header: &Header<'_>) -> String {
    let (start, end) = (header.offset_start() as usize, header.offset_end() as usize);
    let raw = message.raw_message().get(start..end).filter(|raw| !raw.is_empty());
    match raw {
        Some(raw) => String::from_utf8_lossy(raw).trim().to_owned(),
        None => header.value.as_text().unwrap_or_default().trim().to_owned(),
    }
}

/// Addresses that no person reads: RFC 3834 section 2, RFC 5230 section 4.6.
fn is_robot(sender: &str) -> bool {
    let local = sender.rsplit_once('@').map_or(sender, |(local, _)| local);
    let names =
        ["mailer-daemon", "postmaster", "listserv", "majordomo", "noreply", "no-reply", "do-not-reply"];
    names.contains(&local)
        || local.starts_with("owner-")
        || local.starts_with("bounce")
        || ["-request", "-relay", "-owner", "-bounces", "-bounce"].iter().any(|end| local.ends_with(end))
}

/// Whether a header field says that a program sent the message.
fn is_automatic(name: &str, value: &str) -> bool {
    let text = value.to_ascii_lowercase();
    match name.to_ascii_lowercase().as_str() {
        "auto-submitted" => text.split(';').next().is_some_and(|word| word.trim() != "no"),
        "precedence" => matches!(text.as_str(), "bulk" | "list" | "junk"),
        "x-auto-response-suppress" => {
            text.split(',').any(|word| matches!(word.trim(), "all" | "oof" | "autoreply"))
        }
        "x-loop" | "x-autorespond" | "x-autoreply" | "feedback-id" => true,
        _ => false,
    }
}

/// The body of an answer.
pub(super) enum Text {
    /// Plain text, with or without the same as HTML.
    Plain { text: String, html: Option<String> },
    /// A MIME entity with its header fields (RFC 5230 section 4.1, `:mime`).
    Mime(String),
}

/// What an answer is made of.
pub(super) struct Answer<'a> {
    /// Who answers: name and address.
    pub(super) from: (&'a str, &'a str),
    /// Who is answered.
    pub(super) to: &'a str,
    /// The subject; empty: that of the message behind a prefix.
    pub(super) subject: &'a str,
    /// What it says.
    pub(super) text: Text,
}

/// Builds an answer to `message`.
///
/// # Errors
/// `Corrupt` when it cannot be written, which does not happen.
pub(super) fn build(ctx: &Ctx, message: &Message<'_>, answer: Answer<'_>) -> Result<Bytes> {
    let domain = answer.from.1.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let now = ctx.now_ms();
    let mut builder = MessageBuilder::new()
        .to(answer.to)
        .subject(subject(answer.subject, message))
        .date(now / 1_000)
        .message_id(format!("{now:x}.{:016x}@{domain}", ctx.random.u64()))
        .header("Auto-Submitted", Raw::new("auto-replied"))
        .header("Precedence", Raw::new("bulk"));
    let name = one_line(answer.from.0);
    builder = if name.is_empty() {
        builder.from(answer.from.1)
    } else {
        builder.from((name, answer.from.1.to_owned()))
    };
    if let Some(id) = message.message_id() {
        let mut references: Vec<String> = match message.references() {
            HeaderValue::Text(one) => vec![one.to_string()],
            HeaderValue::TextList(many) => {
                many.iter().rev().take(20).rev().map(ToString::to_string).collect()
            }
            _ => Vec::new(),
        };
        references.push(id.to_owned());
        builder = builder.in_reply_to(id.to_owned()).references(references);
    }
    let builder = match answer.text {
        Text::Plain { text, html } => {
            let builder = builder.text_body(text);
            match html {
                Some(html) => builder.html_body(html),
                None => builder,
            }
        }
        Text::Mime(entity) => builder.body(MimePart::raw(entity.into_bytes())),
    };
    builder
        .write_to_vec()
        .map(Bytes::from)
        .map_err(|error| Error::corrupt("answer", "cannot be written").with_source(error))
}

fn subject(given: &str, message: &Message<'_>) -> String {
    let given = one_line(given);
    let whole = if given.is_empty() {
        format!("Auto: {}", one_line(message.subject().unwrap_or_default()))
    } else {
        given
    };
    whole.chars().take(SUBJECT_CHARACTERS).collect::<String>().trim_end().to_owned()
}

/// A text without line ends and other controls: what comes from others must not become a header field.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What the library made of a `vacation` action, taken apart: its From, its Subject, and its body. We build the
/// answer again from these, with our clock, and with nothing of the message in its header fields.
pub(super) fn take_apart(made: &[u8]) -> Option<(Option<String>, String, Text)> {
    const END: &[u8] = b"Auto-Submitted: auto-replied\r\n";
    const PLAIN: &str = "Content-type: text/plain; charset=utf-8\r\n\r\n";
    let at = memchr::memmem::find(made, END)?;
    let head = mail_parser::MessageParser::new().parse_headers(made)?;
    let from = head.from().and_then(|from| from.first()).and_then(|one| one.address.as_deref());
    let subject = head.subject().unwrap_or_default().to_owned();
    let rest = String::from_utf8_lossy(made.get(at + END.len()..)?).into_owned();
    let text = match rest.strip_prefix(PLAIN) {
        Some(text) => Text::Plain { text: text.to_owned(), html: None },
        None => Text::Mime(rest),
    };
    Some((from.map(str::to_owned), subject, text))
}
