//! Base subjects (RFC 5256 section 2.1), by which conversations without references are found.

/// What is left of a subject without its `Re:`, `Fwd:` and `[list]`, and whether any `Re:` or `Fwd:` was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The base subject. Compared without case.
    pub text: String,
    /// Whether the subject is that of a reply or of something forwarded.
    pub is_reply: bool,
}

/// `text` without `prefix`, compared without the case of ASCII letters.
fn strip<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    if head.eq_ignore_ascii_case(prefix) { text.get(prefix.len()..) } else { None }
}

/// `subj-blob = "[" *BLOBCHAR "]" *WSP`
fn blob(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('[')?;
    let end = rest.find(['[', ']'])?;
    rest.get(end..)?.strip_prefix(']').map(|rest| rest.trim_start_matches(' '))
}

/// `subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"`
fn refwd(text: &str) -> Option<&str> {
    let rest = strip(text, "re").or_else(|| strip(text, "fwd")).or_else(|| strip(text, "fw"))?;
    let rest = rest.trim_start_matches(' ');
    blob(rest).unwrap_or(rest).strip_prefix(':')
}

/// `subj-leader = (*subj-blob subj-refwd) / WSP`
fn leader(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        if let Some(after) = refwd(rest) {
            return Some(after);
        }
        rest = blob(rest)?;
    }
}

/// The base subject of a decoded subject.
pub fn base_subject(subject: &str) -> Base {
    // Step 1: white space is one space.
    let mut line = String::with_capacity(subject.len());
    for c in subject.chars() {
        let c = if matches!(c, '\t' | '\r' | '\n') { ' ' } else { c };
        if c != ' ' || !line.ends_with(' ') {
            line.push(c);
        }
    }
    let mut rest = line.as_str();
    let mut is_reply = false;
    loop {
        // Step 2: trailers.
        loop {
            let trimmed = rest.trim_end_matches(' ');
            let at = trimmed.len().saturating_sub(5);
            match trimmed.get(at..) {
                Some(end) if end.eq_ignore_ascii_case("(fwd)") => {
                    is_reply = true;
                    rest = trimmed.get(..at).unwrap_or_default();
                }
                _ => {
                    rest = trimmed;
                    break;
                }
            }
        }
        // Steps 3 to 5: leaders, and blobs that leave something.
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(after) = leader(rest) {
                is_reply = true;
                rest = after;
            } else if let Some(after) = blob(rest).filter(|after| !after.is_empty()) {
                rest = after;
            } else {
                break;
            }
        }
        // Step 6: something forwarded in brackets.
        match strip(rest, "[fwd:").and_then(|inner| inner.strip_suffix(']')) {
            Some(inner) => {
                is_reply = true;
                rest = inner;
            }
            None => return Base { text: rest.to_owned(), is_reply },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_subjects_of_rfc_5256() {
        let cases = [
            ("Hello", "Hello", false),
            ("Re: Hello", "Hello", true),
            ("RE : re:Fw: FWD:\tHello", "Hello", true),
            ("Re[2]: Hello", "Hello", true),
            ("[list] Re: [list] Hello  world (fwd) (FWD) ", "Hello world", true),
            ("[list] Hello", "Hello", false),
            ("[list]", "[list]", false),
            ("Re: [list]", "[list]", true),
            ("[a][b] re: x", "x", true),
            ("[Fwd: Re: Hello (fwd)]", "Hello", true),
            ("[fwd: ]", "", true),
            ("Regards", "Regards", false),
            ("Re", "Re", false),
            ("", "", false),
            ("(fwd)", "", true),
            ("été (fwd)", "été", true),
        ];
        for (subject, text, is_reply) in cases {
            assert_eq!(base_subject(subject), Base { text: text.into(), is_reply }, "{subject}");
        }
    }
}
