//! The newest events, kept for every viewer.

use std::{collections::VecDeque, sync::Arc};

use super::Prepared;
use crate::store::CommitSeq;

/// Events kept. Full: the oldest leave, and a viewer that far behind reads the log.
const KEPT: usize = 4096;

/// Every event after `floor` and up to `top`.
#[derive(Debug, Default)]
pub(super) struct Ring {
    events: VecDeque<Arc<Prepared>>,
    floor: CommitSeq,
    top: CommitSeq,
}

impl Ring {
    /// Forgets everything and begins after a position.
    pub(super) fn begin(&mut self, after: CommitSeq) {
        self.events.clear();
        self.floor = after;
        self.top = after;
    }

    /// The events that follow, and the position up to which the log was read.
    pub(super) fn extend(&mut self, events: Vec<Prepared>, to: CommitSeq) {
        self.events.extend(events.into_iter().map(Arc::new));
        self.top = self.top.max(to);
        while self.events.len() > KEPT {
            if let Some(gone) = self.events.pop_front() {
                self.floor = gone.seq;
            }
        }
    }

    /// The events after a position, and the position they reach; `None`: not all of them are here.
    pub(super) fn after(&self, seq: CommitSeq) -> Option<(Vec<Arc<Prepared>>, CommitSeq)> {
        if seq < self.floor || seq > self.top {
            return None;
        }
        let from = self.events.partition_point(|event| event.seq <= seq);
        Some((self.events.range(from..).cloned().collect(), self.top))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: i64) -> Prepared {
        Prepared { seq: CommitSeq(seq), kind: super::super::events::Kind::Quarantine }
    }

    fn after(ring: &Ring, seq: i64) -> Option<(Vec<i64>, i64)> {
        let (events, top) = ring.after(CommitSeq(seq))?;
        Some((events.iter().map(|event| event.seq.0).collect(), top.0))
    }

    #[test]
    fn a_viewer_gets_all_after_its_position_or_is_sent_to_the_log() {
        let mut ring = Ring::default();
        ring.begin(CommitSeq(10));
        assert_eq!(after(&ring, 10), Some((vec![], 10)));
        assert_eq!(after(&ring, 9), None);
        ring.extend(vec![event(12), event(15)], CommitSeq(20));
        assert_eq!(after(&ring, 10), Some((vec![12, 15], 20)));
        assert_eq!(after(&ring, 12), Some((vec![15], 20)));
        assert_eq!(after(&ring, 20), Some((vec![], 20)));
        assert_eq!(after(&ring, 21), None);
        let many: Vec<Prepared> = (21..=21 + 4096).map(event).collect();
        ring.extend(many, CommitSeq(5000));
        assert_eq!(after(&ring, 14), None, "15 has left, so 14 is too far back");
        assert_eq!(after(&ring, 21).unwrap().0.len(), 4096);
    }
}
