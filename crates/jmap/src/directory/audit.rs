//! Who did what: the histories of accounts (rights are asked in `directory::audit`).

use std::collections::HashSet;
use std::sync::Arc;

use ::directory::audit::{Found, Names, Of, Span};
use base::{AccountId, Door, Seq};
use codec::changes::{self, Change};
use kernel::{CommitInfo, Rights};
use mail::flags::Keywords;
use serde_json::{Value, json};

use super::columns::ENTRY;
use crate::dates;
use crate::engine::{
    Access, Call, Condition, Filter, GetRequest, Hook, Method, MethodError, Objects, Page, Property, Query,
    Shape, Table, Test, Type, capabilities, ids,
};
use crate::mail::{mailbox_id, read_email_id};

const TEXT: Shape = Shape::Nullable(&Shape::String);
const NAMES: Shape = Shape::List(&Shape::String);
const DOORS: &[&str] = &[
    "system",
    "cli",
    "sql",
    "admin",
    "jmap",
    "imap",
    "pop3",
    "smtp",
    "lmtp",
    "submission",
    "sieve",
    "dav",
    "sync",
];
const KINDS: &[&str] = &["put", "flags", "keywords", "content", "move", "remove", "mailbox", "share", "note"];

const CHANGE: Shape = Shape::Named(
    "AuditChange",
    &[
        Property::new("kind", Shape::OneOf(KINDS), "What was done."),
        Property::new("mailboxId", Shape::Nullable(&Shape::Id), "Where."),
        Property::new("targetId", Shape::Nullable(&Shape::Id), "The mailbox that it was moved to."),
        Property::new("count", Shape::Unsigned, "Items that it was done to."),
        Property::new("added", NAMES, "Flags that were set; rights that someone has now."),
        Property::new("removed", NAMES, "Flags that were taken away."),
        Property::new("subjectId", Shape::Nullable(&Shape::Id), "Whose rights changed."),
        Property::new(
            "text",
            Shape::String,
            "Words about it, and names of mailboxes; else the line of the history.",
        ),
    ],
);

static TABLE: Table = Table {
    name: "AuditEntry",
    capability: capabilities::DIRECTORY,
    doc: "A commit of a history: everything that was done at once. Everyone sees what was done to its own account, and \
          what it did itself; all else takes the right `audit.read`.",
    properties: &[
        Property::new("id", Shape::Id, "Its id.").server_set().immutable(),
        Property::new("at", Shape::UtcDate, "When.").server_set(),
        Property::new(
            "actorId",
            Shape::Nullable(&Shape::Id),
            "Who; null: the server, SQL or the command line.",
        )
        .server_set(),
        Property::new("actorName", TEXT, "Its address; null: it is gone, or nobody.").server_set(),
        Property::new("door", Shape::OneOf(DOORS), "Through what.").server_set(),
        Property::new("origin", TEXT, "The network address that it came from, while that is known.")
            .server_set(),
        Property::new("client", TEXT, "The program, as it names itself.").server_set(),
        Property::new("accountId", Shape::Id, "The account that it was done to.").server_set(),
        Property::new("accountName", TEXT, "Its address; null: it is gone, or the directory.").server_set(),
        Property::new("isDirectory", Shape::Bool, "Whether it was done to the directory.").server_set(),
        Property::new("changes", Shape::List(&CHANGE), "What was done.").server_set(),
    ],
    filters: &[
        Condition { name: "accountId", shape: Shape::Id, doc: "It was done to this account." },
        Condition { name: "actorId", shape: Shape::Id, doc: "This one did it, in all accounts." },
        Condition { name: "emailId", shape: Shape::Id, doc: "It was done to this email of the account." },
        Condition { name: "door", shape: Shape::OneOf(DOORS), doc: "It came through this door." },
        Condition { name: "kind", shape: Shape::OneOf(KINDS), doc: "This is among what was done." },
        Condition { name: "after", shape: Shape::UtcDate, doc: "It was done then or later." },
        Condition { name: "before", shape: Shape::UtcDate, doc: "It was done before." },
        Condition { name: "text", shape: Shape::String, doc: "Its words, or an address of it, hold this." },
    ],
    methods: &[Method::standard("get"), Method::standard("query")],
    ..Table::EMPTY
};

struct Entries;

pub(super) fn types() -> Vec<Arc<dyn Type>> {
    vec![Arc::new(Entries)]
}

fn id_of(account: AccountId, seq: Seq) -> String {
    format!("C{}-{}", account.0, seq.0)
}

