//! Receipts, from the log in memory.

use std::collections::BTreeMap;

use super::{asked, held::quarantined, reader::ModelReader, state::State};
use crate::{
    domain::{AlertState, BoxId, HouseholdId, PersonId, Registered, SiteId, Timestamp},
    receipt::{self, Day, DayLog, Entry, Kind},
    store::{
        Crossing, Decision, Disposition, KeptAlarm, QuarantineReason, ReceiptDiffers,
        ReceiptReader, ReceiptSaid, StoreError, StoredReading, view::Scope,
    },
};

/// The row in force when a day began, or the first one.
fn on(rows: Vec<(Timestamp, Registered)>, day: Day) -> Option<Registered> {
    let first = rows.first().cloned();
    let before = rows.into_iter().rev().find(|(at, _)| *at <= day.begin());
    before.or(first).map(|(_, row)| row)
}

/// Where somebody lived when a day began.
fn village(state: &State, person: &PersonId, day: Day) -> String {
    let Some(Registered::Person(row)) = on(state.entered(("person", person.as_str())), day) else {
        return String::new();
    };
    let home = |household: &HouseholdId| {
        let row = on(state.entered(("household", household.as_str())), day)?;
        if let Registered::Household(home) = row { Some(home.village) } else { None }
    };
    let home = row.household.as_ref().and_then(home);
    home.filter(|village| !village.is_empty()).unwrap_or(row.village)
}

/// The alerts that a reading opened and whose it still is.
fn alerts(state: &State, stored: &StoredReading) -> Vec<receipt::Record> {
    let id = stored.reading.id;
    let mut latest: BTreeMap<(&str, i64), &Crossing> = BTreeMap::new();
    for crossing in state.crossings().filter(|crossing| crossing.reading == Some(id)) {
        latest.insert((crossing.concept.as_str(), crossing.alert), crossing);
    }
    let whose = state.owner(stored).unwrap_or_else(|| PersonId::of_nobody(&id));
    let opened = latest.into_values().filter(|of| of.disposition == Disposition::Opened);
    let alerts = opened.filter_map(|crossing| state.alerts.get(&crossing.alert));
    let gone = |state| matches!(state, AlertState::Withdrawn | AlertState::Merged);
    let held = alerts.filter(|alert| !gone(alert.state) && alert.person == whose);
    held.map(receipt::of_alert).collect()
}

fn items(state: &State, site: &SiteId, day: Day) -> Vec<Entry> {
    let of_day = quarantined(state, &Scope::Everything).into_iter().filter(|held| {
        held.origin.site.as_ref() == Some(site)
            && Day::of(held.received_at) == day
            && held.reason != QuarantineReason::NoMeasurement
    });
    let items = of_day.filter_map(|held| {
        let content = state.quarantine().find(|(seq, _)| *seq == held.seq)?.1.content;
        let (decided, claimed) = match held.decided.map(|(_, decided)| decided.decision) {
            None | Some(Decision::Undone(_)) => ("waiting", None),
            Some(Decision::Claimed(person)) => ("claimed", Some(person)),
            Some(Decision::Dismissed) => ("dismissed", None),
        };
        let record = receipt::of_item(&content, held.reason.as_str(), decided, claimed.as_ref());
        Some(Entry { village: String::new(), kind: Kind::Quarantined, record, person: None })
    });
    items.collect()
}

impl ReceiptReader for ModelReader {
    fn day_log(&self, site: &SiteId, day: Day) -> Result<DayLog, StoreError> {
        let state = self.shared().now();
        let mut entries = items(&state, site, day);
        for stored in asked::received(&state, site, (day.begin(), day.end())) {
            let person = stored.attribution.as_ref().map(|of| of.person.clone());
            let village = person.as_ref().map(|person| village(&state, person, day));
            let village = village.unwrap_or_default();
            let alerts = alerts(&state, &stored).into_iter().map(|record| (Kind::Alert, record));
            let reading = (Kind::Reading, receipt::of_reading(&stored));
            entries.extend(alerts.chain([reading]).map(|(kind, record)| Entry {
                village: village.clone(),
                kind,
                record,
                person: person.clone().filter(|_| kind == Kind::Reading),
            }));
        }
        Ok(DayLog::new(site.clone(), day, entries))
    }

    fn receipts_said(
        &self,
        site: &SiteId,
        (from, to): (Day, Day),
    ) -> Result<Vec<ReceiptSaid>, StoreError> {
        let state = self.shared().now();
        let wanted = |said: &&ReceiptSaid| {
            said.receipt.site == *site && (from..=to).contains(&said.receipt.day)
        };
        Ok(state.receipts.values().filter(wanted).cloned().collect())
    }

    fn received_on(&self, (from, to): (Day, Day)) -> Result<Vec<(Day, SiteId)>, StoreError> {
        let state = self.shared().now();
        let of = |reading: crate::domain::Reading| (Day::of(reading.received_at), reading.site);
        let readings = state.readings().map(|(_, stored)| of(stored.reading));
        let items = quarantined(&state, &Scope::Everything).into_iter();
        let items = items.filter(|held| held.reason != QuarantineReason::NoMeasurement);
        let items =
            items.filter_map(|held| Some((Day::of(held.received_at), held.origin.site.clone()?)));
        let all: std::collections::BTreeSet<_> =
            readings.chain(items).filter(|(day, _)| (from..=to).contains(day)).collect();
        Ok(all.into_iter().collect())
    }

    fn brought(&self, site: &SiteId, day: Day, by: &BoxId) -> Result<bool, StoreError> {
        let state = self.shared().now();
        let readings = state
            .readings()
            .map(|(seq, stored)| (seq, Some(stored.reading.site), stored.reading.received_at));
        let items = state.quarantine();
        let items = items.map(|(seq, item)| (seq, item.origin.site.clone(), item.received_at));
        let mut of_day = readings
            .chain(items)
            .filter(|(_, at, received)| at.as_ref() == Some(site) && Day::of(*received) == day);
        Ok(of_day.any(|(seq, ..)| state.was_brought(seq, by)))
    }

    fn receipts_differ(&self) -> Result<Vec<ReceiptDiffers>, StoreError> {
        Ok(self.shared().now().differs.values().cloned().collect())
    }

    fn kept_alarms(&self) -> Result<Vec<KeptAlarm>, StoreError> {
        Ok(self.shared().now().alarms.values().cloned().collect())
    }
}
