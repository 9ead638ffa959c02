//! Scripts from text, with errors that name line and column, and the extensions that are spoken.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Limits, Result};
use sieve::compiler::grammar::{Capability, Comparator};
use sieve::runtime::RuntimeError;
use sieve::{Compiler, Input, Runtime, Sieve};

/// The extensions that are spoken, as ManageSieve lists them (RFC 5804 section 1.7).
pub const EXTENSIONS: &[&str] = &[
    "body",
    "comparator-elbonia",
    "comparator-i;ascii-casemap",
    "comparator-i;ascii-numeric",
    "comparator-i;octet",
    "copy",
    "date",
    "duplicate",
    "editheader",
    "enclose",
    "encoded-character",
    "envelope",
    "environment",
    "ereject",
    "extracttext",
    "fcc",
    "fileinto",
    "foreverypart",
    "ihave",
    "imap4flags",
    "include",
    "index",
    "mailbox",
    "mailboxid",
    "mime",
    "regex",
    "reject",
    "relational",
    "replace",
    "spamtest",
    "spamtestplus",
    "special-use",
    "subaddress",
    "vacation",
    "vacation-seconds",
    "variables",
];

/// What is wrong with a script, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// From 1 on.
    pub line: usize,
    /// From 1 on.
    pub column: usize,
    /// A sentence for people.
    pub text: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.text)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::invalid("script", fault.to_string())
    }
}

/// A script that can run.
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) sieve: Arc<Sieve>,
}

/// Looks whether a script is right.
///
/// # Errors
/// `TooLarge`, or `Invalid` with the place of the first fault.
pub fn check(limits: &Limits, text: &str) -> Result<()> {
    compile(limits, text).map(|_| ())
}

/// A runtime that speaks [`EXTENSIONS`] and nothing else.
pub(super) fn runtime(limits: &Limits) -> Runtime {
    let mut runtime = Runtime::new()
        .with_cpu_limit(size(limits.sieve_steps))
        .with_max_nested_includes(size(limits.sieve_includes))
        .with_max_variable_size(size(limits.sieve_variable_bytes))
        .with_max_redirects(size(limits.sieve_redirects))
        .with_max_out_messages(size(limits.sieve_redirects) + 1)
        .with_max_received_headers(size(limits.forward_hops))
        .with_max_header_size(4_096)
        .with_default_vacation_expiry(7 * 86_400)
        .with_default_duplicate_expiry(7 * 86_400)
        .with_vacation_subject_prefix("Auto: ");
    runtime.set_env_variable("name", "Beffroi");
    runtime.set_env_variable("version", env!("CARGO_PKG_VERSION"));
    runtime.set_env_variable("location", "MDA");
    runtime.set_env_variable("phase", "during");
    for header in ["Received", "Auto-Submitted", "X-Loop", "Return-Path", "Delivered-To"] {
        runtime.set_protected_header(header);
    }
    for capability in Capability::all() {
        if !EXTENSIONS.contains(&capability.to_string().as_str()) {
            runtime.unset_capability(capability.clone());
        }
    }
    runtime.set_capability(Capability::Comparator(Comparator::AsciiCaseMap));
    runtime
}

fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Compiles a script and refuses what its `require` asks for in vain.
pub(super) fn compile(limits: &Limits, text: &str) -> Result<Compiled> {
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > limits.sieve_script_bytes {
        let most = limits.sieve_script_bytes;
        return Err(Error::too_large("script", format!("has at most {most} bytes; shorten it")));
    }
    let compiler = Compiler::new()
        .with_max_script_size(size(limits.sieve_script_bytes).saturating_add(2))
        .with_max_string_size(size(limits.text_bytes))
        .with_max_includes(size(limits.sieve_includes));
    // The library is old and tried, but it is not ours: a fault of it must not end a connection of many.
    // It reads a word only where something follows it.
    let ended = format!("{text}\r\n");
    let compiled = catch_unwind(AssertUnwindSafe(|| compiler.compile(ended.as_bytes())))
        .map_err(|_| Error::invalid("script", "cannot be read; simplify it"))?
        .map_err(|error| {
            let said = error.to_string();
            let text = said.rsplit_once(" at line ").map_or(said.as_str(), |(before, _)| before).to_owned();
            Error::from(Fault { line: error.line_num(), column: error.line_pos().max(1), text })
        })?;
    let sieve = Arc::new(compiled);
    match unsupported(limits, &sieve) {
        Some(name) => {
            let (line, column) = place_of(text, &name);
            let text = format!("requires {name:?}, which this server does not have");
            Err(Fault { line, column, text }.into())
        }
        None => Ok(Compiled { sieve }),
    }
}

/// The first extension that a script requires and that is not spoken: `require` is what runs first.
fn unsupported(limits: &Limits, sieve: &Arc<Sieve>) -> Option<String> {
    let runtime = runtime(limits).with_cpu_limit(16);
    let ran =
        catch_unwind(AssertUnwindSafe(|| runtime.filter(b"\r\n").run(Input::script("", sieve.clone()))));
    match ran {
        Ok(Some(Err(RuntimeError::CapabilityNotSupported(name)))) => Some(name),
        Ok(Some(Err(RuntimeError::CapabilityNotAllowed(capability)))) => Some(capability.to_string()),
        _ => None,
    }
}

/// Line and column of the first string that is `name`.
fn place_of(text: &str, name: &str) -> (usize, usize) {
    let at = text.find(&format!("\"{name}\"")).unwrap_or(0);
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// Scripts that were compiled lately, by the hash of their text. Shared by all clones.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<HashMap<[u8; 32], Kept>>>);

#[derive(Clone)]
struct Kept {
    compiled: Compiled,
    used: u64,
}

/// Scripts that are kept compiled.
const KEPT: usize = 512;

impl Cache {
    /// The compiled script, from the cache where it is there.
    pub(super) fn get(&self, limits: &Limits, text: &str) -> Result<Compiled> {
        let key = *blake3::hash(text.as_bytes()).as_bytes();
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let newest = kept.values().map(|kept| kept.used).max().unwrap_or(0);
            if let Some(found) = kept.get_mut(&key) {
                found.used = newest + 1;
                return Ok(found.compiled.clone());
            }
        }
        let compiled = compile(limits, text)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = kept.values().map(|kept| kept.used).max().unwrap_or(0);
        if kept.len() >= KEPT
            && let Some(oldest) = kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key)
        {
            kept.remove(&oldest);
        }
        kept.insert(key, Kept { compiled: compiled.clone(), used: newest + 1 });
        Ok(compiled)
    }
}
