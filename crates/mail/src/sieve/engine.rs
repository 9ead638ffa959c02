//! Runs the rules of one recipient on one message. No I/O: all that a script can ask for was read before.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base::Ctx;
use bytes::Bytes;
use mail_parser::{Message, MessageParser};
use sieve::runtime::RuntimeError;
use sieve::{Context, Envelope, Event, Input, Mailbox, Recipient, Runtime, Script, SpamStatus};

use super::compile::{self, Cache};
use super::reply::{self, Answer, Text};
use super::{Actions, Letter, Place, Redirect, Rejection, Reply, Rules, Seen, Spam, Target, forward};

/// Whether a script may take long: patterns can look back.
pub(super) fn is_heavy(rules: &Rules) -> bool {
    let own = rules.script.iter().map(|(_, text)| text).chain(rules.scripts.values());
    own.chain(rules.before.iter().map(|filter| &filter.text)).any(|text| text.contains(":regex"))
}

/// The rules of one recipient and a message for it.
pub(super) struct Engine<'a> {
    ctx: &'a Ctx,
    cache: &'a Cache,
    rules: &'a Rules,
    letter: &'a Letter,
    /// It was forwarded from here before: nothing is sent on any more.
    looping: bool,
    /// A filter of the domain runs.
    by_domain: bool,
    /// The message, as the scripts so far left it.
    body: Bytes,
    actions: Actions,
}

/// What one script did.
#[derive(Default)]
struct Outcome {
    /// The message goes where it would go without scripts, with these flags.
    keep: Option<Vec<String>>,
    /// The message as it is kept, when the script changed it.
    body: Option<Bytes>,
    /// Something was done besides keeping it.
    acted: bool,
    fault: Option<String>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(ctx: &'a Ctx, cache: &'a Cache, rules: &'a Rules, letter: &'a Letter) -> Self {
        let body = letter.body.clone();
        Self {
            ctx,
            cache,
            rules,
            letter,
            looping: false,
            by_domain: false,
            body,
            actions: Actions::default(),
        }
    }

    /// Domain filters, then the person's script, each while the one before kept the message; then the settings.
    pub(super) fn run(mut self) -> Actions {
        let head = MessageParser::new().parse_headers(&self.letter.body[..]).unwrap_or_default();
        self.looping = forward::is_looping(&head, &self.rules.addresses, self.ctx.limits.forward_hops);
        let mut runtime = compile::runtime(&self.ctx.limits);
        if self.looping {
            runtime.set_max_redirects(0);
        }
        let mut flags: Option<Vec<String>> = Some(Vec::new());
        let rules = self.rules;
        let filters =
            rules.before.iter().map(|one| (one.name.as_str(), one.text.as_str(), one.terminal, true));
        let own = rules.script.iter().map(|(name, text)| (name.as_str(), text.as_str(), true, false));
        for (name, text, terminal, by_domain) in filters.chain(own) {
            self.by_domain = by_domain;
            let outcome = self.script(&runtime, name, text);
            if let Some(body) = outcome.body {
                self.body = body;
            }
            if let Some(fault) = outcome.fault {
                self.actions.faults.push(format!("{name}: {fault}"));
            }
            flags = match (flags, outcome.keep) {
                (Some(mut flags), Some(more)) => {
                    flags.extend(more.into_iter().filter(|flag| !flags.contains(flag)).collect::<Vec<_>>());
                    Some(flags)
                }
                _ => None,
            };
            if flags.is_none() || (terminal && outcome.acted) {
                break;
            }
        }
        self.by_domain = false;
        self.settings(&head, flags.is_some());
        if let Some(flags) = flags {
            let place = if self.letter.is_junk() { Place::Junk } else { Place::Inbox };
            self.file(Target { place, flags, body: None });
        }
        self.finish()
    }

