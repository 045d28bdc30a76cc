//! Alerts, their steps and what is owed for them, as rows.

use rusqlite::{Connection, ToSql, params};
use smol_str::SmolStr;

use super::{
    code,
    reading::json,
    row::{Cells, fetch, fetch_one, run},
    told,
};
use crate::{
    domain::{Alert, AlertId, PersonId},
    store::{
        AlertChange, AlertEvent, Channel, CommitSeq, Crossing, Owed, StoreError, StoredReading,
        Timer, TimerKind,
    },
};

/// The columns of an alert, in `alert` and in `alert_event`.
pub(super) const COLUMNS: &str = "key, id, concept, level, state, person, owner, step, opened_at, \
     alert_at, deadline, late, reasons, pack, ladder";

/// The columns of a step, with how it counts: [`MOVED`], or [`told::AS_TOLD`].
pub(super) fn event_columns(moved: &str) -> String {
    format!(
        "{COLUMNS}, seq, change, at, claimed_at, by, unseal_text(seq, 'note', note), was, alias, \
         cause, visit, outcome, {moved}"
    )
}

/// How much later it counts.
const MOVED: &str = told::columns!("alert_event");

pub(super) const OWED_COLUMNS: &str = "key, alert, alert_id, change, level, recipient, channel, \
     due_at, deadline, attempts, unseal_text(key, 'last_error', last_error)";

const CHANNELS: [Channel; 2] = [Channel::Webhook, Channel::Mqtt];

/// Puts the alert as it stands now in the place of what stood there.
pub(super) fn put(connection: &Connection, alert: &Alert) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO alert (key, id, concept, level, state, person, owner, step, \
               opened_at, alert_at, deadline, late, reasons, pack, ladder, live) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let reasons = json(&alert.reasons)?;
    let ladder = json(&alert.ladder)?;
    let params: [&dyn ToSql; 16] = [
        &alert.key,
        alert.id.as_bytes(),
        &alert.concept.as_str(),
        &code::level(alert.level),
        &code::state(alert.state),
        &alert.person.as_str(),
        &alert.owner.as_ref().map(crate::domain::Id::as_str),
        &code::step(alert.step),
        &alert.opened_at.as_millis(),
        &alert.alert_at.as_millis(),
        &alert.deadline.map(crate::domain::Timestamp::as_millis),
        &alert.late,
        &reasons,
        &alert.pack.as_str(),
        &ladder,
        &alert.state.is_live(),
    ];
    run(connection, "putting an alert", sql, params).map(|_| ())
}

/// An alert from the columns of [`COLUMNS`].
pub(super) fn decode(cells: &mut Cells<'_, '_>) -> Result<Alert, StoreError> {
    Ok(Alert {
        key: cells.take()?,
        id: cells.key()?,
        concept: cells.text(|text| Some(SmolStr::new(text)))?,
        level: cells.one_of(&code::LEVELS, code::level)?,
        state: cells.word(&code::STATES, code::state)?,
        person: cells.id()?,
        owner: cells.id_or_none()?,
        step: cells.word(&code::STEPS, code::step)?,
        opened_at: cells.time()?,
        alert_at: cells.time()?,
        deadline: cells.time_or_none()?,
        late: cells.flag()?,
        reasons: cells.text(|text| serde_json::from_str(text).ok())?,
        pack: cells.text(|text| Some(SmolStr::new(text)))?,
        ladder: cells.text(|text| serde_json::from_str(text).ok())?,
    })
}

