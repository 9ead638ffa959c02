//! Sets of numbers: `sequence-set` of a command (RFC 3501 section 9) with `*` and `$` (RFC 5182), and the
//! compact sets that sessions keep and answers carry.

use std::fmt;

use super::cursor::{Cursor, Fault, Parsed};

/// A `sequence-set` as it was sent: ranges in the order of the client, 0 standing for `*`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SequenceSet(pub Vec<(u32, u32)>);

/// The messages that a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// Those of this set.
    Set(SequenceSet),
    /// `$`: the result of the last SEARCH with `SAVE` (RFC 5182).
    Saved,
}

/// Numbers as sorted ranges that neither touch nor overlap.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub struct Ranges(Vec<(u32, u32)>);

impl SequenceSet {
    /// The set in numbers, where `*` is `largest`. A range may be given either way round. Where there is no
    /// message (`largest` is 0), `*` stands for nothing.
    pub fn resolve(&self, largest: u32) -> Ranges {
        let mut pairs: Vec<(u32, u32)> = self
            .0
            .iter()
            .map(|(from, to)| {
                let from = if *from == 0 { largest } else { *from };
                let to = if *to == 0 { largest } else { *to };
                (from.min(to), from.max(to))
            })
            .filter(|(_, to)| *to > 0)
            .map(|(from, to)| (from.max(1), to))
            .collect();
        pairs.sort_unstable();
        let mut ranges = Ranges::default();
        for (from, to) in pairs {
            ranges.push_range(from, to);
        }
        ranges
    }

    /// Whether `*` is in it.
    pub fn has_star(&self) -> bool {
        self.0.iter().any(|(from, to)| *from == 0 || *to == 0)
    }

    /// The largest number that is named.
    pub fn largest(&self) -> u32 {
        self.0.iter().map(|(from, to)| *from.max(to)).max().unwrap_or(0)
    }

    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut ranges = Vec::new();
        loop {
            let from = Self::number(cursor)?;
            let to = if cursor.take(b':') { Self::number(cursor)? } else { from };
            ranges.push((from, to));
            if ranges.len() > cursor.bounds().set_ranges {
                return Err(Fault::limit("too many ranges in a set of numbers"));
            }
            if !cursor.take(b',') {
                return Ok(Self(ranges));
            }
        }
    }

    fn number(cursor: &mut Cursor<'_>) -> Parsed<u32> {
        if cursor.take(b'*') { Ok(0) } else { cursor.nz_number() }
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |f: &mut fmt::Formatter<'_>, number: u32| match number {
            0 => f.write_str("*"),
            number => write!(f, "{number}"),
        };
        for (index, (from, to)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            number(f, *from)?;
            if from != to {
                f.write_str(":")?;
                number(f, *to)?;
            }
        }
        Ok(())
    }
}

impl Numbers {
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.take(b'$') { Ok(Self::Saved) } else { SequenceSet::parse(cursor).map(Self::Set) }
    }
}

impl Ranges {
    /// No number.
    pub const EMPTY: Self = Self(Vec::new());

    /// The numbers from `from` to `to`, both included; empty when `from` is larger.
    pub fn span(from: u32, to: u32) -> Self {
        if from > to { Self::EMPTY } else { Self(vec![(from, to)]) }
    }

    /// Adds a number that is not smaller than the last.
    pub fn push(&mut self, number: u32) {
        self.push_range(number, number);
    }

    /// Adds a range that does not begin before the last one does.
    pub fn push_range(&mut self, from: u32, to: u32) {
        if from > to {
            return;
        }
        match self.0.last_mut() {
            Some((first, last)) if from >= *first && from <= last.saturating_add(1) => *last = to.max(*last),
            Some((first, _)) if from < *first => self.insert_range(from, to),
            _ => self.0.push((from, to)),
        }
    }

    /// Adds a number anywhere.
    pub fn insert(&mut self, number: u32) {
        self.insert_range(number, number);
    }

    fn insert_range(&mut self, from: u32, to: u32) {
        // All ranges that touch the new one melt into it.
        let start = self.0.partition_point(|(_, last)| last.saturating_add(1) < from);
        let end = self.0.partition_point(|(first, _)| *first <= to.saturating_add(1));
        let touched = self.0.get(start..end).unwrap_or_default();
        let from = touched.first().map_or(from, |(first, _)| from.min(*first));
        let to = touched.last().map_or(to, |(_, last)| to.max(*last));
        self.0.splice(start..end.max(start), [(from, to)]);
    }