    /// Forwarding and the answer while away. They apply to what is neither junk, nor refused or thrown away.
    fn settings(&mut self, head: &Message<'_>, kept: bool) {
        let alive = kept || !self.actions.files.is_empty() || !self.actions.redirects.is_empty();
        if !alive || self.letter.is_junk() || self.actions.reject.is_some() {
            return;
        }
        let rules = self.rules;
        if let Some(forwarding) = &rules.forwarding
            && !self.looping
        {
            for to in &forwarding.addresses {
                if !rules.addresses.iter().any(|own| own.eq_ignore_ascii_case(to)) {
                    let body = self.body.clone();
                    self.redirect(to.clone(), &body);
                }
            }
        }
        if let Some(vacation) = &rules.vacation
            && self.actions.reply.is_none()
            && reply::may_answer(head, &self.letter.sender, &rules.addresses)
        {
            let text = Text::Plain { text: vacation.text.clone(), html: vacation.html.clone() };
            let key = format!("away {}", self.letter.sender.to_ascii_lowercase());
            let expiry = u64::try_from(vacation.days).unwrap_or(1).saturating_mul(86_400);
            self.answer(head, None, &vacation.subject, text, self.seen(Seen::ANSWERED, &key, expiry));
        }
    }

    /// What the forwarding says about the copy, and the limits of what a message may lead to.
    fn finish(mut self) -> Actions {
        let leaves = |to: &String| self.actions.redirects.iter().any(|redirect| redirect.to == *to);
        let forwarding = self.rules.forwarding.as_ref().filter(|forwarding| !forwarding.keep);
        let forwarded = forwarding.is_some_and(|forwarding| forwarding.addresses.iter().any(leaves));
        if forwarded && !self.letter.is_junk() {
            self.actions.files.retain(|target| target.place != Place::Inbox);
        }
        let most = usize::try_from(self.ctx.limits.sieve_actions).unwrap_or(usize::MAX);
        self.actions.files.truncate(most);
        if self.actions.reject.is_some() {
            self.actions.files.clear();
            self.actions.reply = None;
        }
        self.actions
    }

    /// Runs one script over the message as it is by now.
    fn script(&mut self, runtime: &Runtime, name: &str, text: &str) -> Outcome {
        let kept =
            |fault: String| Outcome { keep: Some(Vec::new()), fault: Some(fault), ..Outcome::default() };
        let compiled = match self.cache.get(&self.ctx.limits, text) {
            Ok(compiled) => compiled,
            Err(error) => return kept(error.rule().to_owned()),
        };
        let body = self.body.clone();
        let mut context = self.context(runtime, &body);
        let mut run = Run {
            engine: self,
            outcome: Outcome::default(),
            made: HashMap::new(),
            edited: None,
            answer_id: None,
            answering: None,
        };
        let mut input = Input::script(name, compiled.sieve);
        // Each step is an event or the end; the steps of the script are limited by the runtime, and its events by
        // that. The second bound is ours, should the library ever loop.
        for _ in 0..run.engine.ctx.limits.sieve_steps {
            match catch_unwind(AssertUnwindSafe(|| context.run(input))) {
                Ok(None) => return run.outcome,
                Ok(Some(Ok(event))) => match run.event(event, context.message()) {
                    Ok(next) => input = next,
                    Err(fault) => return run.failed(fault),
                },
                Ok(Some(Err(error))) => return run.failed(said(&error)),
                Err(_) => return run.failed("it cannot be run on this message".to_owned()),
            }
        }
        run.failed("it does not end".to_owned())
    }

    fn context<'x>(&self, runtime: &'x Runtime, body: &'x Bytes) -> Context<'x> {
        let recipient = self.letter.recipient.clone();
        let domain = self.rules.address.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned();
        let mut context = runtime
            .filter(body)
            .with_envelope(Envelope::From, self.letter.sender.clone())
            .with_envelope(Envelope::To, recipient)
            .with_user_address(self.rules.address.clone())
            .with_user_full_name(&self.rules.name)
            .with_spam_status(match self.letter.spam {
                Spam::Unknown => SpamStatus::Unknown,
                Spam::Ham => SpamStatus::Ham,
                Spam::Maybe(share) => SpamStatus::MaybeSpam(share),
                Spam::Spam => SpamStatus::Spam,
            });
        context.set_env_variable("domain", domain);
        context
    }

