//! Rows of a roster that another gateway made: entered with that gateway's time and author, so that
//! both judge by the same rows from the same instants.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::{
    domain::{Registered, Timestamp},
    store::{CarryChange, Change, Fact, Registration, RegistryKey, StoreError},
};

use super::{again::binds, group::Group, work::Rostering};

/// Who enters a row again that was entered here later than one of a roster.
pub const BY_ROSTER: &str = "roster";

impl Group<'_> {
    /// Enters what is not known yet, so a roster that comes again changes nothing. A row that was
    /// entered here later than one of the roster stays in force.
    pub(super) fn roster(&mut self, roster: &Rostering) -> Result<usize, StoreError> {
        // Rows of this very group count too: write them before looking.
        self.flush()?;
        let before = self.unit.last()?;
        let entered = self.enter_rows(&roster.rows)?;
        if entered > 0 {
            // They came from above: nobody there lacks them.
            let stay = CarryChange::Stay(before, self.unit.last()?);
            self.changes.push(Change::Carry(Box::new(stay)));
        }
        self.changes.extend(roster.held.clone().map(Change::HoldRoster));
        Ok(entered)
    }

    /// Enters rows of another gateway, as it entered them.
    pub(super) fn enter_rows(&mut self, rows: &[Registration]) -> Result<usize, StoreError> {
        let (mut entered, mut keys) = (0_usize, BTreeSet::new());
        for registration in rows {
            let key = RegistryKey::of(&registration.row);
            let same = |(at, row): &(Timestamp, Registered)| {
                *at == registration.at && *row == registration.row
            };
            if self.unit.entered(&key)?.iter().any(same) {
                continue;
            }
            entered = entered.saturating_add(1);
            keys.insert(key);
            self.enter(registration.clone());
            self.flush()?;
        }
        for key in keys {
            let latest = self.unit.entered(&key)?.pop();
            let in_force = self.unit.registered(std::slice::from_ref(&key))?.pop().flatten();
            if let Some((at, row)) = latest.filter(|(_, row)| in_force.as_ref() != Some(row)) {
                self.enter(Registration { row, author: SmolStr::new_static(BY_ROSTER), at });
            }
        }
        self.flush()?;
        Ok(entered)
    }

    fn enter(&mut self, registration: Registration) {
        self.bound.extend(binds(&registration.row));
        self.desk.forget_row(&registration.row);
        self.facts.push(Fact::Registration(Box::new(registration)));
    }
}
