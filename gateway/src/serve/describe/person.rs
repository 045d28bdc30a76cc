//! People.

use super::{Describer, LIVE, filled, reading::reading};
use crate::{
    domain::{Dated, Person, Sex, Timestamp},
    serve::{
        shared::LineBand,
        wire::{self, Number},
    },
    store::{
        StoreError, StoredReading,
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
        let household = match &person.household {
            Some(household) => self.household(household)?,
            None => None,
        };
        let doctor = household.and_then(|household| household.doctor);
        let pack = self.shared.pack.name.as_str();
        let lines = (self.shared.lines_for)(person, self.now);
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
            lines: lines.into_iter().map(|band| line(band, pack)).collect(),
            latest: self.latest(scope, person)?,
            open_alerts: self.open_alerts(scope, person)?,
        })
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
