//! A card or a row of the registry that came late: what was measured meanwhile is attributed anew.
//!
//! A scan opens, ends or shortens sessions in the past too, because vans deliver in any order. Every
//! reading that a session there decides about is asked for its person again; whoever had it and
//! whoever has it now are judged anew. So is what waited for a person, a card or a device that
//! the registry did not know. Within a day of the scan, by the receipts at the first
//! gateway; what lies further apart is for people to decide.

use smol_str::SmolStr;

use crate::{
    domain::{
        Attribution, Basis, BenchId, IdNumber, Millis, Reading, Registered, SiteId, Timestamp,
        card_digest,
    },
    intake::Item,
    store::{
        Attributed, Awaiting, CardScan, Change, CommitSeq, Decided, Decision, Fact,
        QuarantineReason, RegistryKey, StoreError, StoredReading,
        view::{HeldQuarantine, HeldState},
    },
};

use super::{
    attribute::{self, Whose},
    desk::bench_of,
    group::Group,
    receive::waiting,
};

/// Longest time between the first receipts of a reading and of the scan that tells whose it is
/// (DESIGN section 2, attribution).
const APART_MAX: Millis = Millis::hours(24);

/// Who decides where a scan does.
const BY_CARD: &str = "card";

/// Who decides where a row of the registry does.
const BY_REGISTRY: &str = "registry";

/// Who decides where other frames of the same device told how wrong its clock is.
const BY_CLOCK: &str = "clock";

/// A bench whose sessions changed from an instant on.
#[derive(Debug)]
pub(super) struct Stretch {
    site: SiteId,
    bench: BenchId,
    from: Timestamp,
    received_at: Timestamp,
}

impl Stretch {
    /// What a scan may decide about.
    pub(super) fn of(scan: &CardScan) -> Self {
        Self {
            site: scan.site.clone(),
            bench: scan.bench.clone(),
            from: scan.at.min(scan.received_at),
            received_at: scan.received_at,
        }
    }

    /// When that was received which the sessions may decide about: nothing before it was taken,
    /// whatever its clock says.
    fn receipts(&self) -> (Timestamp, Timestamp) {
        let (from, to) = (self.received_at.minus(APART_MAX), self.received_at.plus(APART_MAX));
        (from.max(self.from), to.plus(Millis(1)))
    }
}

