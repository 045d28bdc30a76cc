//! Rows of a roster that another gateway made: entered with that gateway's time and author, so that
//! both judge by the same rows from the same instants.

use crate::{
    domain::{Registered, Timestamp},
    store::{Change, Fact, Registration, RegistryKey, StoreError},
};

use super::{again::binds, group::Group, work::Rostering};

impl Group<'_> {
    /// Enters what is not known yet, so a roster that comes again changes nothing. A row that was
    /// entered here later than one of the roster stays in force.
    pub(super) fn roster(&mut self, roster: &Rostering) -> Result<usize, StoreError> {
        // Rows of this very group count too: write them before looking.
        self.flush()?;
        let mut entered = 0_usize;
        for registration in &roster.rows {
            let key = RegistryKey::of(&registration.row);
            let known = self.unit.entered(&key)?;
            let same = |(at, row): &(Timestamp, Registered)| {
                *at == registration.at && *row == registration.row
            };
            if known.iter().any(same) {
                continue;
            }
            entered = entered.saturating_add(1);
            self.enter(registration.clone());
            if let Some((at, later)) = known.last().filter(|(at, _)| *at > registration.at) {
                let (row, author) = (later.clone(), registration.author.clone());
                self.enter(Registration { row, author, at: *at });
            }
            self.flush()?;
        }
        self.changes.extend(roster.held.clone().map(Change::HoldRoster));
        Ok(entered)
    }

    fn enter(&mut self, registration: Registration) {
        self.bound.extend(binds(&registration.row));
        self.desk.forget_row(&registration.row);
        self.facts.push(Fact::Registration(Box::new(registration)));
    }
}
