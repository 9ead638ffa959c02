//! How bodies are made smaller: zstd, with a dictionary trained on bodies of this server when there is one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base::{Error, Result};
use bytes::Bytes;
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{CCtx, CParameter, DCtx, compress_bound};

use super::record::{FIRST_DICTIONARY, FRAMES, PLAIN, ZSTD, usize_of};

const LEVEL: i32 = 1;
/// Shorter bodies stay as they are: there is nothing to win.
const WORTH_BYTES: usize = 64;
/// Contexts that are kept for the next body; each holds up to a few megabytes.
const KEPT_CONTEXTS: usize = 4;

/// A dictionary, ready for use.
pub(crate) struct Dictionary {
    id: i64,
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

impl Dictionary {
    pub(crate) fn new(id: i64, data: &[u8]) -> Self {
        Self { id, encoder: EncoderDictionary::copy(data, LEVEL), decoder: DecoderDictionary::copy(data) }
    }
}

/// Compresses and expands. Shared by all threads; contexts are lent to whoever needs one.
#[derive(Default)]
pub(crate) struct Codec {
    encoders: Mutex<Vec<CCtx<'static>>>,
    decoders: Mutex<Vec<DCtx<'static>>>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    newest: Option<Arc<Dictionary>>,
    all: HashMap<i64, Arc<Dictionary>>,
}

fn lend<C, T>(pool: &Mutex<Vec<C>>, make: impl FnOnce() -> C, run: impl FnOnce(&mut C) -> T) -> T {
    let taken = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut context = taken.unwrap_or_else(make);
    let done = run(&mut context);
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() < KEPT_CONTEXTS {
        pool.push(context);
    }
    done
}

fn failed(what: &'static str, code: usize) -> Error {
    Error::corrupt("body", what).with_source(zstd::zstd_safe::get_error_name(code))
}

impl Codec {
    /// Makes a dictionary known; the one with the highest number is used for new bodies.
    pub(crate) fn learn(&self, dictionary: Dictionary) {
        let dictionary = Arc::new(dictionary);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.newest.as_ref().is_none_or(|newest| newest.id < dictionary.id) {
            known.newest = Some(dictionary.clone());
        }
        known.all.insert(dictionary.id, dictionary);
    }

    /// Whether a body of this encoding can be expanded.
    pub(crate) fn knows(&self, encoding: i64) -> bool {
        encoding < FIRST_DICTIONARY || self.dictionary(encoding).is_some()
    }

    fn dictionary(&self, id: i64) -> Option<Arc<Dictionary>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).all.get(&id).cloned()
    }

    /// The encoding of a small body and its bytes; the plain text itself when that is no longer.
    pub(crate) fn encode(&self, plain: &Bytes) -> Result<(i64, Bytes)> {
        if plain.len() < WORTH_BYTES {
            return Ok((PLAIN, plain.clone()));
        }
        let newest = self.known.read().unwrap_or_else(PoisonError::into_inner).newest.clone();
        let mut out = Vec::with_capacity(compress_bound(plain.len()));
        lend(&self.encoders, CCtx::create, |context| match &newest {
            Some(dictionary) => context.compress_using_cdict(&mut out, plain, dictionary.encoder.as_cdict()),
            None => context.compress(&mut out, plain, LEVEL),
        })
        .map_err(|code| failed("could not be compressed", code))?;
        if out.len() >= plain.len() {
            return Ok((PLAIN, plain.clone()));
        }
        Ok((newest.map_or(ZSTD, |dictionary| dictionary.id), Bytes::from(out)))
    }

    /// The plain text of a small body, which has `size` bytes.
    pub(crate) fn decode(&self, encoding: i64, stored: Bytes, size: u64) -> Result<Bytes> {
        let size = usize_of(size)?;
        let wrong = || Error::corrupt("body", "does not have the length that its record says");
        if encoding == PLAIN {
            return if stored.len() == size { Ok(stored) } else { Err(wrong()) };
        }
        if encoding == FRAMES {
            return Err(Error::corrupt("body", "is in frames and cannot be in a pack"));
        }
        let dictionary = match encoding {
            ZSTD => None,
            id => Some(self.dictionary(id).ok_or_else(|| {
                Error::corrupt("body", format!("needs dictionary {id}, which does not exist"))
            })?),
        };
        let mut out = Vec::with_capacity(size);
        lend(&self.decoders, DCtx::create, |context| match &dictionary {
            Some(dictionary) => {
                context.decompress_using_ddict(&mut out, &stored, dictionary.decoder.as_ddict())
            }
            None => context.decompress(&mut out, &stored),
        })
        .map_err(|code| failed("cannot be expanded", code))?;
        if out.len() == size { Ok(Bytes::from(out)) } else { Err(wrong()) }
    }

    /// Appends one frame of a large body; the frame has a check of its own.
    pub(crate) fn append_frame(&self, plain: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut frame = Vec::with_capacity(compress_bound(plain.len()));
        lend(&self.encoders, CCtx::create, |context| {
            context.set_parameter(CParameter::CompressionLevel(LEVEL))?;
            context.set_parameter(CParameter::ChecksumFlag(true))?;
            context.compress2(&mut frame, plain)
        })
        .map_err(|code| failed("could not be compressed", code))?;
        out.extend_from_slice(&frame);
        Ok(())
    }

    /// Expands one frame of a large body, of `size` bytes at most.
    pub(crate) fn expand_frame(&self, frame: &[u8], size: usize) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(size);
        lend(&self.decoders, DCtx::create, |context| context.decompress(&mut out, frame))
            .map_err(|code| failed("cannot be expanded", code))?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_as_they_were() {
        let codec = Codec::default();
        for body in [Bytes::new(), Bytes::from_static(b"short"), Bytes::from("a letter ".repeat(900))] {
            let (encoding, stored) = codec.encode(&body).unwrap();
            assert!(stored.len() <= body.len());
            assert_eq!(codec.decode(encoding, stored, body.len() as u64).unwrap(), body);
        }
    }

    #[test]
    fn a_wrong_length_or_an_unknown_dictionary_is_corrupt() {
        let codec = Codec::default();
        let body = Bytes::from("a letter ".repeat(900));
        let (encoding, stored) = codec.encode(&body).unwrap();
        for (encoding, size) in [(encoding, 5), (encoding, 9_000), (PLAIN, 1), (77, 8_100)] {
            let error = codec.decode(encoding, stored.clone(), size).unwrap_err();
            assert_eq!(error.meaning(), base::Meaning::Corrupt);
        }
    }
}