/// Adds a step of an alert's life, and remembers to whom the alert came.
pub(super) fn add_event(
    connection: &Connection,
    seq: CommitSeq,
    event: &AlertEvent,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO alert_event (key, id, concept, level, state, person, owner, step, \
               opened_at, alert_at, deadline, late, reasons, pack, ladder, seq, change, at, claimed_at, \
                by, note, was, alias, cause, visit, outcome) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
               ?17, ?18, ?19, ?20, seal_text(?16, 'note', ?21), ?22, ?23, ?24, ?25, ?26)";
    let alert = &event.alert;
    let visit = event.visit.as_ref().map(json).transpose()?;
    let outcome = event.outcome.as_ref().map(json).transpose()?;
    let reasons = json(&alert.reasons)?;
    let ladder = json(&alert.ladder)?;
    let params: [&dyn ToSql; 26] = [
        &alert.key,
        alert.id.as_bytes(),
        &alert.concept.as_str(),
        &code::level(alert.level),
        &code::state(alert.state),
        &alert.person.as_str(),
        &alert.owner.as_ref().map(crate::domain::Id::as_str),
        &code::step(alert.step),
        &alert.opened_at.as_millis(),
        &alert.alert_at.as_millis(),
        &alert.deadline.map(crate::domain::Timestamp::as_millis),
        &alert.late,
        &reasons,
        &alert.pack.as_str(),
        &ladder,
        &seq.0,
        &event.change.as_str(),
        &event.at.as_millis(),
        &event.claimed_at.map(crate::domain::Timestamp::as_millis),
        &event.by.as_deref(),
        &event.note,
        &event.from.map(code::state),
        &event.alias.as_ref().map(crate::domain::Key::as_bytes),
        &event.cause.map(|cause| cause.0),
        &visit,
        &outcome,
    ];
    run(connection, "adding a step of an alert", sql, params)?;
    if let Some(owner) = &alert.owner {
        let sql = "INSERT OR IGNORE INTO alert_owner (doctor, person) VALUES (?, ?)";
        let params = params![owner.as_str(), alert.person.as_str()];
        run(connection, "remembering an owner", sql, params)?;
    }
    Ok(())
}

/// A step from [`event_columns`].
pub(super) fn decode_event(
    cells: &mut Cells<'_, '_>,
) -> Result<(CommitSeq, AlertEvent), StoreError> {
    let alert = decode(cells)?;
    let seq = cells.seq()?;
    let event = AlertEvent {
        alert,
        change: cells.word(&AlertChange::ALL, AlertChange::as_str)?,
        at: cells.time()?,
        claimed_at: cells.time_or_none()?,
        by: cells.text_or_none(|text| Some(SmolStr::new(text)))?,
        note: cells.take()?,
        from: cells.text_or_none(|text| {
            code::STATES.into_iter().find(|state| code::state(*state) == text)
        })?,
        alias: cells.key_or_none()?,
        cause: cells.take::<Option<i64>>()?.map(CommitSeq),
        visit: cells.text_or_none(|text| serde_json::from_str(text).ok())?,
        outcome: cells.text_or_none(|text| serde_json::from_str(text).ok())?,
    };
    let event = match told::decode(cells)? {
        Some(moved) => moved.step(event),
        None => event,
    };
    Ok((seq, event))
}

/// An alert by its id or an id that it had.
pub(super) fn find(connection: &Connection, id: &AlertId) -> Result<Option<Alert>, StoreError> {
    let by_id = format!("SELECT {COLUMNS} FROM alert WHERE id = ? ORDER BY key LIMIT 1");
    if let Some(alert) = fetch_one(connection, "alert", (&by_id, [id.as_bytes()]), decode)? {
        return Ok(Some(alert));
    }
    let by_alias =
        format!("SELECT {COLUMNS} FROM alert WHERE key = (SELECT alert FROM alias WHERE id = ?)");
    fetch_one(connection, "alert", (&by_alias, [id.as_bytes()]), decode)
}

/// An alert by this gateway's number for it.
pub(super) fn by_key(connection: &Connection, key: i64) -> Result<Option<Alert>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE key = ?");
    fetch_one(connection, "alert", (&sql, [key]), decode)
}

/// A person's alerts, oldest first.
pub(super) fn of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Vec<Alert>, StoreError> {
    let sql = "SELECT key, id, concept, level, state, person, owner, step, opened_at, alert_at, \
               deadline, late, reasons, pack, ladder FROM alert WHERE person = ? ORDER BY key";
    fetch(connection, "alert", (sql, [person.as_str()]), decode)
}

/// The steps of an alert, oldest first.
pub(super) fn events(
    connection: &Connection,
    key: i64,
) -> Result<Vec<(CommitSeq, AlertEvent)>, StoreError> {
    let columns = event_columns(MOVED);
    let sql = format!("SELECT {columns} FROM alert_event WHERE key = ? ORDER BY seq");
    fetch(connection, "alert_event", (&sql, [key]), decode_event)
}

/// Adds a crossing.
pub(super) fn add_crossing(
    connection: &Connection,
    seq: CommitSeq,
    crossing: &Crossing,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO crossing (seq, reading, person, concept, level, disposition, alert) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let params = params![
        seq.0,
        crossing.reading.as_ref().map(crate::domain::Key::as_bytes),
        crossing.person.as_str(),
        crossing.concept.as_str(),
        code::level(crossing.level),
        code::disposition(crossing.disposition),
        crossing.alert,
    ];
    run(connection, "adding a crossing", sql, params).map(|_| ())
}

