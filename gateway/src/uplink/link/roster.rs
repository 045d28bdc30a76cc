//! Rosters on their way down, piece by piece: a package is made once and fetched as the line allows.

use std::sync::{Arc, Mutex, PoisonError};

use tracing::warn;

use super::upper::Upper;
use crate::{
    domain::{BoxId, Neighbour, Timestamp},
    store::{CommitSeq, Reader},
    uplink::{
        GatewayKey,
        batch::{Hash, Message, RosterPart, RosterState, Told},
        roster::{Asked, Header, SelectError, make},
    },
};

/// Bytes of one piece: some ten seconds at 64 kbit/s once it is packed.
const PIECE: usize = 128 * 1024;

/// Packages being fetched that are held in memory, in bytes together. Beyond it the oldest is let go,
/// and whoever fetched it begins with a newer one.
const HELD_MAX: usize = 64 * 1024 * 1024;

/// Packages on their way.
#[derive(Debug, Default)]
pub(in crate::uplink) struct Rosters {
    held: Mutex<Vec<Package>>,
}

#[derive(Debug, Clone)]
struct Package {
    of: BoxId,
    hash: Hash,
    bytes: Arc<Vec<u8>>,
}

/// From what a roster is made.
pub(in crate::uplink) struct Making<'a> {
    pub(in crate::uplink) reader: &'a dyn Reader,
    pub(in crate::uplink) key: &'a GatewayKey,
    pub(in crate::uplink) row: &'a Neighbour,
    pub(in crate::uplink) now: Timestamp,
}

impl Upper {
    /// The next piece of a box's roster, if it lacks one. Blocks.
    pub(super) fn piece(
        &self,
        row: &Neighbour,
        state: &RosterState,
        ours: &Told,
    ) -> Option<Message> {
        let entered = *self.parts.registered.borrow();
        let (reader, key) = (self.parts.reader.as_ref(), self.parts.key.as_ref());
        let making = Making { reader, key, row, now: self.parts.clock.now() };
        match self.rosters.piece(&making, state, (ours, entered)) {
            Ok(piece) => piece.map(Message::Roster),
            Err(error) => {
                warn!(%error, gateway = %row.name, "no roster goes down");
                None
            }
        }
    }
}

impl Rosters {
    /// The next piece for a box, if its registry is behind ours. Blocks.
    pub(in crate::uplink) fn piece(
        &self,
        making: &Making<'_>,
        state: &RosterState,
        (ours, entered): (&Told, CommitSeq),
    ) -> Result<Option<RosterPart>, SelectError> {
        if making.row.serves.is_empty() && making.row.site.is_none() {
            return Ok(None);
        }
        let held = state.fetching.and_then(|hash| self.find(&making.row.name, hash));
        let package = match held {
            Some(package) => package,
            None if state.epoch == ours.epoch && state.upto >= entered.0 && state.upto > 0 => {
                return Ok(None);
            }
            None => self.make(making, state, ours)?,
        };
        let resumed = state.fetching == Some(package.hash);
        let from = if resumed { usize::try_from(state.have).unwrap_or(0) } else { 0 };
        let rest = package.bytes.get(from..).unwrap_or_default();
        let piece = rest.get(..rest.len().min(PIECE)).unwrap_or_default().to_vec();
        if piece.is_empty() {
            // All of it is there, and was not taken: it begins again.
            self.forget(&making.row.name);
            return Ok(None);
        }
        let whole = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let (bytes, at) = (whole(package.bytes.len()), whole(from));
        let (told, of, package) = (ours.clone(), making.row.name.clone(), package.hash);
        Ok(Some(RosterPart { told, of, package, bytes, at, piece }))
    }

    fn make(
        &self,
        making: &Making<'_>,
        state: &RosterState,
        ours: &Told,
    ) -> Result<Package, SelectError> {
        let Making { reader, key, row, now } = *making;
        let asked = Asked { places: row.serves.clone(), sites: row.site.iter().cloned().collect() };
        let continues = Header {
            roster: 0,
            issuer: ours.by.as_str().into(),
            epoch: state.epoch,
            places: Vec::new(),
            villages: state.villages.clone(),
            after: 0,
            to: state.upto,
            made_at: now,
            key: String::new(),
        };
        let continues = (state.upto > 0).then_some(&continues);
        let mut bytes = Vec::new();
        make(reader, key, &asked, (continues, now), &mut bytes)?;
        let hash = Hash(*blake3::hash(&bytes).as_bytes());
        let package = Package { of: row.name.clone(), hash, bytes: Arc::new(bytes) };
        self.hold(package.clone());
        Ok(package)
    }

    fn find(&self, of: &BoxId, hash: Hash) -> Option<Package> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().find(|package| package.of == *of && package.hash == hash).cloned()
    }

    /// Lets go of what was on its way to a box.
    pub(in crate::uplink) fn forget(&self, of: &BoxId) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|package| package.of != *of);
    }

    fn hold(&self, package: Package) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|other| other.of != package.of);
        held.push(package);
        let bytes = |held: &[Package]| held.iter().map(|it| it.bytes.len()).sum::<usize>();
        while held.len() > 1 && bytes(&held) > HELD_MAX {
            held.remove(0);
        }
    }
}
