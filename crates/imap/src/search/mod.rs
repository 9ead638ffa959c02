//! Which messages a search finds: sets of messages, combined as the keys say. Keys that cost little are asked first,
//! and the others only about what these leave.

mod bits;
mod fields;
mod texts;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use codec::imap::date::{Day, local_ms};
use codec::imap::{Compare, DateField, Key, Numbers, Ranges};
use mail::Entry;
use mail::digest::{Digest, Field};
use mail::flags::{self, NAMED};

use crate::failure::Result;
use crate::selected::Look;
use bits::Bits;

/// The UIDs that are found among those that the client knows (`selected.uids`) and that are still there. Sequence numbers
/// and `$` mean what they mean in `look.selected`.
///
/// # Errors
/// `NO` when it cannot be evaluated.
pub async fn run(look: Look<'_>, key: &Key) -> Result<Ranges> {
    find(look, key, known(&look)).await
}

/// As [`run`], among these UIDs, whether the client knows them or not.
pub(crate) async fn run_among(look: Look<'_>, key: &Key, uids: &Ranges) -> Result<Ranges> {
    find(look, key, among(&look, uids)).await
}

async fn find(look: Look<'_>, key: &Key, entries: Vec<&Entry>) -> Result<Ranges> {
    let all = Bits::all(entries.len());
    let asked = Asked { look, entries: &entries, digest: tokio::sync::OnceCell::new() };
    let found = asked.eval(key, &all).await?;
    Ok(found.iter().filter_map(|at| entries.get(at)).map(|entry| entry.uid).collect())
}

/// The messages of the view that the client knows.
pub(crate) fn known<'v>(look: &Look<'v>) -> Vec<&'v Entry> {
    among(look, &look.selected.uids)
}

/// The messages of the view that have these UIDs, in order.
pub(crate) fn among<'v>(look: &Look<'v>, uids: &Ranges) -> Vec<&'v Entry> {
    let mut ranges = uids.ranges().iter().peekable();
    let mut out = Vec::with_capacity(look.view.len());
    for entry in look.view.iter() {
        while ranges.next_if(|(_, last)| *last < entry.uid).is_some() {}
        match ranges.peek() {
            Some((first, _)) if *first <= entry.uid => out.push(entry),
            Some(_) => {}
            None => break,
        }
    }
    out
}

/// A search at work.
struct Asked<'a> {
    look: Look<'a>,
    entries: &'a [&'a Entry],
    digest: tokio::sync::OnceCell<Arc<Digest>>,
}

type Finding<'f> = Pin<Box<dyn Future<Output = Result<Bits>> + Send + 'f>>;

/// How dear a key is, from 0 on: the view, what is in memory, rows, bodies.
fn cost(key: &Key) -> u8 {
    match key {
        Key::And(keys) => keys.iter().map(cost).max().unwrap_or(0),
        Key::Or(one, other) => cost(one).max(cost(other)),
        Key::Not(key) => cost(key),
        Key::Header(name, _) => {
            if Field::named(name).is_some() {
                1
            } else {
                2
            }
        }
        Key::Date(DateField::Sent, ..) | Key::ThreadId(_) => 1,
        Key::Date(DateField::Saved, ..) => 2,
        Key::Body(_) | Key::Text(_) => 3,
        _ => 0,
    }
}

