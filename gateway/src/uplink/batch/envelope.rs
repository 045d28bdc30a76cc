//! An envelope as bytes.
//!
//! ```text
//! 4 bytes   "xzup"
//! 1 byte    version of this format
//! 1 byte    what the message is
//! 2 bytes   length of the header, big endian, at most 4 KiB
//! 4 bytes   length of the body as packed, big endian, at most 512 KiB less the rest
//! …         header: one JSON object
//! …         body: deflated (RFC 1951); empty where the message has none
//! 64 bytes  Ed25519 over a context and every byte before
//! ```
//!
//! Lengths come before what they measure, so several envelopes may stand one after the other in an
//! answer. A later version keeps the first five bytes; an older reader then says `too_new`.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::refused::Code;
use crate::uplink::{GatewayKey, PublicKey};

/// The version of this format.
pub const FORMAT: u8 = 1;

/// Largest envelope, in bytes: what a line of 64 kbit/s carries in about a minute.
pub const ENVELOPE_MAX: usize = 512 * 1024;

/// Largest body once it is unpacked, in bytes: unpacking stops here, whatever the envelope says.
pub const BODY_MAX: usize = 8 * 1024 * 1024;

/// Largest body as packed, in bytes.
pub const PACKED_MAX: usize = ENVELOPE_MAX - PRELUDE - HEADER_MAX - SIGNATURE;

/// Largest header, in bytes: names of at most 64 characters, hashes and numbers.
const HEADER_MAX: usize = 4 * 1024;

const MAGIC: &[u8; 4] = b"xzup";
const PRELUDE: usize = 12;
const SIGNATURE: usize = 64;

/// What a signature is of, before the bytes: this key signs rosters too.
const CONTEXT: &[u8] = b"xunzhen envelope 1\n";

/// Envelopes of one answer.
const TRAIN_MAX: usize = 4;

/// Why bytes are no envelope to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {why}")]
pub struct EnvelopeError {
    /// Which refusal it is.
    pub code: Code,
    /// What is wrong, in words for an engineer.
    pub why: String,
}

impl EnvelopeError {
    pub(super) fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }

    fn cut(why: &str) -> Self {
        Self::new(Code::NotAnEnvelope, why)
    }
}

/// An envelope whose lengths are right and whose signature nobody has checked.
#[derive(Debug, Clone, Copy)]
pub struct Sealed<'a> {
    /// What the message says it is.
    pub kind: u8,
    header: &'a [u8],
    body: &'a [u8],
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads bytes that are one envelope, no byte fewer or more.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let (first, rest) = Self::first(bytes)?;
        if rest.is_empty() { Ok(first) } else { Err(EnvelopeError::cut("bytes after its end")) }
    }

    /// Reads the envelope that stands first.
    fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), EnvelopeError> {
        let (prelude, _) =
            bytes.split_first_chunk::<PRELUDE>().ok_or(EnvelopeError::cut("shorter than any"))?;
        let [m0, m1, m2, m3, version, kind, h0, h1, b0, b1, b2, b3] = *prelude;
        if [m0, m1, m2, m3] != *MAGIC || version == 0 {
            return Err(EnvelopeError::cut("it does not begin as one"));
        }
        if version > FORMAT {
            let why = format!("format {version}; this program reads up to {FORMAT}");
            return Err(EnvelopeError::new(Code::TooNew, why));
        }
        let header = usize::from(u16::from_be_bytes([h0, h1]));
        let body = usize::try_from(u32::from_be_bytes([b0, b1, b2, b3])).unwrap_or(usize::MAX);
        if header > HEADER_MAX || body > PACKED_MAX {
            let why = format!("header of {header} bytes, body of {body}");
            return Err(EnvelopeError::new(Code::TooLarge, why));
        }
        let content = PRELUDE.saturating_add(header).saturating_add(body);
        let parts = bytes.split_at_checked(content.saturating_add(SIGNATURE));
        let (whole, rest) = parts.ok_or(EnvelopeError::cut("it was cut short"))?;
        let cut = || EnvelopeError::cut("it was cut short");
        let (signed, signature) = whole.split_at_checked(content).ok_or_else(cut)?;
        let (_, inner) = signed.split_at_checked(PRELUDE).ok_or_else(cut)?;
        let (header, body) = inner.split_at_checked(header).ok_or_else(cut)?;
        Ok((Self { kind, header, body, signed, signature }, rest))
    }

    /// The header as it stands. What it says is nobody's word before [`Sealed::verify`].
    #[must_use]
    pub const fn header(&self) -> &'a [u8] {
        self.header
    }

    /// Believes it, if this key signed it.
    ///
    /// # Errors
    /// `forged`.
    pub fn verify(&self, key: &PublicKey) -> Result<(), EnvelopeError> {
        let signed = [CONTEXT, self.signed].concat();
        key.verify(&signed, self.signature).map_err(|_forged| {
            EnvelopeError::new(Code::Forged, format!("not signed by {}", key.fingerprint()))
        })
    }

    /// The body, unpacked: at most [`BODY_MAX`] bytes, and all of the packed ones.
    ///
    /// # Errors
    /// `too_large`, or `malformed` where it cannot be unpacked.
    pub fn body(&self) -> Result<Vec<u8>, EnvelopeError> {
        if self.body.is_empty() {
            return Ok(Vec::new());
        }
        let limit = u64::try_from(BODY_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let mut unpacking = DeflateDecoder::new(self.body);
        let mut body = Vec::new();
        let read = unpacking.by_ref().take(limit).read_to_end(&mut body);
        if body.len() > BODY_MAX {
            let why = format!("its body unpacks to more than {BODY_MAX} bytes");
            return Err(EnvelopeError::new(Code::TooLarge, why));
        }
        read.map_err(|error| EnvelopeError::new(Code::Malformed, error.to_string()))?;
        if unpacking.total_in() != u64::try_from(self.body.len()).unwrap_or(u64::MAX) {
            return Err(EnvelopeError::new(Code::Malformed, "bytes after the body's end"));
        }
        Ok(body)
    }
}

