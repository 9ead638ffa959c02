//! Flags and keywords of a message. The usual ones are bits of `item.flags`; all others are words on the first line
//! of `item.state`, and each further line there is a property of an extension: its name, a space, its value as JSON.

use base::{Error, Result};

pub use kernel::SEEN;
/// It was answered.
pub const ANSWERED: i64 = 1 << 1;
/// It is marked as important to its reader.
pub const FLAGGED: i64 = 1 << 2;
/// It goes with the next EXPUNGE.
pub const DELETED: i64 = 1 << 3;
/// It is not finished.
pub const DRAFT: i64 = 1 << 4;
/// It was forwarded.
pub const FORWARDED: i64 = 1 << 5;
/// A receipt was sent, or must not be.
pub const MDN_SENT: i64 = 1 << 6;
/// It is spam.
pub const JUNK: i64 = 1 << 7;
/// It is not spam.
pub const NOT_JUNK: i64 = 1 << 8;
/// It wants to deceive its reader.
pub const PHISHING: i64 = 1 << 9;
/// It is probably important.
pub const IMPORTANT: i64 = 1 << 10;

/// The flags that have a bit, with their names in IMAP.
pub const NAMED: &[(i64, &str)] = &[
    (SEEN, "\\Seen"),
    (ANSWERED, "\\Answered"),
    (FLAGGED, "\\Flagged"),
    (DELETED, "\\Deleted"),
    (DRAFT, "\\Draft"),
    (FORWARDED, "$Forwarded"),
    (MDN_SENT, "$MDNSent"),
    (JUNK, "$Junk"),
    (NOT_JUNK, "$NotJunk"),
    (PHISHING, "$Phishing"),
    (IMPORTANT, "$Important"),
];

/// Flags and keywords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords {
    /// Those that have a bit.
    pub flags: i64,
    /// The others, as they were first written.
    pub others: Vec<String>,
}

/// What is to be done with flags and keywords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagChange {
    /// These are set, the others stay.
    Add(Keywords),
    /// These are taken away.
    Remove(Keywords),
    /// These are set and all others taken away.
    Replace(Keywords),
}

impl Keywords {
    /// Flags that have bits.
    pub fn bits(flags: i64) -> Self {
        Self { flags, others: Vec::new() }
    }

    /// Reads names such as `\Seen`, `$Junk`, `work`.
    ///
    /// # Errors
    /// `Invalid` for a system flag that there is not and for what is no word.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut all = Self::default();
        for name in names {
            all.insert(name)?;
        }
        Ok(all)
    }

    pub(crate) fn insert(&mut self, name: &str) -> Result<()> {
        if let Some((bit, _)) = NAMED.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
            self.flags |= bit;
            return Ok(());
        }
        if name.starts_with('\\') {
            return Err(Error::invalid("flag", format!("'{name}' is no flag that can be set")));
        }
        let word = !name.is_empty()
            && name.chars().all(|c| !c.is_control() && !c.is_whitespace() && !"(){%*\"]".contains(c));
        if !word {
            return Err(Error::invalid("keyword", "must be one word without brackets, quotes and wildcards"));
        }
        if !self.has_other(name) {
            self.others.push(name.to_owned());
        }
        Ok(())
    }

    fn has_other(&self, name: &str) -> bool {
        self.others.iter().any(|other| other.eq_ignore_ascii_case(name))
    }

    /// Whether a flag or keyword is set, by its name.
    pub fn has(&self, name: &str) -> bool {
        match NAMED.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)) {
            Some((bit, _)) => self.flags & bit != 0,
            None => self.has_other(name),
        }
    }

    /// What an item has.
    pub fn of_item(flags: i64, state: Option<&str>) -> Self {
        let others = words(state).map(str::to_owned).collect();
        Self { flags, others }
    }

    /// All names, those with bits first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let named = NAMED.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, name)| *name);
        named.chain(self.others.iter().map(String::as_str))
    }
}

