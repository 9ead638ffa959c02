//! The lines of a CSV file as people: what can be checked without the database.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};

use base::{Error, Limits, Result, Secret};
use codec::Address;
use store::Value;

use crate::credentials::HashedPassword;
use crate::entries::ENTRY;
use crate::fields::{self, Field, Kind};
use crate::people::PERSON;

/// Columns that a file may have beside the fields of people, with what they mean.
pub const COLUMNS_BESIDE_FIELDS: &[(&str, &str)] = &[
    ("address", "Primary address; says whom a line is about when there is no external_id."),
    ("password_hash", "Hash of the password in an older system; replaced at the first login."),
    ("password", "Password as it is; hashed on the way, which takes its time."),
];

/// A line that could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Line of the file, from 1.
    pub line: u64,
    /// The column that is wrong.
    pub field: String,
    /// What is wrong, for people.
    pub rule: String,
}

impl LineError {
    pub(crate) fn new(line: u64, error: &Error) -> Self {
        Self { line, field: error.field().to_owned(), rule: error.rule().to_owned() }
    }
}

/// A person as a line says. Fields that the file leaves empty are not there.
#[derive(Debug, Clone)]
pub struct Line {
    /// Line of the file, from 1.
    pub number: u64,
    /// The address as it is written.
    pub address: Address,
    /// Fields that need no look into the database, with their values.
    pub(crate) values: Vec<(&'static Field, Value)>,
    /// Fields as they are written, for those who exist and differ.
    pub(crate) texts: Vec<(&'static str, String)>,
    pub(crate) password: Option<Secret>,
    pub(crate) password_hash: Option<HashedPassword>,
}

impl Line {
    /// A field as it is written.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|(field, _)| *field == name).map(|(_, text)| text.as_str())
    }

    /// A checked value.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(field, _)| field.name == name).map(|(_, value)| value)
    }
}

/// Some lines of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    pub(crate) lines: Vec<Line>,
    pub(crate) errors: Vec<LineError>,
    pub(crate) last_line: u64,
}

#[derive(Clone, Copy)]
enum Column {
    Address,
    Password,
    PasswordHash,
    Field(&'static Field),
}

/// Reads lines of a file; a line longer than `import_line_bytes` ends the import.
pub(crate) struct Reader<R: Read> {
    csv: csv::Reader<BoundedLines<R>>,
    columns: Vec<Column>,
    limits: Limits,
    /// Who is where in the file: nobody may be in it twice. Numbers of names, so that it stays small.
    seen: HashMap<u64, u64>,
    ended: bool,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(file: R, limits: &Limits) -> Result<Self> {
        let bounded = BoundedLines::new(file, limits.import_line_bytes);
        let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bounded);
        let header = csv.byte_headers().map_err(|error| broken(&error))?.clone();
        let mut columns: Vec<Column> = Vec::with_capacity(header.len());
        let mut names: Vec<String> = Vec::with_capacity(header.len());
        for (index, name) in header.iter().enumerate() {
            let name = codec::text::utf8("header", name)?;
            // Spreadsheets write a mark before the first name.
            let name = if index == 0 { name.trim_start_matches('\u{FEFF}') } else { name };
            if names.iter().any(|known| known == name) {
                return Err(Error::invalid("header", format!("names the column {name} twice; remove one")));
            }
            columns.push(column(name)?);
            names.push(name.to_owned());
        }
        if !names.iter().any(|name| name == "address") {
            return Err(Error::invalid("header", "has no column address; it says whom a line is about"));
        }
        Ok(Self { csv, columns, limits: limits.clone(), seen: HashMap::new(), ended: false })
    }

