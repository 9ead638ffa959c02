//! What a calendar file says (draft-ietf-jmap-calendars, `CalendarEvent/parse`): invitations are shown from it.

use std::sync::Arc;

use calcard::icalendar::ICalendar;
use calcard::jscalendar::import::ConversionOptions;
use serde_json::{Value, json};

use crate::engine::{
    Access, Argument, Arguments, Call, Hook, Map, Method, MethodError, Shape, Table, Type, capabilities,
};

const NAMES: Shape = Shape::Nullable(&Shape::List(&Shape::String));
/// How deep components may lie in one another: an alarm lies in an event, which lies in a calendar.
const DEPTH: usize = 6;

static TABLE: Table = Table {
    name: "CalendarEvent",
    capability: capabilities::CALENDARS_PARSE,
    doc: "An event or a task of JSCalendar (RFC 8984), as it stands in an iCalendar file.",
    shared: true,
    methods: &[Method::custom(
        "parse",
        "Reads blobs as iCalendar (RFC 5545). A file may hold several events; each has the `method` of the file.",
        &[
            Argument { name: "blobIds", shape: Shape::List(&Shape::Id), doc: "The blobs." },
            Argument { name: "properties", shape: NAMES, doc: "What is told of the events." },
        ],
    )],
    ..Table::EMPTY
};

struct Events;

/// The type of events.
pub(crate) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Events)]
}

/// Whether components are neither more nor deeper than calendars have. What reads them beyond that follows them
/// without bounds.
fn is_bounded(text: &str, components: u64) -> bool {
    let (mut depth, mut count) = (0_usize, 0_u64);
    let is = |line: &str, word: &str| {
        let start = line.trim_start_matches('\u{feff}').trim_start();
        start.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    for line in text.split(['\r', '\n']) {
        if is(line, "BEGIN") {
            (depth, count) = (depth + 1, count + 1);
        } else if is(line, "END") {
            depth = depth.saturating_sub(1);
        }
        if depth > DEPTH || count > components {
            return false;
        }
    }
    true
}

/// The events and tasks of a file; nothing when it is none.
fn events(bytes: &[u8], components: u64, wanted: Option<&[String]>) -> Option<Vec<Value>> {
    let text = String::from_utf8_lossy(bytes);
    if !is_bounded(&text, components) {
        return None;
    }
    let calendar = ICalendar::parse(&text).ok()?;
    let options = ConversionOptions::default().include_ical_components(false);
    let group = calendar.into_jscalendar_with_opt::<String, String>(options);
    let mut group: Value = serde_json::to_value(&group.0).ok()?;
    let Value::Array(entries) = group.get_mut("entries")?.take() else { return None };
    let one = |entry: Value| {
        let Value::Object(mut event) = entry else { return None };
        if let Some(wanted) = wanted {
            event.retain(|name, _| name == "@type" || wanted.iter().any(|wanted| wanted == name));
        }
        Some(Value::Object(event))
    };
    Some(entries.into_iter().filter_map(one).collect())
}

async fn parse(call: &Call, account: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let blob_ids = arguments.strings("blobIds")?;
    if blob_ids.len() as u64 > call.limits().jmap_objects_get {
        return Err(MethodError::RequestTooLarge);
    }
    let wanted = arguments.strings_opt("properties")?;
    let limits = call.limits();
    let (mut parsed, mut not_parsable, mut not_found) = (Map::new(), Vec::new(), Vec::new());
    for asked in blob_ids {
        let id = asked.strip_prefix('#').and_then(|name| call.created(name)).unwrap_or_else(|| asked.clone());
        let Some(bytes) = call.blob(account, &id).await? else {
            not_found.push(asked);
            continue;
        };
        let fits = bytes.len() as u64 <= limits.icalendar_bytes;
        match fits.then(|| events(&bytes, limits.icalendar_components, wanted.as_deref())).flatten() {
            Some(events) => {
                parsed.insert(asked, Value::Array(events));
            }
            None => not_parsable.push(asked),
        }
    }
    let mut out = Map::new();
    out.insert("parsed".into(), if parsed.is_empty() { Value::Null } else { Value::Object(parsed) });
    for (name, list) in [("notParsable", not_parsable), ("notFound", not_found)] {
        out.insert(name.into(), if list.is_empty() { Value::Null } else { json!(list) });
    }
    Ok(out)
}

impl Type for Events {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, _: &'a Call, _: &'a Access) -> Hook<'a, String> {
        Box::pin(async { Ok(String::new()) })
    }

    fn custom<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        _: &'static str,
        arguments: Arguments,
    ) -> Hook<'a, Map> {
        Box::pin(parse(call, account, arguments))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITATION: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:a@b\r\n\
        DTSTAMP:20261122T100000Z\r\nDTSTART;TZID=Europe/Paris:20261201T140000\r\nDTEND;TZID=Europe/Paris:20261201T153000\r\n\
        SUMMARY:Conseil\r\nORGANIZER;CN=Anne:mailto:anne@others.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    #[test]
    fn p08_an_invitation_is_read() {
        let found = events(INVITATION.as_bytes(), 100, None).unwrap();
        let [event] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((&event["title"], &event["method"]), (&json!("Conseil"), &json!("request")));
        assert_eq!((&event["start"], &event["duration"]), (&json!("2026-12-01T14:00:00"), &json!("PT1H30M")));
        assert_eq!(event["timeZone"], "Europe/Paris");
        assert_eq!(event["organizerCalendarAddress"], "mailto:anne@others.example");
        let some = events(INVITATION.as_bytes(), 100, Some(&["title".to_owned()])).unwrap();
        assert_eq!(some, [json!({"@type": "Event", "title": "Conseil"})]);
    }

    #[test]
    fn r09_files_that_are_no_calendars_do_no_harm() {
        let deep = "begin:vcalendar\r\n".repeat(100_000);
        let many =
            format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR", "BEGIN:VEVENT\r\nEND:VEVENT\r\n".repeat(1_001));
        for text in ["", "Hello", "BEGIN:VCARD\r\nFN:a\r\nEND:VCARD\r\n", &deep, &many] {
            assert_eq!(events(text.as_bytes(), 1_000, None), None);
        }
        assert_eq!(events(&[0xff; 5_000], 1_000, None), None);
    }
}
