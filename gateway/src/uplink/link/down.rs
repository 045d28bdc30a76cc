//! What goes down with an answer: facts of the people whom a box serves, after those that it has.

use smol_str::SmolStr;

use crate::{
    domain::Neighbour,
    store::{CommitSeq, Reader, StoreError, Toward},
    uplink::batch::{Batch, Hash, Holds, Told},
};

/// Facts of one batch that goes down.
const COUNT: usize = 500;

/// Bytes of them before they are packed: some ten seconds at 64 kbit/s, the roster's piece beside it.
const BYTES: usize = 256 * 1024;

/// What a box lacks of our log, if it lacks anything. Blocks.
pub(super) fn batch(
    reader: &dyn Reader,
    row: &Neighbour,
    holds: Option<Holds>,
    ours: &Told,
) -> Result<Option<Batch>, StoreError> {
    let held = holds.filter(|holds| holds.epoch == ours.epoch);
    let (after, previous) =
        held.map_or((CommitSeq(0), Hash::default()), |held| (CommitSeq(held.upto), held.hash));
    let last = reader.last()?;
    if row.serves.is_empty() || after >= last {
        return Ok(None);
    }
    let places: Vec<SmolStr> = row.serves.iter().map(SmolStr::new).collect();
    let toward = Toward::Down { to: row.name.clone(), places };
    let cargo = reader.cargo(&toward, after, COUNT, BYTES)?;
    if cargo.upto <= after {
        return Ok(None);
    }
    let (told, upto, parcels) = (ours.clone(), cargo.upto, cargo.parcels);
    Ok(Some(Batch { told, after, upto, previous, last, parcels }))
}
