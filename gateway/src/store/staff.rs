//! Who answers, as the rows of the registry say: asked inside a unit, and beside the writer.

use super::{
    Reader, RegistryKey, StoreError,
    view::{Paging, Scope},
};
use crate::domain::{
    ContentDigest, DoctorId, Duty, Household, HouseholdId, IdNumber, Person, PersonId, Registered,
    TeamOf, Timestamp, answered,
};

/// What a unit knows of who answers.
pub trait Staff {
    /// Who answered for a household at an instant; nobody where none had signed.
    ///
    /// # Errors
    /// Any error of the store.
    fn doctor_of(
        &mut self,
        household: &HouseholdId,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError>;

    /// Who is on duty at an instant at a site, by its id, or for a place, by its name. Only that
    /// site or place itself is asked: whoever asks goes from the nearest to the next.
    ///
    /// # Errors
    /// Any error of the store.
    fn on_duty(
        &mut self,
        site_or_place: &str,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError>;

    /// The team of a place itself, the first by name of several.
    ///
    /// # Errors
    /// Any error of the store.
    fn team_of(&mut self, place: &str) -> Result<Option<TeamOf>, StoreError>;

    /// Whose identity number it is; the first by name of several. The number is looked for by its
    /// digest, never by itself.
    ///
    /// # Errors
    /// Any error of the store.
    fn person_with_id_number(
        &mut self,
        number: &ContentDigest,
    ) -> Result<Option<PersonId>, StoreError>;

    /// The first instant after the last [`Change::HandOver`](super::Change::HandOver) at which
    /// another doctor answers for some household.
    ///
    /// # Errors
    /// Any error of the store.
    fn next_handover(&mut self) -> Result<Option<Timestamp>, StoreError>;
}

/// Why a unit refuses a row of a household.
pub(super) const TWO_DOCTORS: &str = "a household has one doctor at any instant";

/// Who holds a card, by the rows in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holders {
    /// Whom its own row names.
    pub row: Option<PersonId>,
    /// People whose rows name it, by name.
    pub people: Vec<PersonId>,
}

/// Every row in force of a kind.
pub(super) fn every<R: Reader + ?Sized>(
    reader: &R,
    kind: &str,
) -> Result<Vec<Registered>, StoreError> {
    let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
    let mut all = Vec::new();
    loop {
        let page = reader.registry(kind, &paging)?;
        all.extend(page.items);
        paging.after = page.next;
        if paging.after.is_none() {
            return Ok(all);
        }
    }
}

/// Who answered for a household at an instant, from its rows.
pub(super) fn doctor_of<R: Reader + ?Sized>(
    reader: &R,
    household: &HouseholdId,
    at: Timestamp,
) -> Result<Option<DoctorId>, StoreError> {
    let key = RegistryKey::Household(household.clone());
    let rows = homes(reader.entered(&Scope::Everything, &key)?);
    Ok(answered(&rows, at).cloned())
}

/// The rows of households among some.
pub(super) fn homes(rows: Vec<(Timestamp, Registered)>) -> Vec<(Timestamp, Household)> {
    let home =
        |(at, row)| if let Registered::Household(row) = row { Some((at, row)) } else { None };
    rows.into_iter().filter_map(home).collect()
}

/// The turns of duty of a site or place among some rows.
pub(super) fn turns(rows: Vec<Registered>, site_or_place: &str) -> Vec<Duty> {
    let own = |row| if let Registered::Duty(duty) = row { Some(duty) } else { None };
    let wanted = |duty: &Duty| duty.site_or_place == site_or_place;
    rows.into_iter().filter_map(own).filter(wanted).collect()
}

/// Who holds a card, from the rows of people and cards.
pub(super) fn holders<R: Reader + ?Sized>(reader: &R, card: &str) -> Result<Holders, StoreError> {
    let mut holders = Holders::default();
    for row in every(reader, "card")? {
        if let Registered::Card(row) = row
            && row.card == card
        {
            holders.row = Some(row.person);
        }
    }
    for row in every(reader, "person")? {
        if let Registered::Person(row) = row
            && row.cards.iter().any(|own| own == card)
        {
            holders.people.push(row.person);
        }
    }
    holders.people.sort_unstable();
    Ok(holders)
}

/// Whose identity number it is, from the rows of people.
pub(super) fn numbered(rows: Vec<Registered>, number: &ContentDigest) -> Option<PersonId> {
    let own = |row| if let Registered::Person(row) = row { Some(row) } else { None };
    let digest = |row: &Person| IdNumber::parse(&row.id_number).map(|own| own.digest());
    let wanted = |row: &Person| digest(row).as_ref() == Ok(number);
    rows.into_iter().filter_map(own).filter(wanted).map(|row| row.person).min()
}

/// The team of a place among some rows.
pub(super) fn team_of(rows: Vec<Registered>, place: &str) -> Option<TeamOf> {
    let own = |row| if let Registered::Team(team) = row { Some(team) } else { None };
    let wanted = |team: &TeamOf| team.place == place;
    let teams = rows.into_iter().filter_map(own).filter(wanted);
    teams.min_by(|one, other| one.team.cmp(&other.team))
}
