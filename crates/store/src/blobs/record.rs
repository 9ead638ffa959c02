//! The head that stands before every body in a pack and behind the table of a large body.
//!
//! What must stay true here: a head describes its body alone, so that the index in the database can be
//! rebuilt from the containers; and it is bound to its container by its check, so that bytes which got to
//! another place are not taken for a body.

use base::{Error, Result};

/// The hash of a body: BLAKE3 of its plain text.
pub type Hash = [u8; 32];

/// Bytes of a head.
pub(crate) const HEAD_BYTES: usize = 80;
/// The same as a distance in a file.
pub(crate) const HEAD_LENGTH: u64 = HEAD_BYTES as u64;
const MAGIC: [u8; 8] = *b"Beffroi1";

/// Stored as it is.
pub(crate) const PLAIN: i64 = 0;
/// One zstd frame.
pub(crate) const ZSTD: i64 = 1;
/// Frames of zstd with a table of their ends, in a container of its own.
pub(crate) const FRAMES: i64 = 2;
/// From here on: one zstd frame with the dictionary of this number.
pub(crate) const FIRST_DICTIONARY: i64 = 16;

/// What a head says. For a body of its own container `stored` is the length of all before the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) organisation: i64,
    pub(crate) hash: Hash,
    pub(crate) size: u64,
    pub(crate) stored: u64,
    pub(crate) encoding: i64,
}

impl Head {
    pub(crate) fn to_bytes(self, container: i64) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        let parts: [&[u8]; 6] = [
            &MAGIC,
            &self.organisation.to_le_bytes(),
            &self.hash,
            &self.size.to_le_bytes(),
            &self.stored.to_le_bytes(),
            &self.encoding.to_le_bytes(),
        ];
        let mut rest = out.as_mut_slice();
        for part in parts {
            let (here, after) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = after;
        }
        let (fields, check) = out.split_at_mut(HEAD_BYTES - 8);
        check.copy_from_slice(&check_of(fields, container));
        out
    }

    /// Reads a head of this container; nothing when there is none, or a broken one.
    pub(crate) fn read(bytes: &[u8], container: i64) -> Option<Self> {
        let (fields, check) = bytes.get(..HEAD_BYTES)?.split_at_checked(HEAD_BYTES - 8)?;
        if !fields.starts_with(&MAGIC) || check != check_of(fields, container) {
            return None;
        }
        let number = |at: usize| fields.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        Some(Self {
            organisation: number(8)?.cast_signed(),
            hash: fields.get(16..48)?.try_into().ok()?,
            size: number(48)?,
            stored: number(56)?,
            encoding: number(64)?.cast_signed(),
        })
    }
}

fn check_of(fields: &[u8], container: i64) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(fields).update(&container.to_le_bytes());
    let mut check = [0; 8];
    hasher.finalize_xof().fill(&mut check);
    check
}

/// Where a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// 0: staged in the database.
    pub(crate) container: i64,
    pub(crate) offset: u64,
    pub(crate) stored: u64,
    pub(crate) encoding: i64,
    pub(crate) size: u64,
}

/// A length or offset for the database.
pub(crate) fn sql(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A length or offset from the database.
pub(crate) fn unsql(bytes: i64) -> Result<u64> {
    u64::try_from(bytes).map_err(|e| Error::corrupt("blob", "has a negative length or place").with_source(e))
}

/// A length that fits in memory.
pub(crate) fn usize_of(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|e| Error::too_large("body", "does not fit in memory").with_source(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head { organisation: 3, hash: [7; 32], size: 10, stored: 9, encoding: ZSTD };

    #[test]
    fn a_head_reads_as_it_was_written_in_its_own_container_only() {
        let bytes = HEAD.to_bytes(44);
        assert_eq!(Head::read(&bytes, 44), Some(HEAD));
        assert_eq!(Head::read(&bytes, 45), None);
        assert_eq!(Head::read(&bytes[..79], 44), None);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        for bit in 0..HEAD_BYTES * 8 {
            let mut bytes = HEAD.to_bytes(44);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::read(&bytes, 44), None, "bit {bit}");
        }
    }
}
