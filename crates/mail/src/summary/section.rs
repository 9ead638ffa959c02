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

    /// The numbers that lead to the part at a place, with dots between them; nothing for the message itself when it is
    /// a multipart. What lies in messages within is reached through them.
    pub fn section_of(&self, index: usize) -> Option<String> {
        let part = self.parts.get(index)?;
        if part.depth == 0 {
            return (part.form != Form::Multipart).then(|| "1".to_owned());
        }
        let parent = self.parts.get(..index)?.iter().rposition(|above| above.depth + 1 == part.depth)?;
        let above = self.parts.get(parent)?;
        let number = self.children(parent).position(|child| child == index)? + 1;
        let before =
            if parent == 0 && above.form == Form::Multipart { None } else { self.section_of(parent) };
        if above.form == Form::Message {
            // The message within has the numbers of the part that holds it, and without parts one of its own.
            let before = before?;
            return Some(if part.form == Form::Multipart { before } else { format!("{before}.1") });
        }
        Some(before.map_or_else(|| number.to_string(), |before| format!("{before}.{number}")))
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

#[cfg(test)]
mod tests {
    use crate::summary::structure_of;

    #[test]
    fn numbers_of_parts_lead_back_to_them() {
        let inner =
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n";
        let text = format!(
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--a\r\n{inner}\r\n--a--\r\n"
        );
        let structure = structure_of(text.as_bytes());
        let sections: Vec<_> = (0..structure.parts.len()).map(|index| structure.section_of(index)).collect();
        let expected = [
            None,
            Some("1"),
            Some("2"),
            Some("2"),
            Some("2.1"),
            Some("2.2"),
            Some("3"),
            Some("3.1"),
            Some("3.2"),
        ];
        assert_eq!(sections, expected.map(|section| section.map(str::to_owned)));
        for (index, section) in sections.iter().enumerate().filter(|(index, _)| *index != 3) {
            let Some(section) = section else { continue };
            let path: Vec<u32> = section.split('.').map(|number| number.parse().unwrap()).collect();
            assert_eq!(structure.find(&path), Some(index), "{section}");
        }
        assert_eq!(structure_of(b"A: b\r\n\r\nx").section_of(0).as_deref(), Some("1"));
    }
}
