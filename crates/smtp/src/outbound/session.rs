//! A conversation with one host: greeting, extensions, TLS, login, and messages one after another.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::queue::{Claimed, Outcome, Recipient, Reply, Verdict};
use rustls::ClientConfig;

use super::line::{Answer, Broken, Line};
use super::offers::Offers;
use super::settings::{Login, Protocol};
use super::tls::server_name;

/// Bytes of a message that are written at a time.
const WRITE_BYTES: usize = 64 << 10;

/// What a connection must show before mail goes over it.
#[derive(Clone)]
pub(super) enum Trust {
    /// TLS if it is offered and works.
    Opportunistic(Arc<ClientConfig>),
    /// TLS that verifies, or nothing.
    Verified(Arc<ClientConfig>),
    /// TLS from the first byte that verifies.
    Implicit(Arc<ClientConfig>),
    /// No TLS.
    Off,
}

/// One host that is to be spoken to.
#[derive(Clone)]
pub(super) struct Target {
    /// Its name, for certificates and reports.
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) protocol: Protocol,
    pub(super) trust: Trust,
    pub(super) login: Option<Login>,
}

/// What became of TLS on the way to a session, for reports (RFC 8460 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsFate {
    /// Nothing was tried: the host did not get that far, or TLS is off.
    None,
    Worked,
    /// The result type.
    Failed(&'static str),
}

/// Waits of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waits {
    connect: Duration,
    command: Duration,
    data: Duration,
    answer_bytes: u64,
}

impl Waits {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            connect: Duration::from_secs(limits.outbound_connect_seconds),
            command: Duration::from_secs(limits.outbound_command_seconds),
            data: Duration::from_secs(limits.outbound_data_seconds),
            answer_bytes: limits.outbound_reply_bytes,
        }
    }
}

/// A conversation that is open.
pub(super) struct Session {
    line: Line,
    /// The host that is spoken to.
    pub(super) host: String,
    protocol: Protocol,
    offers: Offers,
    waits: Waits,
    is_verified: bool,
    /// Messages that were sent.
    pub(super) messages: u64,
    /// It can take no more.
    pub(super) is_spent: bool,
}

/// Why a host could not be used.
pub(super) struct Unusable {
    pub(super) reply: Reply,
    pub(super) tls: TlsFate,
}

impl Unusable {
    fn new(host: &str, reply: Reply, tls: TlsFate) -> Self {
        Self { reply: Reply { from: Some(host.to_owned()), ..reply }, tls }
    }
}

impl Session {
    /// Opens a conversation with a host; how TLS went.
    pub(super) async fn open(
        target: &Target,
        hostname: &str,
        waits: Waits,
    ) -> Result<(Self, TlsFate), Unusable> {
        match Self::try_open(target, hostname, waits, true).await {
            Err(unusable) => {
                let fell_back = matches!(target.trust, Trust::Opportunistic(_))
                    && matches!(unusable.tls, TlsFate::Failed(_));
                if !fell_back {
                    return Err(unusable);
                }
                // Better without TLS than not at all, as long as nobody promised it.
                let (session, _) = Self::try_open(target, hostname, waits, false).await?;
                Ok((session, unusable.tls))
            }
            opened => opened,
        }
    }