fn read_id(id: &str) -> Option<(AccountId, Seq)> {
    let (account, seq) = id.strip_prefix('C')?.split_once('-')?;
    let found = (AccountId(account.parse().ok()?), Seq(seq.parse().ok()?));
    (id_of(found.0, found.1) == id).then_some(found)
}

/// What a filter asks: all of these, since a history is read from one end.
#[derive(Debug, Clone, Default)]
struct Asked {
    account: Option<AccountId>,
    actor: Option<AccountId>,
    email: Option<i64>,
    door: Option<String>,
    kind: Option<String>,
    after: Option<i64>,
    before: Option<i64>,
    text: Option<String>,
}

impl Asked {
    fn read(filter: Option<&Filter>) -> Result<Self, MethodError> {
        let mut asked = Self::default();
        let mut waiting: Vec<&Filter> = filter.into_iter().collect();
        while let Some(filter) = waiting.pop() {
            match filter {
                Filter::And(all) => waiting.extend(all),
                Filter::Is(tests) => tests.iter().try_for_each(|test| asked.take(test))?,
                Filter::Or(_) | Filter::Not(_) => return Err(MethodError::UnsupportedFilter),
            }
        }
        Ok(asked)
    }

    fn take(&mut self, test: &Test) -> Result<(), MethodError> {
        let text = test.value.as_str().unwrap_or_default();
        let moment = || Some(dates::read(text).unwrap_or_default());
        // An id of nothing finds nothing.
        let none = AccountId(-1);
        match test.name {
            "accountId" => self.account = Some(ids::read_account(text).unwrap_or(none)),
            "actorId" => self.actor = Some(ids::read(ENTRY, text).map_or(none, AccountId)),
            "emailId" => self.email = Some(read_email_id(text).unwrap_or(-1)),
            "door" => self.door = Some(text.to_owned()),
            "kind" => self.kind = Some(text.to_owned()),
            "after" => self.after = moment(),
            "before" => self.before = moment(),
            "text" => self.text = Some(codec::fold::fold(text)),
            _ => return Err(MethodError::UnsupportedFilter),
        }
        Ok(())
    }

    /// The history that holds all that is asked for; of nothing in particular: the directory's, or where the caller may not
    /// read that, its own actions.
    fn of(&self, reader: AccountId, reads_directory: bool) -> Of {
        match (self.account, self.actor) {
            (Some(account), _) => Of::Account(account),
            (None, Some(actor)) => Of::Actor(actor),
            (None, None) if self.email.is_some() => Of::Account(reader),
            (None, None) if reads_directory => Of::Directory,
            (None, None) => Of::Actor(reader),
        }
    }

    fn passes(&self, commit: &CommitInfo, all: &[Change], names: &Names, account: AccountId) -> bool {
        let door = commit.door.map(Door::name);
        let has_text = |wanted: &str| {
            let address = |id: AccountId| names.addresses.get(&id).map(|text| codec::fold::fold(text));
            let holds = |text: Option<String>| text.is_some_and(|text| text.contains(wanted));
            holds(address(account))
                || holds(address(commit.actor))
                || holds(Some(codec::fold::fold(&commit.changes)))
                || all.iter().any(|change| codec::fold::fold(&words(change)).contains(wanted))
        };
        self.actor.is_none_or(|actor| commit.actor == actor)
            && self.door.as_deref().is_none_or(|wanted| door == Some(wanted))
            && self.kind.as_deref().is_none_or(|wanted| all.iter().any(|change| kind_of(change) == wanted))
            && self.text.as_deref().is_none_or(has_text)
    }
}

const fn kind_of(change: &Change) -> &'static str {
    match change {
        Change::Put { .. } => "put",
        Change::Flags { .. } => "flags",
        Change::State { .. } => "keywords",
        Change::Content { .. } => "content",
        Change::Move { .. } => "move",
        Change::Remove { .. } => "remove",
        Change::Make { .. } | Change::Modify { .. } | Change::Drop { .. } | Change::Restore { .. } => {
            "mailbox"
        }
        Change::Share { .. } => "share",
        Change::Words(_) => "note",
    }
}

fn words(change: &Change) -> String {
    match change {
        Change::Words(words) => words.clone(),
        Change::Make { name, .. } | Change::Modify { name, .. } => name.clone(),
        other => changes::write(std::slice::from_ref(other)),
    }
}

fn mailbox(id: i64) -> Value {
    if id == 0 { Value::Null } else { json!(mailbox_id(base::CollectionId(id))) }
}

