//! The shape of a large body's container: frames of zstd over 256 KiB of plain text each, the table of
//! their ends (8 bytes a frame), and a head as in packs. A part of the body needs only the frames it touches.

use std::ops::Range;

use base::{Error, Result};

use super::record::{HEAD_LENGTH, Place};

/// Bytes of plain text in a frame.
pub(crate) const FRAME_SIZE: usize = 256 << 10;
/// The same as a distance in a body.
pub(crate) const FRAME_BYTES: u64 = FRAME_SIZE as u64;
const ENTRY_BYTES: u64 = 8;

/// How a large body is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    size: u64,
    frames: u64,
    /// Where the table begins, and the last frame ends.
    table: u64,
}

impl Shape {
    /// # Errors
    /// `Corrupt` when the container is too short for its table.
    pub(crate) fn new(place: &Place) -> Result<Self> {
        let frames = place.size.div_ceil(FRAME_BYTES);
        let table = place
            .stored
            .checked_sub(HEAD_LENGTH + frames * ENTRY_BYTES)
            .ok_or_else(|| Error::corrupt("container", "is shorter than its table"))?;
        Ok(Self { size: place.size, frames, table })
    }

    /// The frames that hold a range of the body.
    pub(crate) fn frames_of(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.min(self.size);
        if range.start >= end {
            return 0..0;
        }
        range.start / FRAME_BYTES..end.div_ceil(FRAME_BYTES).min(self.frames)
    }

    /// Where the entries stand that tell where these frames begin and end.
    pub(crate) fn entries_of(&self, frames: &Range<u64>) -> Range<u64> {
        let first = frames.start.saturating_sub(1);
        self.table + first * ENTRY_BYTES..self.table + frames.end * ENTRY_BYTES
    }

    /// Where these frames begin, and the last of them ends; from the bytes of [`Shape::entries_of`].
    ///
    /// # Errors
    /// `Corrupt` when they do not follow one another.
    pub(crate) fn edges(&self, frames: &Range<u64>, entries: &[u8]) -> Result<Vec<u64>> {
        let mut edges: Vec<u64> =
            entries.as_chunks::<8>().0.iter().map(|entry| u64::from_le_bytes(*entry)).collect();
        if frames.start == 0 {
            edges.insert(0, 0);
        }
        let rising = edges.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        let inside = edges.last().is_none_or(|last| *last <= self.table);
        if rising && inside && edges.len() as u64 == frames.end - frames.start + 1 {
            Ok(edges)
        } else {
            Err(Error::corrupt("container", "has a table that makes no sense"))
        }
    }

    /// Bytes of plain text in a frame.
    pub(crate) fn size_of(&self, frame: u64) -> u64 {
        FRAME_BYTES.min(self.size.saturating_sub(frame * FRAME_BYTES))
    }

    /// What of a frame belongs to a range of the body.
    pub(crate) fn part_of(&self, frame: u64, range: &Range<u64>) -> Range<u64> {
        let first = frame * FRAME_BYTES;
        let end = range.end.min(first + self.size_of(frame));
        range.start.max(first).min(end) - first..end - first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(size: u64) -> Shape {
        let place = Place { container: 1, offset: 0, stored: 10_000, encoding: 2, size };
        Shape::new(&place).unwrap()
    }

    #[test]
    fn a_range_needs_only_its_frames() {
        let shape = shape(3 * FRAME_BYTES + 5);
        assert_eq!(shape.frames_of(&(0..1)), 0..1);
        assert_eq!(shape.frames_of(&(FRAME_BYTES - 1..FRAME_BYTES + 1)), 0..2);
        assert_eq!(shape.frames_of(&(3 * FRAME_BYTES..u64::MAX)), 3..4);
        assert_eq!(shape.frames_of(&(9..9)), 0..0);
        assert_eq!(shape.size_of(3), 5);
        assert_eq!(shape.part_of(1, &(FRAME_BYTES + 2..FRAME_BYTES + 4)), 2..4);
        assert_eq!(shape.part_of(3, &(0..u64::MAX)), 0..5);
    }

    #[test]
    fn a_table_that_makes_no_sense_is_corrupt() {
        let shape = shape(2 * FRAME_BYTES);
        let table = |ends: [u64; 2]| ends.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!(shape.edges(&(0..2), &table([50, 90])).unwrap(), [0, 50, 90]);
        assert_eq!(shape.edges(&(1..2), &table([50, 90])).unwrap(), [50, 90]);
        for ends in [[90, 50], [0, 50], [50, 9_999]] {
            assert!(shape.edges(&(0..2), &table(ends)).is_err());
        }
        assert!(shape.edges(&(0..2), &[0; 8]).is_err());
        let short = Place { container: 1, offset: 0, stored: 20, encoding: 2, size: 1 };
        assert!(Shape::new(&short).is_err());
    }
}
