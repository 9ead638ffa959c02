//! The requests that are measured.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::http::{Door, Jmap};

/// What is promised of a request.
pub struct Figure {
    pub name: &'static str,
    /// At most so many milliseconds.
    pub most_ms: f64,
}

const LIST: &str = "list: query and get of 50";
const LIST_CHANGED: &str = "list after a change";
const CONVERSATIONS: &str = "list of conversations, after a change";
const DEEP: &str = "list of 50 in the middle";
const UNREAD: &str = "list of unread messages, after a change";
const SUBJECT: &str = "search in subjects";
const BY_SENDER: &str = "list by sender";
const CHANGES: &str = "changes after a flag change";
const SET: &str = "1,000 flags in one set";

/// All requests, in the order in which they are told.
pub const FIGURES: &[Figure] = &[
    Figure { name: LIST, most_ms: 10.0 },
    Figure { name: LIST_CHANGED, most_ms: 10.0 },
    Figure { name: CONVERSATIONS, most_ms: 10.0 },
    Figure { name: DEEP, most_ms: 10.0 },
    Figure { name: UNREAD, most_ms: 10.0 },
    Figure { name: SUBJECT, most_ms: 10.0 },
    Figure { name: BY_SENDER, most_ms: 10.0 },
    Figure { name: CHANGES, most_ms: 1.0 },
    Figure { name: SET, most_ms: 60.0 },
];

/// The times of requests, by server and request.
#[derive(Default)]
pub struct Series(HashMap<(&'static str, &'static str), Vec<f64>>);

impl Series {
    fn add(&mut self, server: &'static str, name: &'static str, took_ms: f64) {
        self.0.entry((server, name)).or_default().push(took_ms);
    }

    /// The median of a request on a server.
    pub fn median(&self, server: &'static str, name: &'static str) -> Option<f64> {
        let mut all = self.0.get(&(server, name))?.clone();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

/// What a list of messages shows of each.
fn shown() -> Value {
    json!([
        "id",
        "threadId",
        "mailboxIds",
        "keywords",
        "from",
        "to",
        "subject",
        "receivedAt",
        "size",
        "preview",
        "hasAttachment"
    ])
}

struct List {
    filter: Value,
    sort: &'static str,
    position: u32,
    collapse: bool,
    total: bool,
}

impl List {
    fn of(inbox: &str) -> Self {
        let filter = json!({ "inMailbox": inbox });
        Self { filter, sort: "receivedAt", position: 0, collapse: false, total: true }
    }

    /// Runs it; the time it took.
    fn run(self, jmap: &mut Jmap) -> Result<f64> {
        let query = json!({
            "filter": self.filter,
            "sort": [{ "property": self.sort, "isAscending": false }],
            "position": self.position,
            "limit": 50,
            "collapseThreads": self.collapse,
            "calculateTotal": self.total,
        });
        let get = json!({
            "#ids": { "resultOf": "0", "name": "Email/query", "path": "/ids" },
            "properties": shown(),
        });
        let (answers, took_ms) = jmap.run(&[("Email/query", query), ("Email/get", get)])?;
        let found = answers.get(1).and_then(|answer| answer["list"].as_array()).context("a list")?;
        ensure!(!found.is_empty(), "the list is empty");
        Ok(took_ms)
    }
}

/// The ids of so many messages of the inbox from a position on.
fn ids(jmap: &mut Jmap, inbox: &str, position: u32, limit: u32) -> Result<Vec<String>> {
    let query = json!({
        "filter": { "inMailbox": inbox },
        "sort": [{ "property": "receivedAt" }],
        "position": position,
        "limit": limit,
    });
    let (answers, _) = jmap.run(&[("Email/query", query)])?;
    let found = answers.first().and_then(|answer| answer["ids"].as_array()).context("ids")?;
    Ok(found.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Sets or removes a keyword; the time it took.
fn flag(jmap: &mut Jmap, ids: &[String], keyword: &str, set: bool) -> Result<f64> {
    let patch = if set { json!(true) } else { Value::Null };
    let update: serde_json::Map<String, Value> =
        ids.iter().map(|id| (id.clone(), json!({ format!("keywords/{keyword}"): patch }))).collect();
    let (answers, took_ms) = jmap.run(&[("Email/set", json!({ "update": update }))])?;
    let done =
        answers.first().and_then(|answer| answer["updated"].as_object()).map_or(0, serde_json::Map::len);
    ensure!(done == ids.len(), "{done} of {} messages were changed", ids.len());
    Ok(took_ms)
}

/// One round of all requests on one server.
pub fn round(
    server: &'static str,
    door: &Door,
    round: u32,
    messages: u32,
    series: &mut Series,
) -> Result<()> {
    let mut jmap = Jmap::open(door)?;
    let (answers, _) = jmap.run(&[("Mailbox/query", json!({ "filter": { "role": "inbox" } }))])?;
    let inbox =
        answers.first().and_then(|answer| answer.pointer("/ids/0")?.as_str()).context("an inbox")?.to_owned();
    let one = ids(&mut jmap, &inbox, 0, 1)?;
    let mut add = |name, took_ms| series.add(server, name, took_ms);

    // What a client that has just been here asks again.
    List::of(&inbox).run(&mut jmap)?;
    add(LIST, List::of(&inbox).run(&mut jmap)?);
    add(DEEP, List { position: messages / 2, ..List::of(&inbox) }.run(&mut jmap)?);

    let (answers, _) = jmap.run(&[("Email/get", json!({ "ids": [] }))])?;
    let state = answers.first().and_then(|answer| answer["state"].as_str()).context("a state")?.to_owned();
    flag(&mut jmap, &one, "$flagged", round.is_multiple_of(2))?;
    let (answers, took_ms) = jmap.run(&[("Email/changes", json!({ "sinceState": state }))])?;
    let updated = answers.first().and_then(|answer| answer["updated"].as_array()).map_or(0, Vec::len);
    ensure!(updated == 1, "{updated} messages changed where one did");
    add(CHANGES, took_ms);
    add(LIST_CHANGED, List::of(&inbox).run(&mut jmap)?);

    flag(&mut jmap, &one, "$seen", round.is_multiple_of(2))?;
    add(CONVERSATIONS, List { collapse: true, ..List::of(&inbox) }.run(&mut jmap)?);
    flag(&mut jmap, &one, "$seen", !round.is_multiple_of(2))?;
    let unread = json!({ "inMailbox": inbox, "notKeyword": "$seen" });
    add(UNREAD, List { filter: unread, ..List::of(&inbox) }.run(&mut jmap)?);

    let words = ["budget", "meeting", "report", "invoice", "re"];
    let word = words.get(round as usize % words.len()).copied().unwrap_or("re");
    let query = json!({
        "filter": { "inMailbox": inbox, "subject": word },
        "sort": [{ "property": "receivedAt", "isAscending": false }],
        "limit": 50,
    });
    match jmap.run(&[("Email/query", query)]) {
        Ok((_, took_ms)) => add(SUBJECT, took_ms),
        // Cyrus searches texts only where an index was set up for it.
        Err(error) if server == "beffroi" => return Err(error),
        Err(_) => {}
    }
    add(BY_SENDER, List { sort: "from", ..List::of(&inbox) }.run(&mut jmap)?);

    // Bounded by what every server takes in one request.
    let many = ids(&mut jmap, &inbox, 1_000, 1_000.min(messages / 2))?;
    add(SET, flag(&mut jmap, &many, "$answered", round.is_multiple_of(2))?);
    Ok(())
}
