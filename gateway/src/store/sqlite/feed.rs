//! The log in commit order: positions have no gaps, so a span of them is exactly a page.

use rusqlite::Connection;
use smol_str::SmolStr;

use super::{
    alert, code, context, decision, event, fact, identity, merge, reading, registry,
    row::{Cells, cell, fetch, fetch_one},
    timing, told,
};
use crate::{
    domain::OpenedBy,
    store::{
        Attempt, CardScan, CommitSeq, Fact, Origin, Presence, Quarantined, Refused, Registration,
        Sending, StoreError,
        view::{FeedEntry, HeldRefusal},
    },
};

/// The last position.
pub(super) fn last(connection: &Connection) -> Result<CommitSeq, StoreError> {
    let found = fetch_one(connection, "state", ("SELECT last FROM state", []), cell::<i64>)?;
    let what = "the row that counts positions is missing".to_owned();
    found.map(CommitSeq).ok_or(StoreError::Damaged { table: "state", what })
}

/// Facts after a position, in commit order.
pub(super) fn feed(
    connection: &Connection,
    after: CommitSeq,
    limit: usize,
) -> Result<Vec<FeedEntry>, StoreError> {
    let span = [after.0, after.0.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX))];
    let mut entries = readings(connection, span)?;
    entries.extend(refused(connection, span)?);
    entries.extend(quarantined(connection, span)?);
    entries.extend(decision::decisions(connection, span)?);
    entries.extend(decision::attributions(connection, span)?);
    entries.extend(merge::span(connection, span)?);
    entries.extend(timing::retimings(connection, span)?);
    entries.extend(timing::notes(connection, span)?);
    entries.extend(contexts(connection, span)?);
    entries.extend(events(connection, span)?);
    entries.extend(card_scans(connection, span)?);
    entries.extend(presences(connection, span)?);
    entries.extend(registrations(connection, span)?);
    entries.extend(packs(connection, span)?);
    entries.extend(crossings(connection, span)?);
    entries.extend(alerts(connection, span)?);
    entries.extend(attempts(connection, span)?);
    entries.sort_by_key(|entry| entry.seq);
    Ok(entries)
}

pub(super) type Entries = Result<Vec<FeedEntry>, StoreError>;

pub(super) const fn entry(seq: CommitSeq, fact: Fact) -> FeedEntry {
    FeedEntry { seq, fact }
}

fn readings(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = format!("SELECT {} FROM reading WHERE seq > ? AND seq <= ?", reading::COLUMNS);
    fetch(connection, "reading", (&sql, span), |cells| {
        let (seq, stored) = reading::decode(cells)?;
        Ok(entry(seq, Fact::Reading(Box::new(stored))))
    })
}

/// From the columns road, site, device.
pub(super) fn origin(cells: &mut Cells<'_, '_>) -> Result<Origin, StoreError> {
    Ok(Origin {
        road: cells.one_of(&code::ROADS, code::road)?,
        site: cells.id_or_none()?,
        device: cells.text_or_none(|text| Some(SmolStr::new(text)))?,
    })
}

/// From the columns seq, reason, raw, road, site, device, received_at.
pub(super) fn refusal(cells: &mut Cells<'_, '_>) -> Result<HeldRefusal, StoreError> {
    let seq = cells.seq()?;
    let refused = Refused {
        reason: cells.take()?,
        raw: cells.take()?,
        origin: origin(cells)?,
        received_at: cells.time()?,
    };
    Ok(HeldRefusal { seq, refused })
}

fn refused(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, unseal_text(seq, 'reason', reason), unseal_raw(seq, 'raw', raw), \
               road, site, device, received_at FROM refused \
               WHERE seq > ? AND seq <= ?";
    fetch(connection, "refused", (sql, span), |cells| {
        let HeldRefusal { seq, refused } = refusal(cells)?;
        Ok(entry(seq, Fact::Refused(refused)))
    })
}

/// From the columns seq, reason, detail, raw, road, site, device, received_at, content, without
/// the reading.
pub(super) fn item(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, Quarantined), StoreError> {
    let seq = cells.seq()?;
    let item = Quarantined {
        reason: cells.word(&code::REASONS, crate::store::QuarantineReason::as_str)?,
        detail: cells.take()?,
        raw: cells.take()?,
        origin: origin(cells)?,
        received_at: cells.time()?,
        reading: None,
        content: cells.key()?,
    };
    Ok((seq, item))
}

fn quarantined(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, reason, unseal_text(seq, 'detail', detail), unseal_raw(seq, 'raw', raw), \
               road, site, device, received_at, coalesce(unseal_raw(seq, 'told', told), content) \
               FROM quarantine WHERE seq > ? AND seq <= ?";
    let items = fetch(connection, "quarantine", (sql, span), item)?;
    items
        .into_iter()
        .map(|(seq, mut item)| {
            item.reading = held_reading(connection, seq)?.map(|held| Box::new(held.reading));
            Ok(entry(seq, Fact::Quarantined(Box::new(item))))
        })
        .collect()
}

/// The reading inside an item of quarantine.
pub(super) fn held_reading(
    connection: &Connection,
    seq: CommitSeq,
) -> Result<Option<crate::store::StoredReading>, StoreError> {
    let sql = format!("SELECT {} FROM quarantined_reading WHERE seq = ?", reading::COLUMNS);
    let found = fetch_one(connection, "quarantined_reading", (&sql, [seq.0]), reading::decode)?;
    Ok(found.map(|(_, held)| held))
}