impl FlagChange {
    /// The bits to set and to clear.
    pub fn bits(&self) -> (i64, i64) {
        let known = NAMED.iter().fold(0, |all, (bit, _)| all | bit);
        match self {
            Self::Add(keywords) => (keywords.flags, 0),
            Self::Remove(keywords) => (0, keywords.flags),
            Self::Replace(keywords) => (keywords.flags, known & !keywords.flags),
        }
    }

    /// Whether the small state changes too.
    pub fn changes_words(&self) -> bool {
        match self {
            Self::Add(keywords) | Self::Remove(keywords) => !keywords.others.is_empty(),
            Self::Replace(_) => true,
        }
    }

    /// The small state after the change.
    pub fn apply(&self, state: Option<&str>) -> Option<String> {
        let mut all: Vec<&str> = words(state).collect();
        let held = |all: &[&str], name: &str| all.iter().any(|word| word.eq_ignore_ascii_case(name));
        match self {
            Self::Add(keywords) => {
                for name in &keywords.others {
                    if !held(&all, name) {
                        all.push(name);
                    }
                }
            }
            Self::Remove(keywords) => all.retain(|word| !keywords.has_other(word)),
            Self::Replace(keywords) => all = keywords.others.iter().map(String::as_str).collect(),
        }
        join(&all, state)
    }
}

/// The keywords of a small state that have no bit.
pub fn words(state: Option<&str>) -> impl Iterator<Item = &str> {
    state
        .and_then(|state| state.lines().next())
        .unwrap_or_default()
        .split(' ')
        .filter(|word| !word.is_empty())
}

/// The properties of extensions in a small state: names and JSON values.
pub fn properties(state: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    state.unwrap_or_default().lines().skip(1).filter_map(|line| line.split_once(' '))
}

/// The small state with a property of an extension set, or taken away.
///
/// # Errors
/// `Invalid` for a name that is no word.
pub fn set_property(
    state: Option<&str>,
    name: &str,
    value: Option<&serde_json::Value>,
) -> Result<Option<String>> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::invalid("property", "must be one word"));
    }
    let all: Vec<&str> = words(state).collect();
    let mut out = all.join(" ");
    for (known, old) in properties(state).filter(|(known, _)| *known != name) {
        for piece in ["\n", known, " ", old] {
            out.push_str(piece);
        }
    }
    if let Some(value) = value {
        for piece in ["\n", name, " ", &value.to_string()] {
            out.push_str(piece);
        }
    }
    Ok(Some(out).filter(|out| !out.is_empty()))
}

fn join(words: &[&str], state: Option<&str>) -> Option<String> {
    let mut out = words.join(" ");
    if let Some((_, rest)) = state.and_then(|state| state.split_once('\n')) {
        out.push('\n');
        out.push_str(rest);
    }
    Some(out).filter(|out| !out.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_bits_and_words_and_back() {
        let keywords = Keywords::parse(["\\seen", "$junk", "Work", "work", "été"]).unwrap();
        assert_eq!(keywords.flags, SEEN | JUNK);
        assert_eq!(keywords.names().collect::<Vec<_>>(), ["\\Seen", "$Junk", "Work", "été"]);
        assert!(keywords.has("WORK") && keywords.has("\\SEEN") && !keywords.has("\\Draft"));
        assert!(Keywords::parse(["\\Recent"]).is_err() && Keywords::parse(["a b"]).is_err());
    }

    #[test]
    fn changes_keep_properties_of_extensions() {
        let state = set_property(Some("work"), "note", Some(&serde_json::json!("call\nback"))).unwrap();
        assert_eq!(state.as_deref(), Some("work\nnote \"call\\nback\""));
        let add = FlagChange::Add(Keywords::parse(["WORK", "home"]).unwrap());
        assert_eq!(add.apply(state.as_deref()).as_deref(), Some("work home\nnote \"call\\nback\""));
        let replace = FlagChange::Replace(Keywords::default());
        assert_eq!(replace.apply(state.as_deref()).as_deref(), Some("\nnote \"call\\nback\""));
        assert_eq!(replace.apply(Some("a b")), None);
        assert_eq!(properties(state.as_deref()).collect::<Vec<_>>(), [("note", "\"call\\nback\"")]);
        assert_eq!(set_property(state.as_deref(), "note", None).unwrap().as_deref(), Some("work"));
    }
}
