//! Why an email was found (RFC 8621 section 5).

use mail::Columns;
use mail::summary::{HEAD_END, text_of};
use serde_json::{Value, json};

use crate::engine::{
    Access, Argument, Arguments, Call, Filter, Hook, Map, Method, MethodError, Shape, Table, Type,
    capabilities,
};
use crate::mail::email::{found_terms, read_filter};
use crate::mail::ids;

/// The type `SearchSnippet`.
pub(crate) struct Snippets;

/// Bytes of a message that are looked through.
const TEXT_BYTES: usize = 1 << 20;
/// Bytes of a snippet, the marks apart (section 5 allows 255).
const SNIPPET_BYTES: usize = 200;

static TABLE: Table = Table {
    name: "SearchSnippet",
    capability: capabilities::MAIL,
    doc: "The places of an email that a search found.",
    shared: true,
    methods: &[Method::custom(
        "get",
        "Gives the places of emails that a filter finds.",
        &[
            Argument {
                name: "filter",
                shape: Shape::Nullable(&Shape::Object),
                doc: "The filter of the search.",
            },
            Argument { name: "emailIds", shape: Shape::List(&Shape::Id), doc: "The emails." },
        ],
    )],
    ..Table::EMPTY
};

impl Type for Snippets {
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
        Box::pin(get(call, account, arguments))
    }
}

async fn get(call: &Call, access: &Access, mut arguments: Arguments) -> Result<Map, MethodError> {
    let email_ids = arguments.strings("emailIds")?;
    if email_ids.len() as u64 > call.limits().jmap_objects_get {
        return Err(MethodError::RequestTooLarge);
    }
    let filter: Option<Filter> = match arguments.take("filter") {
        Some(filter) => Some(read_filter(filter, call)?),
        None => None,
    };
    let (subject_words, body_words) = filter.as_ref().map(found_terms).unwrap_or_default();
    let columns = Columns { texts: true, ..Columns::default() };
    let objects = email_ids.iter().filter_map(|id| ids::read_email(id)).collect();
    let (_, emails) = call.mail().emails(call.ctx(), access.account, objects, columns).await?;
    let (mut list, mut not_found) = (Vec::new(), Vec::new());
    for id in email_ids {
        let found = ids::read_email(&id)
            .and_then(|object| emails.binary_search_by_key(&object, |email| email.object).ok())
            .and_then(|at| emails.get(at));
        let Some(email) = found else {
            not_found.push(id);
            continue;
        };
        let mut preview = None;
        if let (false, Some(place)) = (body_words.is_empty(), email.places.first()) {
            let mail = call.mail();
            let bytes = mail.body(call.ctx(), access.account, place.mailbox, email.row.content, None).await?;
            let text = text_of(&bytes, TEXT_BYTES);
            let body = text.split_once(HEAD_END).map_or(text.as_str(), |(_, body)| body);
            preview = around(body, &body_words);
        }
        let subject = marked(&email.row.subject, &subject_words);
        list.push(json!({ "emailId": id, "subject": subject, "preview": preview }));
    }
    let mut out = Map::new();
    out.insert("list".into(), Value::Array(list));
    // The standard allows null for none; a list is right for those too that read it as other `get`s have it.
    out.insert("notFound".into(), json!(not_found));
    Ok(out)
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

/// Where words begin and end in a text, in bytes; without regard to case and diacritics. Ascending, apart.
fn places(text: &str, words: &[String]) -> Vec<(usize, usize)> {
    // Each folded character, with the place that it comes from.
    let mut folded = String::with_capacity(text.len());
    let mut from = Vec::with_capacity(text.len());
    let mut piece = [0; 4];
    for (at, c) in text.char_indices() {
        folded.extend(codec::fold::folded(c.encode_utf8(&mut piece)));
        from.resize(folded.len(), (at, at + c.len_utf8()));
    }
    let mut found = Vec::new();
    for word in words {
        let word: String = codec::fold::folded(word).collect();
        if word.is_empty() {
            continue;
        }
        for (at, hit) in folded.match_indices(&word) {
            let start = from.get(at).map(|(start, _)| *start);
            let end = from.get(at + hit.len() - 1).map(|(_, end)| *end);
            found.extend(start.zip(end));
        }
    }
    found.sort_unstable();
    let mut out: Vec<(usize, usize)> = Vec::with_capacity(found.len());
    for (start, end) in found {
        match out.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => out.push((start, end)),
        }
    }
    out
}

/// A text as HTML with its words between `<mark>`; nothing when none is in it.
fn marked(text: &str, words: &[String]) -> Option<String> {
    let places = places(text, words);
    if places.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 13 * places.len());
    let mut at = 0;
    for (start, end) in places {
        push_escaped(&mut out, text.get(at..start).unwrap_or_default());
        out.push_str("<mark>");
        push_escaped(&mut out, text.get(start..end).unwrap_or_default());
        out.push_str("</mark>");
        at = end;
    }
    push_escaped(&mut out, text.get(at..).unwrap_or_default());
    Some(out)
}

/// The text around the first word that is found.
fn around(text: &str, words: &[String]) -> Option<String> {
    let (first, _) = places(text, words).into_iter().next()?;
    let mut start = text.floor_char_boundary(first.saturating_sub(SNIPPET_BYTES / 3));
    if start > 0 {
        let blank = text.get(start..first).and_then(|before| before.find(char::is_whitespace));
        start += blank.map_or(0, |blank| blank + 1);
        start = text.ceil_char_boundary(start).min(first);
    }
    let end = text.floor_char_boundary((start + SNIPPET_BYTES).min(text.len()));
    let piece: String = text.get(start..end)?.split_whitespace().collect::<Vec<_>>().join(" ");
    marked(&piece, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p08_words_are_marked_and_the_rest_is_escaped() {
        let words = ["foo".to_owned(), "ete".to_owned()];
        assert_eq!(
            marked("a <Foo> & Été", &words).unwrap(),
            "a &lt;<mark>Foo</mark>&gt; &amp; <mark>Été</mark>"
        );
        assert_eq!(marked("nothing", &words), None);
        let long = format!("{} foo {}", "before ".repeat(100), "after ".repeat(100));
        let snippet = around(&long, &words).unwrap();
        assert!(snippet.contains("<mark>foo</mark>") && snippet.len() < 255, "{snippet}");
    }
}