    fn seen(&self, what: i64, text: &str, expiry_seconds: u64) -> Seen {
        let seconds = i64::try_from(expiry_seconds.min(366 * 86_400)).unwrap_or(0);
        Seen { what, key: Seen::key(text), expires_at: self.ctx.now_ms() + seconds * 1_000 }
    }

    fn file(&mut self, mut target: Target) {
        if target.body.is_none() && self.body != self.letter.body {
            target.body = Some(self.body.clone());
        }
        match self.actions.files.iter_mut().find(|known| known.place == target.place) {
            // The same mailbox twice is one copy (RFC 5228 section 2.10.3), with the flags of both.
            Some(known) => {
                for flag in target.flags {
                    if !known.flags.contains(&flag) {
                        known.flags.push(flag);
                    }
                }
                known.body = target.body.or(known.body.take());
            }
            None => self.actions.files.push(target),
        }
    }

    fn redirect(&mut self, to: String, body: &Bytes) {
        let most = usize::try_from(self.ctx.limits.sieve_redirects).unwrap_or(usize::MAX);
        let known = self.actions.redirects.iter().any(|known| known.to.eq_ignore_ascii_case(&to));
        if !known && self.actions.redirects.len() < most && codec::Address::parse(&to).is_ok() {
            let body = forward::marked(body, &self.rules.address);
            self.actions.redirects.push(Redirect { to, body, by_domain: self.by_domain });
        }
    }

    fn answer(&mut self, head: &Message<'_>, from: Option<&str>, subject: &str, text: Text, seen: Seen) {
        let own = |address: &&str| self.rules.addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
        let address = from.filter(own).unwrap_or(&self.rules.address);
        let to = self.letter.sender.as_str();
        let answer = Answer { from: (&self.rules.name, address), to, subject, text };
        match reply::build(self.ctx, head, answer) {
            Ok(body) => {
                self.actions.reply = Some(Reply { to: to.to_owned(), body, seen, copies: Vec::new() });
            }
            Err(error) => self.actions.faults.push(error.to_string()),
        }
    }
}

fn said(error: &RuntimeError) -> String {
    match error {
        RuntimeError::TooManyIncludes => "includes too many scripts".to_owned(),
        other => other.to_string(),
    }
}

/// One script on its way.
struct Run<'e, 'a> {
    engine: &'e mut Engine<'a>,
    outcome: Outcome,
    /// Messages that the script made, by the library's number.
    made: HashMap<usize, Bytes>,
    /// The message as the script last edited it.
    edited: Option<Bytes>,
    /// The library's number of the answer.
    answer_id: Option<usize>,
    /// A `vacation` was allowed: what it makes next is the answer.
    answering: Option<Seen>,
}

impl Run<'_, '_> {
    /// An error keeps the message; what was done before stays done.
    fn failed(mut self, fault: String) -> Outcome {
        self.outcome.keep.get_or_insert_default();
        self.outcome.fault = Some(fault);
        self.outcome
    }