impl Asked<'_> {
    async fn digest(&self) -> Result<&Arc<Digest>> {
        let make = || self.look.mail.digest(self.look.ctx, self.look.view);
        Ok(self.digest.get_or_try_init(make).await?)
    }

    /// Those of the messages in `within` for which a key holds. The parser bounds how deep keys lie in one another.
    fn eval<'f>(&'f self, key: &'f Key, within: &'f Bits) -> Finding<'f> {
        Box::pin(async move {
            match key {
                Key::And(keys) => {
                    let mut keys: Vec<&Key> = keys.iter().collect();
                    keys.sort_by_key(|key| cost(key));
                    let mut left = within.clone();
                    for key in keys {
                        if left.is_empty() {
                            break;
                        }
                        left = self.eval(key, &left).await?;
                    }
                    Ok(left)
                }
                Key::Or(one, other) => {
                    let (first, second) = if cost(one) <= cost(other) { (one, other) } else { (other, one) };
                    let found = self.eval(first, within).await?;
                    let rest = self.eval(second, &within.without(&found)).await?;
                    Ok(found.or(&rest))
                }
                Key::Not(key) => Ok(within.without(&self.eval(key, within).await?)),
                key => self.leaf(key, within).await,
            }
        })
    }

    async fn leaf(&self, key: &Key, within: &Bits) -> Result<Bits> {
        match key {
            Key::Header(name, text) => self.header(name, text, within).await,
            Key::Body(text) => self.text(text, true, within).await,
            Key::Text(text) => self.text(text, false, within).await,
            Key::Date(DateField::Saved, compare, day) => self.saved(*compare, *day, within).await,
            Key::Date(DateField::Sent, compare, day) => {
                let digest = self.digest().await?;
                Ok(self.each(within, |entry| {
                    let known = digest.place(entry.content).and_then(|place| digest.at(place));
                    known
                        .and_then(|known| known.sent_day)
                        .is_some_and(|sent| compared(Day(sent), *compare, *day))
                }))
            }
            Key::ThreadId(id) => {
                let Some(thread) = self.object_number(id, 'T') else {
                    return Ok(Bits::none(self.entries.len()));
                };
                let digest = self.digest().await?;
                Ok(self.each(within, |entry| {
                    let known = digest.place(entry.content).and_then(|place| digest.at(place));
                    known.is_some_and(|known| known.thread == thread)
                }))
            }
            Key::Sequence(numbers) => Ok(self.numbers(numbers, false, within)),
            Key::Uid(numbers) => Ok(self.numbers(numbers, true, within)),
            key => Ok(self.simple(key, within)),
        }
    }

    fn each(&self, within: &Bits, test: impl Fn(&Entry) -> bool) -> Bits {
        within.filter(|at| self.entries.get(at).is_some_and(|entry| test(entry)))
    }

    /// Keys that the view answers.
    fn simple(&self, key: &Key, within: &Bits) -> Bits {
        let now_ms = self.look.ctx.now_ms();
        let earliest = |seconds: &u32| now_ms.saturating_sub(i64::from(*seconds).saturating_mul(1_000));
        match key {
            Key::All | Key::SaveDateSupported => within.clone(),
            Key::Flag(name, set) => match NAMED.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
                Some((bit, _)) => self.each(within, |entry| (entry.flags & bit != 0) == *set),
                None => self.each(within, |entry| {
                    let mut words = flags::words(entry.state.as_deref());
                    words.any(|word| word.eq_ignore_ascii_case(name)) == *set
                }),
            },
            Key::Date(_, compare, day) => self.each(within, |entry| {
                compared(Day::of_ms(local_ms(entry.received_at, entry.received_zone)), *compare, *day)
            }),
            Key::Recent => self.each(within, |entry| self.look.selected.recent.contains(entry.uid)),
            Key::Larger(bytes) => self.each(within, |entry| entry.size.unsigned_abs() > *bytes),
            Key::Smaller(bytes) => self.each(within, |entry| entry.size.unsigned_abs() < *bytes),
            Key::ModSeq(least) => self.each(within, |entry| entry.modseq.0.unsigned_abs() >= *least),
            Key::Older(seconds) => self.each(within, |entry| entry.received_at <= earliest(seconds)),
            Key::Younger(seconds) => self.each(within, |entry| entry.received_at >= earliest(seconds)),
            Key::EmailId(id) => match self.object_number(id, 'M') {
                Some(object) => self.each(within, |entry| entry.object == object),
                None => Bits::none(self.entries.len()),
            },
            _ => Bits::none(self.entries.len()),
        }
    }

    fn object_number(&self, id: &str, letter: char) -> Option<i64> {
        let (reader, account) = (self.look.ctx.actor.account, self.look.selected.account);
        crate::select::object_number(id, letter, reader, account)
    }

    fn numbers(&self, numbers: &Numbers, uid: bool, within: &Bits) -> Bits {
        let selected = self.look.selected;
        let uids = match numbers {
            Numbers::Saved => selected.saved.clone(),
            Numbers::Set(set) if uid => set.resolve(selected.uids.last().unwrap_or(0)),
            Numbers::Set(set) => selected.uids.at_ranks(&set.resolve(selected.uids.len())),
        };
        self.each(within, |entry| uids.contains(entry.uid))
    }

    /// When messages came into the mailbox (RFC 8514).
    async fn saved(&self, compare: Compare, day: Day, within: &Bits) -> Result<Bits> {
        let uids = within.iter().filter_map(|at| self.entries.get(at)).map(|entry| entry.uid).collect();
        let (account, mailbox) = (self.look.selected.account, self.look.selected.mailbox);
        let mut saved = self.look.mail.saved_at(self.look.ctx, account, mailbox, uids).await?;
        saved.sort_unstable();
        Ok(self.each(within, |entry| {
            let at =
                saved.binary_search_by_key(&entry.uid, |(uid, _)| *uid).ok().and_then(|at| saved.get(at));
            at.is_some_and(|(_, at_ms)| compared(Day::of_ms(*at_ms), compare, day))
        }))
    }
}

fn compared(day: Day, compare: Compare, with: Day) -> bool {
    match compare {
        Compare::Before => day < with,
        Compare::On => day == with,
        Compare::Since => day >= with,
    }
}
