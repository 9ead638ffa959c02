//! Commands of SMTP and LMTP (RFC 5321 section 4.1.1, RFC 2033) with the parameters of the extensions that are
//! offered. Bytes in, values out: no state, no waiting.
//!
//! ```text
//! mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
//! rcpt = "RCPT TO:" Forward-path [SP Rcpt-parameters] CRLF
//! esmtp-param = esmtp-keyword ["=" esmtp-value]
//! ```

use codec::Address;
use mail::queue::{Notify, ReturnText};
use mail_parser::DateTime;

use super::reply::Reply;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `EHLO`, `HELO` or `LHLO` with the name that the client gives itself.
    Hello {
        /// Which of them.
        verb: Hello,
        /// The name.
        name: String,
    },
    /// `MAIL`.
    Mail(Box<Mail>),
    /// `RCPT`.
    Rcpt(Box<Rcpt>),
    /// `DATA`.
    Data,
    /// `BDAT` (RFC 3030).
    Bdat {
        /// Bytes that follow.
        length: u64,
        /// It is the last chunk.
        last: bool,
    },
    /// `AUTH` (RFC 4954).
    Auth {
        /// The mechanism's name.
        mechanism: String,
        /// What the client sent with it, in base64; `=` for nothing.
        initial: Option<String>,
    },
    /// `STARTTLS` (RFC 3207).
    StartTls,
    /// `XCLIENT`: attributes and their decoded values.
    XClient(Vec<(String, String)>),
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `HELP`.
    Help,
    /// `VRFY`.
    Vrfy,
    /// `QUIT`.
    Quit,
}

/// How a client says hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hello {
    /// `EHLO`.
    Ehlo,
    /// `HELO`.
    Helo,
    /// `LHLO`, of LMTP.
    Lhlo,
}

/// `MAIL`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// The sender's address; none: the null sender.
    pub sender: Option<Address>,
    /// `SIZE` (RFC 1870).
    pub size: Option<u64>,
    /// `SMTPUTF8` (RFC 6531).
    pub utf8: bool,
    /// `BODY=8BITMIME` (RFC 6152).
    pub eight_bit: bool,
    /// `RET` (RFC 3461).
    pub return_text: ReturnText,
    /// `ENVID`, decoded.
    pub envelope_id: Option<String>,
    /// `HOLDFOR` or `HOLDUNTIL` (RFC 4865).
    pub hold: Option<Hold>,
    /// `REQUIRETLS` (RFC 8689).
    pub requires_tls: bool,
}

/// How long a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// So many seconds.
    Seconds(u64),
    /// Until a time, in seconds since 1970.
    Until(i64),
}

/// `RCPT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rcpt {
    /// Whom the message is for; none: `Postmaster` without a domain.
    pub address: Option<Address>,
    /// `NOTIFY` (RFC 3461).
    pub notify: Notify,
    /// `ORCPT`, decoded, with its type.
    pub original: Option<String>,
}

fn syntax(text: &'static str) -> Reply {
    Reply::new(501, "5.5.4", text)
}

/// Reads a command.
///
/// # Errors
/// What the client is told.
pub fn parse(line: &[u8]) -> Result<Command, Reply> {
    let line = std::str::from_utf8(line).map_err(|_| Reply::new(500, "5.5.2", "commands are UTF-8"))?;
    if line.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
        return Err(Reply::new(500, "5.5.2", "commands hold no control characters"));
    }
    let line = line.trim_end();
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    let bare =
        |command: Command| if rest.is_empty() { Ok(command) } else { Err(syntax("takes no argument")) };
    match verb.to_ascii_uppercase().as_str() {
        "EHLO" => hello(Hello::Ehlo, rest),
        "HELO" => hello(Hello::Helo, rest),
        "LHLO" => hello(Hello::Lhlo, rest),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => bare(Command::Data),
        "BDAT" => bdat(rest),
        "AUTH" => auth(rest),
        "STARTTLS" => bare(Command::StartTls),
        "XCLIENT" => xclient(rest),
        "RSET" => bare(Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "HELP" => Ok(Command::Help),
        "VRFY" => Ok(Command::Vrfy),
        "QUIT" => bare(Command::Quit),
        "EXPN" | "ETRN" | "TURN" | "ATRN" | "SEND" | "SOML" | "SAML" => {
            Err(Reply::new(502, "5.5.1", "is not offered"))
        }
        _ => Err(Reply::new(500, "5.5.1", "is no command that is known here")),
    }
}

