//! Lists of ids as ranges: a thousand neighbours cost ten bytes.

use std::fmt;

/// Ids in rising order, as inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    /// The number of ids.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.abs_diff(*first) + 1).sum()
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids in rising order.
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Reads `1-4,7`; nothing when it is not of that form, rising and positive.
    pub fn parse(text: &str) -> Option<Self> {
        let mut out = Vec::new();
        let mut before = 0;
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first <= before || last < first {
                return None;
            }
            before = last;
            out.push((first, last));
        }
        Some(Self(out))
    }
}

/// A number as we write it: no sign, no leading zero, at most 48 bits.
fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| plain && *number <= base::MAX_ID)
}

impl FromIterator<i64> for Ranges {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        let mut ids: Vec<i64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut out: Vec<(i64, i64)> = Vec::new();
        for id in ids {
            match out.last_mut() {
                Some((_, last)) if *last + 1 == id => *last = id,
                _ => out.push((id, id)),
            }
        }
        Self(out)
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}
