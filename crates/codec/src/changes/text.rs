//! One change as one line, both ways.

use std::fmt::Write as _;

use base::{Error, Result};

use super::{Change, Ranges};

pub(super) fn write_line(change: &Change, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match change {
        Change::Make { id, kind, parent, role, name, state } => {
            write!(out, "C {id} {} {parent} {} {} {}", enc(kind), enc(role), enc(name), enc(state))
        }
        Change::Modify { id, parent, role, name, state } => {
            write!(out, "M {id} {parent} {} {} {}", enc(role), enc(name), enc(state))
        }
        Change::Drop { id } => write!(out, "D {id}"),
        Change::Restore { id } => write!(out, "U {id}"),
        Change::Put { collection, item, object, content, size, flags, state, body } => {
            let state = state.as_deref().map(enc).unwrap_or_default();
            write!(
                out,
                "+ {collection} {item} {object} {content} {size} {flags} {state} {}",
                hex(body.as_ref())
            )
        }
        Change::Flags { collection, items, set, cleared } => {
            write!(out, "~ {collection} {items} {set} {cleared}")
        }
        Change::State { collection, item, state } => {
            write!(out, "s {collection} {item} {}", state.as_deref().map(enc).unwrap_or_default())
        }
        Change::Content { collection, item, content, size, body } => {
            write!(out, "c {collection} {item} {content} {size} {}", hex(body.as_ref()))
        }
        Change::Move { collection, items, target, first } => {
            write!(out, "> {collection} {items} {target} {first}")
        }
        Change::Remove { collection, items } => write!(out, "- {collection} {items}"),
        Change::Share { collection, subject, rights } => write!(out, "@ {collection} {subject} {rights}"),
        Change::Words(text) => write!(out, "# {}", enc(text)),
    };
}

pub(super) fn parse_line(line: &str) -> Result<Change> {
    fields(line).ok_or_else(|| {
        let shown: String = line.chars().take(80).collect();
        Error::corrupt("changes", format!("'{shown}' is no line of a commit"))
    })
}

fn fields(line: &str) -> Option<Change> {
    let mut words = line.split(' ');
    let sign = words.next()?;
    let mut next = || words.next();
    let change = match sign {
        "C" => Change::Make {
            id: int(next()?)?,
            kind: dec(next()?)?,
            parent: int(next()?)?,
            role: dec(next()?)?,
            name: dec(next()?)?,
            state: dec(next()?)?,
        },
        "M" => Change::Modify {
            id: int(next()?)?,
            parent: int(next()?)?,
            role: dec(next()?)?,
            name: dec(next()?)?,
            state: dec(next()?)?,
        },
        "D" => Change::Drop { id: int(next()?)? },
        "U" => Change::Restore { id: int(next()?)? },
        "+" => Change::Put {
            collection: int(next()?)?,
            item: int(next()?)?,
            object: int(next()?)?,
            content: int(next()?)?,
            size: int(next()?)?,
            flags: int(next()?)?,
            state: some(next()?)?.0,
            body: body(next()?)?.0,
        },
        "~" => Change::Flags {
            collection: int(next()?)?,
            items: Ranges::parse(next()?)?,
            set: int(next()?)?,
            cleared: int(next()?)?,
        },
        "s" => Change::State { collection: int(next()?)?, item: int(next()?)?, state: some(next()?)?.0 },
        "c" => Change::Content {
            collection: int(next()?)?,
            item: int(next()?)?,
            content: int(next()?)?,
            size: int(next()?)?,
            body: body(next()?)?.0,
        },
        ">" => Change::Move {
            collection: int(next()?)?,
            items: Ranges::parse(next()?)?,
            target: int(next()?)?,
            first: int(next()?)?,
        },
        "-" => Change::Remove { collection: int(next()?)?, items: Ranges::parse(next()?)? },
        "@" => Change::Share { collection: int(next()?)?, subject: int(next()?)?, rights: int(next()?)? },
        "#" => Change::Words(dec(next()?)?),
        _ => return None,
    };
    words.next().is_none().then_some(change)
}

fn int(word: &str) -> Option<i64> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    if plain { word.parse().ok() } else { None }
}

/// A field that may be empty, written `-`.
struct Maybe<T>(Option<T>);

