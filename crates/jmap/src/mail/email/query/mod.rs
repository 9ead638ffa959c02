//! `Email/query` and `Email/queryChanges` (RFC 8621 sections 4.4 and 4.5): over what is in memory of mailboxes, so that no
//! message is opened but for words in bodies that the search index cannot be sure of.

mod find;
mod sort;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use base::{CollectionId, Meaning};
use mail::digest::Digest;
use mail::emails::ThreadTable;
use mail::{Entry, View};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::changes::cannot;
use crate::engine::{Access, Call, Filter, Map, MethodError, Page, Query, QueryChanges, QueryChangesRequest};
use crate::mail::ids;
pub(crate) use words::found_terms;

/// A mailbox that is looked through.
struct Looked {
    /// As the caller knows it; of an image the view has another number.
    id: CollectionId,
    view: Arc<View>,
    digest: OnceCell<Arc<Digest>>,
}

/// An email that may be found: the mailbox and the place there; all of its places when several are looked through.
struct Candidate {
    object: i64,
    content: i64,
    places: Places,
}

/// Where a candidate lies.
enum Places {
    One(u32, u32),
    Many(Vec<(u32, u32)>),
}

/// A query at work.
pub(super) struct Asked<'a> {
    call: &'a Call,
    access: &'a Access,
    boxes: Vec<Looked>,
    candidates: Vec<Candidate>,
    threads: OnceCell<Arc<ThreadTable>>,
    /// All of the account, for what is asked about conversations.
    whole: OnceCell<Arc<HashMap<i64, Vec<Flags>>>>,
}

/// The flags of an email: bits, and the words of all its places.
#[derive(Debug, Clone, Default)]
struct Flags {
    object: i64,
    bits: i64,
    words: Vec<Arc<str>>,
}

impl Places {
    fn each(&self) -> &[(u32, u32)] {
        match self {
            Self::One(..) => &[],
            Self::Many(all) => all,
        }
    }

    fn first(&self) -> (u32, u32) {
        match self {
            Self::One(at, index) => (*at, *index),
            Self::Many(all) => all.first().copied().unwrap_or((0, 0)),
        }
    }

    fn push(&mut self, place: (u32, u32)) {
        match self {
            Self::One(at, index) => *self = Self::Many(vec![(*at, *index), place]),
            Self::Many(all) => all.push(place),
        }
    }
}

fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The one mailbox that everything must lie in, when the filter says so.
fn only_mailbox(filter: Option<&Filter>) -> Option<&str> {
    match filter? {
        Filter::Is(tests) => {
            tests.iter().find(|test| test.name == "inMailbox").and_then(|test| test.value.as_str())
        }
        Filter::And(all) => all.iter().find_map(|one| only_mailbox(Some(one))),
        _ => None,
    }
}

