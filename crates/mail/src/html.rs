//! HTML of messages as a sandboxed frame may show it: no script, no form, no style that reaches beyond its element, and no
//! request to anybody unless the reader allowed it (feature B12).
//!
//! What must stay true here:
//! - What is not on a list is left out: elements, attributes, schemes of addresses, properties of styles.
//! - An address that makes the browser ask somebody is only ever one that the caller made of it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use ammonia::{Builder, UrlRelative};

/// The attribute in which the address of a remote image stands that is not shown yet.
pub const REMOTE: &str = "data-remote-src";

/// Longer HTML is not shown: it is offered as a file.
pub const HTML_BYTES: usize = 4 << 20;

/// What becomes of addresses.
pub struct Addresses<'a> {
    /// Where a part of the message with this Content-ID is read; none for one that there is not.
    pub part: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Where a remote image is read; none until the reader wants to see it.
    pub remote: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// HTML that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafeHtml {
    /// The HTML, to be put into the body of a document.
    pub html: String,
    /// Whether there are remote images in it that are not shown.
    pub has_remote_images: bool,
}

const TAGS: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];
const ATTRIBUTES: &[&str] = &["align", "bgcolor", "dir", "lang", "style", "title", "valign"];
const OF_TAGS: &[(&str, &[&str])] = &[
    ("a", &["href", "name"]),
    ("img", &["src", "alt", "width", "height", "border", "hspace", "vspace"]),
    ("font", &["color", "face", "size"]),
    ("table", &["border", "cellpadding", "cellspacing", "width", "height"]),
    ("td", &["colspan", "rowspan", "width", "height", "nowrap"]),
    ("th", &["colspan", "rowspan", "width", "height", "nowrap", "scope"]),
    ("tr", &["height"]),
    ("col", &["span", "width"]),
    ("colgroup", &["span", "width"]),
    ("ol", &["start", "type", "reversed"]),
    ("ul", &["type"]),
    ("li", &["value"]),
    ("hr", &["size", "width", "color", "noshade"]),
    ("blockquote", &["type"]),
    ("details", &["open"]),
];
/// Elements whose text is none for people.
const WITH_CONTENT: &[&str] = &[
    "head", "noembed", "noframes", "noscript", "script", "style", "template", "title", "svg", "math",
    "iframe", "object", "select", "textarea",
];
const PROPERTIES: &[&str] = &[
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-radius",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "box-sizing",
    "clear",
    "color",
    "direction",
    "display",
    "float",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-height",
    "max-width",
    "min-height",
    "min-width",
    "overflow-wrap",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "table-layout",
    "text-align",
    "text-decoration",
    "text-indent",
    "text-overflow",
    "text-transform",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-spacing",
    "word-wrap",
];
/// Functions that a value may have.
const FUNCTIONS: &[&str] = &["rgb(", "rgba(", "hsl(", "hsla(", "calc("];
const IMAGES: &[&str] = &[
    "data:image/png;base64,",
    "data:image/jpeg;base64,",
    "data:image/gif;base64,",
    "data:image/webp;base64,",
];

/// The declarations of a style that may stay. Values with anything that could name a resource, escape or end the
/// attribute are left out whole.
fn style(text: &str) -> String {
    let mut out = String::new();
    for declaration in text.split(';') {
        let Some((name, value)) = declaration.split_once(':') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if !PROPERTIES.contains(&name.as_str()) || value.is_empty() || value.len() > 500 {
            continue;
        }
        let lower = value.to_ascii_lowercase();
        let strange = |c: char| c.is_control() || matches!(c, '\\' | '<' | '>' | '{' | '}' | '@' | '`' | '&');
        if lower.contains(strange)
            || lower.contains("/*")
            || lower.contains("url")
            || lower.contains("expression")
        {
            continue;
        }
        let mut rest = lower.clone();
        for function in FUNCTIONS {
            rest = rest.replace(function, "");
        }
        if rest.contains('(') || lower.contains(':') {
            continue;
        }
        // What is taken out of the flow could cover what is not of the message.
        if name.starts_with("margin") && lower.contains('-') {
            continue;
        }
        if !out.is_empty() {
            out.push_str("; ");
        }
        out.push_str(&name);
        out.push_str(": ");
        out.push_str(value);
    }
    out
}

