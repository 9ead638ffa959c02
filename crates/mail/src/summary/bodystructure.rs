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

fn push_parameters(out: &mut String, parameters: &[Parameter]) {
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
