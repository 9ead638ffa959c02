//! The web client's files: built by `web/`, kept in the binary, served compressed.
//!
//! Files below `assets/` carry a hash of their content in their name and never change; all others are asked for again
//! with their `ETag`. The page itself runs no inline script and takes no inline style. Two bare documents, in which
//! the client shows and writes mail, may have inline styles; in the first nothing runs, in the second the editor does.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::Error;

use crate::Mount;
use crate::problem::Problem;

/// A file of the client.
struct File {
    /// Its path below `/`.
    path: &'static str,
    /// Its `ETag`, with the quotes.
    tag: &'static str,
    plain: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/web_files.rs"));

/// The first words of the paths that are pages of the client; the client knows what follows.
const PAGES: &[&str] = &["", "login", "mail", "settings", "admin"];

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self' blob:; \
    object-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A message is shown in this one: no script of anybody, no address of others, whatever its HTML says.
const READER_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data: blob:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'; \
    sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-modals";
/// A message is written in this one, by a script of ours.
const EDITOR_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data: blob:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'";
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Beffroi</title><h1>Beffroi</h1>\
    <p>This server was built without the web client. Build it with <code>cargo xtask demo</code>, or run \
    <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code> and build the server again.</p>\
    <p lang=\"fr\">Ce serveur a été compilé sans le client web. Lancez <code>cargo xtask demo</code>, ou \
    <code>npm ci &amp;&amp; npm run build</code> dans <code>web/</code>, puis recompilez le serveur.</p></html>";

/// The routes of the client: everything that no door claims.
pub fn mount() -> Mount {
    let router = Router::new()
        .route("/", get(async |headers: HeaderMap| answer("", &headers)))
        .route("/{*path}", get(async |Path(path): Path<String>, headers: HeaderMap| answer(&path, &headers)));
    Mount { body_bytes: Some(0), ..Mount::new("web", router) }
}

fn answer(path: &str, asked: &HeaderMap) -> Response {
    answer_from(FILES, path, asked)
}

fn answer_from(files: &'static [File], path: &str, asked: &HeaderMap) -> Response {
    let find = |path: &str| files.iter().find(|file| file.path == path);
    if let Some(file) = find(path) {
        return served(file, asked);
    }
    let first = path.split('/').next().unwrap_or_default();
    if !PAGES.contains(&first) {
        return Problem::from(Error::not_found("page")).into_response();
    }
    if let Some(file) = find("index.html") {
        return served(file, asked);
    }
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, NOT_BUILT).into_response()
}

fn served(file: &'static File, asked: &HeaderMap) -> Response {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == file.tag);
    let (body, encoding) = chosen(file, asked);
    let mut answer = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let headers = answer.headers_mut();
    let mut put = |name, value| headers.insert(name, HeaderValue::from_static(value));
    put(header::CONTENT_TYPE, content_type(file.path));
    put(header::ETAG, file.tag);
    put(header::VARY, "accept-encoding");
    let forever = file.path.starts_with("assets/");
    put(header::CACHE_CONTROL, if forever { "public, max-age=31536000, immutable" } else { "no-cache" });
    if let Some(encoding) = encoding
        && !is_known
    {
        put(header::CONTENT_ENCODING, encoding);
    }
    if let Some(policy) = policy(file.path) {
        put(header::CONTENT_SECURITY_POLICY, policy);
        put(header::REFERRER_POLICY, "no-referrer");
    }
    answer
}

/// The smallest form that the client takes.
fn chosen(file: &'static File, asked: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
    let takes = |name: &str| {
        let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|word| {
            let (coding, weight) = word.split_once(';').unwrap_or((word, ""));
            coding.trim().eq_ignore_ascii_case(name)
                && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
        })
    };
    match (file.brotli, file.gzip) {
        (Some(bytes), _) if takes("br") => (bytes, Some("br")),
        (_, Some(bytes)) if takes("gzip") => (bytes, Some("gzip")),
        _ => (file.plain, None),
    }
}

fn policy(path: &str) -> Option<&'static str> {
    match path {
        "reader.html" => Some(READER_POLICY),
        "editor.html" => Some(EDITOR_POLICY),
        _ => matches!(ending(path), "html" | "js").then_some(PAGE_POLICY),
    }
}

fn ending(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, end)| end)
}

fn content_type(path: &str) -> &'static str {
    match ending(path) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUILT: &[File] = &[
        File {
            path: "assets/main-1a2b.js",
            tag: "\"1\"",
            plain: b"long",
            brotli: Some(b"br"),
            gzip: Some(b"gz"),
        },
        File { path: "index.html", tag: "\"2\"", plain: b"page", brotli: None, gzip: None },
        File { path: "reader.html", tag: "\"3\"", plain: b"bare", brotli: None, gzip: None },
    ];

    fn asking(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn hashed_files_stay_for_ever_and_come_compressed() {
        let answer =
            answer_from(BUILT, "assets/main-1a2b.js", &asking(header::ACCEPT_ENCODING, "gzip, deflate, br"));
        assert_eq!(answer.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
        let file = &BUILT[0];
        assert_eq!(chosen(file, &asking(header::ACCEPT_ENCODING, "gzip")), (&b"gz"[..], Some("gzip")));
        assert_eq!(chosen(file, &asking(header::ACCEPT_ENCODING, "br;q=0, gzip;q=0.5")).1, Some("gzip"));
        assert_eq!(chosen(file, &HeaderMap::new()), (&b"long"[..], None));
    }

    #[test]
    fn pages_of_the_client_are_the_index_and_others_are_not_found() {
        for page in ["", "mail", "mail/M1/E2", "settings/sessions", "login"] {
            let answer = answer_from(BUILT, page, &HeaderMap::new());
            assert_eq!(answer.status(), StatusCode::OK, "{page}");
            assert_eq!(answer.headers()[header::ETAG], "\"2\"");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-cache");
        }
        for page in ["auth/unknown", "jmap/unknown", "assets/old.js", ".git/config"] {
            assert_eq!(answer_from(BUILT, page, &HeaderMap::new()).status(), StatusCode::NOT_FOUND, "{page}");
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let answer = answer_from(BUILT, "mail", &asking(header::IF_NONE_MATCH, "\"9\", W/\"2\""));
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn the_page_takes_no_inline_script_or_style_and_a_message_runs_nothing() {
        let policy = |path| {
            answer_from(BUILT, path, &HeaderMap::new()).headers()[header::CONTENT_SECURITY_POLICY].clone()
        };
        let page = policy("mail");
        assert!(!page.to_str().unwrap().contains("unsafe"), "{page:?}");
        let reader = policy("reader.html");
        let reader = reader.to_str().unwrap();
        assert!(!reader.contains("script") && reader.contains("sandbox"), "{reader}");
    }

    #[test]
    fn a_server_without_the_client_says_so() {
        let answer = answer_from(&[], "mail", &HeaderMap::new());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(NOT_BUILT.contains("npm"));
    }
}
