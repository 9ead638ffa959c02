//! Which emails a filter finds.

use std::future::Future;
use std::pin::Pin;

use codec::fold::fold;
use mail::digest::Field;
use mail::flags::{self, NAMED};
use mail::summary::{fields, text_of_fields};
use mail::{Columns, Entry};
use serde_json::Value;

use super::{Asked, Candidate, Flags};
use crate::dates;
use crate::engine::{Filter, MethodError, Test};
use crate::mail::ids;

use super::words::{Words, split};

/// Messages whose rows are read at a time.
const AT_ONCE: usize = 500;

/// Candidates, ascending.
type Found = Vec<u32>;
type Finding<'f> = Pin<Box<dyn Future<Output = Result<Found, MethodError>> + Send + 'f>>;

/// A keyword as it is looked for.
pub(super) enum Keyword {
    Bit(i64),
    Word(String),
}

impl Keyword {
    pub(super) fn of(name: &str) -> Option<Self> {
        let keywords = ids::keywords(std::iter::once(name))?;
        match (keywords.flags, keywords.others.into_iter().next()) {
            (0, Some(word)) => Some(Self::Word(word)),
            (bit, _) => NAMED.iter().any(|(known, _)| *known == bit).then_some(Self::Bit(bit)),
        }
    }

    pub(super) fn in_entry(&self, entry: &Entry) -> bool {
        match self {
            Self::Bit(bit) => entry.flags & bit != 0,
            Self::Word(word) => {
                flags::words(entry.state.as_deref()).any(|known| known.eq_ignore_ascii_case(word))
            }
        }
    }

    pub(super) fn in_flags(&self, email: &Flags) -> bool {
        match self {
            Self::Bit(bit) => email.bits & bit != 0,
            Self::Word(word) => email
                .words
                .iter()
                .any(|state| flags::words(Some(state)).any(|known| known.eq_ignore_ascii_case(word))),
        }
    }
}

/// How dear a filter is: what is in memory, rows, bodies.
fn cost(filter: &Filter) -> u8 {
    match filter {
        Filter::And(all) | Filter::Or(all) | Filter::Not(all) => all.iter().map(cost).max().unwrap_or(0),
        Filter::Is(tests) => tests.iter().map(test_cost).max().unwrap_or(0),
    }
}

fn test_cost(test: &Test) -> u8 {
    match test.name {
        "text" | "body" => 4,
        "header" => 3,
        "hasAttachment" => 2,
        "from" | "to" | "cc" | "bcc" | "subject" => 1,
        name if name.contains("InThread") => 1,
        _ => 0,
    }
}

fn without(all: &[u32], found: &[u32]) -> Found {
    all.iter().filter(|at| found.binary_search(at).is_err()).copied().collect()
}

