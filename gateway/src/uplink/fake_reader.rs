//! What a gateway without a store holds, for tests of what goes between gateways.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::parcel::Parcel;
use crate::{
    domain::{BoxId, Registered, SiteId, Timestamp},
    export::script::Scripted,
    receipt::{Day, DayLog},
    store::{
        Cargo, CarryReader, CommitSeq, KeptAlarm, NeighbourSaid, ReceiptDiffers, ReceiptReader,
        ReceiptSaid, Registration, RegistryKey, RosterHeld, RosterReader, StoreError, Toward,
        Watermark,
    },
};

/// What goes to other gateways and comes from them.
#[derive(Debug)]
pub(crate) struct Carried {
    /// Name and epoch.
    pub(crate) name: (String, u64),
    /// What travels.
    pub(crate) lines: Vec<Parcel>,
    /// Positions of it that an alert is made of.
    pub(crate) urgent: Vec<i64>,
    /// What goes down to whom it concerns.
    pub(crate) down: Vec<Parcel>,
    /// What came from above, once.
    pub(crate) back: Vec<Parcel>,
    /// How far neighbours are.
    pub(crate) marks: BTreeMap<BoxId, Watermark>,
    /// Up to when neighbours were heard.
    pub(crate) heard: BTreeMap<BoxId, Timestamp>,
    /// Its records, by day and site.
    pub(crate) days: BTreeMap<(Day, SiteId), DayLog>,
    /// What others said of them, by whom.
    pub(crate) said: BTreeMap<(SiteId, Day, SmolStr), ReceiptSaid>,
    /// What was found to differ, and what somebody must look at.
    pub(crate) known: Vec<NeighbourSaid>,
    /// The roster that is held of the one above.
    pub(crate) roster: Option<RosterHeld>,
    /// When rows were entered.
    pub(crate) entered_at: Option<Timestamp>,
}

impl Default for Carried {
    fn default() -> Self {
        Self {
            name: ("gw-1".to_owned(), 1),
            lines: Vec::new(),
            urgent: Vec::new(),
            down: Vec::new(),
            back: Vec::new(),
            marks: BTreeMap::new(),
            heard: BTreeMap::new(),
            days: BTreeMap::new(),
            said: BTreeMap::new(),
            known: Vec::new(),
            roster: None,
            entered_at: None,
        }
    }
}

impl CarryReader for Scripted {
    fn heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        Ok(self.script().carried.heard.clone().into_iter().collect())
    }

    fn boxes_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        let script = self.script();
        let at = script.carried.entered_at.unwrap_or(Timestamp::from_millis(0));
        let name = |row: &Registered| BoxId::new(&row.name()).ok();
        let boxes = script.registry.values().filter(|row| row.kind() == "box").filter_map(name);
        Ok(boxes.map(|name| (name, at)).collect())
    }

    fn cargo(
        &self,
        toward: &Toward,
        after: CommitSeq,
        count: usize,
        bytes: usize,
    ) -> Result<Cargo, StoreError> {
        let script = self.script();
        let lines = match toward {
            Toward::Up => &script.carried.lines,
            Toward::Down { .. } => &script.carried.down,
            Toward::Back { .. } => &script.carried.back,
        };
        let (mut parcels, mut taken) = (Vec::new(), 0);
        for parcel in lines.iter().filter(|parcel| parcel.seq > after) {
            if !parcels.is_empty() && (parcels.len() >= count || taken >= bytes) {
                let upto = parcels.last().map_or(after, |parcel: &Parcel| parcel.seq);
                return Ok(Cargo { parcels, upto });
            }
            taken += parcel.line.len();
            parcels.push(parcel.clone());
        }
        let last = script.feed.last().map_or(CommitSeq(0), |entry| entry.seq);
        Ok(Cargo { parcels, upto: last.max(after) })
    }

    fn express(&self, _: &Toward, after: CommitSeq, _: usize) -> Result<Cargo, StoreError> {
        let script = self.script();
        let urgent =
            |parcel: &&Parcel| parcel.seq > after && script.carried.urgent.contains(&parcel.seq.0);
        let parcels = script.carried.lines.iter().filter(urgent).cloned().collect();
        let upto = script.feed.last().map_or(after, |entry| entry.seq);
        Ok(Cargo { parcels, upto })
    }

    fn watermark(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        Ok(self.script().carried.marks.get(sender).copied())
    }
}

impl RosterReader for Scripted {
    fn history(&self, key: &RegistryKey) -> Result<Vec<(CommitSeq, Registration)>, StoreError> {
        let script = self.script();
        let row = script.registry.get(key).cloned();
        let at = script.carried.entered_at.unwrap_or(Timestamp::from_millis(0));
        let registration = row.map(|row| Registration { row, author: "import".into(), at });
        Ok(registration.into_iter().map(|row| (CommitSeq(1), row)).collect())
    }

    fn has_site(&self, place: &str, _: &SiteId) -> Result<bool, StoreError> {
        Ok(place == "青石村")
    }

    fn roster_held(&self, _: &str) -> Result<Option<RosterHeld>, StoreError> {
        Ok(self.script().carried.roster.clone())
    }
}

impl ReceiptReader for Scripted {
    fn day_log(&self, site: &SiteId, day: Day) -> Result<DayLog, StoreError> {
        let held = self.script().carried.days.get(&(day, site.clone())).cloned();
        Ok(held.unwrap_or_else(|| DayLog::new(site.clone(), day, Vec::new())))
    }

    fn receipts_said(
        &self,
        site: &SiteId,
        (from, to): (Day, Day),
    ) -> Result<Vec<ReceiptSaid>, StoreError> {
        let script = self.script();
        let of = |said: &&ReceiptSaid| {
            said.receipt.site == *site && (from..=to).contains(&said.receipt.day)
        };
        Ok(script.carried.said.values().filter(of).cloned().collect())
    }

    fn received_on(&self, _: (Day, Day)) -> Result<Vec<(Day, SiteId)>, StoreError> {
        Ok(self.script().carried.days.keys().cloned().collect())
    }

    fn brought(&self, _: &SiteId, _: Day, _: &BoxId) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn receipts_differ(&self) -> Result<Vec<ReceiptDiffers>, StoreError> {
        Ok(Vec::new())
    }

    fn kept_alarms(&self) -> Result<Vec<KeptAlarm>, StoreError> {
        let known = self.script().carried.known.clone();
        let alarm = |it| if let NeighbourSaid::Alarm(alarm) = it { Some(alarm) } else { None };
        Ok(known.into_iter().filter_map(alarm).collect())
    }
}