/// A crossing from the columns seq, reading, person, concept, level, disposition, alert.
pub(super) fn decode_crossing(
    cells: &mut Cells<'_, '_>,
) -> Result<(CommitSeq, Crossing), StoreError> {
    let seq = cells.seq()?;
    let crossing = Crossing {
        reading: cells.key_or_none()?,
        person: cells.id()?,
        concept: cells.text(|text| Some(SmolStr::new(text)))?,
        level: cells.one_of(&code::LEVELS, code::level)?,
        disposition: cells.word(&code::DISPOSITIONS, code::disposition)?,
        alert: cells.take()?,
    };
    Ok((seq, crossing))
}

/// A person's crossings, oldest first.
pub(super) fn crossings_of_person(
    connection: &Connection,
    person: &PersonId,
) -> Result<Vec<Crossing>, StoreError> {
    let sql = "SELECT seq, reading, person, concept, level, disposition, alert FROM crossing \
               WHERE alert IN (SELECT key FROM alert WHERE person = ?) ORDER BY seq";
    let found = fetch(connection, "crossing", (sql, [person.as_str()]), decode_crossing)?;
    Ok(found.into_iter().map(|(_, crossing)| crossing).collect())
}

/// The crossings of an alert, newest first, each with its reading as far as that counts as the alert's
/// person's now: one that was claimed for them, or came under a file of theirs, may have been taken back.
pub(super) fn crossings_of(
    connection: &Connection,
    alert: i64,
) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError> {
    let sql = "SELECT seq, reading, person, concept, level, disposition, alert FROM crossing \
               WHERE alert = ? ORDER BY seq DESC";
    let crossings = fetch(connection, "crossing", (sql, [alert]), decode_crossing)?;
    let sql = format!(
        "SELECT {} FROM reading WHERE id = ?1 \
         AND coalesce(person, ?3) = (SELECT person FROM alert WHERE key = ?2)",
        super::reading::COLUMNS
    );
    crossings
        .into_iter()
        .map(|(_, crossing)| {
            let Some(id) = crossing.reading else { return Ok((crossing, None)) };
            let nobody = PersonId::of_nobody(&id);
            let asked = params![id.as_bytes(), alert, nobody.as_str()];
            let reading = fetch_one(connection, "reading", (&sql, asked), super::reading::decode)?;
            Ok((crossing, reading.map(|(_, reading)| reading)))
        })
        .collect()
}

/// An owed notification from the columns of [`OWED_COLUMNS`].
pub(super) fn decode_owed(cells: &mut Cells<'_, '_>) -> Result<Owed, StoreError> {
    Ok(Owed {
        key: cells.key()?,
        alert: cells.take()?,
        alert_id: cells.key()?,
        change: cells.word(&AlertChange::ALL, AlertChange::as_str)?,
        level: cells.one_of(&code::LEVELS, code::level)?,
        recipient: cells.id()?,
        channel: cells.word(&CHANNELS, Channel::as_str)?,
        due_at: cells.time()?,
        deadline: cells.time_or_none()?,
        attempts: cells.small()?,
        last_error: cells.take()?,
    })
}

/// Timers due at an instant, earliest first.
pub(super) fn due_timers(
    connection: &Connection,
    now: crate::domain::Timestamp,
    limit: i64,
) -> Result<Vec<Timer>, StoreError> {
    let sql = "SELECT kind, person, alert, step, due_at FROM timer WHERE due_at <= ? \
               ORDER BY due_at, kind, person, alert LIMIT ?";
    fetch(connection, "timer", (sql, [now.as_millis(), limit]), |cells| {
        Ok(Timer {
            kind: cells.word::<TimerKind>(&code::TIMERS, code::timer)?,
            person: cells.id()?,
            alert: cells.take()?,
            step: cells.word(&code::STEPS, code::step)?,
            due_at: cells.time()?,
        })
    })
}

/// Notifications still owed for an alert, earliest first.
pub(super) fn owed_for(connection: &Connection, alert: i64) -> Result<Vec<Owed>, StoreError> {
    let sql = format!(
        "SELECT {OWED_COLUMNS} FROM owed WHERE alert = ? AND due_at IS NOT NULL \
         ORDER BY due_at, key"
    );
    fetch(connection, "owed", (&sql, [alert]), decode_owed)
}