    /// The next lines after line `already`, `most` at the most; none at the end of the file.
    pub(crate) fn next_batch(&mut self, most: usize, already: u64) -> Result<Option<Chunk>> {
        if self.ended {
            return Ok(None);
        }
        let mut batch = Chunk::default();
        let mut record = csv::ByteRecord::new();
        while batch.lines.len() + batch.errors.len() < most {
            if !self.csv.read_byte_record(&mut record).map_err(|error| broken(&error))? {
                self.ended = true;
                break;
            }
            let number = record.position().map_or(0, csv::Position::line);
            if record.iter().all(<[u8]>::is_empty) {
                continue;
            }
            let line = self.line(number, &record).and_then(|line| self.once(line));
            if number <= already {
                continue;
            }
            batch.last_line = number;
            match line {
                Ok(line) => batch.lines.push(line),
                Err(error) => batch.errors.push(LineError::new(number, &error)),
            }
        }
        Ok(Some(batch))
    }

    fn line(&self, number: u64, record: &csv::ByteRecord) -> Result<Line> {
        if record.len() != self.columns.len() {
            let rule = format!("has {} cells, the header has {}", record.len(), self.columns.len());
            return Err(Error::invalid("line", rule));
        }
        let mut line = Line {
            number,
            address: Address::parse("nobody@invalid").map_err(Error::from)?,
            values: Vec::new(),
            texts: Vec::new(),
            password: None,
            password_hash: None,
        };
        let mut addressed = false;
        for (column, cell) in self.columns.iter().zip(record.iter()) {
            let text = match column {
                Column::Address => codec::text::utf8("address", cell)?,
                Column::Password => codec::text::utf8("password", cell)?,
                Column::PasswordHash => codec::text::utf8("password_hash", cell)?,
                Column::Field(field) => codec::text::utf8(field.name, cell)?,
            };
            if text.is_empty() {
                continue;
            }
            match column {
                Column::Address => {
                    line.address = Address::parse(text)?.stored()?;
                    addressed = true;
                }
                Column::Password => line.password = Some(Secret::new(text)),
                Column::PasswordHash => line.password_hash = Some(HashedPassword::existing(text)?),
                Column::Field(field) => {
                    if !leads_elsewhere(field.kind) {
                        line.values.push((field, fields::parse_plain(&self.limits, field, text)?));
                    }
                    line.texts.push((field.name, text.to_owned()));
                }
            }
        }
        if addressed { Ok(line) } else { Err(Error::invalid("address", "is missing")) }
    }

    /// Nobody is in a file twice: which line would be right?
    fn once(&mut self, line: Line) -> Result<Line> {
        let external = line.text("external_id").map(|id| ("external_id", format!("external {id}")));
        for (field, name) in [("address", line.address.to_string())].into_iter().chain(external) {
            let key = crate::short_number(&name);
            if let Some(first) = self.seen.insert(key, line.number).filter(|first| *first != line.number) {
                return Err(Error::invalid(
                    field,
                    format!("stands on line {first} already; remove one of them"),
                ));
            }
        }
        Ok(line)
    }
}

/// Whether a field names another object, which only the database knows.
pub(crate) const fn leads_elsewhere(kind: Kind) -> bool {
    matches!(kind, Kind::Class | Kind::Unit | Kind::Entry)
}

fn column(name: &str) -> Result<Column> {
    match name {
        "address" => return Ok(Column::Address),
        "password" => return Ok(Column::Password),
        "password_hash" => return Ok(Column::PasswordHash),
        _ => {}
    }
    let field = ENTRY.fields.iter().chain(PERSON.fields).find(|field| field.name == name);
    field.map(Column::Field).ok_or_else(|| {
        let names: Vec<&str> = COLUMNS_BESIDE_FIELDS
            .iter()
            .map(|(name, _)| *name)
            .chain(ENTRY.fields.iter().chain(PERSON.fields).map(|field| field.name))
            .collect();
        let shown: String =
            name.chars().filter(|character| !codec::text::is_hidden(*character)).take(64).collect();
        Error::invalid("header", format!("names the column {shown}, which is none of: {}", names.join(", ")))
    })
}

fn broken(error: &csv::Error) -> Error {
    let line = error.position().map(|position| format!(" near line {}", position.line())).unwrap_or_default();
    Error::invalid("file", format!("cannot be read as CSV{line}: {error}"))
}

