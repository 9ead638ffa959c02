//! Mbox (RFC 4155): a file a folder, or a folder of files; below `NAME.sbd` lie those that Thunderbird has below NAME.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use base::{Error, Result};
use bytes::Bytes;
use mail::flags::Keywords;

use super::maildir::unreadable;
use super::source::{Entry, Folder, role_by_name, with_crlf};

/// Files below one another.
const DEPTH: usize = 32;
/// Bytes of the header that are searched for flags.
const HEADER_BYTES: usize = 64 << 10;

/// One file, or a folder of files.
pub struct Mbox {
    pub(super) name: String,
    files: Vec<(PathBuf, Vec<String>)>,
    /// The open file, and where messages lie in it.
    open: Option<(PathBuf, Vec<(u64, u64)>)>,
}

impl Mbox {
    /// What lies at a path.
    ///
    /// # Errors
    /// `Invalid` when it is no mbox.
    pub fn open(path: &Path) -> Result<Self> {
        let path = path.canonicalize().map_err(|error| unreadable(path, error))?;
        let mut files = Vec::new();
        if path.is_dir() {
            collect(&path, &[], &mut files)?;
        } else if begins_like_mbox(&path) {
            files.push((path.clone(), vec![stem(&path)]));
        }
        if files.is_empty() {
            return Err(Error::invalid("source", "is no mbox: its first line does not begin with `From `"));
        }
        Ok(Self { name: format!("mbox:{}", path.display()), files, open: None })
    }

    pub(super) fn folders(&self) -> Result<Vec<Folder>> {
        let folder = |(file, path): &(PathBuf, Vec<String>)| {
            let name =
                file.to_str().ok_or_else(|| Error::invalid("source", "has a name that is no UTF-8"))?;
            Ok(Folder { name: name.to_owned(), path: path.clone(), role: role_by_name(path), closed: None })
        };
        self.files.iter().map(folder).collect()
    }

    pub(super) fn entries(&mut self, file: &str) -> Result<Vec<Entry>> {
        let path = PathBuf::from(file);
        let failed = |error| unreadable(&path, error);
        let mut reader = BufReader::with_capacity(1 << 18, File::open(&path).map_err(failed)?);
        let (mut entries, mut places) = (Vec::new(), Vec::new());
        let mut seen: HashMap<blake3::Hash, u64> = HashMap::new();
        let mut message = Reading::default();
        let (mut at, mut line, mut was_empty) = (0_u64, Vec::new(), true);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)? as u64;
            let begins = was_empty && begins_a_message(&line);
            if (begins || length == 0) && message.begun {
                places.push((message.from, at - message.from));
                entries.push(std::mem::take(&mut message).entry(places.len() - 1, &mut seen));
            }
            if length == 0 {
                break;
            }
            at += length;
            if begins {
                message = Reading { begun: true, from: at, arrived: arrival(&line), ..Reading::default() };
            } else {
                message.add(&line);
            }
            was_empty = line == b"\n" || line == b"\r\n";
        }
        self.open = Some((path, places));
        Ok(entries)
    }

    pub(super) fn fetch(&self, entry: &Entry) -> Result<Bytes> {
        let changed = || Error::corrupt("source", "was changed meanwhile; begin again");
        let (path, places) = self.open.as_ref().ok_or_else(changed)?;
        let at = usize::try_from(entry.place).unwrap_or(usize::MAX);
        let (from, length) = places.get(at).copied().ok_or_else(changed)?;
        let failed = |error| unreadable(path, error);
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).map_err(failed)?;
        Ok(with_crlf(unescaped(&bytes)))
    }
}

/// Without the `>` that was put before lines that begin like a new message, and without the empty line at the end.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let quoted = line.iter().position(|byte| *byte != b'>').unwrap_or(0);
        let is_escaped = quoted > 0 && line.get(quoted..).is_some_and(|rest| rest.starts_with(b"From "));
        out.extend_from_slice(if is_escaped { line.get(1..).unwrap_or_default() } else { line });
    }
    for end in [&b"\r\n\r\n"[..], b"\n\n"] {
        if out.ends_with(end) {
            out.truncate(out.len() - end.len() / 2);
            break;
        }
    }
    out
}

#[derive(Default)]
struct Reading {
    begun: bool,
    from: u64,
    size: u64,
    arrived: Option<i64>,
    header: Vec<u8>,
    header_is_over: bool,
    hasher: blake3::Hasher,
}

impl Reading {
    fn add(&mut self, line: &[u8]) {
        self.size += line.len() as u64;
        let is_status = !self.header_is_over && is_status(line);
        // What mail programs note in the header changes; the message does not.
        if !is_status {
            self.hasher.update(line);
        }
        if !self.header_is_over && self.header.len() < HEADER_BYTES {
            self.header_is_over = line == b"\n" || line == b"\r\n";
            self.header.extend_from_slice(line);
        }
    }