    /// Does what the script wants, and answers what it asks.
    fn event(&mut self, event: Event, message: &Message<'_>) -> Result<Input, String> {
        match event {
            Event::IncludeScript { name, optional } => return self.include(name, optional),
            Event::MailboxExists { mailboxes, special_use } => {
                return Ok(self.exist(&mailboxes, &special_use).into());
            }
            Event::DuplicateId { id, expiry, last } => {
                return Ok(self.duplicate(&id, expiry, last, message).into());
            }
            Event::ListContains { .. } | Event::Function { .. } => return Ok(Input::False),
            Event::SetEnvelope { .. } | Event::Notify { .. } => {}
            Event::Keep { flags, message_id } => {
                // The library names the original where a copy was sent on or filed between the edit and the end.
                self.outcome.body = self.made.get(&message_id).or(self.edited.as_ref()).cloned();
                self.outcome.acted |= !flags.is_empty();
                self.outcome.keep = Some(flags);
            }
            Event::Discard => {
                self.outcome.acted = true;
                self.outcome.keep = None;
            }
            Event::Reject { extended, reason } => {
                self.outcome.acted = true;
                let reason = reason.chars().take(2_000).collect();
                self.engine.actions.reject = Some(Rejection { reason, extended });
            }
            Event::FileInto { folder, flags, mailbox_id, special_use, create, message_id } => {
                self.outcome.acted = true;
                let place = self.place(&folder, mailbox_id.as_deref(), special_use.as_deref(), create);
                if message_id != 0 && self.answer_id == Some(message_id) {
                    self.copy_of_answer(place, flags);
                } else {
                    let body = self.made.get(&message_id).cloned();
                    self.engine.file(Target { place, flags, body });
                }
            }
            Event::SendMessage { recipient, message_id, .. } => {
                self.outcome.acted = true;
                self.send(recipient, message_id, message);
            }
            Event::CreatedMessage { message_id, message } => {
                let message = Bytes::from(message);
                if self.answering.is_none() {
                    self.edited = Some(message.clone());
                }
                self.made.insert(message_id, message);
            }
        }
        Ok(Input::True)
    }

    fn include(&mut self, name: Script, optional: bool) -> Result<Input, String> {
        let text = match &name {
            Script::Personal(name) => self.engine.rules.scripts.get(name.as_str()),
            Script::Global(_) => None,
        };
        let Some(text) = text else {
            return if optional {
                Ok(Input::False)
            } else {
                Err(format!("includes {:?}, which is not there", name.as_str()))
            };
        };
        match self.engine.cache.get(&self.engine.ctx.limits, text) {
            Ok(compiled) => Ok(Input::Script { name, script: compiled.sieve }),
            Err(error) => Err(format!("includes {:?}: {}", name.as_str(), error.rule())),
        }
    }

    fn find(&self, path: &str) -> Option<&super::rules::Box_> {
        let is_inbox = path.eq_ignore_ascii_case("INBOX");
        self.engine.rules.mailboxes.iter().find(|one| one.path == path || (is_inbox && one.role == "inbox"))
    }

    fn find_role(&self, attribute: &str) -> Option<&super::rules::Box_> {
        let role = role(attribute);
        self.engine.rules.mailboxes.iter().find(|one| !role.is_empty() && one.role == role)
    }

    fn find_id(&self, id: &str) -> Option<&super::rules::Box_> {
        let number = id.strip_prefix('F')?.parse::<i64>().ok()?;
        self.engine.rules.mailboxes.iter().find(|one| one.id.0 == number)
    }

    /// RFC 5490 section 3.1, RFC 9042 section 4, RFC 8579 section 3.
    fn exist(&self, mailboxes: &[Mailbox], special_use: &[String]) -> bool {
        let named: Option<Vec<_>> = mailboxes
            .iter()
            .map(|mailbox| match mailbox {
                Mailbox::Name(path) => self.find(path),
                Mailbox::Id(id) => self.find_id(id),
            })
            .collect();
        match (named, special_use.is_empty()) {
            (None, _) => false,
            (Some(_), true) => true,
            (Some(named), false) if named.is_empty() => {
                special_use.iter().all(|attribute| self.find_role(attribute).is_some())
            }
            (Some(named), false) => {
                named.iter().all(|one| special_use.iter().all(|attribute| one.role == role(attribute)))
            }
        }
    }

