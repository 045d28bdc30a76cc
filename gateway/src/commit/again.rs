//! A card or a row of the registry that came late: what was measured meanwhile is attributed anew.
//!
//! A scan opens, ends or shortens sessions in the past too, because vans deliver in any order. Every
//! reading that a session there decides about is asked for its person again; whoever had it and
//! whoever has it now are judged anew. So is what waited for a person, a card or a device that
//! the registry did not know. Within a day of the scan, by the receipts at the first
//! gateway; what lies further apart is for people to decide.

use smol_str::SmolStr;

use crate::{
    domain::{Attribution, Basis, BenchId, Millis, Registered, SiteId, Timestamp, card_digest},
    store::{
        Awaiting, CardScan, CommitSeq, Decided, Decision, Fact, QuarantineReason, RegistryKey,
        StoreError, StoredReading,
        view::{HeldQuarantine, HeldState},
    },
};

use super::{
    attribute::{self, BENCH_SESSION_LIMIT, Whose},
    desk::bench_of,
    group::Group,
    receive::waiting,
};

/// Longest time between the first receipts of a reading and of the scan that tells whose it is
/// (DESIGN section 2, attribution).
const APART_MAX: Millis = Millis::hours(24);

/// Clocks that tell no seconds name the minute in which something was measured.
const WHOLE_MINUTE: Millis = Millis::minutes(1);

/// Who decides where a scan does.
const BY_CARD: &str = "card";

/// Who decides where a row of the registry does.
const BY_REGISTRY: &str = "registry";

/// A stretch of time at a bench whose sessions changed.
#[derive(Debug)]
pub(super) struct Stretch {
    site: SiteId,
    bench: BenchId,
    from: Timestamp,
    to: Timestamp,
    received_at: Timestamp,
}

impl Stretch {
    /// What a scan may decide about.
    pub(super) fn of(scan: &CardScan) -> Self {
        Self {
            site: scan.site.clone(),
            bench: scan.bench.clone(),
            from: scan.at.minus(WHOLE_MINUTE),
            to: scan.at.plus(BENCH_SESSION_LIMIT).plus(WHOLE_MINUTE),
            received_at: scan.received_at,
        }
    }

    fn is_near(&self, stored: &StoredReading) -> bool {
        let other = stored.reading.received_at;
        self.received_at.since(other) <= APART_MAX && other.since(self.received_at) <= APART_MAX
    }
}

/// The names under which something may wait for a row.
pub(super) fn binds(row: &Registered) -> Vec<RegistryKey> {
    let card = |card: &String| RegistryKey::Card(card.clone());
    match row {
        Registered::Person(row) => {
            let own = RegistryKey::Person(row.person.clone());
            row.cards.iter().map(card).chain([own]).collect()
        }
        Registered::Card(row) => vec![card(&row.card)],
        Registered::Device(row) if row.owner.is_some() || row.bench.is_some() => {
            vec![RegistryKey::Device(row.device.clone())]
        }
        Registered::Device(_)
        | Registered::Household(_)
        | Registered::Doctor(_)
        | Registered::Site(_)
        | Registered::Plan(_)
        | Registered::Place(_)
        | Registered::Bench(_)
        | Registered::Team(_)
        | Registered::Duty(_)
        | Registered::Pairing(_) => Vec::new(),
    }
}