    fn entry(self, place: usize, seen: &mut HashMap<blake3::Hash, u64>) -> Entry {
        let hash = self.hasher.finalize();
        // The same message twice in one file is two messages.
        let count = seen.entry(hash).or_insert(0);
        *count += 1;
        Entry {
            key: format!("{}:{count}", hash.to_hex()),
            keywords: flags(&String::from_utf8_lossy(&self.header)),
            received_at: self.arrived,
            size: self.size,
            place: place as u64,
        }
    }
}

const STATUS: &[&str] =
    &["status", "x-status", "x-keywords", "x-mozilla-status", "x-mozilla-status2", "x-mozilla-keys"];

fn is_status(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    STATUS.iter().any(|status| name.eq_ignore_ascii_case(status.as_bytes()))
}

/// Flags as mutt, Dovecot and Thunderbird write them into the header.
fn flags(header: &str) -> Keywords {
    let mut names: Vec<&str> = Vec::new();
    for line in header.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "status" | "x-status" => names.extend(value.chars().filter_map(|letter| match letter {
                'R' => Some("\\Seen"),
                'A' => Some("\\Answered"),
                'F' => Some("\\Flagged"),
                'D' => Some("\\Deleted"),
                'T' => Some("\\Draft"),
                _ => None,
            })),
            "x-keywords" | "x-mozilla-keys" => names.extend(value.split_whitespace()),
            "x-mozilla-status" => {
                let bits = u32::from_str_radix(value, 16).unwrap_or(0);
                let known = [
                    (1, "\\Seen"),
                    (2, "\\Answered"),
                    (4, "\\Flagged"),
                    (8, "\\Deleted"),
                    (0x1000, "$Forwarded"),
                ];
                names.extend(known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name));
            }
            _ => {}
        }
    }
    let mut all = Keywords::default();
    for one in names.into_iter().filter_map(|name| Keywords::parse([name]).ok()) {
        all.flags |= one.flags;
        for word in one.others {
            if !all.has(&word) {
                all.others.push(word);
            }
        }
    }
    all
}

/// Whether a line separates messages: `From `, somebody, and a time. Text may begin with that word too.
fn begins_a_message(line: &[u8]) -> bool {
    let is_time =
        |word: &[u8]| word.contains(&b':') && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
    line.starts_with(b"From ") && line.split(u8::is_ascii_whitespace).skip(2).any(is_time)
}

/// When a message arrived, by the line before it: `From ada@example.org Mon Nov  2 09:00:00 2026`.
fn arrival(line: &[u8]) -> Option<i64> {
    let line = String::from_utf8_lossy(line);
    let words: Vec<&str> = line.split_whitespace().skip(2).collect();
    let [_, month, day, time, year] = words.get(..5)? else { return None };
    let text = format!("{day} {month} {year} {time} +0000");
    let parsed = jiff::fmt::strtime::parse("%d %b %Y %H:%M:%S %z", text).ok()?;
    Some(parsed.to_timestamp().ok()?.as_millisecond())
}

fn begins_like_mbox(path: &Path) -> bool {
    let mut begin = [0; 5];
    File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && &begin == b"From "
}

fn stem(path: &Path) -> String {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("mbox");
    name.strip_suffix(".mbox").unwrap_or(name).to_owned()
}

fn collect(folder: &Path, path: &[String], files: &mut Vec<(PathBuf, Vec<String>)>) -> Result<()> {
    if path.len() >= DEPTH {
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        entries.push(entry.map_err(|error| unreadable(folder, error))?.path());
    }
    entries.sort();
    for entry in entries {
        let mut path = path.to_vec();
        if entry.is_dir() {
            let name = stem(&entry);
            path.push(name.strip_suffix(".sbd").unwrap_or(&name).to_owned());
            collect(&entry, &path, files)?;
        } else if begins_like_mbox(&entry) {
            path.push(stem(&entry));
            files.push((entry, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_before_a_message_tells_when_it_arrived() {
        assert_eq!(arrival(b"From ada@example.org Mon Nov  2 09:00:00 2026\n"), Some(1_793_610_000_000));
        assert_eq!(arrival(b"From - yesterday\n"), None);
    }

    #[test]
    fn lines_that_were_escaped_are_as_they_were_written() {
        assert_eq!(
            unescaped(b"A: b\n\n>From here\n>>From there\n> From\n\n"),
            b"A: b\n\nFrom here\n>From there\n> From\n"
        );
    }

    #[test]
    fn flags_are_read_from_what_programs_note() {
        let names = |header: &str| flags(header).names().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            names("Status: RO\nX-Status: AF\nX-Keywords: work Work\n"),
            ["\\Seen", "\\Answered", "\\Flagged", "work"]
        );
        assert_eq!(names("X-Mozilla-Status: 1005\n"), ["\\Seen", "\\Flagged", "$Forwarded"]);
    }
}
