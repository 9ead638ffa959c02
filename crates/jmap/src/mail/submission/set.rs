//! `EmailSubmission/set` (RFC 8621 section 7.5).

use base::Meaning;
use bytes::Bytes;
use mail::Columns;
use mail::emails::Email;
use mail::queue::{Body, NewMessage};
use mail::submission::{self, Identity, NewSubmission};
use mail_parser::DateTime;
use serde_json::{Value, json};

use super::envelope::{Envelope, invalid_recipients};
use crate::dates;
use crate::engine::{Access, Call, Map, MethodError, Patch, SetDone, SetError, SetRequest};
use crate::mail::{blob, ids};

/// What stands in a call, with whom it is about.
struct Sender<'c> {
    call: &'c Call,
    account: &'c Access,
    identities: Vec<Identity>,
}

/// The email that a creation names.
async fn email(call: &Call, account: &Access, object: &Map) -> Result<Email, SetError> {
    let missing = || SetError::invalid("emailId", "names an email that does not exist");
    let id = object.get("emailId").and_then(Value::as_str).and_then(ids::read_email).ok_or_else(missing)?;
    let columns = Columns { thread: true, ..Columns::default() };
    let (_, mut found) = call.mail().emails(call.ctx(), account.account, vec![id], columns).await?;
    found.pop().ok_or_else(missing)
}

impl Sender<'_> {
    fn identity(&self, object: &Map) -> Result<&Identity, SetError> {
        let id = object.get("identityId").and_then(Value::as_str).and_then(ids::read_identity);
        let found = id.and_then(|id| self.identities.iter().find(|one| one.id == id));
        found.ok_or_else(|| SetError::invalid("identityId", "names an identity that does not exist"))
    }

    /// The text of an email without what we put before it when it arrived.
    async fn text(&self, email: &Email) -> Result<Bytes, SetError> {
        let id = blob::message_id(&email.row, email.object);
        let failed = |error: MethodError| match error {
            MethodError::RequestTooLarge => SetError::new("tooLarge")
                .describe("the message is larger than messages may be")
                .with("maxSize", json!(self.call.limits().message_bytes)),
            _ => SetError::invalid("emailId", "cannot be read now"),
        };
        let whole = blob::read(self.call, self.account, &id).await.map_err(failed)?;
        let trace = usize::try_from(email.row.trace_bytes).unwrap_or(0).min(whole.len());
        let text = whole.slice(trace..);
        let of_class = self.call.mail().largest_submission(self.account.account).await?;
        match of_class.filter(|most| text.len() as u64 > *most) {
            Some(most) => Err(SetError::new("tooLarge")
                .describe("the message is larger than your class of service allows")
                .with("maxSize", json!(most))),
            None => Ok(text),
        }
    }

    /// Whether sender and authors are addresses of the person, and the recipients take its mail.
    async fn check(&self, envelope: &Envelope, text: &[u8]) -> Result<(), SetError> {
        let (mail, ctx) = (self.call.mail(), self.call.ctx());
        let why = "is neither an address of yours nor delegated to you";
        let authors = submission::authors(text)
            .map_err(|fault| SetError::new("invalidEmail").property("from").describe(fault))?;
        for (what, address) in authors {
            if !mail.may_send_as(ctx, &address).await? {
                return Err(SetError::new("forbiddenFrom").describe(format!("{what} {address} {why}")));
            }
        }
        let mut sender = String::new();
        if let Some(address) = &envelope.sender {
            if !mail.may_send_as(ctx, address).await? {
                return Err(SetError::new("forbiddenMailFrom").describe(format!("{address} {why}")));
            }
            sender = address.to_string();
        }
        let mut refused = Vec::new();
        for (address, _) in &envelope.recipients {
            if !mail.may_write_to(ctx, address, &sender).await? {
                refused.push(address.to_string());
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(invalid_recipients(&refused)) }
    }

    /// The message as it is sent: with what it lacks, and without what others must not see.
    fn shape(&self, text: &Bytes, host: &str) -> Bytes {
        let ctx = self.call.ctx();
        let now = DateTime::from_timestamp(ctx.now_ms().div_euclid(1_000)).to_rfc822();
        // Where a person sends from is nobody's business.
        let received = format!("Received: by {host} with HTTP id {:016x};\r\n\t{now}\r\n", ctx.random.u64());
        let added = received + &submission::missing_fields(ctx, host, text);
        let rest = submission::without_bcc(text);
        [added.as_bytes(), rest.as_deref().unwrap_or(text)].concat().into()
    }

    /// Sends an email; what the client is told, and the email.
    async fn create(&self, object: &Map) -> Result<(Map, i64), SetError> {
        if object.get("undoStatus").is_some_and(|status| status == "canceled" || status == "final") {
            return Err(SetError::invalid("undoStatus", "is `pending` at first"));
        }
        let (call, account) = (self.call, self.account);
        let identity = self.identity(object)?;
        let email = email(call, account, object).await?;
        let text = self.text(&email).await?;
        let heads = submission::heads(&text);
        let heads =
            heads.ok_or_else(|| SetError::new("invalidEmail").describe("its header cannot be read"))?;
        let envelope = Envelope::read(call.ctx(), object, &heads, &identity.address)?;
        self.check(&envelope, &text).await?;
        let domain = codec::Address::parse(&identity.address).ok();
        let domain = domain.as_ref().and_then(codec::Address::domain).unwrap_or("localhost");
        let shaped = self.shape(&text, domain);
        let json = envelope.json.to_string();
        let sender = envelope.sender.as_ref().map(ToString::to_string).unwrap_or_default();
        let to = envelope.recipients.into_iter().map(|(_, to)| to);
        let organisation = call.ctx().actor.organisation;
        let unnamed = Body::Named { hash: [0; 32], size: 0 };
        let header = shaped.get(..usize::try_from(email.row.header_bytes).unwrap_or(0).min(shaped.len()));
        let message = NewMessage {
            envelope_id: envelope.id,
            return_text: envelope.return_text,
            requires_tls: envelope.requires_tls,
            hold_until: envelope.hold_until,
            needs_utf8: header.is_some_and(|header| !header.is_ascii()),
            has_8bit: !shaped.is_ascii(),
            sign_domain: submission::author_domain(&shaped),
            ..NewMessage::new(organisation, unnamed, sender, to)
        };
        let (object, thread) = (email.object, email.row.thread);
        let new = NewSubmission { email: object, thread, identity: identity.id, envelope: json, message };
        let (id, send_at) = call.mail().submit(call.ctx(), account.account, shaped, new).await?;
        let mut made = Map::new();
        made.insert("id".to_owned(), json!(ids::submission(id)));
        made.insert("threadId".to_owned(), json!(ids::thread(thread)));
        made.insert("envelope".to_owned(), envelope.json);
        made.insert("sendAt".to_owned(), json!(dates::utc(send_at)));
        made.insert("undoStatus".to_owned(), json!("pending"));
        Ok((made, object))
    }

    async fn update(&self, id: &str, patch: &Patch) -> Result<(), SetError> {
        let number = ids::read_submission(id).ok_or_else(SetError::not_found)?;
        let Some(status) = patch.whole("undoStatus") else { return Ok(()) };
        if status != "canceled" {
            return Err(SetError::invalid("undoStatus", "can only be set to `canceled`"));
        }
        let done = self.call.mail().cancel_submission(self.call.ctx(), self.account.account, number).await;
        done.map_err(|error| match error.meaning() {
            Meaning::Conflict => SetError::new("cannotUnsend").describe("it is on its way"),
            _ => error.into(),
        })
    }

    async fn destroy(&self, id: &str) -> Result<(), SetError> {
        let number = ids::read_submission(id).ok_or_else(SetError::not_found)?;
        Ok(self.call.mail().remove_submission(self.call.ctx(), self.account.account, number).await?)
    }
}

