//! Greetings, what is offered, STARTTLS, and XCLIENT of clients that are trusted.

use std::net::{IpAddr, SocketAddr};

use wire::Fault;
use wire::auth::Authenticator;

use super::Profile;
use super::command::Hello;
use super::reply::Reply;
use super::session::{Next, Session};

impl Session {
    /// `EHLO`, `HELO` and `LHLO`.
    pub(super) fn greet(&mut self, verb: Hello, name: String) -> Next {
        let lmtp = self.door.profile == Profile::Lmtp;
        if lmtp != (verb == Hello::Lhlo) {
            let wanted = if lmtp { "this is LMTP; say LHLO" } else { "this is SMTP; say EHLO" };
            return self.answer(&Reply::new(500, "5.5.1", wanted));
        }
        self.reset();
        let hostname = self.door.settings.hostname.clone();
        if verb == Hello::Helo {
            self.hello = Some((verb, name));
            self.say(&Reply::new(250, "", hostname));
            return Next::Go;
        }
        let mut lines = vec![format!("{hostname} greets {name}")];
        lines.extend(self.offers());
        let last = lines.len() - 1;
        for (at, line) in lines.iter().enumerate() {
            let separator = if at == last { ' ' } else { '-' };
            self.conn.put(format!("250{separator}{line}\r\n").as_bytes());
        }
        self.hello = Some((verb, name));
        Next::Go
    }

    /// The extensions that are offered now.
    fn offers(&self) -> Vec<String> {
        let limits = &self.door.ctx.limits;
        let submission = self.door.profile == Profile::Submission;
        let mut offers: Vec<String> =
            ["PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "DSN"]
                .map(str::to_owned)
                .to_vec();
        offers.push(format!("SIZE {}", limits.message_bytes));
        let recipients = if submission { limits.submission_recipients } else { limits.smtp_recipients };
        offers.push(format!("LIMITS RCPTMAX={recipients} MAILMAX={}", limits.smtp_messages_per_connection));
        if self.door.tls.is_some() && !self.conn.is_tls() {
            offers.push("STARTTLS".to_owned());
        }
        if submission {
            let until = self.door.ctx.now_ms() / 1_000
                + i64::try_from(limits.submission_hold_seconds).unwrap_or(i64::MAX);
            let until = mail_parser::DateTime::from_timestamp(until).to_rfc3339();
            offers.push(format!("FUTURERELEASE {} {until}", limits.submission_hold_seconds));
            if self.conn.is_tls() {
                offers.push("REQUIRETLS".to_owned());
            }
            if let Some(authenticator) = self.door.authenticator.as_ref().filter(|_| self.login.is_none()) {
                let caller = authenticator.caller(&self.conn, self.door.profile.door());
                let names: Vec<_> = Authenticator::mechanisms(&caller, self.door.settings.login_in_clear)
                    .into_iter()
                    .map(|mechanism| mechanism.name())
                    .collect();
                if !names.is_empty() {
                    offers.push(format!("AUTH {}", names.join(" ")));
                }
            }
        }
        if !submission && self.is_trusted() {
            offers.push("XCLIENT NAME ADDR PORT PROTO HELO".to_owned());
        }
        offers
    }

    /// `STARTTLS`: everything before is forgotten, and what was sent with it thrown away.
    pub(super) async fn start_tls(&mut self) -> Result<Next, Fault> {
        let Some(source) = self.door.tls.clone().filter(|_| !self.conn.is_tls()) else {
            return Ok(self.answer(&Reply::new(502, "5.5.1", "TLS is not offered now")));
        };
        self.say(&Reply::new(220, "2.0.0", "begin TLS"));
        self.conn.flush().await?;
        self.conn.start_tls(source.config()).await?;
        self.hello = None;
        self.login = None;
        self.reset();
        Ok(Next::Go)
    }

    /// `XCLIENT`: a trusted client says who its own client is; the session begins anew.
    pub(super) fn take_xclient(&mut self, attributes: &[(String, String)]) -> Next {
        if self.door.profile == Profile::Submission || !self.is_trusted() {
            return self.answer(&Reply::new(550, "5.7.1", "XCLIENT is for trusted networks"));
        }
        let mut peer = self.conn.peer();
        for (name, value) in attributes {
            let known =
                !value.eq_ignore_ascii_case("[UNAVAILABLE]") && !value.eq_ignore_ascii_case("[TEMPUNAVAIL]");
            match name.as_str() {
                "ADDR" if known => {
                    let address = value
                        .get(..5)
                        .filter(|tag| tag.eq_ignore_ascii_case("IPV6:"))
                        .map_or(value.as_str(), |tag| value.get(tag.len()..).unwrap_or_default());
                    let Ok(address) = address.parse::<IpAddr>() else {
                        return self.answer(&Reply::new(501, "5.5.4", "ADDR is an IP address"));
                    };
                    peer = SocketAddr::new(address, peer.port());
                }
                "PORT" if known => match value.parse() {
                    Ok(port) => peer.set_port(port),
                    Err(_) => return self.answer(&Reply::new(501, "5.5.4", "PORT is a number")),
                },
                "HELO" if known => self.helo_name = Some(value.clone()),
                "ADDR" | "PORT" | "HELO" | "NAME" | "PROTO" | "LOGIN" | "DESTADDR" | "DESTPORT" => {}
                _ => return self.answer(&Reply::new(501, "5.5.4", "an attribute is not known")),
            }
        }
        self.conn.set_peer(peer);
        self.hello = None;
        self.reset();
        let hostname = self.door.settings.hostname.clone();
        self.answer(&Reply::new(220, "", format!("{hostname} begins again")))
    }
}
