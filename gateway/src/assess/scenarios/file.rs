//! Reads a case: a person, events, and what is expected.

use firmware_protocols::{Decimal, Flags, GlucoseUnit, GlucoseValue, Meal, PressureUnit};
use serde_json::Value;
use smol_str::SmolStr;

use super::{
    super::{
        Pack,
        facts::{
            Act, ActOutcome, Body, Cuff, Fact, FactId, FollowUp, Meter, Money, MoneyKind, Source,
        },
        patient::{Cohort, Condition, Patient},
        symptoms::Symptoms,
    },
    ScenarioError,
};
use crate::domain::{Millis, PersonId, Plan, Setting, Timestamp};

/// Time runs on after the last event so that sessions close (SCENARIOS, "Events").
const RUNS_ON: Millis = Millis::minutes(20);

type Result<T, E = ScenarioError> = std::result::Result<T, E>;

/// One acceptance case.
#[derive(Debug)]
pub(super) struct Case {
    pub id: String,
    pub patient: Patient,
    pub facts: Vec<Fact>,
    pub until: Timestamp,
    pub expect: Vec<Expected>,
    pub escalations: Option<Vec<Value>>,
}

/// One alert that must have opened.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub concept: String,
    pub severity: String,
    pub trigger: Value,
    /// Further keys, compared only where the case gives them.
    pub further: Vec<(String, Value)>,
}

/// A JSON object of a case, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub value: &'a Value,
    pub place: &'a str,
}

impl<'a> Item<'a> {
    pub(super) fn wrong(&self, key: &str, expected: &'static str) -> ScenarioError {
        ScenarioError::Case { place: format!("{}: {key}", self.place), expected }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        self.get(key)
            .map(|value| value.as_str().ok_or_else(|| self.wrong(key, "a text")))
            .transpose()
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool> {
        self.get(key).map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| self.wrong(key, "a yes or no"))
        })
    }

    pub(super) fn decimal(&self, key: &str) -> Result<Option<Decimal>> {
        let read = |value: &Value| {
            let Value::Number(number) = value else { return Err(self.wrong(key, "a number")) };
            number.to_string().parse().map_err(|_unfit| self.wrong(key, "a number that fits"))
        };
        self.get(key).map(read).transpose()
    }

    pub(super) fn needed_decimal(&self, key: &str) -> Result<Decimal> {
        self.decimal(key)?.ok_or_else(|| self.wrong(key, "a number"))
    }

    pub(super) fn time(&self, key: &str) -> Result<Option<Timestamp>> {
        let read = |text: &str| {
            Timestamp::parse(text).ok_or_else(|| self.wrong(key, "a time with an offset"))
        };
        self.text(key)?.map(read).transpose()
    }

    pub(super) fn needed_time(&self, key: &str) -> Result<Timestamp> {
        self.time(key)?.ok_or_else(|| self.wrong(key, "a time with an offset"))
    }

    pub(super) fn list(&self, key: &str) -> Result<&'a [Value]> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.wrong(key, "a list")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<&'a str>> {
        let read = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(key, "texts"));
        self.list(key)?.iter().map(read).collect()
    }
}

impl Case {
    pub(super) fn read(pack: &Pack, value: &Value) -> Result<Self> {
        let id = value.get("id").and_then(Value::as_str).unwrap_or("a case without id");
        let case = Item { value, place: id };
        let mut facts = Vec::new();
        for (event, place) in case.list("events")?.iter().zip(0_u64..) {
            let name = format!("{id} event {place}");
            let event = Item { value: event, place: &name };
            facts.push(fact(pack, event, FactId::of_place(place))?);
        }
        let last = facts.iter().map(|fact| fact.received_at).max();
        let end = last.unwrap_or(Timestamp::from_millis(0)).plus(RUNS_ON);
        let expect = case.list("expect")?.iter().map(|value| expected(Item { value, place: id }));
        Ok(Self {
            id: id.to_owned(),
            patient: patient(case)?,
            facts,
            until: case.time("end")?.unwrap_or(end),
            expect: expect.collect::<Result<_>>()?,
            escalations: match case.get("expect_escalations") {
                None => None,
                Some(_) => Some(case.list("expect_escalations")?.to_vec()),
            },
        })
    }
}