    async fn try_open(
        target: &Target,
        hostname: &str,
        waits: Waits,
        tls: bool,
    ) -> Result<(Self, TlsFate), Unusable> {
        let host = target.host.as_str();
        let broken = |broken: Broken| Unusable::new(host, broken.reply(), TlsFate::None);
        let mut line = match Line::connect(target.address, waits.connect, waits.answer_bytes).await {
            Ok(line) => line,
            Err(error) => {
                let why = match error {
                    Broken::Lost(error) => format!("{} does not answer: {error}", target.address.ip()),
                    _ => format!("{} does not answer", target.address.ip()),
                };
                return Err(Unusable::new(host, Reply::local("4.4.1", why), TlsFate::None));
            }
        };
        if let Trust::Implicit(config) = &target.trust {
            line = secure(line, config, host, waits).await?;
        }
        let greeting = line.answer(waits.command).await.map_err(broken)?;
        if !greeting.is_positive() {
            return Err(Unusable::new(host, greeting.reply(host), TlsFate::None));
        }
        let mut session = Self {
            line,
            host: host.to_owned(),
            protocol: target.protocol,
            offers: Offers::default(),
            waits,
            is_verified: matches!(target.trust, Trust::Verified(_) | Trust::Implicit(_)),
            messages: 0,
            is_spent: false,
        };
        session.hello(hostname).await?;
        let mut fate = TlsFate::None;
        let config = match &target.trust {
            Trust::Opportunistic(config) | Trust::Verified(config) if tls => Some(config),
            _ => None,
        };
        if let Some(config) = config {
            let must = matches!(target.trust, Trust::Verified(_));
            (session, fate) = session.start_tls(config, hostname, must).await?;
        }
        if let Some(login) = &target.login {
            session.log_in(login).await?;
        }
        Ok((session, fate))
    }

    /// STARTTLS, if it is offered. Without it a connection that must be verified is of no use.
    async fn start_tls(
        mut self,
        config: &Arc<ClientConfig>,
        hostname: &str,
        must: bool,
    ) -> Result<(Self, TlsFate), Unusable> {
        let fate = TlsFate::Failed("starttls-not-supported");
        let refused = |host: &str| {
            let reply = Reply::local("4.7.4", "offers no TLS, and the domain's policy asks for it");
            Unusable::new(host, reply, fate)
        };
        if !self.offers.starttls {
            return if must { Err(refused(&self.host)) } else { Ok((self, fate)) };
        }
        let answer = self.command("STARTTLS\r\n").await.map_err(|broken| self.unusable(&broken))?;
        if !answer.is_positive() {
            return if must { Err(refused(&self.host)) } else { Ok((self, fate)) };
        }
        let line = secure(self.line, config, &self.host, self.waits).await?;
        self = Self { line, ..self };
        self.hello(hostname).await?;
        Ok((self, TlsFate::Worked))
    }

    fn unusable(&self, broken: &Broken) -> Unusable {
        Unusable::new(&self.host, broken.reply(), TlsFate::None)
    }

    async fn command(&mut self, text: &str) -> Result<Answer, Broken> {
        self.line.write(text.as_bytes(), self.waits.command).await?;
        self.line.answer(self.waits.command).await
    }

    /// EHLO, and HELO for those who do not know it.
    async fn hello(&mut self, hostname: &str) -> Result<(), Unusable> {
        let verb = match self.protocol {
            Protocol::Smtp => "EHLO",
            Protocol::Lmtp => "LHLO",
        };
        let broken = |broken: Broken| self_unusable(&self.host, &broken);
        let text = format!("{verb} {hostname}\r\n");
        self.line.write(text.as_bytes(), self.waits.command).await.map_err(broken)?;
        let answer = self.line.answer(self.waits.command).await.map_err(broken)?;
        if answer.is_positive() {
            self.offers = Offers::read(&answer);
            return Ok(());
        }
        if answer.is_final() && self.protocol == Protocol::Smtp && !self.line.is_tls() {
            let text = format!("HELO {hostname}\r\n");
            self.line.write(text.as_bytes(), self.waits.command).await.map_err(broken)?;
            let answer = self.line.answer(self.waits.command).await.map_err(broken)?;
            if answer.is_positive() {
                self.offers = Offers::default();
                return Ok(());
            }
        }
        Err(Unusable::new(&self.host, answer.reply(&self.host), TlsFate::None))
    }