fn hello(verb: Hello, name: &str) -> Result<Command, Reply> {
    let fits = !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits || name.contains(['<', '>', '(', ')', '"', '\\']) {
        return Err(Reply::new(501, "5.5.4", "say hello with the name or address of your host"));
    }
    Ok(Command::Hello { verb, name: name.to_owned() })
}

/// What follows `FROM:` or `TO:`.
fn after<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let (head, tail) = rest.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then(|| tail.trim_start())
}

/// The text between angle brackets, and the parameters.
fn path(text: &str) -> Result<(&str, &str), Reply> {
    let inside = text.strip_prefix('<').ok_or_else(|| syntax("put the address between < and >"))?;
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => {
                let (address, rest) = (inside.get(..at), inside.get(at + 1..));
                let (address, rest) = (address.unwrap_or_default(), rest.unwrap_or_default());
                if !rest.is_empty() && !rest.starts_with(' ') {
                    return Err(syntax("put a space after the address"));
                }
                return Ok((without_route(address), rest.trim()));
            }
            _ => {}
        }
    }
    Err(syntax("put the address between < and >"))
}

/// Source routes are read and not followed (RFC 5321 appendix C).
fn without_route(address: &str) -> &str {
    match address.strip_prefix('@').and_then(|_| address.split_once(':')) {
        Some((_, address)) => address,
        None => address,
    }
}

fn address(text: &str, enhanced: &'static str) -> Result<Address, Reply> {
    Address::parse(text).map_err(|fault| Reply::new(553, enhanced, format!("the address {fault}")))
}

fn mail(rest: &str) -> Result<Command, Reply> {
    let (text, parameters) = path(after(rest, "FROM:").ok_or_else(|| syntax("write MAIL FROM:<address>"))?)?;
    let mut mail = Mail::default();
    if !text.is_empty() {
        mail.sender = Some(address(text, "5.1.7")?);
    }
    for (name, value) in parameters_of(parameters)? {
        match (name.as_str(), value) {
            ("SIZE", Some(value)) => mail.size = Some(number(value)?),
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("8BITMIME") => mail.eight_bit = true,
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("7BIT") => {}
            ("SMTPUTF8", None) => mail.utf8 = true,
            ("RET", Some(value)) if value.eq_ignore_ascii_case("FULL") => mail.return_text = ReturnText::Full,
            ("RET", Some(value)) if value.eq_ignore_ascii_case("HDRS") => {
                mail.return_text = ReturnText::Headers;
            }
            ("ENVID", Some(value)) => mail.envelope_id = Some(xtext(value)?),
            // What the address of the sender was at first: it is not trusted and not passed on (RFC 4954 section 5).
            ("AUTH", Some(_)) => {}
            ("HOLDFOR", Some(value)) if mail.hold.is_none() => {
                mail.hold = Some(Hold::Seconds(number(value)?));
            }
            ("HOLDUNTIL", Some(value)) if mail.hold.is_none() => {
                let time = DateTime::parse_rfc3339(value)
                    .ok_or_else(|| syntax("HOLDUNTIL is a time of RFC 3339"))?;
                mail.hold = Some(Hold::Until(time.to_timestamp()));
            }
            ("REQUIRETLS", None) => mail.requires_tls = true,
            _ => return Err(Reply::new(555, "5.5.4", "MAIL has a parameter that is not known here")),
        }
    }
    Ok(Command::Mail(Box::new(mail)))
}

fn rcpt(rest: &str) -> Result<Command, Reply> {
    let (text, parameters) = path(after(rest, "TO:").ok_or_else(|| syntax("write RCPT TO:<address>"))?)?;
    let address = if text.eq_ignore_ascii_case("postmaster") { None } else { Some(address(text, "5.1.3")?) };
    let mut rcpt = Rcpt { address, notify: Notify::DEFAULT, original: None };
    for (name, value) in parameters_of(parameters)? {
        match (name.as_str(), value) {
            ("NOTIFY", Some(value)) => rcpt.notify = notify(value)?,
            ("ORCPT", Some(value)) => {
                let (kind, address) = value.split_once(';').ok_or_else(|| syntax("ORCPT is type;address"))?;
                if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                    return Err(syntax("ORCPT is type;address"));
                }
                rcpt.original = Some(format!("{kind};{}", xtext(address)?));
            }
            _ => return Err(Reply::new(555, "5.5.4", "RCPT has a parameter that is not known here")),
        }
    }
    Ok(Command::Rcpt(Box::new(rcpt)))
}