    /// Takes a number out; whether it was there.
    pub fn remove(&mut self, number: u32) -> bool {
        let index = self.0.partition_point(|(_, last)| *last < number);
        let Some((first, last)) = self.0.get(index).copied().filter(|(first, _)| *first <= number) else {
            return false;
        };
        let mut rest = Vec::with_capacity(2);
        if first < number {
            rest.push((first, number - 1));
        }
        if number < last {
            rest.push((number + 1, last));
        }
        self.0.splice(index..=index, rest);
        true
    }

    /// Whether the number is in it.
    pub fn contains(&self, number: u32) -> bool {
        let index = self.0.partition_point(|(_, last)| *last < number);
        self.0.get(index).is_some_and(|(first, _)| *first <= number)
    }

    /// How many numbers there are. A set of all 32-bit numbers has one more than fits; it counts as the largest.
    pub fn len(&self) -> u32 {
        self.0.iter().fold(0_u32, |sum, (from, to)| sum.saturating_add((to - from).saturating_add(1)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u32> {
        self.0.first().map(|(first, _)| *first)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u32> {
        self.0.last().map(|(_, last)| *last)
    }

    /// The place of a number, from 1: with a mailbox's UIDs, the message sequence number.
    pub fn rank(&self, number: u32) -> Option<u32> {
        let mut before = 0_u32;
        for (first, last) in &self.0 {
            if number < *first {
                return None;
            }
            if number <= *last {
                return Some(before + (number - first) + 1);
            }
            before += last - first + 1;
        }
        None
    }

    /// The number at a place, from 1.
    pub fn at(&self, rank: u32) -> Option<u32> {
        let mut left = rank.checked_sub(1)?;
        for (first, last) in &self.0 {
            let count = last - first + 1;
            if left < count {
                return Some(first + left);
            }
            left -= count;
        }
        None
    }

    /// The numbers at these places: sequence numbers become UIDs in one walk.
    pub fn at_ranks(&self, ranks: &Self) -> Self {
        let mut found = Self::default();
        let mut mine = self.0.iter();
        let mut current = mine.next();
        let mut before = 0_u32;
        for (low, high) in &ranks.0 {
            let mut low = *low;
            while let Some((first, last)) = current {
                let count = last - first + 1;
                if low > before + count {
                    before += count;
                    current = mine.next();
                    continue;
                }
                let stop = (*high).min(before + count);
                found.push_range(first + (low - before - 1), first + (stop - before - 1));
                if *high <= before + count {
                    break;
                }
                low = stop + 1;
            }
        }
        found
    }

    /// The places of these numbers, those that are not here left out: UIDs become sequence numbers in one walk.
    pub fn ranks_of(&self, numbers: &Self) -> Self {
        let mut found = Self::default();
        let mut before = 0_u32;
        let mut theirs = numbers.0.iter().peekable();
        for (first, last) in &self.0 {
            while let Some((low, high)) = theirs.peek() {
                if *low > *last {
                    break;
                }
                let (from, to) = ((*low).max(*first), (*high).min(*last));
                if from <= to {
                    found.push_range(before + (from - first) + 1, before + (to - first) + 1);
                }
                if *high > *last {
                    break;
                }
                theirs.next();
            }
            before += last - first + 1;
        }
        found
    }

    /// The numbers that are in both.
    pub fn intersect(&self, other: &Self) -> Self {
        let mut both = Self::default();
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((a, b)), Some((c, d))) = (left.peek(), right.peek()) {
            both.push_range(*a.max(c), *b.min(d));
            if b < d {
                left.next();
            } else {
                right.next();
            }
        }
        both
    }

    /// The numbers that are here and not in the other.
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        let mut cuts = other.0.iter().peekable();
        for (first, last) in &self.0 {
            let mut from = *first;
            let mut whole = true;
            while let Some((low, high)) = cuts.peek() {
                if *low > *last {
                    break;
                }
                if *low > from {
                    rest.push_range(from, low - 1);
                }
                from = from.max(high.saturating_add(1));
                if *high >= *last {
                    whole = false;
                    break;
                }
                cuts.next();
            }
            if whole {
                rest.push_range(from, *last);
            }
        }
        rest
    }

    /// Every number, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(from, to)| *from..=*to)
    }

    /// Every number, ascending, without a borrow.
    pub fn into_numbers(self) -> impl Iterator<Item = u32> {
        self.0.into_iter().flat_map(|(from, to)| from..=to)
    }

    /// The ranges, ascending.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// Gives back room that is not needed.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

impl FromIterator<u32> for Ranges {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut ranges = Self::default();
        for number in numbers {
            ranges.push(number);
        }
        ranges
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (from, to)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{from}")?;
            if from != to {
                write!(f, ":{to}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}