fn expected(item: Item<'_>) -> Result<Expected> {
    let text = |key| item.text(key)?.map(str::to_owned).ok_or_else(|| item.wrong(key, "a text"));
    let known = ["concept", "severity", "trigger"];
    let keys = item.value.as_object().into_iter().flatten();
    Ok(Expected {
        concept: text("concept")?,
        severity: text("severity")?,
        trigger: item.get("trigger").cloned().unwrap_or(Value::Null),
        further: keys
            .filter(|(key, _)| !known.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    })
}

fn patient(case: Item<'_>) -> Result<Patient> {
    let value = case.get("patient").ok_or_else(|| case.wrong("patient", "a person"))?;
    let person = Item { value, place: case.place };
    let name = PersonId::new(case.place).map_err(|_name| case.wrong("id", "a name"))?;
    let mut patient = Patient::new(name);
    if let Some(age) = person.decimal("age")? {
        let years = age.as_integer().and_then(|years| u16::try_from(years).ok());
        patient = patient.aged(years.ok_or_else(|| person.wrong("age", "whole years"))?);
    }
    for code in person.texts("cohorts")? {
        let cohort = Cohort::parse(code).ok_or_else(|| person.wrong("cohorts", "C0 to C3"))?;
        patient = patient.with(Condition::Cohort(cohort));
    }
    for code in person.texts("dx")? {
        patient = patient.with(match code {
            "htn" => Condition::Hypertension,
            "dm" => Condition::Diabetes,
            _ => return Err(person.wrong("dx", "htn or dm")),
        });
    }
    let flags = [
        ("pregnant", Condition::Pregnant),
        ("lactating", Condition::Lactating),
        ("on_antihypertensive", Condition::Antihypertensive),
        ("on_insulin_or_su", Condition::InsulinOrSulphonylurea),
        ("on_glucose_lowering", Condition::GlucoseLowering),
    ];
    for (key, condition) in flags {
        if person.flag(key)? {
            patient = patient.with(condition);
        }
    }
    if person.flag("cause_illness")? {
        patient = patient.poor_by_illness();
    }
    if let Some(plan) = person.get("plan") {
        let mut row = plan.clone();
        let wrong = || person.wrong("plan", "a plan as the registry has it, without the person");
        let named = row.as_object_mut().ok_or_else(wrong)?;
        named.insert("person".to_owned(), Value::from(patient.person().as_str()));
        let plan: Plan = serde_json::from_value(row).map_err(|_unfit| wrong())?;
        plan.check().map_err(|_wrong| wrong())?;
        patient = patient.planned([&plan]);
    }
    Ok(match person.time("enrolled_at")? {
        Some(at) => patient.enrolled(at),
        None => patient,
    })
}

fn fact(pack: &Pack, event: Item<'_>, id: FactId) -> Result<Fact> {
    let at = event.needed_time("t")?;
    let body = match event.text("type")?.unwrap_or_default() {
        "bp" => Body::BloodPressure(cuff(pack, event)?),
        "glu" => Body::Glucose(meter(pack, event)?),
        "followup" => Body::FollowUp(followup(pack, event)?),
        "ack" => Body::Act(act(event)?),
        "oop" => Body::Money(money(event, MoneyKind::YearToDate, "ytd_cny")?),
        "oop_month" => Body::Money(money(event, MoneyKind::OutpatientMonth, "outpatient_cny")?),
        "watermark" => Body::Watermark,
        "tick" => Body::Tick,
        _ => return Err(event.wrong("type", "a known type")),
    };
    let received_at = event.time("received_at")?.unwrap_or(at);
    Ok(Fact { id, at, received_at, source: Some(source(event)?), body })
}

fn source(event: Item<'_>) -> Result<Source> {
    let Some(device) = event.text("device")? else { return Ok(Source::Content) };
    let sequence = event.decimal("seq")?.and_then(Decimal::as_integer);
    let sequence = sequence.and_then(|sequence| u64::try_from(sequence).ok());
    Ok(Source::Device { device: SmolStr::new(device), sequence })
}

fn symptoms(pack: &Pack, event: Item<'_>) -> Result<Symptoms> {
    Ok(pack.symptoms.find(&event.texts("symptoms")?))
}

fn cuff(pack: &Pack, event: Item<'_>) -> Result<Cuff> {
    let marks = event.texts("flags")?;
    let marked = |name| marks.contains(&name);
    Ok(Cuff {
        systolic: event.needed_decimal("sbp")?,
        diastolic: event.needed_decimal("dbp")?,
        unit: match event.text("unit")?.unwrap_or("mmHg") {
            "mmHg" => PressureUnit::MmHg,
            "kPa" => PressureUnit::KPa,
            _ => return Err(event.wrong("unit", "mmHg or kPa")),
        },
        pulse: event.decimal("pulse")?,
        setting: match event.text("setting")?.unwrap_or("home") {
            "home" => Setting::Home,
            "clinic" => Setting::Clinic,
            _ => return Err(event.wrong("setting", "home or clinic")),
        },
        flags: Flags {
            body_movement: marked("body_movement"),
            cuff_too_loose: marked("cuff_too_loose"),
            improper_position: marked("improper_position"),
            pulse_out_of_range: marked("pulse_out_of_range"),
            irregular_pulse: event.flag("irregular")? || marked("irregular_pulse"),
        },
        symptoms: symptoms(pack, event)?,
        possible_duplicate: false,
    })
}

fn meter(pack: &Pack, event: Item<'_>) -> Result<Meter> {
    let value = match event.get("value").and_then(Value::as_str) {
        Some("HI") => GlucoseValue::High,
        Some("LO") => GlucoseValue::Low,
        Some(_) => return Err(event.wrong("value", "a number, HI or LO")),
        None => GlucoseValue::Number(event.needed_decimal("value")?),
    };
    Ok(Meter {
        value,
        unit: match event.text("unit")?.unwrap_or("mmol/L") {
            "mmol/L" => GlucoseUnit::MmolPerL,
            "mg/dL" => GlucoseUnit::MgPerDl,
            _ => return Err(event.wrong("unit", "mmol/L or mg/dL")),
        },
        meal: match event.text("context")?.unwrap_or("unknown") {
            "fasting" => Meal::Fasting,
            "before_meal" => Meal::BeforeMeal,
            "postprandial" | "after_meal" => Meal::AfterMeal,
            "random" => Meal::Random,
            "bedtime" => Meal::Bedtime,
            "unknown" => Meal::Unknown,
            _ => return Err(event.wrong("context", "a known context")),
        },
        symptoms: symptoms(pack, event)?,
    })
}

fn followup(pack: &Pack, event: Item<'_>) -> Result<FollowUp> {
    Ok(FollowUp {
        pressure: event.decimal("sbp")?.zip(event.decimal("dbp")?),
        fasting: event.decimal("fpg")?,
        symptoms: symptoms(pack, event)?,
    })
}

fn act(event: Item<'_>) -> Result<Act> {
    let concept = event.text("concept")?.and_then(|name| name.parse().ok());
    Ok(Act {
        concept: concept.ok_or_else(|| event.wrong("concept", "a known concept"))?,
        outcome: match event.text("outcome")?.unwrap_or("seen") {
            "seen" => ActOutcome::Seen,
            "confirmed_referred" => ActOutcome::ConfirmedReferred,
            "closed" => ActOutcome::Closed,
            _ => return Err(event.wrong("outcome", "seen, confirmed_referred or closed")),
        },
    })
}

fn money(event: Item<'_>, kind: MoneyKind, sum: &str) -> Result<Money> {
    let profile = event.text("profile")?.ok_or_else(|| event.wrong("profile", "a text"))?;
    Ok(Money { profile: SmolStr::new(profile), kind, yuan: event.needed_decimal(sum)? })
}