fn notify(value: &str) -> Result<Notify, Reply> {
    let wrong = || syntax("NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY");
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(Notify::NEVER);
    }
    let mut all = Notify::DEFAULT;
    for word in value.split(',') {
        all = all.and(match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => Notify::SUCCESS,
            "FAILURE" => Notify::FAILURE,
            "DELAY" => Notify::DELAY,
            _ => return Err(wrong()),
        });
    }
    Ok(all)
}

/// Parameters with their keywords in upper case; none is given twice.
fn parameters_of(text: &str) -> Result<Vec<(String, Option<&str>)>, Reply> {
    let mut all: Vec<(String, Option<&str>)> = Vec::new();
    for word in text.split_ascii_whitespace() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if !value.is_empty() => (name, Some(value)),
            Some(_) => return Err(syntax("a parameter has no value after =")),
            None => (word, None),
        };
        let name = name.to_ascii_uppercase();
        if all.iter().any(|(known, _)| *known == name) || all.len() >= 20 {
            return Err(syntax("a parameter is given twice"));
        }
        all.push((name, value));
    }
    Ok(all)
}

fn number(text: &str) -> Result<u64, Reply> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| syntax("a number is of up to 19 digits"))
}

/// `xtext` of RFC 3461 section 4: `+` and two hexadecimal digits stand for a byte.
fn xtext(text: &str) -> Result<String, Reply> {
    let wrong = || syntax("a value is not xtext: + stands before two hexadecimal digits");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'+' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(wrong()) };
        out.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    let out = String::from_utf8(out).map_err(|_| wrong())?;
    if out.chars().any(char::is_control) { Err(wrong()) } else { Ok(out) }
}

fn bdat(rest: &str) -> Result<Command, Reply> {
    let (length, last) = match rest.split_once(' ') {
        Some((length, word)) if word.trim().eq_ignore_ascii_case("LAST") => (length, true),
        Some(_) => return Err(syntax("write BDAT and a number, and LAST after the last")),
        None => (rest, false),
    };
    Ok(Command::Bdat { length: number(length)?, last })
}

fn auth(rest: &str) -> Result<Command, Reply> {
    let mut words = rest.split_ascii_whitespace();
    let mechanism = words.next().ok_or_else(|| syntax("name a mechanism"))?.to_owned();
    let initial = words.next().map(str::to_owned);
    if words.next().is_some() {
        return Err(syntax("write AUTH, the mechanism and at most one answer"));
    }
    Ok(Command::Auth { mechanism, initial })
}