fn flags(bits: i64) -> Vec<String> {
    Keywords::bits(bits).names().map(str::to_owned).collect()
}

/// A change as JSON.
fn change_object(change: &Change) -> Value {
    let (mut at, mut target, mut count, mut subject) = (Value::Null, Value::Null, 1, Value::Null);
    let (mut added, mut removed): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    match change {
        Change::Make { id, .. }
        | Change::Modify { id, .. }
        | Change::Drop { id }
        | Change::Restore { id } => {
            at = mailbox(*id);
        }
        Change::Put { collection, .. }
        | Change::State { collection, .. }
        | Change::Content { collection, .. } => {
            at = mailbox(*collection);
        }
        Change::Flags { collection, items, set, cleared } => {
            (at, count) = (mailbox(*collection), items.len());
            (added, removed) = (flags(*set), flags(*cleared));
        }
        Change::Move { collection, items, target: to, .. } => {
            (at, target, count) = (mailbox(*collection), mailbox(*to), items.len());
        }
        Change::Remove { collection, items } => (at, count) = (mailbox(*collection), items.len()),
        Change::Share { collection, subject: whose, rights } => {
            (at, subject) = (mailbox(*collection), json!(ids::write(ENTRY, *whose)));
            added = Rights(*rights).words().into_iter().map(str::to_owned).collect();
        }
        Change::Words(_) => {}
    }
    json!({
        "kind": kind_of(change), "mailboxId": at, "targetId": target, "count": count, "added": added,
        "removed": removed, "subjectId": subject, "text": words(change),
    })
}

/// The places where an object lay, as a history and today tell.
#[derive(Default)]
struct Places(HashSet<(i64, i64)>);

