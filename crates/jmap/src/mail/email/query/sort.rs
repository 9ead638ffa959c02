//! The order of what was found (RFC 8621 section 4.4.2).

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use mail::digest::{Digest, Order};
use serde_json::Value;

use super::Asked;
use super::find::Keyword;
use crate::engine::{Collation, Comparator, MethodError};

/// What an email is sorted by.
enum Key {
    Number(i64),
    Text(String),
}

impl Key {
    fn compared(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => Ordering::Equal,
        }
    }
}

/// What a usual order goes by, the number of the email, and the candidate.
type Keyed = (i64, i64, u32);

/// Whether an order needs nothing but the view.
pub(super) fn is_usual(by: &[Comparator]) -> bool {
    matches!(by, [] | [_])
        && by.first().is_none_or(|one| one.property == "receivedAt" || one.property == "size")
}

impl Asked<'_> {
    /// The candidates at some places of a usual order, which is worked out no further than that.
    pub(super) fn usual(&self, found: Vec<u32>, by: &[Comparator], places: Range<usize>) -> Vec<u32> {
        let ascending = by.first().is_some_and(|one| one.ascending);
        let size = by.first().is_some_and(|one| one.property == "size");
        let mut keyed: Vec<Keyed> = found
            .into_iter()
            .filter_map(|at| {
                let candidate = self.candidates.get(at as usize)?;
                let entry = self.first(candidate)?;
                Some((if size { entry.size } else { entry.received_at }, candidate.object, at))
            })
            .collect();
        let order = |one: &Keyed, other: &Keyed| if ascending { one.cmp(other) } else { other.cmp(one) };
        if places.end < keyed.len() {
            keyed.select_nth_unstable_by(places.end, order);
            keyed.truncate(places.end);
        }
        let start = places.start.min(keyed.len());
        if (1..keyed.len()).contains(&start) {
            keyed.select_nth_unstable_by(start, order);
        }
        let mut keyed = keyed.split_off(start);
        keyed.sort_unstable_by(order);
        keyed.into_iter().map(|(.., at)| at).collect()
    }

    /// The candidates in their order. Equal ones are in the order of their numbers, the newest first.
    pub(super) async fn sort(&self, found: Vec<u32>, by: &[Comparator]) -> Result<Vec<u32>, MethodError> {
        if is_usual(by) {
            let all = 0..found.len();
            return Ok(self.usual(found, by, all));
        }
        let object = |at: &u32| self.candidates.get(*at as usize).map_or(0, |one| one.object);
        let mut keys: Vec<Vec<Key>> = Vec::with_capacity(by.len());
        for one in by {
            keys.push(self.keys(&found, one).await?);
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        let compared = |one: &usize, other: &usize| {
            for (by, keys) in by.iter().zip(&keys) {
                let (Some(a), Some(b)) = (keys.get(*one), keys.get(*other)) else { continue };
                let ordering = a.compared(b);
                if ordering.is_ne() {
                    return if by.ascending { ordering } else { ordering.reverse() };
                }
            }
            let (one, other) = (found.get(*one).map_or(0, object), found.get(*other).map_or(0, object));
            other.cmp(&one)
        };
        order.sort_by(compared);
        Ok(order.into_iter().filter_map(|at| found.get(at).copied()).collect())
    }

    async fn keys(&self, found: &[u32], by: &Comparator) -> Result<Vec<Key>, MethodError> {
        let keyword = || {
            let name = by.arguments.get("keyword").and_then(Value::as_str);
            name.ok_or_else(|| MethodError::invalid_arguments("sort", "needs a keyword"))
        };
        let candidates = || found.iter().filter_map(|at| self.candidates.get(*at as usize));
        let number = |number: bool| Key::Number(i64::from(number));
        Ok(match by.property {
            "receivedAt" => candidates()
                .map(|one| Key::Number(self.first(one).map_or(0, |entry| entry.received_at)))
                .collect(),
            "size" => {
                candidates().map(|one| Key::Number(self.first(one).map_or(0, |entry| entry.size))).collect()
            }
            "hasKeyword" => {
                let keyword = Keyword::of(keyword()?);
                let has =
                    |one| keyword.as_ref().is_some_and(|word| self.any(one, |entry| word.in_entry(entry)));
                candidates().map(|one| number(has(one))).collect()
            }
            "allInThreadHaveKeyword" | "someInThreadHaveKeyword" => {
                let keyword = Keyword::of(keyword()?);
                let (threads, whole) = (self.threads().await?, self.whole().await?);
                let empty = Vec::new();
                let all = by.property == "allInThreadHaveKeyword";
                candidates()
                    .map(|one| {
                        let emails = whole.get(&threads.of(one.content)).unwrap_or(&empty);
                        let has =
                            |email: &super::Flags| keyword.as_ref().is_some_and(|word| word.in_flags(email));
                        number(if all { emails.iter().all(has) } else { emails.iter().any(has) })
                    })
                    .collect()
            }
            "sentAt" | "from" | "to" | "subject" => self.of_digests(found, by).await?,
            _ => return Err(MethodError::UnsupportedSort),
        })
    }

    async fn of_digests(&self, found: &[u32], by: &Comparator) -> Result<Vec<Key>, MethodError> {
        let mut digests: Vec<Option<Arc<Digest>>> = Vec::with_capacity(self.boxes.len());
        for at in 0..self.boxes.len() {
            digests.push(self.digest(at).await?.cloned());
        }
        let order = match by.property {
            "from" => Some(Order::DisplayFrom),
            "to" => Some(Order::DisplayTo),
            "subject" => Some(Order::Subject),
            _ => None,
        };
        let key = |at: &u32| {
            let candidate = self.candidates.get(*at as usize)?;
            let digest = digests.get(candidate.places.first().0 as usize)?.as_ref()?;
            let place = digest.place(candidate.content);
            Some(if let Some(order) = order {
                let text = place.and_then(|place| digest.order(order).get(place)).unwrap_or_default();
                Key::Text(collated(text, by.collation))
            } else {
                let sent_at = place.and_then(|place| digest.at(place)).and_then(|known| known.sent_at);
                let arrived = || self.first(candidate).map_or(0, |entry| entry.received_at);
                Key::Number(sent_at.unwrap_or_else(arrived))
            })
        };
        Ok(found.iter().map(|at| key(at).unwrap_or(Key::Number(0))).collect())
    }
}

/// Texts are kept in upper case, in which all our collations but `i;octet` compare them.
fn collated(text: &str, _: Collation) -> String {
    text.to_owned()
}