fn contexts(connection: &Connection, span: [i64; 2]) -> Entries {
    let columns = context::COLUMNS;
    let sql = format!("SELECT {columns} FROM context WHERE seq > ? AND seq <= ?");
    fetch(connection, "context", (&sql, span), |cells| {
        let (seq, context) = context::decode(cells)?;
        Ok(entry(seq, Fact::Context(Box::new(context))))
    })
}

fn events(connection: &Connection, span: [i64; 2]) -> Entries {
    let columns = event::columns(told::AS_TOLD);
    let sql = format!("SELECT {columns} FROM person_event WHERE seq > ? AND seq <= ?");
    fetch(connection, "person_event", (&sql, span), |cells| {
        let (seq, event) = event::decode(cells)?;
        Ok(entry(seq, Fact::Event(Box::new(event))))
    })
}

fn card_scans(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, site, bench, unseal_text(seq, 'card', card), person, at, received_at, out, \
               opened_by FROM card_scan WHERE seq > ? AND seq <= ?";
    fetch(connection, "card_scan", (sql, span), |cells| {
        let seq = cells.seq()?;
        Ok(entry(seq, Fact::CardScan(decode_scan(cells)?)))
    })
}

/// What opened a session, from its column.
pub(super) fn opened_by(cells: &mut Cells<'_, '_>) -> Result<OpenedBy, StoreError> {
    Ok(cells.text_or_none(code::opened_by_text)?.unwrap_or(OpenedBy::Reader(None)))
}

/// A scan from the columns site, bench, card, person, at, received_at, out,
/// opened_by.
pub(super) fn decode_scan(cells: &mut Cells<'_, '_>) -> Result<CardScan, StoreError> {
    Ok(CardScan {
        site: cells.id()?,
        bench: cells.id()?,
        card: cells.take()?,
        person: cells.id_or_none()?,
        at: cells.time()?,
        received_at: cells.time()?,
        out: cells.flag()?,
        opened_by: opened_by(cells)?,
    })
}

fn presences(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, site, online, unseal_text(seq, 'detail', detail), at FROM presence WHERE seq > ? AND seq <= ?";
    fetch(connection, "presence", (sql, span), |cells| {
        let seq = cells.seq()?;
        let presence = Presence {
            site: cells.id()?,
            online: cells.flag()?,
            detail: cells.take()?,
            at: cells.time()?,
        };
        Ok(entry(seq, Fact::Presence(presence)))
    })
}

fn registrations(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = format!(
        "SELECT g.seq, {}, g.author, g.at FROM {} WHERE g.seq > ? AND g.seq <= ?",
        identity::COLUMNS,
        identity::ROWS
    );
    fetch(connection, "registration", (&sql, span), |cells| {
        let (seq, registration) = registration(cells)?;
        Ok(entry(seq, Fact::Registration(Box::new(registration))))
    })
}

/// From the columns seq, those of [`identity::COLUMNS`], author, at.
pub(super) fn registration(
    cells: &mut Cells<'_, '_>,
) -> Result<(CommitSeq, Registration), StoreError> {
    let seq = cells.seq()?;
    let row = identity::row(cells)?;
    let author = cells.text(|text| Some(SmolStr::new(text)))?;
    Ok((seq, Registration { row, author, at: cells.time()? }))
}

fn packs(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, hash, body, at, origin FROM pack WHERE seq > ? AND seq <= ?";
    fetch(connection, "pack", (sql, span), |cells| {
        Ok(entry(cells.seq()?, Fact::Pack(Box::new(registry::pack(cells)?))))
    })
}

fn crossings(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, reading, person, concept, level, disposition, alert FROM crossing \
               WHERE seq > ? AND seq <= ?";
    fetch(connection, "crossing", (sql, span), |cells| {
        let (seq, crossing) = alert::decode_crossing(cells)?;
        Ok(entry(seq, Fact::Crossing(crossing)))
    })
}

fn alerts(connection: &Connection, span: [i64; 2]) -> Entries {
    let columns = alert::event_columns(told::AS_TOLD);
    let sql = format!("SELECT {columns} FROM alert_event WHERE seq > ? AND seq <= ?");
    fetch(connection, "alert_event", (&sql, span), |cells| {
        let (seq, event) = alert::decode_event(cells)?;
        Ok(entry(seq, Fact::Alert(Box::new(event))))
    })
}

fn attempts(connection: &Connection, span: [i64; 2]) -> Entries {
    let sql = "SELECT seq, key, sending, unseal_text(seq, 'why', why), retry_at, at FROM attempt \
               WHERE seq > ? AND seq <= ?";
    fetch(connection, "attempt", (sql, span), |cells| {
        let (seq, attempt) = decode_attempt(cells)?;
        Ok(entry(seq, Fact::Attempt(attempt)))
    })
}

/// An attempt from `seq, key, sending, why, retry_at, at`.
pub(super) fn decode_attempt(
    cells: &mut Cells<'_, '_>,
) -> Result<(CommitSeq, Attempt), StoreError> {
    let (seq, key) = (cells.seq()?, cells.key()?);
    let word: String = cells.take()?;
    let (why, retry_at) = (cells.take::<Option<String>>()?, cells.time_or_none()?);
    let sending = match (word.as_str(), why) {
        (fact::DELIVERED, None) => Sending::Delivered,
        (fact::DROPPED, None) => Sending::Dropped,
        (fact::FAILED, Some(why)) => Sending::Failed { why, retry_at },
        _ => return Err(cells.damaged("unknown end of an attempt")),
    };
    Ok((seq, Attempt { key, sending, at: cells.time()? }))
}