impl Places {
    /// Takes up the changes of a commit: where the object came from, and where it went.
    fn learn(&mut self, object: i64, all: &[Change]) {
        for change in all {
            match change {
                Change::Put { collection, item, object: put, .. } if *put == object => {
                    self.0.insert((*collection, *item));
                }
                Change::Move { collection, items, target, first } => {
                    for (index, item) in (0_i64..).zip(items.iter()) {
                        let (from, to) = ((*collection, item), (*target, first.saturating_add(index)));
                        if self.0.contains(&from) || self.0.contains(&to) {
                            self.0.extend([from, to]);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn touched_by(&self, object: i64, change: &Change) -> bool {
        let any = |collection: i64, items: &changes::Ranges| {
            items.iter().any(|item| self.0.contains(&(collection, item)))
        };
        match change {
            Change::Put { object: put, .. } => *put == object,
            Change::State { collection, item, .. } | Change::Content { collection, item, .. } => {
                self.0.contains(&(*collection, *item))
            }
            Change::Flags { collection, items, .. }
            | Change::Move { collection, items, .. }
            | Change::Remove { collection, items } => any(*collection, items),
            _ => false,
        }
    }
}

type Read = Vec<(AccountId, CommitInfo, Vec<Change>)>;

/// Leaves what was done to an email.
async fn only_email(call: &Call, account: AccountId, object: i64, found: Read) -> Result<Read, MethodError> {
    let trusted = call.ctx().trusted();
    let read = call.mail().kernel().read(&trusted, move |view| view.places(account, base::ObjectId(object)));
    let mut places = Places::default();
    for (collection, item) in read.await? {
        places.0.insert((collection.0, item.id.0));
    }
    // Back to where it came from, and forth to where it went.
    for (.., all) in found.iter().chain(found.iter().rev()) {
        places.learn(object, all);
    }
    let mut kept = found;
    kept.retain(|(.., all)| all.iter().any(|change| places.touched_by(object, change)));
    Ok(kept)
}

async fn reads_directory(call: &Call) -> Result<bool, MethodError> {
    use ::directory::roles::{self, Place, Verb};
    let ctx = call.ctx().clone();
    let read = call.mail().directory().read(move |tx| {
        let place = Place::organisation(ctx.actor.organisation);
        Ok(roles::require(tx, &ctx, Verb::AuditRead, &place, "organisation").is_ok())
    });
    Ok(read.await?)
}

async fn find(call: &Call, asked: &Asked) -> Result<Vec<String>, MethodError> {
    let (ctx, directory) = (call.ctx(), call.mail().directory());
    let of = asked.of(ctx.actor.account, reads_directory(call).await?);
    let (since, until) = (asked.after.unwrap_or(0), asked.before.unwrap_or(i64::MAX));
    let span = Span { since, until, most: ctx.limits.audit_commits };
    let found: Found = match directory.audit(ctx, of, span).await {
        Ok(found) => found,
        // What one may not read has nothing in it, as what is not there.
        Err(error) if matches!(error.meaning(), base::Meaning::NotFound | base::Meaning::Forbidden) => {
            Found::new()
        }
        Err(error) => return Err(error.into()),
    };
    let names =
        if asked.text.is_some() { directory.audit_names(ctx, &found).await? } else { Names::default() };
    let mut read = Read::with_capacity(found.len());
    for (account, commit) in found {
        let all = changes::parse(&commit.changes)?;
        read.push((account, commit, all));
    }
    if let (Some(object), Of::Account(account)) = (asked.email, of) {
        read = only_email(call, account, object, read).await?;
    }
    read.retain(|(account, commit, all)| asked.passes(commit, all, &names, *account));
    Ok(read.into_iter().map(|(account, commit, _)| id_of(account, commit.seq)).collect())
}

async fn get(call: &Call, request: GetRequest, out: &mut Objects) -> Result<(), MethodError> {
    let asked = request
        .ids
        .ok_or_else(|| MethodError::invalid_arguments("ids", "is missing: a history has no end"))?;
    let (ctx, directory) = (call.ctx(), call.mail().directory());
    let found = directory.audit_commits(ctx, asked.iter().filter_map(|id| read_id(id)).collect()).await?;
    let names = directory.audit_names(ctx, &found).await?;
    for id in asked {
        let known = read_id(&id)
            .and_then(|(account, seq)| found.iter().find(|one| one.0 == account && one.1.seq == seq));
        let Some((account, commit)) = known else {
            out.missing(id);
            continue;
        };
        let all: Vec<Value> = changes::parse(&commit.changes)?.iter().map(change_object).collect();
        let actor = (commit.actor.0 != 0).then(|| ids::write(ENTRY, commit.actor.0));
        let origin = names.origins.get(&commit.session).filter(|_| commit.session != 0);
        let told = |text: &String| (!text.is_empty()).then(|| text.clone());
        out.add(&id, |object| {
            object.put("at", &dates::utc(commit.at));
            object.put("actorId", &actor);
            object.put("actorName", &names.addresses.get(&commit.actor));
            object.put("door", commit.door.map_or("system", Door::name));
            object.put("origin", &origin.and_then(|origin| told(&origin.network_address)));
            object.put("client", &origin.and_then(|origin| told(&origin.client)));
            object.put("accountId", &ids::account(*account));
            object.put("accountName", &names.addresses.get(account));
            object.put("isDirectory", &(*account == names.directory));
            object.put("changes", &all);
            Ok(())
        })?;
    }
    Ok(())
}

impl Type for Entries {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn state<'a>(&'a self, call: &'a Call, account: &'a Access) -> Hook<'a, String> {
        Box::pin(async move {
            let own = crate::states::of_account(call, account).await?;
            Ok(format!("{}-{own}", super::state(call).await?))
        })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        account: &'a Access,
        request: GetRequest,
        out: &'a mut Objects,
    ) -> Hook<'a, String> {
        Box::pin(async move {
            let state = self.state(call, account).await?;
            get(call, request, out).await?;
            Ok(state)
        })
    }

    fn query<'a>(&'a self, call: &'a Call, account: &'a Access, request: Query) -> Hook<'a, Page> {
        Box::pin(async move {
            let state = self.state(call, account).await?;
            let found = find(call, &Asked::read(request.filter.as_ref())?).await?;
            request.page(&found, state, false)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r07_ids_of_commits_have_one_spelling() {
        assert_eq!(read_id("C12-34"), Some((AccountId(12), Seq(34))));
        for wrong in ["C12", "C012-3", "12-3", "C1-+3", "C-1"] {
            assert_eq!(read_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn b35_an_email_is_followed_from_mailbox_to_mailbox() {
        let all = changes::parse("> 3 5-6 4 9").unwrap();
        let mut places = Places::default();
        places.0.insert((4, 10));
        places.learn(7, &all);
        assert!(places.0.contains(&(3, 6)) && !places.0.contains(&(3, 5)));
        let seen = changes::parse("~ 3 1-6 1 0").unwrap();
        assert!(places.touched_by(7, &seen[0]));
        let other = changes::parse("~ 3 5 1 0").unwrap();
        assert!(!places.touched_by(7, &other[0]));
    }
}
