//! One text of every message, one behind the other.

/// Texts of messages, in the order of their places.
#[derive(Debug, Clone, Default)]
pub struct Arena {
    text: String,
    /// Where each text ends; a line feed follows, which no text holds.
    ends: Vec<u32>,
    /// Whether the message has it at all, by place.
    there: Vec<bool>,
}

pub(super) static EMPTY: Arena = Arena { text: String::new(), ends: Vec::new(), there: Vec::new() };

impl Arena {
    /// Whether another text of that many bytes still fits.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        u32::try_from(self.text.len() + bytes + 1).is_ok()
    }

    pub(super) fn push(&mut self, text: Option<&str>) {
        let text_or_none = text.unwrap_or_default();
        if text_or_none.contains('\n') {
            self.text.push_str(&text_or_none.replace('\n', " "));
        } else {
            self.text.push_str(text_or_none);
        }
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.there.push(text.is_some());
        self.text.push('\n');
    }

    /// The text at a place.
    pub fn get(&self, place: usize) -> Option<&str> {
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize + 1,
            None => 0,
        };
        self.text.get(start..*self.ends.get(place)? as usize)
    }

    /// Whether the message at a place has it.
    pub fn is_there(&self, place: usize) -> bool {
        self.there.get(place).copied().unwrap_or(false)
    }

    /// The places whose text holds the piece, ascending. An empty piece is held by every text that is there.
    pub fn holding(&self, piece: &str) -> Vec<usize> {
        if piece.is_empty() {
            return (0..self.there.len()).filter(|place| self.is_there(*place)).collect();
        }
        let finder = memchr::memmem::Finder::new(piece.as_bytes());
        let mut out = Vec::new();
        let mut from = 0;
        while let Some(at) = self.text.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
            let place = self.ends.partition_point(|end| (*end as usize) < from + at);
            out.push(place);
            let Some(end) = self.ends.get(place) else { break };
            from = *end as usize + 1;
        }
        out
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len() + 5 * self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_found_in_their_texts() {
        let mut arena = Arena::default();
        for text in [Some("one two"), None, Some(""), Some("two\ntwo"), Some("three")] {
            arena.push(text);
        }
        assert_eq!(arena.holding("two"), [0, 3]);
        assert_eq!(arena.holding("o"), [0, 3]);
        assert_eq!(arena.holding("three"), [4]);
        assert_eq!(arena.holding("e\nt"), Vec::<usize>::new());
        assert_eq!(arena.holding(""), [0, 2, 3, 4]);
        assert_eq!(
            (arena.get(0), arena.get(1), arena.get(4), arena.get(5)),
            (Some("one two"), Some(""), Some("three"), None)
        );
    }
}
