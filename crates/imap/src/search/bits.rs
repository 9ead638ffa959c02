//! Sets of messages, by their place among those that are searched.

/// A set of places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Vec<bool>);

impl Bits {
    pub(super) fn all(count: usize) -> Self {
        Self(vec![true; count])
    }

    pub(super) fn none(count: usize) -> Self {
        Self(vec![false; count])
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }

    pub(super) fn set(&mut self, place: usize) {
        if let Some(bit) = self.0.get_mut(place) {
            *bit = true;
        }
    }

    /// The places, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter(|(_, set)| **set).map(|(place, _)| place)
    }

    /// Those of the places for which the test holds.
    pub(super) fn filter(&self, test: impl Fn(usize) -> bool) -> Self {
        Self(self.0.iter().enumerate().map(|(place, set)| *set && test(place)).collect())
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| *one || *other).collect())
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| *one && !*other).collect())
    }
}
