//! Events of people as rows.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    code,
    fault::failed,
    reading,
    row::{Cells, fetch, fetch_one, key_cell, number, run},
    told,
};
use crate::{
    domain::{
        ActOutcome, EventId, Happened, Id, Key, Millis, Money, MoneyKind, PersonEvent, PersonId,
        ReadingId, SiteAct, SiteDeed, Timestamp,
    },
    store::{CommitSeq, StoreError},
};

/// The columns, in the order of [`insert`].
const NAMES: &str = "seq, id, content, person, filed, at, received_at, author, reference, note, \
     kind, systolic, diastolic, fasting, symptoms, profile, span, yuan, concept, outcome, site, \
     bench, deed, reading, alert, voids";

/// The same as [`decode`] takes them, with how it counts: [`MOVED`], or [`told::AS_TOLD`].
pub(super) fn columns(moved: &str) -> String {
    format!(
        "seq, id, content, person, filed, at, received_at, {moved}, author, reference, \
         unseal_text(seq, 'note', note), kind, systolic, diastolic, fasting, symptoms, profile, span, \
         yuan, concept, outcome, site, bench, deed, reading, alert, voids"
    )
}

/// How much later it counts.
const MOVED: &str = told::columns!("person_event");

/// Adds an event at a position: to the file that survives, where the one it came under counts as
/// another's.
pub(super) fn insert(
    connection: &Connection,
    seq: CommitSeq,
    event: &PersonEvent,
    survivor: Option<&PersonId>,
) -> Result<(), StoreError> {
    let what = "adding an event";
    let sql = format!(
        "INSERT INTO person_event ({NAMES}) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, seal_text(?1, 'note', ?10), ?11, ?12, ?13, \
         ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26)"
    );
    let mut values: [Option<String>; 4] = Default::default();
    let (mut money, mut act, mut bench) = (None, None, None);
    match &event.what {
        Happened::FollowUp { pressure, fasting, symptoms } => {
            values = [
                pressure.map(|(systolic, _)| code::decimal(systolic)),
                pressure.map(|(_, diastolic)| code::decimal(diastolic)),
                fasting.map(code::decimal),
                reading::symptoms(symptoms)?,
            ];
        }
        Happened::Money(paid) => money = Some(paid),
        Happened::Act { concept, outcome } => act = Some((concept.as_str(), outcome.as_str())),
        Happened::SiteAct(done) => {
            values = [None, None, None, reading::symptoms(&done.symptoms)?];
            bench = Some(done);
        }
        Happened::Voided(_) => {}
    }
    let [systolic, diastolic, fasting, symptoms] = values;
    let params = params![
        seq.0,
        event.id.as_bytes(),
        event.content.as_bytes(),
        survivor.unwrap_or(&event.person).as_str(),
        survivor.map(|_| event.person.as_str()),
        event.at.as_millis(),
        event.received_at.as_millis(),
        event.author.as_str(),
        event.reference.as_deref(),
        event.note,
        event.what.kind(),
        systolic,
        diastolic,
        fasting,
        symptoms,
        money.map(|paid| paid.profile.as_str()),
        money.map(|paid| paid.kind.as_str()),
        money.map(|paid| code::decimal(paid.yuan)),
        act.map(|(concept, _)| concept),
        act.map(|(_, outcome)| outcome),
        bench.map(|done| done.site.as_str()),
        bench.and_then(|done| done.bench.as_ref()).map(Id::as_str),
        bench.map(|done| done.deed.as_str()),
        bench.and_then(|done| done.reading.as_ref()).map(Key::as_bytes),
        bench.and_then(|done| done.alert.as_ref()).map(Key::as_bytes),
        event.what.voids().map(Key::as_bytes),
    ];
    let mut statement = connection.prepare_cached(&sql).map_err(failed(what))?;
    match statement.execute(params) {
        Ok(_) => match (event.what.told(), event.what.voids()) {
            (Some((reading, _)), _) => tell(connection, reading),
            (None, Some(mistake)) => tell_without(connection, mistake),
            (None, None) => Ok(()),
        },
        Err(error) if reading::is_taken(&error) => Err(StoreError::Duplicate),
        Err(error) => Err(failed(what)(error)),
    }
}

/// A stored reading tells of every symptom that acts at the bench name for it.
fn tell(connection: &Connection, id: &ReadingId) -> Result<(), StoreError> {
    let sql = "SELECT symptoms FROM person_event e WHERE reading = ? AND symptoms IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM person_event v WHERE v.voids = e.id)";
    let told = fetch(connection, "person_event", (sql, [id.as_bytes()]), reading::codes)?;
    let all: BTreeSet<SmolStr> = told.into_iter().flatten().collect();
    let told = (!all.is_empty()).then(|| reading::json(&all)).transpose()?;
    let sql = "UPDATE reading SET told_symptoms = ? WHERE id = ?";
    run(connection, "telling a reading of symptoms", sql, params![told, id.as_bytes()]).map(|_| ())
}

