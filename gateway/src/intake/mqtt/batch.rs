//! Publishes on their way to the disk, and the acknowledgements that are owed for them, in the
//! order of their arrival ([MQTT-4.6.0-2]).

use std::{collections::VecDeque, num::NonZeroU16};

use rmqtt_codec::v5::PublishAckReason;

use super::{
    limits::{BATCHES_IN_FLIGHT_MAX, READ_BYTES_MAX, RECENT_MAX},
    live::LiveValue,
};
use crate::intake::{Item, Pending};

/// What tells a repeated publish from another one under the same packet id.
pub(super) type Digest = [u8; 16];

/// The digest of a publish.
pub(super) fn digest(topic: &str, payload: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&u64::try_from(topic.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(topic.as_bytes());
    hasher.update(payload);
    let mut digest = Digest::default();
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// An acknowledgement that is owed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) id: NonZeroU16,
    pub(super) digest: Digest,
    /// The publish is outside the sender's rights, and version 5 has a word for it.
    pub(super) refused: Option<PublishAckReason>,
}

/// What one read brought.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// What goes to the writer.
    pub(super) items: Vec<Item>,
    /// As received, for the writer's room.
    pub(super) bytes: usize,
    /// What is owed once it is on disk.
    pub(super) slots: Vec<Slot>,
    /// What screens may see then.
    pub(super) live: Vec<LiveValue>,
}

impl Batch {
    pub(super) const fn is_empty(&self) -> bool {
        self.items.is_empty() && self.slots.is_empty()
    }
}

/// A batch whose commit is awaited; none is, where it only repeats or refuses.
#[derive(Debug)]
pub(super) struct Flying {
    pub(super) receipt: Option<Pending>,
    pub(super) slots: Vec<Slot>,
    pub(super) live: Vec<LiveValue>,
}

/// How a publish under an id stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It is new.
    No,
    /// The same is on its way; its acknowledgement will answer both.
    InFlight,
    /// The same was acknowledged.
    Acknowledged,
}

/// Everything of one connection that is on its way, and the end of what was.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    /// What the present read brings.
    pub(super) forming: Batch,
    /// What is being handed to the writer.
    handing: Option<(Vec<Slot>, Vec<LiveValue>)>,
    flying: VecDeque<Flying>,
    owed: usize,
    recent: VecDeque<(NonZeroU16, Digest)>,
}

impl InFlight {
    /// Acknowledgements owed.
    pub(super) const fn owed(&self) -> usize {
        self.owed
    }

    /// Whether there is room for what another read may bring.
    pub(super) fn has_room(&self) -> bool {
        self.flying.len() < BATCHES_IN_FLIGHT_MAX && self.forming.bytes < READ_BYTES_MAX
    }

    /// An acknowledgement will be owed.
    pub(super) fn owe(&mut self, slot: Slot) {
        self.owed += 1;
        self.forming.slots.push(slot);
    }

    /// Whether a publish marked as repeated is a repeat. The latest under its id counts.
    pub(super) fn repeats(&self, id: NonZeroU16, digest: &Digest) -> Repeat {
        let handing = self.handing.iter().flat_map(|(slots, _)| slots.iter());
        let flying = self.flying.iter().flat_map(|batch| batch.slots.iter());
        let mut on_their_way = flying.chain(handing).chain(&self.forming.slots).rev();
        if let Some(slot) = on_their_way.find(|slot| slot.id == id) {
            let same = slot.digest == *digest && slot.refused.is_none();
            return if same { Repeat::InFlight } else { Repeat::No };
        }
        match self.recent.iter().rev().find(|(known, _)| *known == id) {
            Some((_, known)) if known == digest => Repeat::Acknowledged,
            _ => Repeat::No,
        }
    }

    /// Takes what the read brought, to hand its items over.
    pub(super) fn hand_over(&mut self) -> (Vec<Item>, usize) {
        let Batch { items, bytes, slots, live } = std::mem::take(&mut self.forming);
        self.handing = Some((slots, live));
        (items, bytes)
    }

    /// The writer has what was handed over, or there was nothing to hand over.
    pub(super) fn handed_over(&mut self, receipt: Option<Pending>) {
        if let Some((slots, live)) = self.handing.take() {
            self.flying.push_back(Flying { receipt, slots, live });
        }
    }

    /// The commit that is awaited first.
    pub(super) fn front(&mut self) -> Option<&mut Pending> {
        self.flying.front_mut().and_then(|batch| batch.receipt.as_mut())
    }

    /// The first batch, whose commit is done.
    pub(super) fn land(&mut self) -> Option<Flying> {
        let batch = self.flying.pop_front()?;
        self.owed -= batch.slots.len();
        for slot in batch.slots.iter().filter(|slot| slot.refused.is_none()) {
            if self.recent.len() >= RECENT_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back((slot.id, slot.digest));
        }
        if self.flying.is_empty() {
            // An idle connection holds no memory for batches.
            self.flying = VecDeque::new();
        }
        Some(batch)
    }

    /// The first batch, if it awaits no commit.
    pub(super) fn land_if_free(&mut self) -> Option<Flying> {
        let free = self.flying.front().is_some_and(|batch| batch.receipt.is_none());
        if free { self.land() } else { None }
    }

    /// Whether nothing awaits its commit.
    pub(super) fn is_settled(&self) -> bool {
        self.flying.is_empty() && self.handing.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).unwrap()
    }

    fn slot(number: u16, payload: &[u8]) -> Slot {
        Slot { id: id(number), digest: digest("t", payload), refused: None }
    }

    #[track_caller]
    fn check(flight: &InFlight, number: u16, payload: &[u8], expected: Repeat) {
        assert_eq!(flight.repeats(id(number), &digest("t", payload)), expected);
    }

    #[test]
    fn a_repeat_is_known_at_every_stage_and_only_with_its_own_payload() {
        let mut flight = InFlight::default();
        check(&flight, 7, b"a", Repeat::No);
        flight.owe(slot(7, b"a"));
        check(&flight, 7, b"a", Repeat::InFlight);
        check(&flight, 7, b"b", Repeat::No);
        check(&flight, 8, b"a", Repeat::No);
        flight.hand_over();
        check(&flight, 7, b"a", Repeat::InFlight);
        flight.handed_over(None);
        check(&flight, 7, b"a", Repeat::InFlight);
        flight.land();
        check(&flight, 7, b"a", Repeat::Acknowledged);
        check(&flight, 7, b"b", Repeat::No);
    }

    #[test]
    fn the_latest_publish_under_an_id_counts() {
        let mut flight = InFlight::default();
        for payload in [b"a", b"b"] {
            flight.owe(slot(7, payload));
            flight.hand_over();
            flight.handed_over(None);
            flight.land();
        }
        check(&flight, 7, b"a", Repeat::No);
        check(&flight, 7, b"b", Repeat::Acknowledged);
        flight.owe(slot(7, b"c"));
        check(&flight, 7, b"b", Repeat::No);
    }

    #[test]
    fn few_are_remembered_and_none_is_owed_twice() {
        let mut flight = InFlight::default();
        for number in 1..=100 {
            flight.owe(slot(number, b"a"));
        }
        assert_eq!(flight.owed(), 100);
        flight.hand_over();
        flight.handed_over(None);
        assert_eq!(flight.land_if_free().unwrap().slots.len(), 100);
        assert_eq!((flight.owed(), flight.recent.len()), (0, RECENT_MAX));
        check(&flight, 1, b"a", Repeat::No);
        check(&flight, 100, b"a", Repeat::Acknowledged);
        assert!(flight.is_settled());
    }
}