    /// Logs in, over TLS only: a password is not shown to whoever listens.
    async fn log_in(&mut self, login: &Login) -> Result<(), Unusable> {
        let fail = |session: &Self, enhanced: &str, text: &str| {
            Unusable::new(&session.host, Reply::local(enhanced, text), TlsFate::None)
        };
        if !self.line.is_tls() {
            return Err(fail(self, "4.7.0", "asks for a password without TLS, which it is not given"));
        }
        let broken = |host: &str, broken: &Broken| self_unusable(host, broken);
        let answer = if self.offers.plain || !self.offers.login {
            let initial = STANDARD.encode(format!("\0{}\0{}", login.name, login.password.expose()));
            self.command(&format!("AUTH PLAIN {initial}\r\n")).await
        } else {
            let name = STANDARD.encode(&login.name);
            match self.command(&format!("AUTH LOGIN {name}\r\n")).await {
                Ok(answer) if answer.code == 334 => {
                    let password = STANDARD.encode(login.password.expose());
                    self.command(&format!("{password}\r\n")).await
                }
                other => other,
            }
        };
        let answer = answer.map_err(|error| broken(&self.host, &error))?;
        if answer.is_positive() {
            return Ok(());
        }
        // Never final: the mail is good, the password is not.
        Err(fail(self, "4.7.8", &format!("refuses our login: {}", answer.reply(&self.host).line())))
    }

    /// Ends the conversation.
    pub(super) async fn quit(mut self) {
        let wait = Duration::from_secs(5);
        if self.line.write(b"QUIT\r\n", wait).await.is_ok() {
            let _ = self.line.answer(wait).await;
        }
    }

    /// Sends a message to some of its recipients; what became of each.
    pub(super) async fn send(
        &mut self,
        claimed: &Claimed,
        recipients: &[Recipient],
        message: &[&[u8]],
    ) -> Vec<Outcome> {
        self.messages += 1;
        if let Some(reply) = self.unfit(claimed, recipients, message) {
            return recipients.iter().map(|recipient| outcome(recipient, Verdict::Failed, &reply)).collect();
        }
        match self.transact(claimed, recipients, message).await {
            Ok(outcomes) => outcomes,
            Err(broken) => {
                self.is_spent = true;
                let reply = Reply { from: Some(self.host.clone()), ..broken.reply() };
                recipients.iter().map(|recipient| outcome(recipient, Verdict::Deferred, &reply)).collect()
            }
        }
    }

    /// Why this host can never take this message.
    fn unfit(&self, claimed: &Claimed, recipients: &[Recipient], message: &[&[u8]]) -> Option<Reply> {
        let size = message.iter().map(|part| part.len()).sum::<usize>();
        let from = |reply: Reply| Some(Reply { from: Some(self.host.clone()), ..reply });
        if self.offers.size.is_some_and(|most| i64::try_from(size).is_ok_and(|size| size > most)) {
            return from(Reply::local("5.3.4", "takes no messages of this size"));
        }
        if !self.offers.utf8 && needs_utf8(claimed, recipients, message) {
            return from(Reply::local("5.6.7", "takes no addresses or header fields beyond ASCII"));
        }
        if claimed.message.has_8bit && !self.offers.eight_bit {
            return from(Reply::local("5.6.3", "takes no messages with 8-bit characters"));
        }
        if claimed.message.requires_tls
            && !(self.is_verified && self.line.is_tls() && self.offers.require_tls)
        {
            return from(Reply::local("5.7.30", "gives no verified TLS, which the sender asked for"));
        }
        None
    }

