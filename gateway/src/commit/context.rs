//! Contexts find their measurements: a fact of its own beside an immutable reading, whatever way the
//! two come.
//!
//! A context names its measurement by the device's number alone, and such devices count anew after
//! their memory was cleared. So it is joined to a reading that has none yet and came within a day of
//! it: the latest of this group before it, else the latest in the store. One that finds none waits,
//! listed with quarantine, for a reading that comes within a day. Once joined, always joined.

use std::collections::HashMap;

use crate::{
    domain::{DeviceId, Millis, Reading, ReadingId, Timestamp},
    intake::Item,
    store::{
        Change, Context, Fact, Numbered, QuarantineReason, Status, StoreError, StoredReading, Told,
    },
};

use super::group::Group;

/// Longest time between the first receipts of a measurement and of its context, as between a
/// reading and the card that tells whose it is (DESIGN section 2, attribution).
const APART_MAX: Millis = Millis::hours(24);

/// A device's own number of a measurement.
type Name = (DeviceId, u64);

/// What is known under the numbers that a group's items name: from the store, and then of the group.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    names: HashMap<Name, Numbered>,
    /// Readings of this group, which the store does not have yet.
    fresh: Vec<ReadingId>,
}

impl Numbers {
    fn under(&mut self, name: Name) -> &mut Numbered {
        self.names.entry(name).or_default()
    }
}

impl Group<'_> {
    /// One look-up for every number that the items name.
    pub(super) fn numbers(&mut self, items: &[&Item]) -> Result<Numbers, StoreError> {
        let mut names: Vec<_> = items.iter().filter_map(|item| name_of(item)).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return Ok(Numbers::default());
        }
        let found = self.unit.numbered(&names)?;
        Ok(Numbers { names: names.into_iter().zip(found).collect(), fresh: Vec::new() })
    }

    /// A new reading takes the context that waits for it, if one does.
    pub(super) fn await_context(&mut self, stored: &mut StoredReading, numbers: &mut Numbers) {
        let Some(name) = name_of_reading(&stored.reading) else { return };
        let known = numbers.under(name);
        let at = stored.reading.received_at;
        let waits = |of: &&mut Context| of.reading.is_none() && is_near(of.received_at, at);
        if let Some(context) = known.contexts.iter_mut().rev().find(waits) {
            context.reading = Some(stored.reading.id);
            stored.context = Some(context.told.clone());
            self.joins.push(Change::Join(context.content, stored.reading.id));
        }
        known.readings.push(stored.clone());
        numbers.fresh.push(stored.reading.id);
    }

    /// What becomes of a context.
    pub(super) fn context(
        &mut self,
        context: &Context,
        numbers: &mut Numbers,
    ) -> Result<(Status, Option<&'static str>), StoreError> {
        let Numbers { names, fresh } = numbers;
        let known = names.entry((context.device.clone(), context.number)).or_default();
        let meant = known
            .readings
            .iter_mut()
            .filter(|stored| stored.context.is_none())
            .filter(|stored| is_near(stored.reading.received_at, context.received_at))
            .max_by_key(|stored| (fresh.contains(&stored.reading.id), stored.reading.received_at));
        let same = |other: &Context| other.content == context.content;
        if meant.is_none() && known.contexts.iter().any(same) {
            return Ok((Status::Duplicate, None));
        }
        self.facts.push(Fact::Context(Box::new(context.clone())));
        let reading = meant.as_ref().map(|stored| stored.reading.id);
        known.contexts.push(Context { reading, ..context.clone() });
        let Some(meant) = meant else {
            return Ok((Status::Stored, Some(QuarantineReason::NoMeasurement.as_str())));
        };
        meant.context = Some(context.told.clone());
        let join = Change::Join(context.content, meant.reading.id);
        if fresh.contains(&meant.reading.id) {
            self.tell(meant.reading.id, &context.told);
            self.joins.push(join);
        } else {
            let stored = meant.clone();
            self.flush()?;
            self.changes.push(join);
            self.past_changed(stored);
        }
        Ok((Status::Stored, None))
    }

    /// Tells a reading of this group, which is not appended yet, what its context says.
    fn tell(&mut self, id: ReadingId, told: &Told) {
        let nobodys =
            self.facts.iter_mut().rev().filter_map(|fact| {
                if let Fact::Reading(stored) = fact { Some(stored) } else { None }
            });
        let mut all = self.touched.iter_mut().rev().chain(nobodys);
        if let Some(stored) = all.find(|stored| stored.reading.id == id) {
            stored.context = Some(told.clone());
        }
    }
}

fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.since(other) <= APART_MAX && other.since(one) <= APART_MAX
}

fn name_of(item: &Item) -> Option<Name> {
    match item {
        Item::Context(context) => Some((context.device.clone(), context.number)),
        Item::Reading(reading) => name_of_reading(reading),
        Item::Quarantined(_)
        | Item::Unnumbered(_)
        | Item::Event(_)
        | Item::Refused(_)
        | Item::Card(_)
        | Item::Presence(_) => None,
    }
}

/// The number by which a context may name a reading.
fn name_of_reading(reading: &Reading) -> Option<Name> {
    let sequence = reading.sequence.filter(|sequence| sequence.epoch.is_none())?;
    (reading.kind() == "glucose").then(|| (reading.device.clone(), sequence.number))
}
