//! Errors on HTTP: one function from meaning to status, one body (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base::{Error, Meaning};

/// The status of a meaning. The one place where HTTP doors map errors to the wire.
pub const fn status_of(meaning: Meaning) -> StatusCode {
    match meaning {
        Meaning::NotFound => StatusCode::NOT_FOUND,
        Meaning::Forbidden => StatusCode::FORBIDDEN,
        Meaning::Conflict => StatusCode::CONFLICT,
        Meaning::OverQuota => StatusCode::INSUFFICIENT_STORAGE,
        Meaning::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Meaning::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Meaning::Limit => StatusCode::TOO_MANY_REQUESTS,
        Meaning::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Meaning::Corrupt => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An error as an answer: `application/problem+json` with the members `status`, `title`, `detail`, and ours:
/// `meaning` and `field`. Its cause goes to the log, not to the client.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    error: Error,
}

impl Problem {
    /// The error with another status than its meaning has, for what HTTP itself defines.
    pub const fn with_status(status: StatusCode, error: Error) -> Self {
        Self { status, error }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { status: status_of(error.meaning()), error }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::error!(error = ?self.error, "request failed");
        }
        let body = serde_json::json!({
            "type": "about:blank",
            "status": self.status.as_u16(),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "detail": self.error.to_string(),
            "meaning": self.error.meaning().name(),
            "field": self.error.field(),
        });
        let mut answer = (self.status, body.to_string()).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_meaning_and_field_and_hides_the_cause() {
        let error = Error::invalid("name", "is empty; write one").with_source("secret of the machine");
        let answer = Problem::from(error).into_response();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    }
}
