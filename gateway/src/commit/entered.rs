//! What was in force when for a person, from the rows that were entered for them and for the
//! households that those name.

use crate::{
    assess::{InForce, Pack, Packs, Patient, enrolled_at},
    domain::{Household, HouseholdId, Person, PersonId, Plan, Registered, Timestamp},
    store::{RegistryKey, StoreError, Unit},
};

/// A row and when it was entered.
type Entered<T> = (Timestamp, T);

/// Where somebody lives, and since when: ever, by their first row.
pub(super) type Lives = Option<(String, Timestamp)>;

/// The packs and rows by which a person is judged, each from its instant.
pub(super) fn in_force(
    unit: &mut dyn Unit,
    packs: &Packs,
    id: &PersonId,
) -> Result<InForce, StoreError> {
    Ok(known(unit, packs, id)?.0)
}

/// The same, and where the person lives.
pub(super) fn known(
    unit: &mut dyn Unit,
    packs: &Packs,
    id: &PersonId,
) -> Result<(InForce, Lives), StoreError> {
    let rows = people(unit, id)?;
    let mut homes: Vec<Entered<Household>> = Vec::new();
    for home in rows.iter().filter_map(|(_, person)| person.household.as_ref()) {
        if homes.iter().all(|(_, known)| known.household != *home) {
            homes.extend(households(unit, home)?);
        }
    }
    let plans = plans(unit, id)?;
    let mut entered: Vec<Timestamp> = rows.iter().map(|(at, _)| *at).collect();
    // A plan is nothing without the person's own row, whose beginning counts since ever.
    let known = entered.first().copied();
    let own = plans.iter().map(|(at, _)| *at);
    entered.extend(own.filter(|at| known.is_some_and(|known| known <= *at)));
    entered.extend(homes.iter().map(|(at, _)| *at));
    entered.sort_unstable();
    entered.dedup();
    let patient = |pack: &Pack, at| {
        let Some((entered_at, person)) = row_at(rows.iter(), at) else {
            return Patient::new(id.clone());
        };
        let enrolled = rows.first().map(|(first, _)| enrolled_at(*first, *entered_at, person));
        let own =
            homes.iter().filter(|(_, home)| person.household.as_ref() == Some(&home.household));
        let home = row_at(own, at).map(|(_, home)| home);
        let plans = plans.iter().filter(|(entered, _)| *entered <= at).map(|(_, plan)| plan);
        let earlier = rows.iter().filter(|(entered, _)| *entered <= at).map(|(_, row)| row);
        let earlier: Vec<&Person> = earlier.collect();
        Patient::registered(pack, person, home, enrolled).also_born(person, &earlier).planned(plans)
    };
    let in_force = InForce::new(packs, &entered, patient);
    Ok((in_force, lives(&rows, &homes, &entered)))
}

/// In which village somebody lives by the rows of now, and since which row.
fn lives(rows: &[Entered<Person>], homes: &[Entered<Household>], entered: &[Timestamp]) -> Lives {
    let village = |at: Timestamp| {
        let (_, person) = row_at(rows.iter(), at)?;
        let of = homes.iter().filter(|(_, it)| person.household.as_ref() == Some(&it.household));
        Some(row_at(of, at).map_or(&person.village, |(_, home)| &home.village))
    };
    let now = village(*entered.last()?)?;
    let others = entered.iter().rposition(|at| village(*at) != Some(now));
    let since = others.and_then(|other| entered.get(other.saturating_add(1)));
    Some((now.clone(), since.copied().unwrap_or(Timestamp::from_millis(i64::MIN))))
}

/// The household in which somebody lived at an instant, by the rows entered by then.
pub(super) fn household_at(
    unit: &mut dyn Unit,
    id: &PersonId,
    at: Timestamp,
) -> Result<Option<HouseholdId>, StoreError> {
    let rows = people(unit, id)?;
    Ok(row_at(rows.iter(), at).and_then(|(_, person)| person.household.clone()))
}

/// The row entered last by an instant, or the first one: nothing was known before it.
fn row_at<'r, T>(
    mut rows: impl Iterator<Item = &'r Entered<T>>,
    at: Timestamp,
) -> Option<&'r Entered<T>> {
    let first = rows.next()?;
    let by_then = rows.take_while(|(entered, _)| *entered <= at).last();
    by_then.or(Some(first))
}

fn people(unit: &mut dyn Unit, id: &PersonId) -> Result<Vec<Entered<Person>>, StoreError> {
    let all = unit.entered(&RegistryKey::Person(id.clone()))?.into_iter();
    let person = |(at, row)| if let Registered::Person(row) = row { Some((at, row)) } else { None };
    Ok(all.filter_map(person).collect())
}

/// Plans in the order in which they were entered: which of them holds is the lines' to say.
fn plans(unit: &mut dyn Unit, id: &PersonId) -> Result<Vec<Entered<Plan>>, StoreError> {
    let all = unit.entered(&RegistryKey::Plan(id.clone()))?.into_iter();
    let plan = |(at, row)| if let Registered::Plan(row) = row { Some((at, row)) } else { None };
    Ok(all.filter_map(plan).collect())
}

fn households(
    unit: &mut dyn Unit,
    id: &HouseholdId,
) -> Result<Vec<Entered<Household>>, StoreError> {
    let all = unit.entered(&RegistryKey::Household(id.clone()))?.into_iter();
    let home =
        |(at, row)| if let Registered::Household(row) = row { Some((at, row)) } else { None };
    Ok(all.filter_map(home).collect())
}