/// An address as a browser reads it: without blanks around it, and without tabs and line ends within.
fn plain(address: &str) -> String {
    address.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect()
}

fn scheme(address: &str) -> Option<String> {
    let (scheme, _) = address.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

/// Says the type of a filter of attributes, which has a lifetime that a closure alone does not find.
fn a_filter<F>(filter: F) -> F
where
    F: for<'v> Fn(&str, &str, &'v str) -> Option<Cow<'v, str>> + Send + Sync + 'static,
{
    filter
}

/// Makes HTML of a message safe to show.
pub fn sanitise(html: &str, addresses: &Addresses<'_>) -> SafeHtml {
    // The document cannot know the hash of itself: nothing in it looks like one of our marks.
    let mark = format!("x-{}:", blake3::hash(html.as_bytes()).to_hex());
    let remote_images = Cell::new(false);
    let mut of_tags: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (tag, attributes) in OF_TAGS {
        of_tags.insert(tag, attributes.iter().copied().collect());
    }
    let image = |value: &str| -> Option<String> {
        let address = plain(value);
        match scheme(&address)?.as_str() {
            "cid" => {
                let id = address.get(4..)?;
                (addresses.part)(&percent_decoded(id)).or_else(|| (addresses.part)(id))
            }
            "data" => {
                let lower = address.get(..40.min(address.len()))?.to_ascii_lowercase();
                IMAGES.iter().any(|start| lower.starts_with(start)).then_some(address)
            }
            "http" | "https" => (addresses.remote)(&address).or_else(|| {
                remote_images.set(true);
                Some(format!("{mark}{address}"))
            }),
            _ => None,
        }
    };
    let found: Arc<Mutex<Vec<String>>> = Arc::default();
    let cleaned = {
        let (kept, own_mark) = (found.clone(), mark.clone());
        let filter = a_filter(move |element, attribute, value| match (element, attribute) {
            (_, "style") => Some(style(value)).filter(|style| !style.is_empty()).map(Cow::Owned),
            ("img", "src") => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push(plain(value));
                Some(Cow::Owned(format!("{own_mark}{}", kept.len() - 1)))
            }
            ("a", "href") => {
                let address = plain(value);
                let scheme = scheme(&address)?;
                ["http", "https", "mailto", "tel"].contains(&scheme.as_str()).then_some(Cow::Owned(address))
            }
            ("a", "name") => Some(Cow::Owned(format!("m-{value}"))),
            _ => Some(Cow::Owned(value.to_owned())),
        });
        let mut builder = Builder::empty();
        builder
            .tags(TAGS.iter().copied().collect())
            .clean_content_tags(WITH_CONTENT.iter().copied().collect())
            .generic_attributes(ATTRIBUTES.iter().copied().collect())
            .tag_attributes(of_tags)
            .url_schemes(["http", "https", "mailto", "tel", "cid", "data"].into_iter().collect())
            .url_relative(UrlRelative::Deny)
            .link_rel(Some("noopener noreferrer nofollow"))
            .strip_comments(true)
            .attribute_filter(filter);
        builder.clean(html).to_string()
    };
    let found = found.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let html = put_images(&cleaned, &mark, &found, image);
    SafeHtml { html, has_remote_images: remote_images.get() }
}

/// Puts addresses where marks of images stand.
fn put_images(cleaned: &str, mark: &str, found: &[String], image: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(cleaned.len());
    let start = format!("src=\"{mark}");
    let mut rest = cleaned;
    while let Some(at) = rest.find(&start) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = after.get(start.len()..).unwrap_or_default();
        let (number, behind) = after.split_once('"').unwrap_or((after, ""));
        let address = number.parse::<usize>().ok().and_then(|number| found.get(number));
        match address.and_then(|address| image(address)) {
            Some(address) => match address.strip_prefix(mark) {
                Some(remote) => push_attribute(&mut out, REMOTE, remote),
                None => push_attribute(&mut out, "src", &address),
            },
            None => push_attribute(&mut out, "data-missing", "true"),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (*byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