impl Group<'_> {
    /// Attributes what waited for rows that this group entered.
    pub(super) fn attribute_bound(&mut self) -> Result<(), StoreError> {
        let since = self.now.minus(APART_MAX);
        for key in std::mem::take(&mut self.bound) {
            let Awaiting { readings, scans } = self.unit.awaiting(&key, since)?;
            for scan in scans.into_iter().filter(|scan| !scan.out) {
                self.know(&scan)?;
            }
            for stored in readings {
                self.ask_again(stored, BY_REGISTRY)?;
            }
        }
        Ok(())
    }

    /// A card that nobody knew is somebody's: its scan begins their session after all.
    fn know(&mut self, scan: &CardScan) -> Result<(), StoreError> {
        let Some(person) = self.desk.card(self.unit, &scan.card)? else { return Ok(()) };
        self.changes.push(attribute::session_of_scan(self.unit, scan, &person)?);
        let content = card_digest(&scan.site, &scan.bench, &scan.card, scan.at);
        let waits = |held: &HeldQuarantine| held.state() == HeldState::Waiting;
        if let Some(item) = self.unit.item_with(&content)?.filter(waits) {
            self.tell_decided(item.seq, Decision::Claimed(person), BY_REGISTRY);
        }
        // The scan tells something new since the row came.
        self.stretches.push(Stretch { received_at: self.now, ..Stretch::of(scan) });
        self.flush()
    }

    /// Attributes anew whatever was stored of the stretches whose sessions changed.
    pub(super) fn attribute_stretches(&mut self) -> Result<(), StoreError> {
        for stretch in std::mem::take(&mut self.stretches) {
            self.flush()?;
            let span = (stretch.from, stretch.to);
            for stored in self.unit.readings_at(&stretch.site, span)? {
                let by_session = match &stored.attribution {
                    None => stored.reading.remarks.person.is_none(),
                    Some(whose) => whose.basis == Basis::BenchSession,
                };
                if by_session && stretch.is_near(&stored) && self.was_at(&stretch, &stored)? {
                    self.ask_again(stored, BY_CARD)?;
                }
            }
        }
        Ok(())
    }

    fn was_at(&mut self, stretch: &Stretch, stored: &StoredReading) -> Result<bool, StoreError> {
        let device = self.desk.device(self.unit, &stored.reading.device)?;
        Ok(bench_of(stored.reading.bench.as_ref(), device).as_ref() == Some(&stretch.bench))
    }

    fn ask_again(&mut self, stored: StoredReading, by: &'static str) -> Result<(), StoreError> {
        let after = match attribute::attribute(self.desk, self.unit, &stored.reading)? {
            Whose::Known(attribution) => Some(attribution),
            Whose::Nobody | Whose::Unknown(_) => None,
        };
        let person = |whose: &Option<Attribution>| whose.as_ref().map(|of| of.person.clone());
        if person(&after) == person(&stored.attribution) {
            return Ok(());
        }
        let item = self.unit.item_of(&stored.reading.id)?;
        if item.as_ref().is_some_and(is_for_people) {
            return Ok(());
        }
        self.tell_item(item, &stored, (after.as_ref(), by));
        self.attribute_anew(stored, after, &SmolStr::new_static(by))?;
        self.flush()
    }

    /// The item of a reading waits while the reading is nobody's, and no longer.
    fn tell_item(
        &mut self,
        item: Option<HeldQuarantine>,
        stored: &StoredReading,
        (after, by): (Option<&Attribution>, &'static str),
    ) {
        let (item, decision) = match (item, after) {
            (None, None) => {
                let held =
                    waiting(&stored.reading, QuarantineReason::SessionChanged, String::new());
                self.facts.push(Fact::Quarantined(Box::new(held)));
                return;
            }
            (None, Some(_)) => return,
            (Some(held), Some(whose)) => (held.seq, Decision::Claimed(whose.person.clone())),
            (Some(HeldQuarantine { seq, decided: Some((decision, _)), .. }), None) => {
                (seq, Decision::Undone(decision))
            }
            (Some(_), None) => return,
        };
        self.tell_decided(item, decision, by);
    }

    fn tell_decided(&mut self, item: CommitSeq, decision: Decision, by: &'static str) {
        let (reason, by) = (String::new(), SmolStr::new_static(by));
        let decided = Decided { item, decision, reason, by, at: self.now };
        self.facts.push(Fact::Decided(Box::new(decided)));
    }
}

/// What somebody put aside, or took from the person to whom a card or a row had given it, is for
/// people to decide: no later card gives it back.
fn is_for_people(held: &HeldQuarantine) -> bool {
    let by_people = |by: &SmolStr| ![BY_CARD, BY_REGISTRY].contains(&by.as_str());
    held.state() == HeldState::Dismissed || held.taken_back_by.as_ref().is_some_and(by_people)
}
