//! People.

use super::{Describer, LIVE, filled, reading::reading};
use crate::{
    assess::{Contradiction, Tracking, enrolled_at, plan_in_force},
    domain::{Dated, Person, PersonId, Plan, Registered, Sex, Standing, Timestamp},
    serve::{
        shared::{Known, LineBand},
        trail,
        wire::{self, Number},
    },
    store::{
        HeldMerge, RegistryKey, StoreError, StoredReading,
        view::{AlertFilter, Paging, ReadingFilter, Scope},
    },
};

/// Readings looked through for the newest of each kind.
const LATEST_AMONG: usize = 200;

/// Age in whole years on the calendar of China.
pub(in crate::serve) fn age(person: &Person, now: Timestamp) -> Option<i16> {
    let (born, today) = (person.birth_date?, now.to_shanghai()?.date());
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    let years = today.year().checked_sub(born.year())?;
    Some(if had_birthday { years } else { years.saturating_sub(1) }).filter(|age| *age >= 0)
}

pub(super) const fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "male",
        Sex::Female => "female",
    }
}

impl Describer<'_> {
    /// The village where a person lives: their own word, else their household's.
    pub(super) fn village(&mut self, person: &Person) -> Result<Option<String>, StoreError> {
        if let Some(village) = filled(&person.village) {
            return Ok(Some(village));
        }
        let Some(household) = &person.household else { return Ok(None) };
        Ok(self.household(household)?.and_then(|household| filled(&household.village)))
    }

    /// A person in a list.
    pub(in crate::serve) fn person_in_list(
        &mut self,
        person: &Person,
    ) -> Result<wire::PersonRow, StoreError> {
        trail::shows(&person.person);
        Ok(wire::PersonRow {
            person: person.person.to_string(),
            name: person.name.clone(),
            sex: person.sex.map(sex),
            age: age(person, self.now),
            household: person.household.as_ref().map(ToString::to_string),
            village: self.village(person)?,
        })
    }

    /// A person with their lines, newest readings and open alerts.
    pub(in crate::serve) fn person(
        &mut self,
        scope: &Scope,
        person: &Person,
    ) -> Result<wire::Person, StoreError> {
        let doctor = match &person.household {
            Some(household) => self.reader().doctor_of(household, self.now)?,
            None => None,
        };
        let pack = self.shared.pack.borrow().name.clone();
        let latest = self.latest(scope, person)?;
        let known = self.known(&person.person)?;
        let merges = self.merges_within(scope, &person.person)?;
        let away = |held: &&HeldMerge| held.undone.is_none() && held.merged.person == person.person;
        let seen = self.shared.lines.seen(known.of(person), known.last_value, self.now);
        Ok(wire::Person {
            person: person.person.to_string(),
            name: person.name.clone(),
            sex: person.sex.map(sex),
            birth_date: person.birth_date.map(|date| date.to_string()),
            age: age(person, self.now),
            phone: filled(&person.phone),
            household: person.household.as_ref().map(ToString::to_string),
            village: self.village(person)?,
            doctor_name: self.doctor_name(doctor.as_ref())?,
            doctor: doctor.as_ref().map(ToString::to_string),
            cohorts: in_force(&person.cohorts, self.now),
            diagnoses: in_force(&person.diagnoses, self.now),
            medicines: in_force(&person.medicines, self.now),
            lines: seen.lines.into_iter().map(|band| line(band, &pack)).collect(),
            latest,
            open_alerts: self.open_alerts(scope, person)?,
            merged_into: merges.iter().find(away).map(|held| held.merged.survivor.to_string()),
            same_as: self.same_as(scope, person, &merges)?,
            merges: merges.iter().map(super::merge::merge).collect(),
            contradictions: seen.contradictions.into_iter().map(contradiction).collect(),
            plan: plan_in_force(&known.plans, self.now).map(plan),
            tracking: seen.tracking.map(|it| tracking(it, self.now)),
        })
    }

    /// Every row of a person, and their last value.
    fn known(&self, id: &PersonId) -> Result<Rows, StoreError> {
        let everything = &Scope::Everything;
        let entered = self.reader().entered(everything, &RegistryKey::Person(id.clone()))?;
        let plans = self.reader().entered(everything, &RegistryKey::Plan(id.clone()))?;
        let filter = ReadingFilter { person: Some(id.clone()), ..ReadingFilter::default() };
        let paging = Paging { limit: LATEST_AMONG, after: None };
        let readings = self.reader().readings(everything, &filter, &paging)?.items;
        let accepted = readings.iter().find(|(_, stored)| stored.standing == Standing::Stored);
        Ok(Rows {
            entered: entered
                .first()
                .zip(entered.last())
                .map(|((first, _), (last, _))| (*first, *last)),
            people: entered.into_iter().filter_map(|(_, row)| a_person(row)).collect(),
            plans: plans.into_iter().filter_map(|(_, row)| a_plan(row)).collect(),
            last_value: accepted.map(|(_, stored)| stored.reading.measured.at),
        })
    }

    /// When a person's tracking wants them measured next.
    pub(super) fn next_due(&self, person: &Person) -> Result<Option<Timestamp>, StoreError> {
        let known = self.known(&person.person)?;
        let seen = self.shared.lines.seen(known.of(person), known.last_value, self.now);
        Ok(seen.tracking.and_then(|tracking| tracking.next_due))
    }

    fn latest(&self, scope: &Scope, person: &Person) -> Result<wire::Latest, StoreError> {
        let filter =
            ReadingFilter { person: Some(person.person.clone()), ..ReadingFilter::default() };
        let paging = Paging { limit: LATEST_AMONG, after: None };
        let page = self.reader().readings(scope, &filter, &paging)?;
        let newest = |kind| {
            let of_kind = |(_, stored): &&(_, StoredReading)| stored.reading.kind() == kind;
            page.items.iter().find(of_kind).map(|(seq, stored)| reading(*seq, stored))
        };
        Ok(wire::Latest { blood_pressure: newest("blood_pressure"), glucose: newest("glucose") })
    }

    fn open_alerts(
        &mut self,
        scope: &Scope,
        person: &Person,
    ) -> Result<Vec<wire::Alert>, StoreError> {
        let filter = AlertFilter {
            states: LIVE.to_vec(),
            person: Some(person.person.clone()),
            ..AlertFilter::default()
        };
        let page = self.reader().alerts(scope, &filter, &Paging::default())?;
        page.items.iter().map(|alert| self.alert(alert)).collect()
    }
}