fn xclient(rest: &str) -> Result<Command, Reply> {
    let mut attributes = Vec::new();
    for word in rest.split_ascii_whitespace() {
        let (name, value) = word.split_once('=').ok_or_else(|| syntax("attributes are NAME=value"))?;
        attributes.push((name.to_ascii_uppercase(), xtext(value)?));
    }
    if attributes.is_empty() {
        Err(syntax("attributes are NAME=value"))
    } else {
        Ok(Command::XClient(attributes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> u16 {
        parse(line.as_bytes()).unwrap_err().code
    }

    #[test]
    fn envelopes_of_the_standards() {
        let Ok(Command::Mail(mail)) =
            parse(b"mail from:<ada@example.org> SIZE=500 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B314159")
        else {
            panic!("no MAIL")
        };
        assert_eq!(mail.sender.unwrap().to_string(), "ada@example.org");
        assert_eq!((mail.size, mail.utf8, mail.eight_bit), (Some(500), true, true));
        assert_eq!((mail.return_text, mail.envelope_id.as_deref()), (ReturnText::Headers, Some("QQ+314159")));
        let Ok(Command::Rcpt(rcpt)) =
            parse(b"RCPT TO:<dana@ivory.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Dana@Ivory.Example")
        else {
            panic!("no RCPT")
        };
        assert!(rcpt.notify.success() && rcpt.notify.failure() && !rcpt.notify.delay());
        assert_eq!(rcpt.original.as_deref(), Some("rfc822;Dana@Ivory.Example"));
        let sender = |line: &str| match parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => mail.sender.map(|sender| sender.to_string()),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(sender("MAIL FROM:<>"), None);
        assert_eq!(sender("MAIL FROM: <ada@example.org>").as_deref(), Some("ada@example.org"));
        assert_eq!(sender("MAIL FROM:<@a.example,@b.example:c@d.example>").as_deref(), Some("c@d.example"));
        assert_eq!(sender("MAIL FROM:<\"a > b\"@d.example>").as_deref(), Some("\"a > b\"@d.example"));
        let Ok(Command::Rcpt(rcpt)) = parse(b"RCPT TO:<Postmaster>") else { panic!("no postmaster") };
        assert_eq!(rcpt.address, None);
    }

    #[test]
    fn mail_is_held_for_a_time_or_until_one() {
        let hold = |line: &str| match parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => mail.hold,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(hold("MAIL FROM:<a@b.example> HOLDFOR=600"), Some(Hold::Seconds(600)));
        assert_eq!(
            hold("MAIL FROM:<a@b.example> HOLDUNTIL=2026-11-02T08:00:00Z"),
            Some(Hold::Until(1_793_606_400))
        );
        assert_eq!(refused("MAIL FROM:<a@b.example> HOLDUNTIL=tomorrow"), 501);
        assert_eq!(refused("MAIL FROM:<a@b.example> HOLDFOR=1 HOLDUNTIL=2026-11-02T08:00:00Z"), 555);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_code() {
        for (line, code) in [
            ("", 500),
            ("XYZZY", 500),
            ("MAIL", 501),
            ("MAIL FROM:ada@example.org", 501),
            ("MAIL FROM:<ada@example.org", 501),
            ("MAIL FROM:<ada@example.org>SIZE=1", 501),
            ("MAIL FROM:<ada>", 553),
            ("MAIL FROM:<a@b.example> SIZE=", 501),
            ("MAIL FROM:<a@b.example> SIZE=x", 501),
            ("MAIL FROM:<a@b.example> SIZE=1 SIZE=2", 501),
            ("MAIL FROM:<a@b.example> BODY=BINARYMIME", 555),
            ("MAIL FROM:<a@b.example> NEW=1", 555),
            ("RCPT TO:<>", 553),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER,SUCCESS", 501),
            ("RCPT TO:<a@b.example> ORCPT=rfc822", 501),
            ("RCPT TO:<a@b.example> ORCPT=rfc822;+4", 501),
            ("RCPT TO:<a@b.example> ORCPT=rfc822;+0D+0A", 501),
            ("DATA now", 501),
            ("BDAT", 501),
            ("BDAT -1", 501),
            ("BDAT 5 FIRST", 501),
            ("BDAT 99999999999999999999", 501),
            ("EHLO", 501),
            ("EHLO a b", 501),
            ("EHLO <x>", 501),
            ("EXPN list", 502),
            ("AUTH", 501),
            ("AUTH PLAIN a b", 501),
            ("XCLIENT", 501),
            ("NOOP \u{1}", 500),
        ] {
            assert_eq!(refused(line), code, "{line}");
        }
        assert_eq!(parse(b"MAIL FROM:<\xff@b.example>").unwrap_err().code, 500);
    }

    #[test]
    fn the_other_commands() {
        assert_eq!(
            parse(b"ehlo [IPv6:::1]"),
            Ok(Command::Hello { verb: Hello::Ehlo, name: "[IPv6:::1]".to_owned() })
        );
        assert_eq!(parse(b"BDAT 86 last"), Ok(Command::Bdat { length: 86, last: true }));
        assert_eq!(parse(b"data "), Ok(Command::Data));
        assert_eq!(
            parse(b"AUTH PLAIN AGEAYg=="),
            Ok(Command::Auth { mechanism: "PLAIN".to_owned(), initial: Some("AGEAYg==".to_owned()) })
        );
        assert_eq!(
            parse(b"XCLIENT ADDR=192.0.2.1 NAME=mail+2Eexample"),
            Ok(Command::XClient(vec![
                ("ADDR".to_owned(), "192.0.2.1".to_owned()),
                ("NAME".to_owned(), "mail.example".to_owned())
            ]))
        );
    }
}
