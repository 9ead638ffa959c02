//! A letter of the sample, and how it becomes a message.

use base::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use encoding_rs::Encoding;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::date::Date;
use mail_builder::headers::message_id::MessageId;
use mail_builder::mime::MimePart;

/// Minutes of a day.
pub const DAY: i64 = 24 * 60;

/// A name and an address.
pub type Who = (&'static str, &'static str);

pub const CAMILLE: Who = ("Camille Lefèvre", "camille.lefevre@tour.example");
pub const EDWARD: Who = ("Edward Hughes", "edward.hughes@tour.example");
pub const ZOE: Who = ("Zoé Dubois", "zoe.dubois@tour.example");
pub const FRANCOIS: Who = ("François Nguyen", "francois.nguyen@tour.example");
pub const OLIVIA: Who = ("Olivia Bennett", "olivia.bennett@tour.example");
pub const INES: Who = ("Inès Moreau", "ines.moreau@tour.example");
pub const CONTACT: Who = ("Contact", "contact@tour.example");

/// What a letter says, and in which form.
#[derive(Clone)]
pub enum Body {
    /// Plain text.
    Text(String),
    /// Plain text and HTML.
    Html(String, String),
    /// A tree of parts.
    Parts(MimePart<'static>),
    /// Plain text in another character set than UTF-8.
    In(&'static Encoding, String),
}

/// Where a letter lies at its recipients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where mail arrives.
    Inbox,
    /// In a mailbox of their own, by its path.
    Filed(&'static str),
    /// With spam.
    Junk,
    /// Thrown away.
    Trash,
    /// Put aside.
    Archive,
    /// With its author alone, not sent yet.
    Draft,
}

/// A letter.
#[derive(Clone)]
pub struct Letter {
    /// Its Message-ID without brackets.
    pub id: String,
    /// The author.
    pub from: Who,
    /// To whom.
    pub to: Vec<Who>,
    /// Who else.
    pub cc: Vec<Who>,
    /// The subject.
    pub subject: String,
    /// What it says.
    pub body: Body,
    /// When it was sent, counted back from the day on which the sample is made.
    pub minutes_ago: i64,
    /// The ids of the letters before it, oldest first.
    pub answers: Vec<String>,
    /// Where its recipients have it.
    pub place: Place,
    /// Flags and keywords at its recipients.
    pub keywords: Vec<&'static str>,
    /// Further header fields.
    pub headers: Vec<(&'static str, String)>,
}

impl Letter {
    /// A letter in plain text, not read yet when it is younger than two days.
    pub fn new(id: &str, from: Who, to: &[Who], days_ago: f64, subject: &str, text: &str) -> Self {
        // Days are few: nothing is lost.
        #[expect(clippy::cast_possible_truncation, reason = "two years have about a million minutes")]
        let minutes_ago = (days_ago * 1440.0) as i64;
        let host = from.1.split_once('@').map_or("tour.example", |(_, host)| host);
        Self {
            id: format!("{id}@{host}"),
            from,
            to: to.to_vec(),
            cc: Vec::new(),
            subject: subject.to_owned(),
            body: Body::Text(text.trim_start().to_owned()),
            minutes_ago,
            answers: Vec::new(),
            place: Place::Inbox,
            keywords: if minutes_ago < 2 * DAY { Vec::new() } else { vec!["\\Seen"] },
            headers: Vec::new(),
        }
    }

    /// With copies to others.
    pub fn cc(mut self, cc: &[Who]) -> Self {
        self.cc = cc.to_vec();
        self
    }

    /// With another body.
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// In another character set than UTF-8.
    pub fn charset(mut self, encoding: &'static Encoding) -> Self {
        if let Body::Text(text) = self.body {
            self.body = Body::In(encoding, text);
        }
        self
    }

    /// In another place than the inbox.
    pub fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// With these flags and keywords beside those it has.
    pub fn with(mut self, keywords: &[&'static str]) -> Self {
        self.keywords.extend(keywords);
        self
    }

    /// Not read yet.
    pub fn unread(mut self) -> Self {
        self.keywords.retain(|keyword| *keyword != "\\Seen");
        self
    }

    /// With a further header field.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// As an answer to the letters before it.
    pub fn answering(mut self, before: &[String]) -> Self {
        self.answers = before.to_vec();
        self
    }

    /// The message as it travels, sent at a time in seconds since 1970.
    pub fn message(self, sent_at: i64) -> Result<Bytes> {
        if let Body::In(encoding, text) = &self.body {
            return Ok(self.in_charset(encoding, text, sent_at).into());
        }
        let people = |list: &[Who]| {
            Address::new_list(list.iter().map(|(name, at)| Address::new_address(Some(*name), *at)).collect())
        };
        let mut builder = MessageBuilder::new()
            .from(Address::new_address(Some(self.from.0), self.from.1))
            .subject(self.subject.clone())
            .date(Date::new(sent_at))
            .message_id(self.id.clone());
        if !self.to.is_empty() {
            builder = builder.to(people(&self.to));
        }
        if !self.cc.is_empty() {
            builder = builder.cc(people(&self.cc));
        }
        if let Some(last) = self.answers.last() {
            builder = builder
                .in_reply_to(last.clone())
                .references(MessageId::new_list(self.answers.iter().map(String::as_str)));
        }
        for (name, value) in &self.headers {
            builder = builder.header(*name, mail_builder::headers::raw::Raw::new(value.clone()));
        }
        let builder = match self.body.clone() {
            Body::Text(text) | Body::In(_, text) => builder.text_body(text),
            Body::Html(text, html) => builder.text_body(text).html_body(html),
            Body::Parts(parts) => builder.body(parts),
        };
        let written = builder.write_to_vec();
        written
            .map(Bytes::from)
            .map_err(|error| Error::corrupt("demo", "has a letter that cannot be written").with_source(error))
    }

    /// As programs wrote before UTF-8: one character set for everything.
    fn in_charset(&self, encoding: &'static Encoding, text: &str, sent_at: i64) -> Vec<u8> {
        let who = |(name, address): &Who| format!("{} <{address}>", words(encoding, name));
        let list = |all: &[Who]| all.iter().map(who).collect::<Vec<_>>().join(",\r\n ");
        let text = text.replace('\n', "\r\n");
        let (bytes, _, _) = encoding.encode(&text);
        let mut head = format!(
            "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset={}\r\n",
            who(&self.from),
            list(&self.to),
            words(encoding, &self.subject),
            Date::new(sent_at).to_rfc822(),
            self.id,
            encoding.name().to_ascii_lowercase(),
        );
        // ISO-2022-JP was made to travel as it is; the others need eight bits.
        let (name, body) = if bytes.is_ascii() {
            ("7bit", bytes.into_owned())
        } else {
            let encoded = BASE64.encode(&bytes);
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            ("base64", lines.join("\r\n").into_bytes())
        };
        head.extend(["Content-Transfer-Encoding: ", name, "\r\n\r\n"]);
        let mut message = head.into_bytes();
        message.extend(body);
        message.extend(b"\r\n");
        message
    }
}

/// Text of a header as encoded words (RFC 2047), each whole in itself.
fn words(encoding: &'static Encoding, text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let word = |some: &[char]| {
        let some: String = some.iter().collect();
        let (bytes, _, _) = encoding.encode(&some);
        format!("=?{}?B?{}?=", encoding.name(), BASE64.encode(&bytes))
    };
    characters.chunks(12).map(word).collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_in_an_old_character_set_stays_in_ascii() {
        let from = ("山田 花子", "hanako@kane.example");
        let letter = Letter::new("jp", from, &[CAMILLE], 1.0, "鐘楼の見学について", "こんにちは。\n")
            .charset(encoding_rs::ISO_2022_JP);
        let message = letter.message(1_700_000_000).unwrap();
        let text = String::from_utf8(message.to_vec()).unwrap();
        assert!(text.is_ascii() && text.contains("=?ISO-2022-JP?B?"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    }
}