/// The names under which something may wait for a row.
pub(super) fn binds(row: &Registered) -> Vec<RegistryKey> {
    let card = |card: &String| RegistryKey::Card(card.clone());
    match row {
        Registered::Person(row) => {
            let own = RegistryKey::Person(row.person.clone());
            let number = IdNumber::parse(&row.id_number).ok();
            let by_number = number.map(|number| RegistryKey::Card(number.card()));
            row.cards.iter().map(card).chain(by_number).chain([own]).collect()
        }
        Registered::Card(row) => vec![card(&row.card)],
        Registered::Device(row)
            if row.owner.is_some() || row.bench.is_some() || !row.slots.is_empty() =>
        {
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
        | Registered::Pairing(_)
        | Registered::Box(_) => Vec::new(),
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
        let limit = self.desk.session_limit(self.unit, &scan.site)?;
        self.changes.push(attribute::session_of_scan(self.unit, scan, &person, limit)?);
        let content = card_digest(&scan.site, &scan.bench, &scan.card, scan.at);
        let waits = |held: &HeldQuarantine| held.state() == HeldState::Waiting;
        if let Some(item) = self.unit.item_with(&content)?.filter(waits) {
            self.tell_decided(item.seq, Decision::Claimed(person), BY_REGISTRY);
        }
        // The scan tells something new since the row came.
        self.stretches.push(Stretch { received_at: self.now, ..Stretch::of(scan) });
        self.flush()
    }

    /// Attributes anew whatever was stored of the stretches whose sessions changed, and of devices
    /// of whose clocks something new was heard.
    pub(super) fn attribute_stretches(&mut self) -> Result<(), StoreError> {
        for stretch in std::mem::take(&mut self.stretches) {
            self.flush()?;
            for stored in self.unit.received(&stretch.site, stretch.receipts())? {
                if is_by_session(&stored) && self.was_at(&stretch, &stored)? {
                    self.ask_again(stored, BY_CARD)?;
                }
            }
        }
        let mut heard_anew = std::mem::take(&mut self.heard_anew);
        // By a clock that is doubted they may be of other days.
        heard_anew.retain(|_| self.doubted.is_none());
        for id in heard_anew {
            self.flush()?;
            if let Some(stored) = self.unit.reading(&id)?.filter(is_by_session) {
                self.listen_at(&came(&stored))?;
                self.ask_again(stored, BY_CLOCK)?;
            }
        }
        Ok(())
    }

    /// Hears what the frames of devices at benches tell of their clocks, before any of them is
    /// attributed.
    pub(super) fn hear(&mut self, items: &[&Item]) -> Result<(), StoreError> {
        let readings = || {
            items.iter().filter_map(|it| if let Item::Reading(it) = it { Some(it) } else { None })
        };
        for reading in readings() {
            let device = self.desk.device(self.unit, &reading.device)?;
            if bench_of(reading.bench.as_ref(), device).is_some() {
                self.listen_at(reading)?;
            }
        }
        for reading in readings() {
            let anew = self.desk.hearings.hear(reading);
            self.heard_anew.extend(anew);
        }
        Ok(())
    }

    /// Sees to it that what was heard around the receipt of a reading is in mind.
    fn listen_at(&mut self, reading: &Reading) -> Result<(), StoreError> {
        let (site, at) = (&reading.site, reading.received_at);
        let Some(span) = self.desk.hearings.wanted(site, at) else { return Ok(()) };
        self.flush()?;
        let held = self.unit.received(site, span)?;
        let held: Vec<Reading> = held.iter().map(came).collect();
        self.desk.hearings.begin((site, at), held.iter());
        Ok(())
    }

    fn was_at(&mut self, stretch: &Stretch, stored: &StoredReading) -> Result<bool, StoreError> {
        let device = self.desk.device(self.unit, &stored.reading.device)?;
        Ok(bench_of(stored.reading.bench.as_ref(), device).as_ref() == Some(&stretch.bench))
    }

    fn ask_again(&mut self, stored: StoredReading, by: &'static str) -> Result<(), StoreError> {
        let came = came(&stored);
        let after = match attribute::attribute(self.desk, self.unit, &came)? {
            Whose::Known(attribution) => Some(attribution),
            Whose::Nobody(_) | Whose::Unknown(_) => None,
        };
        if after == stored.attribution {
            return Ok(());
        }
        let person = |whose: &Option<Attribution>| whose.as_ref().map(|of| of.person.clone());
        if person(&after) == person(&stored.attribution) {
            return self.say_why(&stored, after);
        }
        let item = self.unit.item_of(&stored.reading.id)?;
        if item.as_ref().is_some_and(is_for_people) {
            return Ok(());
        }
        self.tell_item(item, &stored, (after.as_ref(), by));
        self.attribute_anew(stored, after, &SmolStr::new_static(by))?;
        self.flush()
    }

    /// A reading stays whose it is, and it is said by which session: another card of theirs came late,
    /// or the clock moved.
    fn say_why(
        &mut self,
        stored: &StoredReading,
        after: Option<Attribution>,
    ) -> Result<(), StoreError> {
        let (reading, before) = (stored.reading.id, stored.attribution.clone());
        let said = Attributed { reading, before, after: after.clone(), at: self.now };
        self.facts.push(Fact::Attributed(Box::new(said)));
        self.changes.push(Change::Reattribute(reading, after));
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

/// A reading with the receipt that is known now: the gateway's clock may have been wrong.
pub(super) fn came(stored: &StoredReading) -> Reading {
    Reading { received_at: stored.received_at(), ..stored.reading.clone() }
}

/// Whether sessions decide whose a reading is.
fn is_by_session(stored: &StoredReading) -> bool {
    match &stored.attribution {
        None => stored.reading.remarks.person.is_none(),
        Some(whose) => whose.basis == Basis::BenchSession,
    }
}

/// What somebody put aside, or took from the person to whom a card or a row had given it, is for
/// people to decide: no later card gives it back.
fn is_for_people(held: &HeldQuarantine) -> bool {
    let by_people = |by: &SmolStr| ![BY_CARD, BY_REGISTRY, BY_CLOCK].contains(&by.as_str());
    held.state() == HeldState::Dismissed || held.taken_back_by.as_ref().is_some_and(by_people)
}