/// What happens to emails because their submissions succeeded: arguments of `Email/set`.
struct Afterwards {
    update: Map,
    destroy: Vec<String>,
}

impl Afterwards {
    fn read(request: &mut SetRequest) -> Result<Self, MethodError> {
        let update = request.arguments.map_opt("onSuccessUpdateEmail")?.unwrap_or_default();
        let destroy = request.arguments.strings_opt("onSuccessDestroyEmail")?.unwrap_or_default();
        Ok(Self { update, destroy })
    }

    /// The call that follows; `emails` has the email of each submission that succeeded, by id and by `#name`.
    fn call(&self, account: &Access, emails: &[(String, i64)]) -> Option<(&'static str, Map)> {
        let of =
            |key: &str| emails.iter().find(|(known, _)| known == key).map(|(_, email)| ids::email(*email));
        let mut update = Map::new();
        for (key, patch) in &self.update {
            if let Some(email) = of(key) {
                update.insert(email, patch.clone());
            }
        }
        let mut destroy: Vec<String> = self.destroy.iter().filter_map(|key| of(key)).collect();
        destroy.sort_unstable();
        destroy.dedup();
        if update.is_empty() && destroy.is_empty() {
            return None;
        }
        let mut arguments = Map::new();
        arguments.insert("accountId".to_owned(), json!(account.id()));
        arguments.insert("update".to_owned(), Value::Object(update));
        arguments.insert("destroy".to_owned(), json!(destroy));
        Some(("Email/set", arguments))
    }
}

pub(super) async fn set(
    call: &Call,
    account: &Access,
    mut request: SetRequest,
) -> Result<SetDone, MethodError> {
    let afterwards = Afterwards::read(&mut request)?;
    let (state, known) = call.mail().submissions(call.ctx(), account.account).await?;
    let email_of = |id: &str| {
        let number = ids::read_submission(id)?;
        known.iter().find(|one| one.id == number).map(|one| (id.to_owned(), one.email))
    };
    let identities = call.mail().identities(call.ctx(), account.account).await?;
    let sender = Sender { call, account, identities };
    let mut done = SetDone { old_state: Some(state.to_string()), ..SetDone::default() };
    let mut emails: Vec<(String, i64)> = Vec::new();
    for (name, object) in request.create {
        match sender.create(&object).await {
            Ok((made, email)) => {
                let id = made.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                emails.extend([(format!("#{name}"), email), (id, email)]);
                done.created.push((name, made));
            }
            Err(error) => done.not_created.push((name, error)),
        }
    }
    for (id, patch) in request.update {
        match sender.update(&id, &patch).await {
            Ok(()) => {
                emails.extend(email_of(&id));
                done.updated.push((id, None));
            }
            Err(error) => done.not_updated.push((id, error)),
        }
    }
    for id in request.destroy {
        match sender.destroy(&id).await {
            Ok(()) => {
                emails.extend(email_of(&id));
                done.destroyed.push(id);
            }
            Err(error) => done.not_destroyed.push((id, error)),
        }
    }
    done.then.extend(afterwards.call(account, &emails));
    done.new_state = call.mail().submission_state(call.ctx(), account.account).await?.to_string();
    Ok(done)
}
