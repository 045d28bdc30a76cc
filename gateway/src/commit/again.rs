//! A card that came late: what was measured at its bench meanwhile is attributed anew.
//!
//! A scan opens, ends or shortens sessions in the past too, because vans deliver in any order. Every
//! reading that a session there decides about is asked for its person again; whoever had it and
//! whoever has it now are judged anew. Within a day of the scan, by the receipts at the first
//! gateway; what lies further apart is for people to decide.

use smol_str::SmolStr;

use crate::{
    domain::{Attribution, Basis, BenchId, Millis, SiteId, Timestamp},
    store::{
        CardScan, Decided, Decision, Fact, QuarantineReason, StoreError, StoredReading,
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

impl Group<'_> {
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
                    self.ask_again(stored)?;
                }
            }
        }
        Ok(())
    }

    fn was_at(&mut self, stretch: &Stretch, stored: &StoredReading) -> Result<bool, StoreError> {
        let device = self.desk.device(self.unit, &stored.reading.device)?;
        Ok(bench_of(stored.reading.bench.as_ref(), device).as_ref() == Some(&stretch.bench))
    }

    fn ask_again(&mut self, stored: StoredReading) -> Result<(), StoreError> {
        let after = match attribute::attribute(self.desk, self.unit, &stored.reading)? {
            Whose::Known(attribution) => Some(attribution),
            Whose::Nobody | Whose::Unknown(_) => None,
        };
        let person = |whose: &Option<Attribution>| whose.as_ref().map(|of| of.person.clone());
        if person(&after) == person(&stored.attribution) {
            return Ok(());
        }
        let item = self.unit.item_of(&stored.reading.id)?;
        // What somebody put aside stays there.
        if item.as_ref().is_some_and(|held| held.state() == HeldState::Dismissed) {
            return Ok(());
        }
        self.tell_item(item, &stored, after.as_ref());
        self.attribute_anew(stored, after);
        self.flush()
    }

    /// The item of a reading waits while the reading is nobody's, and no longer.
    fn tell_item(
        &mut self,
        item: Option<HeldQuarantine>,
        stored: &StoredReading,
        after: Option<&Attribution>,
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
        self.facts.push(Fact::Decided(Box::new(Decided {
            item,
            decision,
            reason: String::new(),
            by: SmolStr::new_static(BY_CARD),
            at: self.now,
        })));
    }
}
