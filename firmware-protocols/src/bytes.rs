//! The ground floor: checksums, a reader that cannot run past the end, a packet to write into.

use crate::error::DecodeError;

/// The low byte of the sum of all bytes (TaiDoc, Sinocare: FORMATS §4, §6).
#[must_use]
pub fn sum8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// All bytes combined by exclusive or (Raycome: FORMATS §5).
#[must_use]
pub fn xor8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ *byte)
}

/// Reads from the front; asking for more than there is answers `truncated`.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16_le(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u16_be(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16_le(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_le_bytes)
    }

    pub(crate) fn u32_le(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }
}

/// An emitted frame. Every format of this crate emits at most [`Packet::CAPACITY`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Packet {
    /// The longest emitted frame is a Raycome result of 20 bytes (FORMATS §5).
    pub const CAPACITY: usize = 32;

    pub(crate) const fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], len: 0 }
    }

    /// Appends bytes. Emitters write fixed layouts well under the capacity, which the
    /// emit-then-parse tests prove for every combination of fields.
    pub(crate) fn put(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            debug_assert!(self.len < Self::CAPACITY, "a layout outgrew Packet::CAPACITY");
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = *byte;
                self.len = self.len.saturating_add(1);
            }
        }
        self
    }

    /// The emitted bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_wrap_and_exclusive_or_folds() {
        assert_eq!(sum8(&[0xFF, 0x02]), 0x01);
        assert_eq!(sum8(&[]), 0);
        assert_eq!(xor8(&[0x0F, 0xF0, 0x01]), 0xFE);
    }

    #[test]
    fn a_reader_never_runs_past_the_end() {
        let mut reader = Reader::new(&[0x34, 0x12, 0x01]);
        assert_eq!(reader.u16_le(), Ok(0x1234));
        assert_eq!(reader.u16_be(), Err(DecodeError::Truncated));
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.remaining(), 0);
    }
}