    async fn transact(
        &mut self,
        claimed: &Claimed,
        recipients: &[Recipient],
        message: &[&[u8]],
    ) -> Result<Vec<Outcome>, Broken> {
        let envelope = self.envelope(claimed, recipients, message);
        let (mail, wants) = self.address(&envelope).await?;
        if !mail.is_positive() {
            self.reset().await;
            let reply = mail.reply(&self.host);
            let verdict = verdict(&mail);
            return Ok(recipients.iter().map(|recipient| outcome(recipient, verdict, &reply)).collect());
        }
        let accepted = wants.iter().filter(|answer| answer.is_positive()).count();
        let mut ends = Vec::new();
        if accepted > 0 {
            let data = self.command("DATA\r\n").await?;
            if data.code == 354 {
                self.write_message(message).await?;
                let count = if self.protocol == Protocol::Lmtp { accepted } else { 1 };
                for _ in 0..count {
                    ends.push(self.line.answer(self.waits.data).await?);
                }
            } else {
                ends.push(data);
            }
        }
        if ends.iter().any(|end| end.code == 421) || wants.iter().any(|want| want.code == 421) {
            self.is_spent = true;
        } else if accepted == 0 || ends.iter().any(|end| !end.is_positive()) {
            self.reset().await;
        }
        let mut ends = ends.into_iter().cycle();
        let done = recipients.iter().zip(&wants).map(|(recipient, want)| {
            if !want.is_positive() {
                // Too many recipients for it: the others get their turn (RFC 5321 section 4.5.3.1.10).
                let verdict = if want.code == 552 { Verdict::Deferred } else { verdict(want) };
                return outcome(recipient, verdict, &want.reply(&self.host));
            }
            // One answer for all, or with LMTP one for each.
            let end = ends.next().unwrap_or_default();
            let verdict = match verdict(&end) {
                Verdict::Delivered if !self.offers.dsn => Verdict::Relayed,
                other => other,
            };
            outcome(recipient, verdict, &end.reply(&self.host))
        });
        Ok(done.collect())
    }

    /// MAIL and RCPT, one command each.
    fn envelope(&self, claimed: &Claimed, recipients: &[Recipient], message: &[&[u8]]) -> Vec<String> {
        let queued = &claimed.message;
        let utf8 = self.offers.utf8 && needs_utf8(claimed, recipients, message);
        let mut mail = format!("MAIL FROM:<{}>", wire_address(&queued.sender));
        if self.offers.has_size {
            let size: usize = message.iter().map(|part| part.len()).sum();
            mail = format!("{mail} SIZE={size}");
        }
        if queued.has_8bit && self.offers.eight_bit {
            mail.push_str(" BODY=8BITMIME");
        }
        if utf8 {
            mail.push_str(" SMTPUTF8");
        }
        if queued.requires_tls {
            mail.push_str(" REQUIRETLS");
        }
        if self.offers.dsn {
            if let Some(ret) = queued.return_text.parameter() {
                mail = format!("{mail} RET={ret}");
            }
            if let Some(id) = &queued.envelope_id {
                mail = format!("{mail} ENVID={}", xtext(id));
            }
        }
        mail.push_str("\r\n");
        let mut all = vec![mail];
        for recipient in recipients {
            let mut rcpt = format!("RCPT TO:<{}>", wire_address(&recipient.address));
            if self.offers.dsn {
                if let Some(notify) = recipient.notify.parameter() {
                    rcpt = format!("{rcpt} NOTIFY={notify}");
                }
                if let Some((kind, address)) = recipient.original.as_deref().and_then(|o| o.split_once(';')) {
                    rcpt = format!("{rcpt} ORCPT={kind};{}", xtext(address));
                }
            }
            rcpt.push_str("\r\n");
            all.push(rcpt);
        }
        all
    }

    /// Sends MAIL and RCPT, at once where the server allows it; the answers.
    async fn address(&mut self, envelope: &[String]) -> Result<(Answer, Vec<Answer>), Broken> {
        let wait = self.waits.command;
        let mut wants = Vec::with_capacity(envelope.len());
        if self.offers.pipelining {
            self.line.write(envelope.concat().as_bytes(), wait).await?;
            for _ in envelope {
                wants.push(self.line.answer(wait).await?);
            }
        } else {
            for command in envelope {
                wants.push(self.command(command).await?);
                if wants.first().is_some_and(|mail| !mail.is_positive()) {
                    break;
                }
            }
        }
        let mail = if wants.is_empty() { Answer::default() } else { wants.remove(0) };
        Ok((mail, wants))
    }