impl<'a> Asked<'a> {
    async fn new(call: &'a Call, access: &'a Access, filter: Option<&Filter>) -> Result<Self, MethodError> {
        let wanted: Vec<CollectionId> = match only_mailbox(filter) {
            Some(id) => ids::read_mailbox(id).into_iter().collect(),
            None => call
                .mail()
                .mailboxes(call.ctx(), access.account)
                .await?
                .into_iter()
                .map(|one| one.id)
                .collect(),
        };
        let mut boxes = Vec::with_capacity(wanted.len());
        for mailbox in wanted {
            match call.mail().view(call.ctx(), access.account, mailbox).await {
                Ok(view) => boxes.push(Looked { id: mailbox, view, digest: OnceCell::new() }),
                // It went in between, or the filter names one that is not there.
                Err(error) if error.meaning() == Meaning::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        let candidates = candidates(&boxes);
        Ok(Self { call, access, boxes, candidates, threads: OnceCell::new(), whole: OnceCell::new() })
    }

    fn entry(&self, (at, index): (u32, u32)) -> Option<&Entry> {
        self.boxes.get(at as usize)?.view.at(index as usize)
    }

    /// The entry that stands for a candidate: size, dates and content are the same in all places.
    fn first(&self, candidate: &Candidate) -> Option<&Entry> {
        self.entry(candidate.places.first())
    }

    /// Whether a place of a candidate passes.
    fn any(&self, candidate: &Candidate, test: impl Fn(&Entry) -> bool) -> bool {
        match &candidate.places {
            Places::One(at, index) => self.entry((*at, *index)).is_some_and(test),
            Places::Many(_) => {
                candidate.places.each().iter().any(|place| self.entry(*place).is_some_and(&test))
            }
        }
    }

    async fn digest(&self, at: usize) -> Result<Option<&Arc<Digest>>, MethodError> {
        let Some(one) = self.boxes.get(at) else { return Ok(None) };
        let make = || self.call.mail().digest(self.call.ctx(), &one.view);
        Ok(Some(one.digest.get_or_try_init(make).await?))
    }

    async fn threads(&self) -> Result<&Arc<ThreadTable>, MethodError> {
        let make = || self.call.mail().thread_table(self.call.ctx(), self.access.account);
        Ok(self.threads.get_or_try_init(make).await?)
    }

    /// The flags of all emails of the account, by conversation.
    async fn whole(&self) -> Result<&Arc<HashMap<i64, Vec<Flags>>>, MethodError> {
        let threads = self.threads().await?.clone();
        let make = || async move {
            let mut out: HashMap<i64, Vec<Flags>> = HashMap::new();
            let (ctx, account) = (self.call.ctx(), self.access.account);
            for mailbox in self.call.mail().mailboxes(ctx, account).await? {
                let view = self.call.mail().view(ctx, account, mailbox.id).await?;
                for entry in view.iter() {
                    let emails = out.entry(threads.of(entry.content)).or_default();
                    let at = emails.iter().position(|email| email.object == entry.object);
                    let at = at.unwrap_or_else(|| {
                        emails.push(Flags { object: entry.object, ..Flags::default() });
                        emails.len() - 1
                    });
                    let Some(email) = emails.get_mut(at) else { continue };
                    email.bits |= entry.flags;
                    email.words.extend(entry.state.clone());
                }
            }
            Ok::<_, MethodError>(Arc::new(out))
        };
        self.whole.get_or_try_init(make).await
    }
}

/// All emails of some mailboxes, each once.
fn candidates(boxes: &[Looked]) -> Vec<Candidate> {
    let mut out: Vec<Candidate> = Vec::with_capacity(boxes.iter().map(|one| one.view.len()).sum());
    if let [one] = boxes {
        let mut seen = HashSet::new();
        // An email lies twice in one mailbox only where it was copied there; its numbers are then not in order.
        let mut sorted = true;
        let mut last = 0;
        for entry in one.view.iter() {
            sorted &= entry.object > last;
            last = entry.object;
        }
        for (index, entry) in one.view.iter().enumerate() {
            if sorted || seen.insert(entry.object) {
                let places = Places::One(0, narrow(index));
                out.push(Candidate { object: entry.object, content: entry.content, places });
            }
        }
        return out;
    }
    let mut known: HashMap<i64, usize> = HashMap::new();
    for (at, one) in boxes.iter().enumerate() {
        for (index, entry) in one.view.iter().enumerate() {
            let place = (narrow(at), narrow(index));
            if let Some(candidate) = known.get(&entry.object).and_then(|place| out.get_mut(*place)) {
                candidate.places.push(place);
                continue;
            }
            known.insert(entry.object, out.len());
            let places = Places::One(place.0, place.1);
            out.push(Candidate { object: entry.object, content: entry.content, places });
        }
    }
    out
}

impl Asked<'_> {
    /// The candidates that a filter finds.
    async fn found(&self, filter: Option<&Filter>) -> Result<Vec<u32>, MethodError> {
        match filter {
            Some(filter) => self.find(filter).await,
            None => Ok((0..narrow(self.candidates.len())).collect()),
        }
    }

    fn objects(&self, candidates: &[u32]) -> Vec<i64> {
        let known = candidates.iter().filter_map(|at| self.candidates.get(*at as usize));
        known.map(|candidate| candidate.object).collect()
    }

    /// The objects of what was found, in their order.
    async fn in_order(
        &self,
        found: Vec<u32>,
        query: &Query,
        collapse: bool,
    ) -> Result<Vec<i64>, MethodError> {
        let mut sorted = self.sort(found, &query.sort).await?;
        if collapse {
            let threads = self.threads().await?;
            let mut seen = HashSet::new();
            let thread = |at: &u32| self.candidates.get(*at as usize).map(|one| threads.of(one.content));
            sorted.retain(|at| thread(at).is_some_and(|thread| seen.insert(thread)));
        }
        Ok(self.objects(&sorted))
    }
}

/// `Email/query`. A mailbox of the filter that is not there holds nothing.
pub(crate) async fn query(call: &Call, access: &Access, mut query: Query) -> Result<Page, MethodError> {
    let collapse = query.arguments.bool("collapseThreads", false)?;
    let state = call.mail().mail_state(call.ctx(), access.account).await?;
    let asked = Asked::new(call, access, query.filter.as_ref()).await?;
    let found = asked.found(query.filter.as_ref()).await?;
    let (total, window, objects) = if !collapse && query.anchor.is_none() && sort::is_usual(&query.sort) {
        // A page is a small part of a large mailbox: nothing else is put in order.
        let (total, window) = (found.len(), query.window(found.len(), |_| None)?);
        (total, window.clone(), asked.objects(&asked.usual(found, &query.sort, window)))
    } else {
        let all = asked.in_order(found, &query, collapse).await?;
        let window = query.window(all.len(), |anchor| {
            let object = ids::read_email(anchor)?;
            all.iter().position(|known| *known == object)
        })?;
        (all.len(), window.clone(), all.get(window).unwrap_or_default().to_vec())
    };
    let mut extra = Map::new();
    extra.insert("collapseThreads".to_owned(), Value::Bool(collapse));
    let beyond = query.anchor.is_none() && usize::try_from(query.position).is_ok_and(|at| at > total);
    let position = if beyond { usize::try_from(query.position).unwrap_or(0) } else { window.start };
    Ok(Page {
        state: ids::state(state),
        can_calculate: !call.ctx().is_past(),
        position,
        ids: objects.into_iter().map(ids::email).collect(),
        total: query.calculate_total.then_some(total as u64),
        extra,
    })
}

/// Whether a filter or sort asks about other emails of the conversation.
fn of_thread(query: &Query) -> bool {
    fn filter_of(filter: &Filter) -> bool {
        match filter {
            Filter::And(all) | Filter::Or(all) | Filter::Not(all) => all.iter().any(filter_of),
            Filter::Is(tests) => tests.iter().any(|test| test.name.contains("InThread")),
        }
    }
    query.filter.as_ref().is_some_and(filter_of)
        || query.sort.iter().any(|key| key.property.contains("InThread"))
}

/// Whatever changed may have another place: it is taken out, and put in where it is now (RFC 8620 section 5.6 allows to
/// take out more than was in).
pub(crate) async fn query_changes(
    call: &Call,
    access: &Access,
    mut request: QueryChangesRequest,
) -> Result<QueryChanges, MethodError> {
    let collapse = request.query.arguments.bool("collapseThreads", false)?;
    let known = ids::read_email_state(&request.since)?;
    let state = call.mail().mail_state(call.ctx(), access.account).await?;
    let changes = call.mail().email_changes(call.ctx(), access.account, known, None).await.map_err(cannot)?;
    let asked = Asked::new(call, access, request.query.filter.as_ref()).await?;
    let found = asked.found(request.query.filter.as_ref()).await?;
    let found = asked.in_order(found, &request.query, collapse).await?;
    let mut touched: HashSet<i64> =
        changes.created.iter().chain(&changes.updated).chain(&changes.destroyed).copied().collect();
    if (collapse || of_thread(&request.query)) && !touched.is_empty() {
        let members = call.mail().thread_members(access.account, touched.iter().copied().collect()).await?;
        touched.extend(members);
    }
    let created: HashSet<i64> = changes.created.iter().copied().collect();
    let mut removed: Vec<i64> = touched.iter().copied().filter(|object| !created.contains(object)).collect();
    removed.sort_unstable();
    let mut added: Vec<(String, u64)> = Vec::new();
    for (index, object) in found.iter().enumerate() {
        if touched.contains(object) {
            added.push((ids::email(*object), index as u64));
        }
    }
    if request.max.is_some_and(|max| (removed.len() + added.len()) as u64 > max) {
        return Err(MethodError::TooManyChanges);
    }
    Ok(QueryChanges {
        new_state: ids::state(state),
        total: request.query.calculate_total.then_some(found.len() as u64),
        removed: removed.into_iter().map(ids::email).collect(),
        added,
    })
}
