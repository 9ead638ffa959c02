//! The session: reads commands, changes its state, answers.

use std::sync::Arc;

use base::Ctx;
use bytes::Bytes;
use wire::auth::Session as Login;
use wire::{Conn, Fault, LineEnd};

use super::command::{self, Command, Hello};
use super::data::{Collector, Flaw};
use super::envelope::Envelope;
use super::reply::Reply;
use super::trace::HEAD_BYTES;
use super::{Inner, Profile};

/// A session with a client.
pub(super) struct Session {
    pub(super) door: Arc<Inner>,
    pub(super) conn: Conn,
    /// How the client said hello, and its name.
    pub(super) hello: Option<(Hello, String)>,
    pub(super) login: Option<Box<Login>>,
    /// What a trusted client said of its own client.
    pub(super) helo_name: Option<String>,
    pub(super) envelope: Option<Box<Envelope>>,
    /// What came of a message that is given in chunks.
    pub(super) chunks: Option<Box<Collector>>,
    errors: u64,
    pub(super) messages: u64,
}

/// What the session does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Reads on.
    Go,
    /// Closes the connection after what was said.
    Close,
}

impl Session {
    pub(super) fn new(door: Arc<Inner>, conn: Conn) -> Self {
        Self {
            door,
            conn,
            hello: None,
            login: None,
            helo_name: None,
            envelope: None,
            chunks: None,
            errors: 0,
            messages: 0,
        }
    }

    /// Who acts: whoever logged in, or the program itself.
    pub(super) fn ctx(&self) -> &Ctx {
        self.login.as_ref().map_or(&self.door.ctx, |login| &login.ctx)
    }

    /// Whether the client is in a network that is trusted.
    pub(super) fn is_trusted(&self) -> bool {
        self.door.settings.trusted.contains(self.conn.peer().ip())
    }

    /// Serves the client to its end.
    pub(super) async fn run(mut self) {
        let fault = match self.talk().await {
            Ok(()) => return self.conn.close().await,
            Err(fault) => fault,
        };
        let goodbye = match fault {
            Fault::Stopping => Reply::new(421, "4.3.2", "the server stops; try again"),
            Fault::Ended => Reply::new(421, "4.7.0", "the session was ended"),
            Fault::TimedOut => Reply::new(421, "4.4.2", "was silent for too long"),
            Fault::Closed | Fault::Io(_) | Fault::Broken(_) | Fault::TooLong | Fault::BareNewline => return,
        };
        self.say(&goodbye);
        self.conn.close().await;
    }

