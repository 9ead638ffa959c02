//! `BODYSTRUCTURE` and `BODY` from the tree of parts (RFC 9051 section 7.5.2, RFC 3501 section 7.4.2).

use std::fmt::Write as _;

use super::envelope::{EMPTY, push_nstring, push_string};
use super::structure::{Form, Parameter, Part, Structure};

/// The wire text of `BODYSTRUCTURE`, or with `extended` false of `BODY`. `Structure::parse` keeps the tree as deep
/// as the walk made it, so that this may call itself.
pub fn render_bodystructure(structure: &Structure, extended: bool) -> String {
    let mut out = String::with_capacity(192 * structure.parts.len());
    push_part(&mut out, structure, 0, extended, 0);
    out
}

/// A damaged row may claim any depth.
const DEPTH: usize = 2 * super::walk::DEPTH;

/// A parameter that was cut in pieces (RFC 2231 section 3): its name, the piece's number, and whether it is encoded.
fn piece(name: &str) -> Option<(&str, usize, bool)> {
    let (base, rest) = name.split_once('*')?;
    let (digits, encoded) = match rest.strip_suffix('*') {
        Some(digits) => (digits, true),
        None => (rest, false),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| Some((base, digits.parse().ok()?, encoded)))?
}

/// Parameters with their pieces put together, as RFC 2231 section 6 wants of servers. Nothing is decoded: what has an
/// encoded piece becomes one encoded value.
fn joined(parameters: &[Parameter]) -> Vec<Parameter> {
    let mut out: Vec<Parameter> = Vec::with_capacity(parameters.len());
    for (name, value) in parameters {
        let Some((base, number, _)) = piece(name) else {
            out.push((name.clone(), value.clone()));
            continue;
        };
        if number != 0 {
            continue;
        }
        let of = |wanted: usize| {
            parameters.iter().find_map(|(name, value)| {
                let (known, number, encoded) = piece(name)?;
                (known.eq_ignore_ascii_case(base) && number == wanted).then_some((value, encoded))
            })
        };
        let pieces: Vec<(&String, bool)> = (0..).map_while(of).collect();
        if !pieces.iter().any(|(_, encoded)| *encoded) {
            out.push((base.to_owned(), pieces.iter().map(|(value, _)| value.as_str()).collect()));
            continue;
        }
        let mut whole = String::new();
        for (index, (value, encoded)) in pieces.iter().enumerate() {
            match (index, encoded) {
                (_, true) => whole.push_str(value),
                (0, false) => {
                    whole.push_str("''");
                    push_percent(&mut whole, value);
                }
                (_, false) => push_percent(&mut whole, value),
            }
        }
        out.push((format!("{base}*"), whole));
    }
    out
}

/// Appends plain text as a part of an encoded value (RFC 2231 section 7, `attribute-char`).
fn push_percent(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn push_parameters(out: &mut String, parameters: &[Parameter]) {
    let put_together;
    let mut parameters = parameters;
    if parameters.iter().any(|(name, _)| piece(name).is_some()) {
        put_together = joined(parameters);
        parameters = &put_together;
    }
    if parameters.is_empty() {
        out.push_str("NIL");
        return;
    }
    for (index, (name, value)) in parameters.iter().enumerate() {
        out.push(if index == 0 { '(' } else { ' ' });
        push_string(out, name);
        out.push(' ');
        push_string(out, value);
    }
    out.push(')');
}

/// Disposition, language and location, which end both forms.
fn push_extension(out: &mut String, part: &Part) {
    match &part.disposition {
        Some((value, parameters)) => {
            out.push_str(" (");
            push_string(out, value);
            out.push(' ');
            push_parameters(out, parameters);
            out.push(')');
        }
        None => out.push_str(" NIL"),
    }
    out.push(' ');
    match &part.languages[..] {
        [] => out.push_str("NIL"),
        [one] => push_string(out, one),
        many => {
            for (index, language) in many.iter().enumerate() {
                out.push(if index == 0 { '(' } else { ' ' });
                push_string(out, language);
            }
            out.push(')');
        }
    }
    out.push(' ');
    push_nstring(out, part.location.as_deref());
}

// Writing into a String does not fail.
fn push_part(out: &mut String, structure: &Structure, index: usize, extended: bool, level: usize) {
    let Some(part) = structure.parts.get(index) else { return };
    out.push('(');
    if part.form == Form::Multipart {
        let before = out.len();
        if level < DEPTH {
            for child in structure.children(index) {
                push_part(out, structure, child, extended, level + 1);
            }
        }
        if out.len() == before {
            push_text_leaf(out, 0, 0, extended);
        }
        out.push(' ');
        push_string(out, &part.subtype);
        if extended {
            out.push(' ');
            push_parameters(out, &part.parameters);
            push_extension(out, part);
        }
        out.push(')');
        return;
    }
    push_string(out, &part.kind);
    out.push(' ');
    push_string(out, &part.subtype);
    out.push(' ');
    push_parameters(out, &part.parameters);
    for value in [&part.id, &part.description] {
        out.push(' ');
        push_nstring(out, value.as_deref());
    }
    out.push(' ');
    push_string(out, &part.encoding);
    let _ = write!(out, " {}", part.size());
    if part.is_message() {
        push_message(out, structure, index, extended, level);
        let _ = write!(out, " {}", part.lines);
    } else if part.is("text", None) {
        let _ = write!(out, " {}", part.lines);
    }
    if extended {
        out.push(' ');
        push_nstring(out, part.md5.as_deref());
        push_extension(out, part);
    }
    out.push(')');
}

/// The envelope and the structure of the message within. One that is encoded, or lies too deep, is a text to
/// IMAP, which counts its bytes as they stand.
fn push_message(out: &mut String, structure: &Structure, index: usize, extended: bool, level: usize) {
    let Some(part) = structure.parts.get(index) else { return };
    out.push(' ');
    out.push_str(part.envelope.as_deref().unwrap_or(EMPTY));
    out.push(' ');
    match structure.children(index).next() {
        Some(inner) if part.form == Form::Message && level < DEPTH => {
            push_part(out, structure, inner, extended, level + 1);
        }
        _ => push_text_leaf(out, part.size(), part.lines, extended),
    }
}

fn push_text_leaf(out: &mut String, size: usize, lines: usize, extended: bool) {
    let more = if extended { " NIL NIL NIL NIL" } else { "" };
    let _ =
        write!(out, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" {size} {lines}{more})");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_parameters_are_put_together() {
        let shown = |given: &[(&str, &str)]| {
            let given: Vec<Parameter> =
                given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let mut out = String::new();
            push_parameters(&mut out, &given);
            out
        };
        assert_eq!(
            shown(&[("name*0*", "utf-8''%e2"), ("x", "y"), ("NAME*1", "a b")]),
            "(\"name*\" \"utf-8''%e2a%20b\" \"x\" \"y\")"
        );
        assert_eq!(shown(&[("name*1", "two"), ("name*0", "one ")]), "(\"name\" \"one two\")");
        assert_eq!(shown(&[("name*", "utf-8''x")]), "(\"name*\" \"utf-8''x\")");
        assert_eq!(shown(&[("n*0", "a b"), ("n*1*", "%20c"), ("n*3", "lost")]), "(\"n*\" \"''a%20b%20c\")");
        assert_eq!(shown(&[("n*2", "lost")]), "NIL");
    }
}
