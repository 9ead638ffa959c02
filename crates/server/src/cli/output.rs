//! Output from one description of columns: a table for people, JSON lines for programs.

use std::io::{ErrorKind, Write};

use base::Error;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
    /// Milliseconds since the epoch, shown as a time in UTC.
    Time(i64),
    /// A size; for people in KiB, MiB and so on.
    Bytes(i64),
    /// Several words.
    Words(Vec<String>),
    /// Nothing: an empty place, `null` in JSON.
    Nothing,
}

impl Cell {
    /// Text that may be absent.
    pub fn maybe(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.into()))
    }

    fn json(self) -> Value {
        match self {
            Self::Text(text) => Value::from(text),
            Self::Whole(number) | Self::Bytes(number) => Value::from(number),
            Self::Flag(flag) => Value::from(flag),
            Self::Time(at_ms) => Value::from(time(at_ms)),
            Self::Words(words) => Value::from(words),
            Self::Nothing => Value::Null,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Flag(flag) => if flag { "yes" } else { "no" }.to_owned(),
            Self::Time(at_ms) => time(at_ms),
            Self::Bytes(bytes) => size(bytes),
            Self::Words(words) => words.join(", "),
            Self::Nothing => String::new(),
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Whole(_) | Self::Bytes(_))
    }
}

/// A time in UTC as RFC 3339, to the second.
pub fn time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| at_ms.to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A size for people.
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut tenths = i128::from(bytes) * 10;
    let mut unit = "B";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// A column: its name for programs, its heading for people, and how a row fills it.
pub struct Column<T> {
    /// The JSON key.
    pub key: &'static str,
    /// The heading.
    pub title: &'static str,
    /// The value of a row.
    pub cell: fn(&T) -> Cell,
}

/// Where a command's results go: standard output, in one of two forms.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// JSON lines, or tables.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads.
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Many objects: a table, or a line each.
    pub fn rows<T>(self, columns: &[Column<T>], rows: &[T]) -> Result<(), Failure> {
        if self.json {
            return rows.iter().try_for_each(|row| self.line(&object(columns, row).to_string()));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(columns.iter().map(|column| column.title));
        for row in rows {
            table.add_row(columns.iter().map(|column| {
                let cell = (column.cell)(row);
                let side = if cell.is_number() { CellAlignment::Right } else { CellAlignment::Left };
                comfy_table::Cell::new(clipped(cell.shown())).set_alignment(side)
            }));
        }
        table.to_string().lines().try_for_each(|line| self.line(line.trim_end()))
    }

    /// One object whose members are known only when it is read.
    pub fn members(self, members: Vec<(String, Cell)>) -> Result<(), Failure> {
        if self.json {
            let object: Map<_, _> = members.into_iter().map(|(key, cell)| (key, cell.json())).collect();
            return self.line(&Value::Object(object).to_string());
        }
        let width = members.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
        members
            .into_iter()
            .try_for_each(|(key, cell)| self.line(format!("{key:width$}  {}", cell.shown()).trim_end()))
    }

    /// A sentence for people, an object for programs.
    pub fn say(self, sentence: &str, object: &Value) -> Result<(), Failure> {
        self.line(if self.json { object.to_string() } else { sentence.to_owned() }.as_str())
    }

    /// One line as it is.
    #[expect(clippy::unused_self, reason = "whoever writes a line holds the output")]
    pub fn line(self, line: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Unread),
            Err(error) => Err(Error::unavailable("output", "cannot be written").with_source(error).into()),
        }
    }
}

/// What stands in one place of a table; programs get all of it.
fn clipped(text: String) -> String {
    const MOST: usize = 160;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn object<T>(columns: &[Column<T>], row: &T) -> Value {
    let members: Map<_, _> =
        columns.iter().map(|column| (column.key.to_owned(), (column.cell)(row).json())).collect();
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        let cases = [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_610_612_736, "1.5 GiB")];
        for (bytes, shown) in cases {
            assert_eq!(size(bytes), shown);
        }
        assert_eq!(clipped("é".repeat(161)), format!("{}...", "é".repeat(160)));
        assert_eq!(time(1_767_225_600_123), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn columns_become_members() {
        let columns: [Column<(i64, &str)>; 3] = [
            Column { key: "id", title: "Id", cell: |row| Cell::Whole(row.0) },
            Column { key: "name", title: "Name", cell: |row| Cell::Text(row.1.to_owned()) },
            Column { key: "words", title: "Words", cell: |_| Cell::Words(vec!["a".to_owned()]) },
        ];
        let value = object(&columns, &(7, "Zoé"));
        assert_eq!(value, serde_json::json!({ "id": 7, "name": "Zoé", "words": ["a"] }));
        assert_eq!(Cell::maybe(None::<String>).json(), Value::Null);
    }
}
