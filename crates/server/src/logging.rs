//! Log lines on standard error, as text or JSON. A request's lines carry its number in the span field `request`.

use std::io::IsTerminal;

use base::{Error, Result};
use tracing_subscriber::EnvFilter;

use crate::config::setting::LogFormat;

/// Starts logging for the whole process. Once only.
pub fn start(format: LogFormat, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Error::invalid("log.filter", "is no filter").with_source(error))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(|error| Error::corrupt("log", "was started twice").with_source(error))
}
