//! What the killed process reports on its pipe: records of one size, each written at once.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::Sender;

/// Bytes of a record: far below what a pipe takes in one piece.
const BYTES: usize = 13;

/// A report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// All writers are about to begin.
    Ready,
    /// A writer's step is acknowledged, or was read back from the database.
    Step { writer: u32, step: u64 },
    /// A mark at this commit of the account with this index is acknowledged.
    Mark { account: u32, seq: u64 },
    /// An error that no crash explains; it stands on standard error.
    Fault,
}

impl Record {
    fn bytes(self) -> [u8; BYTES] {
        let (kind, who, value) = match self {
            Self::Ready => (0, 0, 0),
            Self::Step { writer, step } => (1, writer, step),
            Self::Mark { account, seq } => (2, account, seq),
            Self::Fault => (3, 0, 0),
        };
        let mut out = [0; BYTES];
        out[0] = kind;
        out[1..5].copy_from_slice(&who.to_le_bytes());
        out[5..].copy_from_slice(&value.to_le_bytes());
        out
    }

    fn read(bytes: [u8; BYTES]) -> Self {
        let who = u32::from_le_bytes(bytes[1..5].try_into().expect("four bytes"));
        let value = u64::from_le_bytes(bytes[5..].try_into().expect("eight bytes"));
        match bytes[0] {
            0 => Self::Ready,
            1 => Self::Step { writer: who, step: value },
            2 => Self::Mark { account: who, seq: value },
            _ => Self::Fault,
        }
    }
}

/// The end that reports.
pub(crate) struct Reporter(File);

impl Reporter {
    /// Standard output, without its buffer.
    pub(crate) fn stdout() -> Self {
        Self(std::io::stdout().as_fd().try_clone_to_owned().expect("standard output").into())
    }

    pub(crate) fn say(&self, record: Record) {
        // One call of the system: it is there whole or not at all.
        let _ = (&self.0).write_all(&record.bytes());
    }
}

/// Passes all records on until the pipe ends. Half a record at the end was not said.
pub(crate) fn listen(mut pipe: impl Read, to: &Sender<Record>) {
    let mut bytes = [0; BYTES];
    while pipe.read_exact(&mut bytes).is_ok() {
        if to.send(Record::read(bytes)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        for record in [
            Record::Ready,
            Record::Step { writer: 7, step: u64::MAX },
            Record::Mark { account: u32::MAX, seq: 1 },
            Record::Fault,
        ] {
            assert_eq!(Record::read(record.bytes()), record);
        }
    }
}