fn some(word: &str) -> Option<Maybe<String>> {
    if word == "-" { Some(Maybe(None)) } else { dec(word).map(|text| Maybe(Some(text))) }
}

/// The empty text is `-`, and a text that is just that is escaped.
fn enc(text: &str) -> Encoded {
    let mut out = String::with_capacity(text.len() + 4);
    if text == "-" {
        out.push_str("%2d");
    } else {
        for c in text.chars() {
            if c == '%' || c == ' ' || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(out, "%{byte:02x}");
                }
            } else {
                out.push(c);
            }
        }
    }
    Encoded(out)
}

/// A text without spaces; `Default` stands for "nothing".
struct Encoded(String);

impl Default for Encoded {
    fn default() -> Self {
        Self("-".to_owned())
    }
}

impl std::fmt::Display for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn dec(word: &str) -> Option<String> {
    if !word.contains('%') {
        return Some(word.to_owned());
    }
    let mut out = Vec::with_capacity(word.len());
    let mut bytes = word.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

fn hex(body: Option<&[u8; 16]>) -> Encoded {
    let Some(bytes) = body else { return Encoded::default() };
    let mut out = String::with_capacity(32);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    Encoded(out)
}

fn body(word: &str) -> Option<Maybe<[u8; 16]>> {
    if word == "-" {
        return Some(Maybe(None));
    }
    if word.len() != 32 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(word, 16).ok()?;
    Some(Maybe(Some(number.to_be_bytes())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{parse, write};
    use super::*;

    fn id() -> impl Strategy<Value = i64> {
        0..=base::MAX_ID
    }

    fn ids() -> impl Strategy<Value = Ranges> {
        prop::collection::vec(1i64..500, 1..40).prop_map(|ids| ids.into_iter().collect())
    }

    fn change() -> impl Strategy<Value = Change> {
        let text = ".{0,20}";
        prop_oneof![
            (id(), text, id(), text, text, text).prop_map(|(id, kind, parent, role, name, state)| {
                Change::Make { id, kind, parent, role, name, state }
            }),
            (id(), id(), text, text, text).prop_map(|(id, parent, role, name, state)| Change::Modify {
                id,
                parent,
                role,
                name,
                state
            }),
            id().prop_map(|id| Change::Drop { id }),
            id().prop_map(|id| Change::Restore { id }),
            (id(), id(), id(), id(), id(), id(), prop::option::of(text), any::<Option<[u8; 16]>>()).prop_map(
                |(collection, item, object, content, size, flags, state, body)| Change::Put {
                    collection,
                    item,
                    object,
                    content,
                    size,
                    flags,
                    state,
                    body
                }
            ),
            (id(), ids(), id(), id()).prop_map(|(collection, items, set, cleared)| Change::Flags {
                collection,
                items,
                set,
                cleared
            }),
            (id(), id(), prop::option::of(text)).prop_map(|(collection, item, state)| Change::State {
                collection,
                item,
                state
            }),
            (id(), ids(), id(), id()).prop_map(|(collection, items, target, first)| Change::Move {
                collection,
                items,
                target,
                first
            }),
            (id(), ids()).prop_map(|(collection, items)| Change::Remove { collection, items }),
            (id(), id(), id()).prop_map(|(collection, subject, rights)| Change::Share {
                collection,
                subject,
                rights
            }),
            text.prop_map(Change::Words),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(changes in prop::collection::vec(change(), 1..8)) {
            let text = write(&changes);
            prop_assert_eq!(parse(&text).unwrap(), changes);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            let _ = parse(&text);
        }
    }

    #[test]
    fn a_change_costs_few_bytes() {
        let items = (1..=1_000).collect();
        assert_eq!(write(&[Change::Flags { collection: 3, items, set: 1, cleared: 0 }]), "~ 3 1-1000 1 0");
    }

    #[test]
    fn a_line_that_is_not_ours_is_named() {
        for line in ["", "Q 1", "D", "D 1 2", "D 01", "~ 1 5-3 1 0", "+ 1 2 3 4 5 6 - zz", "# a b", "# %g0"] {
            assert!(parse_line(line).is_err(), "{line}");
        }
    }
}