    async fn talk(&mut self) -> Result<(), Fault> {
        let hostname = self.door.settings.hostname.clone();
        if self.door.profile == Profile::Lmtp && !self.is_trusted() {
            self.say(&Reply::new(554, "", format!("{hostname} takes LMTP from trusted networks only")));
            return Ok(());
        }
        let kind = if self.door.profile == Profile::Lmtp { "LMTP" } else { "ESMTP" };
        self.say(&Reply::new(220, "", format!("{hostname} {kind} Beffroi")));
        let limit = usize::try_from(self.door.ctx.limits.smtp_line_bytes).unwrap_or(usize::MAX);
        loop {
            // What answers commands that came together goes out when no more of them is here.
            let line = match self.conn.buffered_line(limit, LineEnd::Strict) {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.conn.flush().await?;
                    self.conn.fill().await?;
                    continue;
                }
                Err(Fault::BareNewline) => {
                    self.say(&Reply::new(500, "5.5.2", "lines end with CRLF, and hold neither CR nor LF"));
                    return Ok(());
                }
                Err(Fault::TooLong) => {
                    self.conn.skip_line(limit.saturating_mul(16)).await?;
                    if self.fails(&Reply::new(500, "5.5.2", "the line is too long")) == Next::Close {
                        return Ok(());
                    }
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            // Boxed, so that a session that waits does not carry the room that its largest command needs.
            if Box::pin(self.command(&line)).await? == Next::Close {
                return Ok(());
            }
        }
    }

    /// Answers.
    pub(super) fn say(&mut self, reply: &Reply) {
        let mut line = Vec::with_capacity(64);
        reply.write(&mut line);
        self.conn.put(&line);
    }

    /// Answers; what is no yes counts as an error of the client.
    pub(super) fn answer(&mut self, reply: &Reply) -> Next {
        if reply.code >= 500 {
            return self.fails(reply);
        }
        self.say(reply);
        Next::Go
    }

    fn fails(&mut self, reply: &Reply) -> Next {
        self.errors += 1;
        if self.errors > self.door.ctx.limits.smtp_errors {
            self.say(&Reply::new(421, "4.7.0", "too many errors"));
            return Next::Close;
        }
        self.say(reply);
        Next::Go
    }

    async fn command(&mut self, line: &Bytes) -> Result<Next, Fault> {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(reply) => return Ok(self.fails(&reply)),
        };
        if let Some(reply) = self.out_of_order(&command) {
            return self.refuse(&command, &reply).await;
        }
        match command {
            Command::Hello { verb, name } => Ok(self.greet(verb, name)),
            Command::StartTls => self.start_tls().await,
            Command::Auth { mechanism, initial } => self.authenticate(&mechanism, initial).await,
            Command::XClient(attributes) => Ok(self.take_xclient(&attributes)),
            Command::Mail(mail) => {
                let reply = self.begin(*mail).await;
                Ok(self.answer(&reply))
            }
            Command::Rcpt(rcpt) => {
                let reply = self.add_recipient(*rcpt).await;
                Ok(self.answer(&reply))
            }
            Command::Data => self.read_data().await,
            Command::Bdat { length, last } => self.read_chunk(length, last).await,
            Command::Rset => {
                self.reset();
                Ok(self.answer(&Reply::new(250, "2.0.0", "begin again")))
            }
            Command::Noop => Ok(self.answer(&Reply::new(250, "2.0.0", "still here"))),
            Command::Help => Ok(self.answer(&Reply::new(214, "2.0.0", "see RFC 5321 and docs/smtp.md"))),
            Command::Vrfy => {
                Ok(self.answer(&Reply::new(252, "2.5.2", "is not told; send mail and it will be tried")))
            }
            Command::Quit => {
                self.say(&Reply::new(221, "2.0.0", "goodbye"));
                Ok(Next::Close)
            }
        }
    }

    /// Why a command cannot be given now.
    fn out_of_order(&self, command: &Command) -> Option<Reply> {
        let order = |text: &'static str| Some(Reply::new(503, "5.5.1", text));
        if self.chunks.is_some() && matches!(command, Command::Mail(_) | Command::Rcpt(_) | Command::Data) {
            return order("the message is given in chunks; go on with BDAT");
        }
        match command {
            Command::Mail(_) if self.hello.is_none() => order("say hello first"),
            Command::Mail(_) if self.envelope.is_some() => order("one message at a time"),
            Command::Mail(_) if self.door.profile == Profile::Submission && self.login.is_none() => {
                Some(Reply::new(530, "5.7.0", "log in first"))
            }
            Command::Rcpt(_) | Command::Data | Command::Bdat { .. } if self.envelope.is_none() => {
                order("give the sender first, with MAIL FROM")
            }
            Command::Data | Command::Bdat { .. }
                if self.envelope.as_ref().is_some_and(|envelope| envelope.recipients.is_empty()) =>
            {
                Some(Reply::new(554, "5.5.1", "there is no valid recipient"))
            }
            Command::Auth { .. } | Command::StartTls | Command::XClient(_) if self.hello.is_none() => {
                order("say hello first")
            }
            Command::Auth { .. } | Command::StartTls | Command::XClient(_) if self.envelope.is_some() => {
                order("not while a message is given")
            }
            _ => None,
        }
    }

    /// Refuses a command; what follows a chunk's command is read and thrown away (RFC 3030 section 2).
    async fn refuse(&mut self, command: &Command, reply: &Reply) -> Result<Next, Fault> {
        if let Command::Bdat { length, .. } = command
            && self.skip(*length).await?.is_none()
        {
            self.say(&Reply::new(552, "5.3.4", "the chunk is too long"));
            return Ok(Next::Close);
        }
        Ok(self.fails(reply))
    }

