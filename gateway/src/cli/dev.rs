//! What `serve --dev` puts into an empty store, so that the first message has a person and a doctor.

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

use super::{Failure, pieces::Core, serve::register};
use crate::{
    domain::{
        Attributes, CareLevel, Doctor, DoctorId, Household, HouseholdId, NameError, Person,
        PersonId, Registered,
    },
    serve::{self, Shared},
    store::{CommitSeq, Fact},
};

/// People of the store, `P000001` to `P000100` (DESIGN section 9).
const PEOPLE: u32 = 100;
/// People of one household.
const HOUSEHOLD: u32 = 2;
/// Their doctor.
const DOCTOR: &str = "DR1";
/// Facts at which a store is told to be empty: whatever the packs were, something stands beside them.
const LOOKED_AT: usize = 64;
/// Their village.
const VILLAGE: &str = "示范村";

/// Seeds an empty store; one that holds anything beside its rule pack is left as it is.
pub(super) async fn seed(core: &Core) -> Result<(), Failure> {
    let begun = core.reader.feed(CommitSeq::default(), LOOKED_AT)?;
    if !begun.iter().all(|entry| matches!(entry.fact, Fact::Pack(_))) {
        return Ok(());
    }
    let rows = rows().map_err(|error| Failure::of(&error))?;
    register(core, rows, "dev").await.map(|_| ())
}

fn rows() -> Result<Vec<Registered>, NameError> {
    let doctor = DoctorId::new(DOCTOR)?;
    let mut rows = vec![Registered::Doctor(Doctor {
        doctor: doctor.clone(),
        name: "示范医生".to_owned(),
        phone: String::new(),
        level: CareLevel::Village,
        place: VILLAGE.to_owned(),
        webhook: String::new(),
        webhook_secret: String::new(),
        mqtt: true,
        attributes: Attributes::new(),
    })];
    for number in 1..=PEOPLE.div_ceil(HOUSEHOLD) {
        rows.push(Registered::Household(Household {
            household: household(number)?,
            village: VILLAGE.to_owned(),
            doctor: Some(doctor.clone()),
            assigned: Vec::new(),
            cause: String::new(),
            attributes: Attributes::new(),
        }));
    }
    for number in 1..=PEOPLE {
        rows.push(Registered::Person(person(number)?));
    }
    Ok(rows)
}

fn household(number: u32) -> Result<HouseholdId, NameError> {
    HouseholdId::new(&format!("H{number:06}"))
}

fn person(number: u32) -> Result<Person, NameError> {
    Ok(Person {
        person: PersonId::new(&format!("P{number:06}"))?,
        name: format!("示范居民{number}"),
        sex: None,
        birth_date: None,
        id_number: String::new(),
        cards: Vec::new(),
        phone: String::new(),
        consent: String::new(),
        household: Some(household(number.div_ceil(HOUSEHOLD))?),
        village: String::new(),
        diagnoses: Vec::new(),
        medicines: Vec::new(),
        cohorts: Vec::new(),
        pregnant: Vec::new(),
        attributes: Attributes::new(),
    })
}

/// A token with every right, for the line that says that the gateway is ready.
pub(super) async fn token(shared: &Arc<Shared>) -> Result<String, Failure> {
    let request = Request::post("/admin/tokens")
        .header("content-type", "application/json")
        .body(Body::from(json!({ "role": "operator" }).to_string()))
        .map_err(|error| Failure::of(&error))?;
    let Ok(answer) = serve::admin_router(Arc::clone(shared)).oneshot(request).await;
    let body = answer.into_body().collect().await.map_err(|error| Failure::of(&error))?.to_bytes();
    let answer: Value = serde_json::from_slice(&body).map_err(|error| Failure::of(&error))?;
    let token = answer.get("token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| Failure::Failed(format!("no token was made: {answer}")))
}
