//! What was refused, kept for the auditor as what any source refuses is: the bytes with the reason.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use smol_str::SmolStr;
use tokio::time::{Duration, Instant};

use crate::{
    domain::{BoxId, Road, Timestamp},
    intake::{Inlet, Item, NotCommitted},
    store::{Origin, Refused},
    uplink::batch::EnvelopeError,
};

/// Refused envelopes of one box that are kept within [`WITHIN`]; the rest is counted alone, for a box
/// that sends rubbish must not fill the disk that others need.
const KEPT: usize = 8;

/// See [`KEPT`].
const WITHIN: Duration = Duration::from_secs(3600);

/// Boxes that are remembered. Only who logged in comes so far.
const BOXES: usize = 10_000;

/// Keeps evidence.
#[derive(Debug)]
pub(super) struct Evidence {
    inlet: Inlet,
    kept: Mutex<HashMap<BoxId, VecDeque<(Instant, blake3::Hash)>>>,
}

impl Evidence {
    pub(super) fn new(inlet: Inlet) -> Self {
        Self { inlet, kept: Mutex::default() }
    }

    /// Keeps an envelope, unless the same was kept before or there were too many. Resolves when it is
    /// on disk.
    pub(super) async fn keep(
        &self,
        (by, road): (&BoxId, Road),
        bytes: &[u8],
        (error, now): (&EnvelopeError, Timestamp),
    ) -> Result<bool, NotCommitted> {
        if !self.is_new(by, blake3::hash(bytes)) {
            return Ok(false);
        }
        let origin = Origin { road, site: None, device: Some(SmolStr::new(by.as_str())) };
        let reason = format!("uplink_{}: {}", error.code, error.why);
        let refused = Refused { reason, raw: bytes.to_vec(), origin, received_at: now };
        let pending = self.inlet.deliver(vec![Item::Refused(refused)], bytes.len()).await?;
        pending.receipt().await.map(|_receipt| true)
    }

    fn is_new(&self, by: &BoxId, hash: blake3::Hash) -> bool {
        let now = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= BOXES && !kept.contains_key(by) {
            return false;
        }
        let of = kept.entry(by.clone()).or_default();
        while of.front().is_some_and(|(at, _)| now.duration_since(*at) > WITHIN) {
            of.pop_front();
        }
        if of.len() >= KEPT || of.iter().any(|(_, known)| *known == hash) {
            return false;
        }
        of.push_back((now, hash));
        true
    }
}