/// The envelopes of an answer, in order.
///
/// # Errors
/// [`EnvelopeError`]; none of them is to be used then.
pub fn split(bytes: &[u8]) -> Result<Vec<&[u8]>, EnvelopeError> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while !rest.is_empty() {
        if all.len() >= TRAIN_MAX {
            return Err(EnvelopeError::new(Code::TooLarge, "more than four envelopes"));
        }
        let (_, after) = Sealed::first(rest)?;
        let length = rest.len().saturating_sub(after.len());
        all.push(rest.get(..length).unwrap_or_default());
        rest = after;
    }
    Ok(all)
}

/// Writes an envelope.
///
/// # Errors
/// `too_large`: the sender should put less into it.
pub fn seal(
    kind: u8,
    header: &[u8],
    body: &[u8],
    key: &GatewayKey,
) -> Result<Vec<u8>, EnvelopeError> {
    let packed = if body.is_empty() { Vec::new() } else { pack(body)? };
    let large = |what: &str, bytes: usize| {
        EnvelopeError::new(Code::TooLarge, format!("{what} of {bytes} bytes"))
    };
    if body.len() > BODY_MAX || packed.len() > PACKED_MAX {
        return Err(large("a body", body.len()));
    }
    if header.len() > HEADER_MAX {
        return Err(large("a header", header.len()));
    }
    let lengths = (u16::try_from(header.len()), u32::try_from(packed.len()));
    let (Ok(head), Ok(tail)) = lengths else { return Err(large("a body", packed.len())) };
    let mut bytes = Vec::with_capacity(PRELUDE + header.len() + packed.len() + SIGNATURE);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[FORMAT, kind]);
    bytes.extend_from_slice(&head.to_be_bytes());
    bytes.extend_from_slice(&tail.to_be_bytes());
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&packed);
    let signature = key.sign(&[CONTEXT, bytes.as_slice()].concat());
    bytes.extend_from_slice(&signature);
    Ok(bytes)
}

/// Packs as well as it can: the line is slower than any processor here.
fn pack(body: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    let mut packing = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed = packing.write_all(body).and_then(|()| packing.finish());
    packed.map_err(|error| EnvelopeError::new(Code::Malformed, error.to_string()))
}