/// Refuses endless lines before they fill the memory.
struct BoundedLines<R> {
    inner: BufReader<R>,
    most: u64,
    length: u64,
}

impl<R: Read> BoundedLines<R> {
    fn new(inner: R, most: u64) -> Self {
        Self { inner: BufReader::with_capacity(64 * 1_024, inner), most, length: 0 }
    }
}

impl<R: Read> Read for BoundedLines<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let available = self.inner.fill_buf()?;
        let length = available.len().min(out.len());
        for (to, from) in out.iter_mut().zip(available.iter().take(length)) {
            *to = *from;
            self.length = if *from == b'\n' { 0 } else { self.length + 1 };
            if self.length > self.most {
                let rule = format!("a line has more than {} bytes", self.most);
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, rule));
            }
        }
        self.inner.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Line>, Vec<LineError>) {
        let mut reader = Reader::new(text.as_bytes(), &Limits::default()).unwrap();
        let batch = reader.next_batch(1_000, 0).unwrap().unwrap();
        (batch.lines, batch.errors)
    }

    #[test]
    fn m30_lines_are_read_by_the_names_of_their_header() {
        let (lines, errors) =
            read("\u{FEFF}family_name,address,quota_bytes,class\nLovelace,Ada@Example.org,10G,Gold\n\n");
        assert_eq!(errors, []);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].number, 2);
        assert_eq!(lines[0].address.to_string(), "ada@example.org");
        assert_eq!(lines[0].value("quota_bytes"), Some(&Value::Int(10 << 30)));
        assert_eq!(lines[0].text("class"), Some("Gold"));
    }

    #[test]
    fn m30_wrong_lines_are_named_with_field_and_rule() {
        let text = "address,quota_bytes,name,password_hash\n\
            a@example.org,lots,,\n\
            not an address,,,\n\
            b@example.org,1,,{MD5}x\n\
            c@example.org,1\n\
            ,1,Nobody,\n\
            d@example.org,,\"two\nlines\",\n\
            e@example.org,,,\n\
            E@example.org,,,\n";
        let mut bytes = text.as_bytes().to_vec();
        bytes.extend_from_slice(b"f@example.org,,\xFF,\n");
        let mut reader = Reader::new(&bytes[..], &Limits::default()).unwrap();
        let batch = reader.next_batch(1_000, 0).unwrap().unwrap();
        let found: Vec<_> = batch.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
        assert_eq!(
            found,
            [
                (2, "quota_bytes"),
                (3, "address"),
                (4, "password_hash"),
                (5, "line"),
                (6, "address"),
                (7, "name"),
                (10, "address"),
                (11, "name")
            ]
        );
        assert_eq!(batch.lines.len(), 1);
        assert!(batch.errors[6].rule.contains("line 9"), "{:?}", batch.errors[6]);
    }

    #[test]
    fn m30_a_wrong_header_is_refused_before_any_line() {
        for header in ["name\n", "address,colour\n", "address,address\n", "address,na\u{202E}me\n"] {
            let error = Reader::new(header.as_bytes(), &Limits::default()).err().unwrap();
            assert_eq!(error.field(), "header", "{header:?}");
        }
    }

    #[test]
    fn m30_lines_that_are_done_are_passed_over() {
        let text = "address\na@example.org\nb@example.org\nc@example.org\n";
        let mut reader = Reader::new(text.as_bytes(), &Limits::default()).unwrap();
        let batch = reader.next_batch(1_000, 3).unwrap().unwrap();
        assert_eq!(batch.lines.iter().map(|line| line.number).collect::<Vec<_>>(), [4]);
        assert!(reader.next_batch(1_000, 3).unwrap().is_none());
    }

    #[test]
    fn m30_an_endless_line_is_refused() {
        let limits = Limits { import_line_bytes: 100, ..Limits::default() };
        let text = format!("address\n{}@example.org\n", "a".repeat(500));
        let error = Reader::new(text.as_bytes(), &limits)
            .and_then(|mut reader| reader.next_batch(10, 0))
            .unwrap_err();
        assert_eq!(error.field(), "file");
    }
}