/// What the registry holds of a person, and when they were measured last.
struct Rows {
    people: Vec<Person>,
    plans: Vec<Plan>,
    /// When their first row was entered, and the one in force.
    entered: Option<(Timestamp, Timestamp)>,
    last_value: Option<Timestamp>,
}

impl Rows {
    fn of<'r>(&'r self, person: &'r Person) -> Known<'r> {
        let enrolled_at = self.entered.map(|(first, last)| enrolled_at(first, last, person));
        Known { person, earlier: &self.people, plans: &self.plans, enrolled_at }
    }
}

/// The row, if it is a person's.
pub(in crate::serve) fn a_person(row: Registered) -> Option<Person> {
    if let Registered::Person(person) = row { Some(person) } else { None }
}

/// The row, if it is a plan.
pub(in crate::serve) fn a_plan(row: Registered) -> Option<Plan> {
    if let Registered::Plan(plan) = row { Some(plan) } else { None }
}

const fn contradiction(found: Contradiction) -> wire::Contradiction {
    wire::Contradiction { code: found.code(), zh: found.zh(), en: found.en() }
}

fn plan(plan: &Plan) -> wire::Plan {
    let day = |date: Option<jiff::civil::Date>| date.map(|date| date.to_string());
    wire::Plan {
        from: day(plan.from),
        until: day(plan.until),
        systolic_lt: plan.systolic_lt,
        diastolic_lt: plan.diastolic_lt,
        fasting_lt: plan.fasting_lt.map(|target| target.to_string()),
        cadence_days: plan.cadence_days,
        author: filled(&plan.author),
    }
}

fn tracking(tracking: Tracking, now: Timestamp) -> wire::Tracking {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    wire::Tracking {
        since: at(tracking.since),
        next_due: at(tracking.next_due),
        doctor_due: at(tracking.doctor_due),
        overdue: tracking.next_due.is_some_and(|due| due <= now),
    }
}

fn in_force(items: &[Dated], now: Timestamp) -> Vec<String> {
    items.iter().filter(|item| item.holds_at(now)).map(|item| item.code.to_string()).collect()
}

fn line(band: LineBand, pack: &str) -> wire::Line {
    wire::Line {
        measure: band.measure.to_owned(),
        from: Number(band.from),
        level: band.level,
        unit: band.unit.to_owned(),
        label_zh: band.label_zh,
        label_en: band.label_en,
        line: band.line.to_string(),
        setting: band.setting.to_owned(),
        pack: pack.to_owned(),
    }
}