impl Asked<'_> {
    pub(super) async fn find(&self, filter: &Filter) -> Result<Found, MethodError> {
        let all: Found = (0..super::narrow(self.candidates.len())).collect();
        self.eval(filter, &all).await
    }

    /// Those of `within` that pass. The engine bounds how deep filters lie in one another.
    fn eval<'f>(&'f self, filter: &'f Filter, within: &'f [u32]) -> Finding<'f> {
        Box::pin(async move {
            match filter {
                Filter::And(all) => {
                    let mut all: Vec<&Filter> = all.iter().collect();
                    all.sort_by_key(|one| cost(one));
                    let mut left = within.to_vec();
                    for one in all {
                        left = self.eval(one, &left).await?;
                    }
                    Ok(left)
                }
                Filter::Or(all) => {
                    let mut found = self.any_of(all, within).await?;
                    found.sort_unstable();
                    Ok(found)
                }
                Filter::Not(all) => {
                    let mut found = self.any_of(all, within).await?;
                    found.sort_unstable();
                    Ok(without(within, &found))
                }
                Filter::Is(tests) => {
                    let mut tests: Vec<&Test> = tests.iter().collect();
                    tests.sort_by_key(|test| test_cost(test));
                    let mut left = within.to_vec();
                    for test in tests {
                        left = self.test(test, &left).await?;
                    }
                    Ok(left)
                }
            }
        })
    }

    async fn any_of(&self, all: &[Filter], within: &[u32]) -> Result<Found, MethodError> {
        let mut all: Vec<&Filter> = all.iter().collect();
        all.sort_by_key(|one| cost(one));
        let (mut found, mut left) = (Vec::new(), within.to_vec());
        for one in all {
            let part = self.eval(one, &left).await?;
            left = without(&left, &part);
            found.extend(part);
        }
        Ok(found)
    }

    fn each(&self, within: &[u32], test: impl Fn(&Candidate) -> bool) -> Found {
        let passes = |at: &&u32| self.candidates.get(**at as usize).is_some_and(&test);
        within.iter().filter(passes).copied().collect()
    }

    /// Those whose entry passes; what is asked is the same in all places.
    fn entries(&self, within: &[u32], test: impl Fn(&Entry) -> bool) -> Found {
        self.each(within, |candidate| self.first(candidate).is_some_and(&test))
    }

    async fn test(&self, test: &Test, within: &[u32]) -> Result<Found, MethodError> {
        let text = test.value.as_str().unwrap_or_default();
        let number = || i64::try_from(test.value.as_u64().unwrap_or(0)).unwrap_or(i64::MAX);
        let moment = || dates::read(text).ok_or(MethodError::UnsupportedFilter);
        let keyword = || Keyword::of(text);
        Ok(match test.name {
            "inMailbox" => {
                let Some(wanted) = ids::read_mailbox(text) else { return Ok(Vec::new()) };
                self.in_mailboxes(within, |mailbox| mailbox == wanted)
            }
            "inMailboxOtherThan" => {
                let list = test.value.as_array().map(Vec::as_slice).unwrap_or_default();
                let others: Vec<_> =
                    list.iter().filter_map(Value::as_str).filter_map(ids::read_mailbox).collect();
                self.in_other(within, &others).await?
            }
            "before" => {
                let before = moment()?;
                self.entries(within, |entry| entry.received_at < before)
            }
            "after" => {
                let after = moment()?;
                self.entries(within, |entry| entry.received_at >= after)
            }
            "minSize" => self.entries(within, |entry| entry.size >= number()),
            "maxSize" => self.entries(within, |entry| entry.size < number()),
            "hasKeyword" | "notKeyword" => {
                let wanted = test.name == "hasKeyword";
                let Some(keyword) = keyword() else {
                    return Ok(if wanted { Vec::new() } else { within.to_vec() });
                };
                self.has_keyword(within, &keyword, wanted)
            }
            "allInThreadHaveKeyword" | "someInThreadHaveKeyword" | "noneInThreadHaveKeyword" => {
                let Some(keyword) = keyword() else {
                    let none = test.name == "noneInThreadHaveKeyword";
                    return Ok(if none { within.to_vec() } else { Vec::new() });
                };
                self.in_thread(within, test.name, &keyword).await?
            }
            "hasAttachment" => {
                let with = self.with_attachment(within).await?;
                if test.value == Value::Bool(true) { with } else { without(within, &with) }
            }
            "from" => self.field(within, Field::From, &split(text)).await?,
            "to" => self.field(within, Field::To, &split(text)).await?,
            "cc" => self.field(within, Field::Cc, &split(text)).await?,
            "bcc" => self.field(within, Field::Bcc, &split(text)).await?,
            "subject" => self.field(within, Field::Subject, &split(text)).await?,
            "text" => self.texts(within, &split(text), false).await?,
            "body" => self.texts(within, &split(text), true).await?,
            "header" => {
                let list = test.value.as_array().map(Vec::as_slice).unwrap_or_default();
                let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                match list.as_slice() {
                    [name] => self.header(within, name, "").await?,
                    [name, text] => self.header(within, name, text).await?,
                    _ => {
                        return Err(MethodError::invalid_arguments(
                            "filter",
                            "header has a name and perhaps a text",
                        ));
                    }
                }
            }
            _ => return Err(MethodError::UnsupportedFilter),
        })
    }

    fn in_mailboxes(&self, within: &[u32], test: impl Fn(base::CollectionId) -> bool) -> Found {
        let boxes: Vec<bool> = self.boxes.iter().map(|one| test(one.id)).collect();
        let inside = |at: u32| boxes.get(at as usize).copied().unwrap_or(false);
        self.each(within, |candidate| {
            inside(candidate.places.first().0) || candidate.places.each().iter().any(|(at, _)| inside(*at))
        })
    }

    async fn in_other(&self, within: &[u32], others: &[base::CollectionId]) -> Result<Found, MethodError> {
        if self.boxes.len() != 1 {
            return Ok(self.in_mailboxes(within, |mailbox| !others.contains(&mailbox)));
        }
        // Only one mailbox is looked through: the other places of its emails are asked for.
        let mine = self.in_mailboxes(within, |mailbox| !others.contains(&mailbox));
        let rest = without(within, &mine);
        let objects =
            rest.iter().filter_map(|at| self.candidates.get(*at as usize)).map(|one| one.object).collect();
        let (_, emails) = self
            .call
            .mail()
            .emails(self.call.ctx(), self.access.account, objects, Columns::default())
            .await?;
        let mut found = mine;
        found.extend(self.each(&rest, |candidate| {
            let at = emails.binary_search_by_key(&candidate.object, |email| email.object);
            let email = at.ok().and_then(|at| emails.get(at));
            email.is_some_and(|email| email.places.iter().any(|place| !others.contains(&place.mailbox)))
        }));
        found.sort_unstable();
        Ok(found)
    }

    /// The keywords of an email are those of all its places, also where only one mailbox is looked through.
    fn has_keyword(&self, within: &[u32], keyword: &Keyword, wanted: bool) -> Found {
        self.each(within, |candidate| self.any(candidate, |entry| keyword.in_entry(entry)) == wanted)
    }

    async fn in_thread(&self, within: &[u32], which: &str, keyword: &Keyword) -> Result<Found, MethodError> {
        let (threads, whole) = (self.threads().await?, self.whole().await?);
        let empty = Vec::new();
        Ok(self.each(within, |candidate| {
            let emails = whole.get(&threads.of(candidate.content)).unwrap_or(&empty);
            match which {
                "allInThreadHaveKeyword" => emails.iter().all(|email| keyword.in_flags(email)),
                "someInThreadHaveKeyword" => emails.iter().any(|email| keyword.in_flags(email)),
                _ => !emails.iter().any(|email| keyword.in_flags(email)),
            }
        }))
    }

    fn contents(&self, within: &[u32]) -> Vec<i64> {
        within.iter().filter_map(|at| self.candidates.get(*at as usize)).map(|one| one.content).collect()
    }

    async fn with_attachment(&self, within: &[u32]) -> Result<Found, MethodError> {
        let with = self.call.mail().with_attachments(self.access.account, self.contents(within)).await?;
        Ok(self.each(within, |candidate| with.binary_search(&candidate.content).is_ok()))
    }

    /// Candidates by the mailbox that stands for them.
    fn by_box(&self, within: &[u32]) -> Vec<(usize, Vec<u32>)> {
        let mut out: Vec<(usize, Vec<u32>)> = (0..self.boxes.len()).map(|at| (at, Vec::new())).collect();
        for at in within {
            let Some(candidate) = self.candidates.get(*at as usize) else { continue };
            if let Some((_, list)) = out.get_mut(candidate.places.first().0 as usize) {
                list.push(*at);
            }
        }
        out.retain(|(_, list)| !list.is_empty());
        out
    }

    async fn field(&self, within: &[u32], field: Field, words: &Words) -> Result<Found, MethodError> {
        let mut left = within.to_vec();
        for word in words.folded() {
            left = self.field_word(&left, field, &word).await?;
        }
        Ok(left)
    }

    async fn field_word(&self, within: &[u32], field: Field, word: &str) -> Result<Found, MethodError> {
        let mut found = Vec::new();
        for (at, list) in self.by_box(within) {
            let Some(digest) = self.digest(at).await? else { continue };
            let held = digest.field(field).holding(word);
            found.extend(self.each(&list, |candidate| {
                digest.place(candidate.content).is_some_and(|place| held.binary_search(&place).is_ok())
            }));
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn texts(&self, within: &[u32], words: &Words, body_only: bool) -> Result<Found, MethodError> {
        let mut left = within.to_vec();
        for word in words.each() {
            if fold(word).trim().is_empty() {
                continue;
            }
            let mut found = Vec::new();
            for (at, list) in self.by_box(&left) {
                let Some(one) = self.boxes.get(at) else { continue };
                let among: Vec<(i64, i64)> = list
                    .iter()
                    .filter_map(|at| self.candidates.get(*at as usize))
                    .filter_map(|candidate| self.first(candidate))
                    .map(|entry| (entry.content, entry.size))
                    .collect();
                let mail = self.call.mail();
                let held = mail.holding(self.call.ctx(), &one.view, &among, word, body_only).await?;
                found.extend(self.each(&list, |candidate| held.binary_search(&candidate.content).is_ok()));
            }
            found.sort_unstable();
            left = found;
        }
        Ok(left)
    }

    async fn header(&self, within: &[u32], name: &str, text: &str) -> Result<Found, MethodError> {
        let needle = fold(text);
        if let Some(field) = Field::named(name) {
            return self.field_word(within, field, &needle).await;
        }
        let mut found = Vec::new();
        for (at, list) in self.by_box(within) {
            let Some(one) = self.boxes.get(at) else { continue };
            for chunk in list.chunks(AT_ONCE) {
                let matching = self.with_header(one.id, self.contents(chunk), name, &needle).await?;
                found
                    .extend(self.each(chunk, |candidate| matching.binary_search(&candidate.content).is_ok()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Those of these contents that have a field which holds a text.
    async fn with_header(
        &self,
        mailbox: base::CollectionId,
        mut contents: Vec<i64>,
        name: &str,
        needle: &str,
    ) -> Result<Vec<i64>, MethodError> {
        contents.sort_unstable();
        let (mail, ctx, account) = (self.call.mail(), self.call.ctx(), self.access.account);
        let columns = Columns { fields: true, ..Columns::default() };
        let holds = |kept: &[u8]| text_of_fields(kept).any(|value| fold(&value).contains(needle));
        let (mut matching, mut unknown) = (Vec::new(), Vec::new());
        for row in mail.rows(ctx, account, mailbox, contents, columns).await? {
            match fields::select(&row.fields, &[name]) {
                Some(kept) if holds(&kept) => matching.push(row.content),
                Some(_) => {}
                None => unknown.push((row.content, Some(0..row.header_bytes.unsigned_abs()))),
            }
        }
        let asked: Vec<i64> = unknown.iter().map(|(content, _)| *content).collect();
        let headers = mail.bodies(ctx, account, mailbox, unknown).await?;
        for (content, header) in asked.into_iter().zip(headers) {
            if header.is_some_and(|header| holds(&fields::select_in(&header, &[name], true))) {
                matching.push(content);
            }
        }
        matching.sort_unstable();
        Ok(matching)
    }
}
