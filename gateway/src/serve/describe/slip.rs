//! What a person's slip says: what was measured at a site since an instant, how it was judged, who
//! answers for them, when they come again.

use firmware_protocols::{GlucoseValue, Meal, Measurement};

use super::{Describer, filled, person::age};
use crate::{
    assess::plan_in_force,
    domain::{
        Alert, AlertState, Level, Millis, Person, PersonId, Sex, SiteId, Standing, Timestamp,
    },
    serve::shared::Shared,
    slip::{Slip, Taken},
    store::{
        RegistryKey, StoreError, StoredReading,
        view::{AlertFilter, Paging, ReadingFilter, Scope},
    },
};

/// Values on one slip, the newest ones: somebody is measured a few times, not by the dozen.
const VALUES: usize = 12;

/// Signs of a reading's id: 40 bits tell a clinic's readings apart.
const ID_SIGNS: usize = 10;

/// Which slip.
#[derive(Debug, Clone)]
pub(in crate::serve) struct SlipAsked {
    /// Whose.
    pub(in crate::serve) person: PersonId,
    /// Measured where.
    pub(in crate::serve) site: SiteId,
    /// Measured at or after.
    pub(in crate::serve) since: Timestamp,
    /// Who prints it.
    pub(in crate::serve) operator: String,
    /// By hand, perhaps once more.
    pub(in crate::serve) copy: bool,
}

