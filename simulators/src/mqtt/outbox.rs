//! What a sender still owes: kept until the far end acknowledges it, whatever the connection does.

use std::collections::{BTreeMap, VecDeque};

use crate::ledger::EntryId;

/// One message, at QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its entry in the ledger.
    pub entry: EntryId,
    /// Where it goes.
    pub topic: String,
    /// What it says.
    pub payload: Vec<u8>,
}

/// Letters in the order of offering, in three places: waiting, handed to the client, and on their
/// way under a packet id. A letter leaves only when it is acknowledged or declined.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: VecDeque<Letter>,
    handed: VecDeque<Letter>,
    on_the_way: BTreeMap<u16, Letter>,
}

impl Outbox {
    /// Takes a letter.
    pub fn put(&mut self, letter: Letter) {
        self.waiting.push_back(letter);
    }

    /// How many letters it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len().saturating_add(self.handed.len()).saturating_add(self.on_the_way.len())
    }

    /// Whether everything was acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next letter for the client, where fewer than `window` are out.
    pub fn hand_next(&mut self, window: usize) -> Option<&Letter> {
        if self.handed.len().saturating_add(self.on_the_way.len()) >= window {
            return None;
        }
        self.handed.push_back(self.waiting.pop_front()?);
        self.handed.back()
    }

    /// The client wrote a message under this packet id: the oldest that it was handed, or once more
    /// one that is on its way.
    pub fn sent(&mut self, packet_id: u16) -> Option<EntryId> {
        if let Some(repeated) = self.on_the_way.get(&packet_id) {
            return Some(repeated.entry);
        }
        let letter = self.handed.pop_front()?;
        let entry = letter.entry;
        self.on_the_way.insert(packet_id, letter);
        Some(entry)
    }

    /// The far end answered this packet id. An answer to nothing known changes nothing.
    pub fn answered(&mut self, packet_id: u16) -> Option<EntryId> {
        self.on_the_way.remove(&packet_id).map(|letter| letter.entry)
    }

    /// The far end forgot the session: everything not acknowledged begins anew, in its old order.
    pub fn start_over(&mut self) {
        let on_the_way = std::mem::take(&mut self.on_the_way).into_values();
        let mut all: Vec<_> = on_the_way.chain(self.handed.drain(..)).collect();
        all.sort_by_key(|letter| letter.entry);
        all.extend(self.waiting.drain(..));
        self.waiting = all.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, Wire};

    fn outbox_of(count: usize) -> (Outbox, Vec<EntryId>) {
        let (ledger, mut outbox, mut entries) = (Ledger::default(), Outbox::default(), Vec::new());
        for _ in 0..count {
            let entry = ledger.offer(Wire::Mqtt, "d", "reading", b"{}");
            outbox.put(Letter { entry, topic: "t".to_owned(), payload: b"{}".to_vec() });
            entries.push(entry);
        }
        (outbox, entries)
    }

    fn hand_all(outbox: &mut Outbox, window: usize) -> usize {
        std::iter::from_fn(|| outbox.hand_next(window).map(|_| ())).count()
    }

    #[test]
    fn no_more_than_the_window_is_out() {
        let (mut outbox, entries) = outbox_of(5);
        assert_eq!(hand_all(&mut outbox, 2), 2);
        assert_eq!(outbox.sent(1), Some(entries[0]));
        assert_eq!(hand_all(&mut outbox, 2), 0);
        assert_eq!(outbox.answered(1), Some(entries[0]));
        assert_eq!((hand_all(&mut outbox, 2), outbox.len()), (1, 4));
    }

    #[test]
    fn a_lost_session_brings_everything_back_in_order() {
        let (mut outbox, entries) = outbox_of(5);
        assert_eq!(hand_all(&mut outbox, 4), 4);
        for packet_id in [7, 2, 9] {
            outbox.sent(packet_id).unwrap();
        }
        assert_eq!(outbox.answered(2), Some(entries[1]));
        outbox.start_over();
        assert_eq!(outbox.answered(7), None);
        let order: Vec<_> =
            std::iter::from_fn(|| outbox.hand_next(9).map(|letter| letter.entry)).collect();
        assert_eq!(order, [entries[0], entries[2], entries[3], entries[4]]);
    }

    #[test]
    fn a_message_sent_again_in_its_session_keeps_its_packet_id() {
        let (mut outbox, entries) = outbox_of(2);
        assert_eq!(hand_all(&mut outbox, 9), 2);
        assert_eq!(outbox.sent(1), Some(entries[0]));
        assert_eq!(outbox.sent(1), Some(entries[0]));
        assert_eq!(outbox.sent(2), Some(entries[1]));
        assert_eq!(outbox.answered(1), Some(entries[0]));
        assert_eq!(outbox.answered(1), None);
    }
}
