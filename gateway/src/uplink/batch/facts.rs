//! A batch as bytes: its header, and its facts one after the other.

use serde::{Deserialize, Serialize};

use super::{
    Batch, Code, EnvelopeError, Hash, Sealed, Told,
    message::{header, put},
};
use crate::{
    store::CommitSeq,
    uplink::{GatewayKey, parcel::Parcel},
};

/// Most facts of one batch.
const PARCELS_MAX: usize = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct BatchHeader {
    told: Told,
    after: i64,
    upto: i64,
    previous: Hash,
    hash: Hash,
    count: u64,
    last: i64,
}

pub(super) fn put_batch(
    kind: u8,
    batch: &Batch,
    key: &GatewayKey,
) -> Result<Vec<u8>, EnvelopeError> {
    let header = BatchHeader {
        told: batch.told.clone(),
        after: batch.after.0,
        upto: batch.upto.0,
        previous: batch.previous,
        hash: batch.hash(),
        count: u64::try_from(batch.parcels.len()).unwrap_or(u64::MAX),
        last: batch.last.0,
    };
    let mut body = Vec::new();
    for Parcel { seq, line } in &batch.parcels {
        let length = u32::try_from(line.len())
            .map_err(|_large| EnvelopeError::new(Code::TooLarge, "a line of 4 GiB"))?;
        body.extend_from_slice(&seq.0.to_be_bytes());
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(line);
    }
    put(kind, &header, &body, key)
}

pub(super) fn malformed(why: &str) -> EnvelopeError {
    EnvelopeError::new(Code::Malformed, why)
}

pub(super) fn take_batch(sealed: &Sealed<'_>) -> Result<Batch, EnvelopeError> {
    let BatchHeader { told, after, upto, previous, hash, count, last } = header(sealed)?;
    if after < 0 || upto < after {
        return Err(malformed("it does not go forward"));
    }
    if count > u64::try_from(PARCELS_MAX).unwrap_or(0) {
        return Err(EnvelopeError::new(Code::TooLarge, format!("{count} facts")));
    }
    let body = sealed.body()?;
    let parcels = parcels(&body, (after, upto))?;
    if count != u64::try_from(parcels.len()).unwrap_or(u64::MAX) {
        return Err(malformed("it does not hold as many facts as it says"));
    }
    let (after, upto, last) = (CommitSeq(after), CommitSeq(upto), CommitSeq(last));
    let batch = Batch { told, after, upto, previous, last, parcels };
    if batch.hash() != hash {
        return Err(malformed("its hash is not that of its facts"));
    }
    Ok(batch)
}

/// The facts of a body: each within the batch, each after the one before.
fn parcels(body: &[u8], (after, upto): (i64, i64)) -> Result<Vec<Parcel>, EnvelopeError> {
    let (mut rest, mut before, mut all) = (body, after, Vec::new());
    while !rest.is_empty() {
        let cut = || malformed("a fact was cut short");
        let (seq, tail) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let (length, tail) = tail.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (line, tail) = tail.split_at_checked(length).ok_or_else(cut)?;
        let seq = i64::from_be_bytes(*seq);
        if seq <= before || seq > upto {
            return Err(malformed("a fact stands outside its place"));
        }
        if line.is_empty() || line.contains(&b'\n') {
            return Err(malformed("a fact is no line"));
        }
        if all.len() >= PARCELS_MAX {
            return Err(EnvelopeError::new(Code::TooLarge, "too many facts"));
        }
        all.push(Parcel { seq: CommitSeq(seq), line: line.to_vec() });
        (before, rest) = (seq, tail);
    }
    Ok(all)
}