    /// Whether something is remembered already; for a `vacation` also whether nobody is to be answered.
    fn duplicate(&mut self, id: &str, expiry: u64, last: bool, message: &Message<'_>) -> bool {
        if let Some(answer) = id.strip_prefix("_v") {
            if !reply::may_answer(message, &self.engine.letter.sender, &self.addresses(message)) {
                return true;
            }
            self.answering = Some(self.engine.seen(Seen::ANSWERED, &format!("script {answer}"), expiry));
            return false;
        }
        let engine = &mut *self.engine;
        let seen = engine.seen(Seen::MESSAGE, id, expiry);
        let known = engine.rules.seen.contains(&seen.key)
            || engine.actions.seen.iter().any(|other| other.key == seen.key);
        if !known || last {
            engine.actions.seen.push(seen);
        }
        known
    }

    /// The addresses for which a `vacation` answers: its own `:addresses` were looked for in the message by the
    /// library, which found the message to be written to the person.
    fn addresses(&self, message: &Message<'_>) -> Vec<String> {
        let mut all = self.engine.rules.addresses.clone();
        let sender = &self.engine.letter.sender;
        let written_to = [message.to(), message.cc(), message.bcc()];
        let found = written_to.into_iter().flatten().flat_map(mail_parser::Address::iter);
        let found = found.filter_map(|one| one.address.as_deref());
        all.extend(found.filter(|one| !one.eq_ignore_ascii_case(sender)).map(str::to_owned));
        all
    }

    fn place(&self, path: &str, id: Option<&str>, special_use: Option<&str>, create: bool) -> Place {
        if let Some(found) = id.and_then(|id| self.find_id(id)) {
            return Place::Mailbox(found.id);
        }
        if let Some(found) = special_use.and_then(|attribute| self.find_role(attribute)) {
            return Place::Mailbox(found.id);
        }
        match self.find(path) {
            Some(found) if found.role == "inbox" => Place::Inbox,
            Some(found) => Place::Mailbox(found.id),
            None if create && !path.eq_ignore_ascii_case("INBOX") => self.new_place(path, special_use),
            // RFC 5228 section 4.1 leaves it to us; nothing is lost in the inbox.
            None => Place::Inbox,
        }
    }

    fn new_place(&self, path: &str, special_use: Option<&str>) -> Place {
        let limits = &self.engine.ctx.limits;
        let names: Option<Vec<String>> =
            path.split('/').map(|name| codec::text::name("mailbox", name, limits.name_bytes).ok()).collect();
        match names {
            Some(path) if u64::try_from(path.len()).unwrap_or(u64::MAX) <= limits.collection_depth => {
                Place::New { path, role: special_use.map(role).unwrap_or_default() }
            }
            _ => Place::Inbox,
        }
    }

    /// `:fcc` of a `vacation` (RFC 8580).
    fn copy_of_answer(&mut self, place: Place, flags: Vec<String>) {
        if let Some(reply) = &mut self.engine.actions.reply {
            let body = Some(reply.body.clone());
            reply.copies.push(Target { place, flags, body });
        }
    }

    fn send(&mut self, recipient: Recipient, message_id: usize, message: &Message<'_>) {
        let made = self.made.get(&message_id).cloned();
        if let Some(seen) = self.answering.take() {
            self.answer_id = Some(message_id);
            let parts = made.as_deref().and_then(reply::take_apart);
            if let Some((from, subject, text)) = parts {
                self.engine.answer(message, from.as_deref(), &subject, text, seen);
            }
            return;
        }
        let body = made.unwrap_or_else(|| self.engine.body.clone());
        match recipient {
            Recipient::Address(to) => self.engine.redirect(to, &body),
            Recipient::Group(all) => all.into_iter().for_each(|to| self.engine.redirect(to, &body)),
            Recipient::List(_) => {}
        }
    }
}

/// The role of a mailbox from its special-use attribute (RFC 6154): `\Archive` is `archive`.
fn role(attribute: &str) -> String {
    attribute.trim_start_matches('\\').to_ascii_lowercase()
}
