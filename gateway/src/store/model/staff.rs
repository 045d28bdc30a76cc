//! Who answers, from the rows in memory.

use super::{scope::county, state::State, unit::ModelUnit};
use crate::{
    domain::{
        ContentDigest, DoctorId, Duty, Household, HouseholdId, PersonId, Registered, TeamOf,
        Timestamp, answered, answering,
    },
    store::{
        Registration, Staff, StoreError,
        staff::{TWO_DOCTORS, homes, numbered, team_of},
    },
};

/// Refuses a household with two doctors at once.
pub(super) fn sound(row: &Registered) -> Result<(), StoreError> {
    if let Registered::Household(home) = row
        && home.check_doctors().is_err()
    {
        return Err(StoreError::Asked { what: TWO_DOCTORS });
    }
    Ok(())
}

/// What a row that has just been entered changes.
pub(super) fn enter(state: &mut State, registration: &Registration) {
    if let Registered::Household(home) = &registration.row {
        let at = state.turned.map_or(registration.at, |turned| turned.max(registration.at));
        turn(state, &home.household, at);
    }
}

fn rows_of(state: &State, household: &HouseholdId) -> Vec<(Timestamp, Household)> {
    homes(state.entered(("household", household.as_str())))
}

fn turn(state: &mut State, household: &HouseholdId, at: Timestamp) {
    match answered(&rows_of(state, household), at).cloned() {
        Some(doctor) => drop(state.present.insert(household.clone(), doctor)),
        None => drop(state.present.remove(household)),
    }
}

/// Instants at which another doctor answers, with their households.
fn handovers(state: &State) -> Vec<(Timestamp, HouseholdId)> {
    let households = state.registry.values().filter_map(|(_, row)| {
        if let Registered::Household(row) = row { Some(row.household.clone()) } else { None }
    });
    let of_one = |household: HouseholdId| {
        let spans = answering(&rows_of(state, &household));
        let ends = spans.into_iter().flat_map(|it| [it.span.from, it.span.until]).flatten();
        ends.map(move |at| (at, household.clone())).collect::<Vec<_>>()
    };
    let turned = state.turned.unwrap_or(Timestamp::from_millis(0));
    households.flat_map(of_one).filter(|(at, _)| *at > turned).collect()
}

/// Whoever answers from an instant on does so from now on.
pub(super) fn hand_over(state: &mut State, now: Timestamp) {
    for (at, household) in handovers(state) {
        if at <= now {
            turn(state, &household, now);
        }
    }
    let turned = state.turned.unwrap_or(Timestamp::from_millis(0));
    state.turned = Some(turned.max(now));
}

/// The places above one: by the tree, else by the words of the sites.
pub(super) fn places_above(state: &State, village: &str) -> Vec<String> {
    let mut above: Vec<String> = Vec::new();
    let mut next = village.to_owned();
    while let Some(Registered::Place(place)) = state.in_force("place", &next) {
        if place.parent.is_empty() || above.contains(&place.parent) {
            break;
        }
        above.push(place.parent.clone());
        next.clone_from(&place.parent);
    }
    if !above.is_empty() {
        return above;
    }
    let serving = || state.sites().filter(|site| site.village == village);
    let townships = serving().map(|site| (0, site.township.clone()));
    let counties = serving().map(|site| (1, county(site).to_owned()));
    let mut places: Vec<_> = townships.chain(counties).collect();
    places.retain(|(_, place)| !place.is_empty() && !village.is_empty());
    places.sort();
    places.dedup();
    places.into_iter().map(|(_, place)| place).collect()
}

fn rows(state: &State, kind: &str) -> Vec<Registered> {
    let own = state.registry.iter().filter(|((of, _), _)| *of == kind);
    own.map(|(_, (_, row))| row.clone()).collect()
}

impl Staff for ModelUnit<'_> {
    fn doctor_of(
        &mut self,
        household: &HouseholdId,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError> {
        self.unspoiled()?;
        Ok(answered(&rows_of(&self.state, household), at).cloned())
    }

    fn on_duty(
        &mut self,
        site_or_place: &str,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError> {
        self.unspoiled()?;
        let turns = crate::store::staff::turns(rows(&self.state, "duty"), site_or_place);
        let on_duty = turns.into_iter().filter(|duty: &Duty| duty.holds_at(at));
        Ok(on_duty.max_by_key(|duty| duty.span.from).and_then(|duty| duty.doctor))
    }

    fn team_of(&mut self, place: &str) -> Result<Option<TeamOf>, StoreError> {
        self.unspoiled()?;
        Ok(team_of(rows(&self.state, "team"), place))
    }

    fn person_with_id_number(
        &mut self,
        number: &ContentDigest,
    ) -> Result<Option<PersonId>, StoreError> {
        self.unspoiled()?;
        Ok(numbered(rows(&self.state, "person"), number))
    }

    fn next_handover(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.unspoiled()?;
        Ok(handovers(&self.state).into_iter().map(|(at, _)| at).min())
    }
}
