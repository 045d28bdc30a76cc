//! The account of everything that simulated devices offer.
//!
//! Each entry is in exactly one state: unacknowledged, acknowledged, or dropped by a fault knob. So
//! offered = unacknowledged + acknowledged + dropped at every moment, and a test can ask which of
//! the acknowledged ones the gateway kept. An entry that was dropped is never sent; one that was
//! acknowledged stays so, however often it is sent again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of an entry, from 0 in the order of offering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(usize);

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Offered, and not acknowledged: on its way, in an outbox, or sent over a wire on which nobody
    /// acknowledges.
    Unacknowledged,
    /// The far end acknowledged it.
    Acknowledged,
    /// A fault knob dropped it before it was sent.
    Dropped,
}

/// By which wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// A serial line; its devices are not acknowledged.
    Serial,
    /// MQTT at QoS 1.
    Mqtt,
}

/// One thing that a device offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// By which wire.
    pub wire: Wire,
    /// The device, or the bench of a card reader.
    pub device: String,
    /// What it is: a format's name, `reading`, `card`, `state`.
    pub kind: &'static str,
    /// The bytes without noise: a frame, or a payload.
    pub payload: Vec<u8>,
    /// Whether it is a measurement, as opposed to a card, a context, an inflation.
    pub is_reading: bool,
    /// Where it stands.
    pub fate: Fate,
    /// How often it was sent.
    pub sent: u32,
    /// How often it was acknowledged.
    pub acknowledged: u32,
    /// The far end said that it will never take it (a reason code of 0x80 or above).
    pub declined: bool,
}

/// How many entries are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// All.
    pub offered: usize,
    /// See [`Fate::Unacknowledged`].
    pub unacknowledged: usize,
    /// See [`Fate::Acknowledged`].
    pub acknowledged: usize,
    /// See [`Fate::Dropped`].
    pub dropped: usize,
    /// Sendings, first and repeated.
    pub sendings: u64,
    /// Events that break the account: a dropped entry sent or acknowledged. Always 0.
    pub contradictions: usize,
}

impl Totals {
    /// Everything offered is in exactly one state, and nothing contradicts.
    #[must_use]
    pub const fn is_conserved(&self) -> bool {
        let counted = self.unacknowledged.saturating_add(self.acknowledged);
        self.offered == counted.saturating_add(self.dropped) && self.contradictions == 0
    }
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Entry>,
    contradictions: usize,
}

/// The account. Cheap to clone; all clones share one book.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Book>>);

impl Ledger {
    /// Enters something that a device offers.
    pub fn offer(&self, wire: Wire, device: &str, kind: &'static str, payload: &[u8]) -> EntryId {
        let mut book = self.book();
        book.entries.push(Entry {
            wire,
            device: device.to_owned(),
            kind,
            payload: payload.to_vec(),
            is_reading: false,
            fate: Fate::Unacknowledged,
            sent: 0,
            acknowledged: 0,
            declined: false,
        });
        EntryId(book.entries.len().saturating_sub(1))
    }

    /// Enters a measurement.
    pub fn offer_reading(
        &self,
        wire: Wire,
        device: &str,
        kind: &'static str,
        payload: &[u8],
    ) -> EntryId {
        let id = self.offer(wire, device, kind, payload);
        self.change(id, |entry| {
            entry.is_reading = true;
            true
        });
        id
    }

    /// It was sent, once more.
    pub fn sent(&self, id: EntryId) {
        self.change(id, |entry| {
            entry.sent = entry.sent.saturating_add(1);
            entry.fate != Fate::Dropped
        });
    }

    /// The far end acknowledged it.
    pub fn acknowledged(&self, id: EntryId) {
        self.change(id, |entry| {
            entry.acknowledged = entry.acknowledged.saturating_add(1);
            let was_sent = entry.fate != Fate::Dropped && entry.sent > 0;
            entry.fate = Fate::Acknowledged;
            was_sent
        });
    }

    /// The far end will never take it; it stays unacknowledged.
    pub fn declined(&self, id: EntryId) {
        self.change(id, |entry| {
            entry.declined = true;
            entry.fate == Fate::Unacknowledged
        });
    }

    /// A fault knob dropped it before it was sent.
    pub fn dropped(&self, id: EntryId) {
        self.change(id, |entry| {
            let was_fresh = entry.fate == Fate::Unacknowledged && entry.sent == 0;
            entry.fate = Fate::Dropped;
            was_fresh
        });
    }

    /// How many entries are in each state.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let book = self.book();
        let mut totals = Totals {
            offered: book.entries.len(),
            contradictions: book.contradictions,
            ..Totals::default()
        };
        for entry in &book.entries {
            let slot = match entry.fate {
                Fate::Unacknowledged => &mut totals.unacknowledged,
                Fate::Acknowledged => &mut totals.acknowledged,
                Fate::Dropped => &mut totals.dropped,
            };
            *slot = slot.saturating_add(1);
            totals.sendings = totals.sendings.saturating_add(entry.sent.into());
        }
        totals
    }

    /// A copy of all entries, in the order of offering.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.clone()
    }

    /// Applies one event; the event says whether it agrees with the account.
    fn change(&self, id: EntryId, event: impl FnOnce(&mut Entry) -> bool) {
        let mut book = self.book();
        let agrees = book.entries.get_mut(id.0).is_some_and(event);
        if !agrees {
            book.contradictions = book.contradictions.saturating_add(1);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_of(count: usize) -> (Ledger, Vec<EntryId>) {
        let ledger = Ledger::default();
        let ids = (0..count).map(|_| ledger.offer(Wire::Mqtt, "d", "reading", b"{}")).collect();
        (ledger, ids)
    }

    #[test]
    fn an_entry_is_in_one_state_at_a_time() {
        let (ledger, ids) = ledger_of(3);
        ledger.sent(ids[0]);
        ledger.sent(ids[0]);
        ledger.acknowledged(ids[0]);
        ledger.acknowledged(ids[0]);
        ledger.dropped(ids[1]);
        let totals = ledger.totals();
        assert!(totals.is_conserved(), "{totals:?}");
        assert_eq!((totals.acknowledged, totals.dropped, totals.unacknowledged), (1, 1, 1));
        assert_eq!(totals.sendings, 2);
    }

    #[test]
    fn an_event_against_the_account_is_counted() {
        let (ledger, ids) = ledger_of(2);
        ledger.dropped(ids[0]);
        ledger.sent(ids[0]);
        ledger.acknowledged(ids[1]);
        assert_eq!(ledger.totals().contradictions, 2);
        assert!(!ledger.totals().is_conserved());
    }
}