    /// Reads bytes and throws them away; none when they are more than a message may have twice.
    async fn skip(&mut self, length: u64) -> Result<Option<()>, Fault> {
        if length > self.door.ctx.limits.message_bytes.saturating_mul(2) {
            return Ok(None);
        }
        let mut left = usize::try_from(length).unwrap_or(usize::MAX);
        while left > 0 {
            left -= self.conn.read_some(left).await?.len();
        }
        Ok(Some(()))
    }

    /// Forgets the message that is given.
    pub(super) fn reset(&mut self) {
        self.envelope = None;
        self.chunks = None;
    }

    fn collector(&self, dots: bool) -> Collector {
        let limits = &self.door.ctx.limits;
        let expected = self.envelope.as_ref().and_then(|envelope| envelope.mail.size);
        Collector::new(limits.message_bytes, limits.smtp_data_line_bytes, HEAD_BYTES, dots, expected)
    }

    async fn read_data(&mut self) -> Result<Next, Fault> {
        self.say(&Reply::new(354, "", "give the message; end it with a dot on a line of its own"));
        self.conn.flush().await?;
        let mut collector = self.collector(true);
        let most = self.door.ctx.limits.message_bytes.saturating_mul(2);
        loop {
            let (used, done) = collector.feed(self.conn.buffered());
            self.conn.consume(used);
            if done {
                break;
            }
            if collector.seen() > most {
                self.say(&Reply::new(552, "5.3.4", "the message is too large"));
                return Ok(Next::Close);
            }
            self.conn.fill().await?;
        }
        self.end_of_message(collector).await
    }

    async fn read_chunk(&mut self, length: u64, last: bool) -> Result<Next, Fault> {
        let limit = self.door.ctx.limits.message_bytes;
        let mut collector = match self.chunks.take() {
            Some(collector) => collector,
            None => Box::new(self.collector(false)),
        };
        if length > limit.saturating_mul(2) || collector.seen() > limit.saturating_mul(2) {
            self.say(&Reply::new(552, "5.3.4", "the message is too large"));
            return Ok(Next::Close);
        }
        let mut left = usize::try_from(length).unwrap_or(usize::MAX);
        while left > 0 {
            let part = self.conn.read_some(left).await?;
            left -= part.len();
            collector.feed(&part);
        }
        if last {
            return self.end_of_message(*collector).await;
        }
        self.chunks = Some(collector);
        Ok(self.answer(&Reply::new(250, "2.0.0", format!("{length} bytes taken"))))
    }

    async fn end_of_message(&mut self, collector: Collector) -> Result<Next, Fault> {
        let Some(envelope) = self.envelope.take() else { return Ok(Next::Close) };
        self.chunks = None;
        self.messages += 1;
        let replies = match collector.finish() {
            Ok(text) => self.accept(*envelope, text).await,
            Err(flaw) => super::accept::same(self.door.profile, &envelope, &of_flaw(flaw)),
        };
        for reply in &replies {
            if self.answer(reply) == Next::Close {
                return Ok(Next::Close);
            }
        }
        if self.messages >= self.door.ctx.limits.smtp_messages_per_connection {
            self.say(&Reply::new(421, "4.7.0", "enough messages on one connection; open another"));
            return Ok(Next::Close);
        }
        Ok(Next::Go)
    }
}

fn of_flaw(flaw: Flaw) -> Reply {
    match flaw {
        Flaw::TooLarge => Reply::new(552, "5.3.4", "the message is too large"),
        Flaw::BareNewline => {
            Reply::new(550, "5.6.0", "the message holds a CR or an LF alone; lines end with CRLF")
        }
        Flaw::Nul => Reply::new(550, "5.6.0", "the message holds a NUL"),
        Flaw::LongLine => Reply::new(550, "5.6.0", "the message holds a line that is too long"),
    }
}
