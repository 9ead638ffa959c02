//! The DEFLATE layer (RFC 4978, RFC 1951): raw streams both ways, flushed with each answer.

use bytes::BytesMut;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::Fault;

/// Bytes that are inflated at a time: what a client sends may grow a thousand times.
const STEP_BYTES: usize = 16 * 1_024;

/// Both directions of a compressed connection.
pub(crate) struct Deflate {
    decompress: Decompress,
    compress: Compress,
    /// Compressed bytes that were read and not inflated yet.
    waiting: BytesMut,
    /// Compressed bytes that are to be written.
    out: Vec<u8>,
}

impl Deflate {
    pub(crate) fn new() -> Self {
        Self {
            decompress: Decompress::new(false),
            compress: Compress::new(Compression::fast(), false),
            waiting: BytesMut::new(),
            out: Vec::new(),
        }
    }

    /// Takes compressed bytes from the network.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Inflates a step; `false` when more has to be read first.
    pub(crate) fn pull(&mut self, into: &mut BytesMut) -> Result<bool, Fault> {
        let mut step = Vec::with_capacity(STEP_BYTES);
        let before = self.decompress.total_in();
        let status = self
            .decompress
            .decompress_vec(&self.waiting, &mut step, FlushDecompress::None)
            .map_err(|_| Fault::Broken("compression"))?;
        let taken = usize::try_from(self.decompress.total_in() - before).unwrap_or(usize::MAX);
        let _ = self.waiting.split_to(taken.min(self.waiting.len()));
        if self.waiting.is_empty() {
            self.waiting = BytesMut::new();
        }
        if step.is_empty() && status == Status::StreamEnd {
            return Err(Fault::Closed);
        }
        into.extend_from_slice(&step);
        Ok(!step.is_empty())
    }

    /// Compresses bytes into the outgoing buffer; with `flush` the client can read all of them.
    pub(crate) fn compress(&mut self, mut bytes: &[u8], flush: bool) -> Result<(), Fault> {
        let mode = if flush { FlushCompress::Sync } else { FlushCompress::None };
        loop {
            self.out.reserve(STEP_BYTES.min(bytes.len() + 64));
            let before = self.compress.total_in();
            self.compress
                .compress_vec(bytes, &mut self.out, mode)
                .map_err(|_| Fault::Broken("compression"))?;
            let taken = usize::try_from(self.compress.total_in() - before).unwrap_or(usize::MAX);
            bytes = bytes.get(taken..).unwrap_or_default();
            if bytes.is_empty() && self.out.len() < self.out.capacity() {
                return Ok(());
            }
        }
    }

    /// The compressed bytes; they are taken out.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_and_flushed_can_be_read_at_once() {
        let (mut ours, mut theirs) = (Deflate::new(), Deflate::new());
        for text in ["a1 OK done\r\n".to_owned(), "x".repeat(200_000), "a2 NO\r\n".to_owned()] {
            ours.compress(text.as_bytes(), true).unwrap();
            theirs.push(&ours.take());
            let mut read = BytesMut::new();
            while theirs.pull(&mut read).unwrap() {}
            assert_eq!(read.len(), text.len());
            assert_eq!(&read[..], text.as_bytes());
        }
    }

    #[test]
    fn what_is_no_deflate_is_broken() {
        let mut layer = Deflate::new();
        layer.push(&[0xff; 64]);
        assert!(matches!(layer.pull(&mut BytesMut::new()), Err(Fault::Broken("compression"))));
    }
}