    async fn reset(&mut self) {
        if !matches!(self.command("RSET\r\n").await, Ok(answer) if answer.is_positive()) {
            self.is_spent = true;
        }
    }

    /// The message with its dots doubled (RFC 5321 section 4.5.2), and its end.
    async fn write_message(&mut self, message: &[&[u8]]) -> Result<(), Broken> {
        let mut out = Vec::with_capacity(WRITE_BYTES + 1_024);
        let mut at_start = true;
        let mut last = [0_u8; 2];
        for part in message {
            for line in part.split_inclusive(|byte| *byte == b'\n') {
                if at_start && line.first() == Some(&b'.') {
                    out.push(b'.');
                }
                out.extend_from_slice(line);
                at_start = line.last() == Some(&b'\n');
                for byte in line.iter().rev().take(2).rev() {
                    last = [last[1], *byte];
                }
                if out.len() >= WRITE_BYTES {
                    self.line.write(&out, self.waits.data).await?;
                    out.clear();
                }
            }
        }
        if last != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        self.line.write(&out, self.waits.data).await
    }
}

fn self_unusable(host: &str, broken: &Broken) -> Unusable {
    Unusable::new(host, broken.reply(), TlsFate::None)
}

async fn secure(line: Line, config: &Arc<ClientConfig>, host: &str, waits: Waits) -> Result<Line, Unusable> {
    let no_name = || {
        let reply = Reply::local("4.7.5", "has a name that no certificate can have");
        Unusable::new(host, reply, TlsFate::Failed("certificate-host-mismatch"))
    };
    let name = server_name(host).ok_or_else(no_name)?;
    line.secure(config.clone(), name, waits.command).await.map_err(|broken| {
        let result = match &broken {
            Broken::Tls(error) => tls_result(error),
            _ => "validation-failure",
        };
        Unusable::new(host, broken.reply(), TlsFate::Failed(result))
    })
}

/// The result type of a failed handshake (RFC 8460 section 4.3).
fn tls_result(error: &std::io::Error) -> &'static str {
    use rustls::CertificateError as Certificate;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "certificate-expired",
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "certificate-host-mismatch"
            }
            Certificate::UnknownIssuer => "certificate-not-trusted",
            _ => "validation-failure",
        },
        _ => "validation-failure",
    }
}

fn verdict(answer: &Answer) -> Verdict {
    if answer.is_positive() {
        Verdict::Delivered
    } else if answer.is_final() {
        Verdict::Failed
    } else {
        Verdict::Deferred
    }
}

fn outcome(recipient: &Recipient, verdict: Verdict, reply: &Reply) -> Outcome {
    Outcome { number: recipient.number, verdict, reply: reply.clone(), is_final: false }
}

/// Whether sending needs SMTPUTF8: something of the envelope or of the header is not ASCII.
fn needs_utf8(claimed: &Claimed, recipients: &[Recipient], message: &[&[u8]]) -> bool {
    claimed.message.needs_utf8
        && (!wire_address(&claimed.message.sender).is_ascii()
            || recipients.iter().any(|recipient| !wire_address(&recipient.address).is_ascii())
            || message.iter().any(|part| !header(part).is_ascii()))
}

fn header(part: &[u8]) -> &[u8] {
    let end = part.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(part.len());
    part.get(..end).unwrap_or_default()
}

/// An address as others read it: the domain in A-labels.
fn wire_address(address: &str) -> String {
    codec::Address::parse(address).map_or_else(|_| address.to_owned(), |parsed| parsed.to_string())
}

/// RFC 3461 section 4: `xtext`.
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "+{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_hides_what_is_special() {
        assert_eq!(xtext("a+b=c d"), "a+2Bb+3Dc+20d");
    }
}