impl Describer<'_> {
    /// A slip; `None` where the registry lacks the person or nothing was measured. The caller may know
    /// of the person: there is no scope.
    pub(in crate::serve) fn slip(&mut self, asked: &SlipAsked) -> Result<Option<Slip>, StoreError> {
        let Some(person) = self.person_row(&asked.person)? else { return Ok(None) };
        let readings = self.measured_since(asked)?;
        let Some(newest) = readings.last() else { return Ok(None) };
        let day = newest.reading.measured.at;
        let site = match self.registered(&RegistryKey::Site(asked.site.clone()))? {
            Some(crate::domain::Registered::Site(site)) => filled(&site.name),
            Some(_) | None => None,
        };
        let doctor = match &person.household {
            Some(household) => self.reader().doctor_of(household, self.now)?,
            None => None,
        };
        let doctor = match &doctor {
            Some(doctor) => self.doctor(doctor)?.map(|row| (row.name, row.phone)),
            None => None,
        };
        Ok(Some(Slip {
            site: site.unwrap_or_else(|| asked.site.to_string()),
            person: self.headed(&person)?,
            number: person.person.to_string(),
            day: date(day),
            taken: readings.iter().map(|stored| taken(stored, day)).collect(),
            level: self.gravest(&asked.person, &readings)?,
            doctor,
            next: self.next_measured(&person)?.map(date),
            operator: asked.operator.clone(),
            printed: minute(self.now),
            copy: asked.copy,
        }))
    }

    fn headed(&mut self, person: &Person) -> Result<String, StoreError> {
        let sex = person.sex.map(|sex| match sex {
            Sex::Male => "男".to_owned(),
            Sex::Female => "女".to_owned(),
        });
        let age = age(person, self.now).map(|years| format!("{years}岁"));
        let parts = [filled(&person.name), sex, age, self.village(person)?];
        Ok(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// What was measured, oldest first.
    fn measured_since(&self, asked: &SlipAsked) -> Result<Vec<StoredReading>, StoreError> {
        let filter = ReadingFilter {
            person: Some(asked.person.clone()),
            from: Some(asked.since),
            ..ReadingFilter::default()
        };
        let paging = Paging { limit: Paging::LIMIT, after: None };
        let found = self.reader().readings(&Scope::Everything, &filter, &paging)?.items;
        let here = found.into_iter().map(|(_, stored)| stored);
        let mut here: Vec<_> =
            here.filter(|stored| stored.reading.site == asked.site).take(VALUES).collect();
        here.reverse();
        Ok(here)
    }

    /// The gravest line that one of these readings crossed, whichever alert it opened, joined or is held under.
    fn gravest(
        &self,
        person: &PersonId,
        readings: &[StoredReading],
    ) -> Result<Option<Level>, StoreError> {
        let filter = AlertFilter { person: Some(person.clone()), ..AlertFilter::default() };
        let alerts = self.reader().alerts(&Scope::Everything, &filter, &Paging::default())?.items;
        let gone =
            |alert: &Alert| matches!(alert.state, AlertState::Withdrawn | AlertState::Merged);
        let mut gravest = None;
        for alert in alerts.iter().filter(|alert| !gone(alert)) {
            for (crossing, _) in self.reader().crossings_of(alert.key)? {
                let of_these = |id| readings.iter().any(|stored| stored.reading.id == id);
                if crossing.reading.is_some_and(of_these) {
                    gravest = gravest.max(Some(crossing.level));
                }
            }
        }
        Ok(gravest)
    }

    /// When a person is to be measured again: as their tracking or their own plan says.
    fn next_measured(&mut self, person: &Person) -> Result<Option<Timestamp>, StoreError> {
        if let Some(due) = self.next_due(person)? {
            return Ok(Some(due));
        }
        let entered =
            self.reader().entered(&Scope::Everything, &RegistryKey::Plan(person.person.clone()))?;
        let plans: Vec<_> = entered.into_iter().filter_map(|(_, row)| super::a_plan(row)).collect();
        let cadence = plan_in_force(&plans, self.now).and_then(|plan| plan.cadence_days);
        Ok(cadence.map(|days| self.now.plus(Millis::days(i64::from(days)))))
    }
}

/// Since when a slip printed by hand looks back: as far as a bench's page does.
pub(in crate::serve) fn slip_since(shared: &Shared) -> Timestamp {
    shared.clock.now().minus(super::bench::LOOK_BACK)
}

fn taken(stored: &StoredReading, day: Timestamp) -> Taken {
    let reading = &stored.reading;
    let at = minute(reading.measured.at);
    let same_day = reading.measured.at.shanghai_day() == day.shanghai_day();
    Taken {
        value: value(stored),
        at: if same_day { at.get(11..).unwrap_or_default().to_owned() } else { at },
        grade: reading.measured.grade,
        id: reading.id.to_string().chars().take(ID_SIGNS).collect(),
        rejected: stored.standing == Standing::Rejected,
    }
}

/// The value as it is stored, in its own unit.
fn value(stored: &StoredReading) -> String {
    match &stored.reading.measurement {
        Measurement::BloodPressure(it) => {
            let pulse = it.pulse.map(|pulse| format!(" 脉搏 {pulse}")).unwrap_or_default();
            let irregular = if it.flags.irregular_pulse { " 脉搏不齐" } else { "" };
            let unit = it.unit.name();
            format!("血压 {}/{} {unit}{pulse}{irregular}", it.systolic, it.diastolic)
        }
        Measurement::Glucose(it) => {
            let value = match it.value {
                GlucoseValue::Number(number) => format!("{number} {}", it.unit.name()),
                GlucoseValue::High => "高于量程 HI".to_owned(),
                GlucoseValue::Low => "低于量程 LO".to_owned(),
            };
            let meal = match stored.meal() {
                Meal::Fasting => " 空腹",
                Meal::BeforeMeal => " 餐前",
                Meal::AfterMeal => " 餐后",
                Meal::Random => " 随机",
                Meal::Bedtime => " 睡前",
                Meal::Unknown => "",
            };
            let control = if it.control { "（质控液，不算数）" } else { "" };
            format!("血糖 {value}{meal}{control}")
        }
    }
}

/// `2026-03-02`.
fn date(at: Timestamp) -> String {
    at.to_string().get(..10).unwrap_or_default().to_owned()
}

/// `2026-03-02 07:10`.
fn minute(at: Timestamp) -> String {
    at.to_string().get(..16).unwrap_or_default().replacen('T', " ", 1)
}
