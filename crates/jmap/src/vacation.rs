//! The answer while away (RFC 8621 section 8).

use std::sync::Arc;

use base::{Error, Meaning};
use mail::sieve::Vacation;
use serde_json::Value;

use crate::engine::{
    Access, Call, GetRequest, Hook, Method, Objects, Patch, Property, SetDone, SetError, SetRequest, Shape,
    Table, Type, capabilities,
};
use crate::states;

const ID: &str = "singleton";
const TEXT: Shape = Shape::Nullable(&Shape::String);
const DATE: Shape = Shape::Nullable(&Shape::UtcDate);

/// What senders are told by someone who turns the answer on without writing one.
const DEFAULT_TEXT: &str = "Je suis absent pour le moment et lirai votre message à mon retour.\r\n\r\n\
                            I am away at the moment and will read your message when I am back.\r\n";

static TABLE: Table = Table {
    name: "VacationResponse",
    capability: capabilities::VACATION,
    doc: "The answer that senders get while a person is away. There is one, with the id `singleton`.",
    shared: false,
    pushed: true,
    personal: false,
    properties: &[
        Property::new("id", Shape::Id, "Always `singleton`.").server_set().immutable(),
        Property::new("isEnabled", Shape::Bool, "Whether senders are answered."),
        Property::new("fromDate", DATE, "Answers begin then; null: at once."),
        Property::new("toDate", DATE, "Answers end then; null: when it is turned off."),
        Property::new("subject", TEXT, "The subject; null: that of the message behind a prefix."),
        Property::new("textBody", TEXT, "The answer as plain text."),
        Property::new("htmlBody", TEXT, "The answer as HTML."),
    ],
    filters: &[],
    sorts: &[],
    methods: &[Method::standard("get"), Method::standard("set")],
};

struct Response;

/// The type of the answer while away.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Response)]
}

fn date(ms: Option<i64>) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(ms?).ok()?;
    Some(time.to_string())
}

fn milliseconds(value: &Value) -> Option<i64> {
    value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(|time| time.as_millisecond())
}

fn filled(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn apply(vacation: &mut Vacation, patch: &Patch) {
    for (path, value) in &patch.entries {
        let text = || value.as_str().unwrap_or_default().to_owned();
        match path.first().map(String::as_str) {
            Some("isEnabled") => vacation.active = value.as_bool().unwrap_or(false),
            Some("fromDate") => vacation.from_ms = milliseconds(value),
            Some("toDate") => vacation.until_ms = milliseconds(value),
            Some("subject") => vacation.subject = text(),
            Some("textBody") => vacation.text = text(),
            Some("htmlBody") => vacation.html = value.as_str().map(str::to_owned),
            _ => {}
        }
    }
    if vacation.active && vacation.text.trim().is_empty() {
        DEFAULT_TEXT.clone_into(&mut vacation.text);
    }
}

/// An error about a setting is one about the property that it is made of.
fn refused(error: Error) -> SetError {
    if error.meaning() != Meaning::Invalid && error.meaning() != Meaning::TooLarge {
        return error.into();
    }
    let property = match error.field() {
        "text" => "textBody",
        "html" => "htmlBody",
        "until" => "toDate",
        other => other,
    };
    SetError::invalid(property.to_owned(), error.rule().to_owned())
}

impl Type for Response {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        states::of_account(call, account)
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let state = states::of_account(call, account).await?;
            let vacation = call.mail().filter().vacation(call.ctx(), account.account).await?;
            for id in request.ids.unwrap_or_else(|| vec![ID.to_owned()]) {
                if id != ID {
                    out.missing(id);
                    continue;
                }
                out.add(ID, |object| {
                    object.put("isEnabled", &vacation.active);
                    object.put("fromDate", &date(vacation.from_ms));
                    object.put("toDate", &date(vacation.until_ms));
                    object.put("subject", &filled(&vacation.subject));
                    object.put("textBody", &filled(&vacation.text));
                    object.put("htmlBody", &vacation.html);
                    Ok(())
                })?;
            }
            Ok(state)
        })
    }

    fn set<'a>(&'a self, call: &'a Call, account: &'a Access, request: SetRequest) -> Hook<'a, SetDone> {
        Box::pin(async move {
            let old_state = states::of_account(call, account).await?;
            let singleton = || SetError::new("singleton").describe("there is always exactly one");
            let mut done = SetDone { old_state: Some(old_state), ..SetDone::default() };
            done.not_created.extend(request.create.into_iter().map(|(name, _)| (name, singleton())));
            for id in request.destroy {
                let error = if id == ID { singleton() } else { SetError::not_found() };
                done.not_destroyed.push((id, error));
            }
            let (filter, ctx) = (call.mail().filter(), call.ctx());
            for (id, patch) in request.update {
                if id != ID {
                    done.not_updated.push((id, SetError::not_found()));
                    continue;
                }
                let mut vacation = filter.vacation(ctx, account.account).await?;
                apply(&mut vacation, &patch);
                match filter.set_vacation(ctx, account.account, vacation).await {
                    Ok(()) => done.updated.push((id, None)),
                    Err(error) => done.not_updated.push((id, refused(error))),
                }
            }
            done.new_state = states::of_account(call, account).await?;
            Ok(done)
        })
    }
}