/// The reading of an act that was entered by mistake tells of the others' symptoms alone.
fn tell_without(connection: &Connection, mistake: &EventId) -> Result<(), StoreError> {
    let sql = "SELECT reading FROM person_event WHERE id = ? AND reading IS NOT NULL \
               AND symptoms IS NOT NULL";
    let asked = (sql, [mistake.as_bytes()]);
    let reading = fetch_one(connection, "person_event", asked, key_cell)?;
    reading.map_or(Ok(()), |reading| tell(connection, &reading))
}

/// One event by its id.
pub(super) fn one(
    connection: &Connection,
    id: &EventId,
) -> Result<Option<PersonEvent>, StoreError> {
    let sql = format!("SELECT {} FROM person_event WHERE id = ?", columns(MOVED));
    let found = fetch_one(connection, "person_event", (&sql, [id.as_bytes()]), decode)?;
    Ok(found.map(|(_, event)| event))
}

/// An event from [`columns`].
pub(super) fn decode(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, PersonEvent), StoreError> {
    let text = |text: &str| Some(SmolStr::new(text));
    let seq = cells.seq()?;
    let (id, content, person) = (cells.key()?, cells.key()?, cells.id()?);
    // Whose it counts as is for the queries; what it came under stays.
    let person = cells.id_or_none()?.unwrap_or(person);
    let (at, received_at) = (cells.time()?, cells.time()?);
    let moved = told::decode(cells)?;
    let (author, reference) = (cells.text(text)?, cells.text_or_none(text)?);
    let note = cells.take()?;
    let what = what(cells)?;
    let event = PersonEvent { id, content, person, at, received_at, author, reference, note, what };
    Ok((
        seq,
        match moved {
            Some(moved) => moved.event(event),
            None => event,
        },
    ))
}

fn what(cells: &mut Cells<'_, '_>) -> Result<Happened, StoreError> {
    let text = |text: &str| Some(SmolStr::new(text));
    match cells.take::<String>()?.as_str() {
        "follow_up" => {
            let systolic = cells.text_or_none(reading::parse_decimal)?;
            let diastolic = cells.text_or_none(reading::parse_decimal)?;
            let fasting = cells.text_or_none(reading::parse_decimal)?;
            let symptoms = cells.text_or_none(|text| serde_json::from_str(text).ok())?;
            let pressure = systolic.zip(diastolic);
            Ok(Happened::FollowUp { pressure, fasting, symptoms: symptoms.unwrap_or_default() })
        }
        "money" => {
            cells.skip(4);
            let profile = cells.text(text)?;
            let kind = cells.word(&MoneyKind::ALL, MoneyKind::as_str)?;
            let yuan = cells.text(reading::parse_decimal)?;
            Ok(Happened::Money(Money { profile, kind, yuan }))
        }
        "act" => {
            cells.skip(7);
            let concept = cells.text(text)?;
            let outcome = cells.word(&ActOutcome::ALL, ActOutcome::as_str)?;
            Ok(Happened::Act { concept, outcome })
        }
        "site_act" => {
            cells.skip(3);
            let symptoms = reading::codes(cells)?;
            cells.skip(5);
            Ok(Happened::SiteAct(SiteAct {
                site: cells.id()?,
                bench: cells.id_or_none()?,
                deed: cells.word(&SiteDeed::ALL, SiteDeed::as_str)?,
                symptoms,
                reading: cells.key_or_none()?,
                alert: cells.key_or_none()?,
            }))
        }
        "voided" => {
            cells.skip(14);
            Ok(Happened::Voided(cells.key()?))
        }
        _ => Err(cells.damaged("unknown kind")),
    }
}

/// Each person's events, by (when they happened, id).
pub(super) fn of_people(
    connection: &Connection,
    people: &[PersonId],
) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
    people.iter().map(|person| since(connection, person, CommitSeq(0))).collect()
}

/// A person's events after a position, by (when they happened, id).
pub(super) fn since(
    connection: &Connection,
    person: &PersonId,
    after: CommitSeq,
) -> Result<Vec<PersonEvent>, StoreError> {
    let sql = format!("SELECT {} FROM person_event WHERE person = ? AND seq > ?", columns(MOVED));
    let asked = params![person.as_str(), after.0];
    let found = fetch(connection, "person_event", (&sql, asked), decode)?;
    let mut events: Vec<PersonEvent> = found.into_iter().map(|(_, event)| event).collect();
    events.sort_by_key(|event| (event.at, event.id));
    Ok(events)
}

/// To whom something happened that was stored within a length of time before the newest event.
pub(super) fn of_whom_lately(
    connection: &Connection,
    within: Millis,
) -> Result<Vec<PersonId>, StoreError> {
    let newest = "SELECT coalesce(max(received_at), 0) FROM person_event";
    let since = Timestamp::from_millis(number(connection, newest, [])?).minus(within);
    let sql = "SELECT DISTINCT person FROM person_event WHERE received_at >= ? ORDER BY person";
    fetch(connection, "person_event", (sql, [since.as_millis()]), |cells| {
        let whose: PersonId = cells.id()?;
        Ok(whose)
    })
}
