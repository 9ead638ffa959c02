//! Which bytes a section of a message is (RFC 9051 section 6.4.5.1): from the tree of parts, without the body.

use std::ops::Range;

use super::structure::{Form, Part, Structure};

/// What of a part, or of the message itself, is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Without a word: the body of a part; of the message itself all of it.
    Whole,
    /// `HEADER`, for the lists of fields too: the header of the message, or of the message in this part.
    Header,
    /// `TEXT`: what follows that header.
    Text,
    /// `MIME`: the header of this part.
    Mime,
}

impl Structure {
    /// The place of the part that these numbers lead to; none for numbers that lead nowhere.
    pub fn find(&self, path: &[u32]) -> Option<usize> {
        // Numbers count the parts of this one; a message that is no multipart is its own only part.
        let (mut within, mut whole_message) = (0, true);
        let mut found = 0;
        for number in path {
            let number = usize::try_from(*number).ok()?.checked_sub(1)?;
            let part = self.parts.get(within)?;
            found = if part.form == Form::Multipart {
                self.children(within).nth(number)?
            } else if whole_message && number == 0 {
                within
            } else {
                return None;
            };
            whole_message = self.parts.get(found)?.form == Form::Message;
            within = if whole_message { self.children(found).next()? } else { found };
        }
        Some(found)
    }

    /// The part that these numbers lead to; for no numbers the message itself.
    pub fn part(&self, path: &[u32]) -> Option<&Part> {
        self.parts.get(self.find(path)?)
    }

    /// The bytes of a section; nothing for a section that is not there (IMAP answers `NIL` or an empty string).
    pub fn section_range(&self, path: &[u32], of: Of) -> Option<Range<u64>> {
        let found = self.find(path)?;
        let part = self.parts.get(found)?;
        let message = if path.is_empty() {
            Some(part)
        } else if part.form == Form::Message {
            self.children(found).next().and_then(|inner| self.parts.get(inner))
        } else {
            None
        };
        let (start, end) = match of {
            Of::Whole if path.is_empty() => (part.header, part.end),
            Of::Whole => (part.body, part.end),
            Of::Mime if path.is_empty() => return None,
            Of::Mime => (part.header, part.body),
            Of::Header => message.map(|message| (message.header, message.body))?,
            Of::Text => message.map(|message| (message.body, message.end))?,
        };
        Some(start as u64..end as u64)
    }
}
