//! Cookies: which ones a browser keeps for us, and how.
//!
//! What must stay true here:
//! - No script reads them (`HttpOnly`), no other site makes a browser send them (`SameSite`), and over TLS no page in
//!   clear and no neighbouring host can set them (`Secure`, the prefix `__Host-`).

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The token of a session.
    Session,
    /// What a browser carries to a provider and back.
    Away,
}

impl Cookie {
    const fn plain_name(self) -> &'static str {
        match self {
            Self::Session => "beffroi-session",
            Self::Away => "beffroi-away",
        }
    }

    /// The provider sends the browser back from its own site: `Strict` would leave the cookie at home.
    const fn same_site(self) -> &'static str {
        match self {
            Self::Session => "Strict",
            Self::Away => "Lax",
        }
    }

    fn name(self, is_tls: bool) -> String {
        let prefix = if is_tls { "__Host-" } else { "" };
        format!("{prefix}{}", self.plain_name())
    }

    /// What a request carries of it. A cookie that came more than once counts for nothing: someone planted one.
    pub(super) fn of(self, headers: &HeaderMap, is_tls: bool) -> Option<&str> {
        let name = self.name(is_tls);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut found = lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let value = found.next()?;
        (found.next().is_none() && !value.is_empty()).then_some(value)
    }

    /// The header that sets it; without `seconds` it lasts as long as the browser runs.
    pub(super) fn set(self, value: &str, is_tls: bool, seconds: Option<i64>) -> Option<HeaderValue> {
        let lasts = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let secure = if is_tls { "; Secure" } else { "" };
        let (name, site) = (self.name(is_tls), self.same_site());
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite={site}{secure}{lasts}");
        HeaderValue::from_str(&text).ok()
    }

    /// The header that removes it.
    pub(super) fn remove(self, is_tls: bool) -> Option<HeaderValue> {
        self.set("", is_tls, Some(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_second_cookie_counts_for_nothing() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=1; beffroi-session=x ; b=2"));
        assert_eq!(Cookie::Session.of(&headers, false), Some("x"));
        assert_eq!(Cookie::Session.of(&headers, true), None, "over TLS only the one with the prefix");
        headers.append(header::COOKIE, HeaderValue::from_static("beffroi-session=y"));
        assert_eq!(Cookie::Session.of(&headers, false), None);
    }

    #[test]
    fn cookies_have_all_their_flags() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text(Cookie::Session.set("x", true, None)),
            "__Host-beffroi-session=x; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            text(Cookie::Session.remove(false)),
            "beffroi-session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"
        );
        assert!(Cookie::Session.set("a\r\nb: c", true, None).is_none());
    }
}
