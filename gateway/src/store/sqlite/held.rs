//! Lists of what waits in quarantine, of what was decided about it, and of what was refused.

use rusqlite::{Connection, params, types::Value};

use super::{
    decision, feed,
    list::{ask, before, probe},
    reading,
    row::{cell, fetch, fetch_one},
    scope::{self, Clause, text},
};
use crate::{
    domain::{ReadingId, Timestamp},
    store::{
        Awaiting, CommitSeq, Quarantined, RegistryKey, StoreError, paging,
        view::{HeldQuarantine, HeldRefusal, HeldState, Page, Paging, Scope},
    },
};

/// What waits in quarantine, newest first.
pub(super) fn quarantine(
    connection: &Connection,
    scope: &Scope,
    state: HeldState,
    page: &Paging,
) -> Result<Page<HeldQuarantine>, StoreError> {
    let limit = paging::limit_of(page);
    let mut clause = held(scope);
    let latest = decision::latest_of(state);
    clause.push(&format!(" AND {} = ?", decision::LATEST), [text(latest)]);
    before(&mut clause, "q.seq", page)?;
    clause.push(" ORDER BY q.seq DESC LIMIT ?", [probe(limit)]);
    let items = ask(connection, "quarantine", clause, feed::item)?;
    let page = paging::cut(items, limit, |(seq, _)| paging::write([seq.0]));
    let whole = |(seq, item)| whole(connection, seq, item);
    let items: Result<Vec<_>, StoreError> = page.items.into_iter().map(whole).collect();
    Ok(Page { items: items?, next: page.next })
}

/// One item of quarantine, whatever was decided about it.
pub(super) fn quarantined(
    connection: &Connection,
    scope: &Scope,
    item: CommitSeq,
) -> Result<Option<HeldQuarantine>, StoreError> {
    let mut clause = held(scope);
    clause.push(" AND q.seq = ?", [Value::Integer(item.0)]);
    let found = ask(connection, "quarantine", clause, feed::item)?.pop();
    found.map(|(seq, item)| whole(connection, seq, item)).transpose()
}

/// Items of quarantine within a scope. A context waits as long as it is joined to no reading.
fn held(scope: &Scope) -> Clause {
    let sql = "SELECT q.seq, q.reason, q.detail, q.raw, q.road, q.site, q.device, q.received_at, \
               q.content FROM (SELECT seq, reason, \
               unseal_text(seq, 'detail', detail) AS detail, unseal_raw(seq, 'raw', raw) AS raw, \
               road, site, device, received_at, coalesce(unseal_raw(seq, 'told', told), content) \
               AS content FROM quarantine UNION ALL SELECT seq, 'no_measurement', \
               CAST(number AS TEXT), unseal_raw(seq, 'raw', raw), road, site, device, received_at, content \
               FROM context WHERE reading IS NULL) q WHERE 1";
    let mut clause = Clause::new(sql, []);
    clause.and(scoped(scope));
    clause
}

fn whole(
    connection: &Connection,
    seq: CommitSeq,
    item: Quarantined,
) -> Result<HeldQuarantine, StoreError> {
    let (decided, taken_back_by) = HeldQuarantine::told(decision::latest(connection, seq)?);
    Ok(HeldQuarantine {
        seq,
        reason: item.reason,
        detail: item.detail,
        raw: item.raw,
        origin: item.origin,
        received_at: item.received_at,
        reading: feed::held_reading(connection, seq)?,
        decided,
        taken_back_by,
    })
}

/// A place sees what its sites sent; a doctor what names their people.
pub(super) fn scoped(scope: &Scope) -> Clause {
    match scope {
        Scope::Everything => Clause::new("1", []),
        Scope::Nobody => Clause::new("0", []),
        Scope::Place(place) => scope::sites("q.site", place),
        Scope::Doctor(doctor) => {
            let people = scope::list_of_doctor(doctor);
            let sql = format!(
                "q.seq IN (SELECT h.seq FROM quarantined_reading h WHERE h.named IN ({}))",
                people.sql
            );
            Clause::new(&sql, people.values)
        }
    }
}

/// What was refused, newest first. Bytes without a meaning are nobody's: no doctor sees them.
pub(super) fn refused(
    connection: &Connection,
    scope: &Scope,
    page: &Paging,
) -> Result<Page<HeldRefusal>, StoreError> {
    let limit = paging::limit_of(page);
    let sql = "SELECT q.seq, unseal_text(q.seq, 'reason', q.reason), \
               unseal_raw(q.seq, 'raw', q.raw), q.road, q.site, q.device, q.received_at \
               FROM refused q WHERE 1";
    let mut clause = Clause::new(sql, []);
    clause.and(match scope {
        Scope::Everything => Clause::new("1", []),
        Scope::Nobody | Scope::Doctor(_) => Clause::new("0", []),
        Scope::Place(place) => scope::sites("q.site", place),
    });
    before(&mut clause, "q.seq", page)?;
    clause.push(" ORDER BY q.seq DESC LIMIT ?", [probe(limit)]);
    let items = ask(connection, "refused", clause, feed::refusal)?;
    Ok(paging::cut(items, limit, |held| paging::write([held.seq.0])))
}

/// The latest item that holds a stored reading.
pub(super) fn item_of(
    connection: &Connection,
    reading: &ReadingId,
) -> Result<Option<HeldQuarantine>, StoreError> {
    let sql = "SELECT h.seq FROM quarantined_reading h JOIN quarantine q ON q.seq = h.seq \
               WHERE h.id = ? AND q.reason <> 'conflict' ORDER BY h.seq DESC LIMIT 1";
    let params = [reading.as_bytes()];
    let found = fetch_one(connection, "quarantine", (sql, params), cell::<i64>)?;
    let held = found.map(|seq| quarantined(connection, &Scope::Everything, CommitSeq(seq)));
    Ok(held.transpose()?.flatten())
}

/// What waits for a row of the registry, as far as it was received since an instant.
pub(super) fn awaiting(
    connection: &Connection,
    key: &RegistryKey,
    since: Timestamp,
) -> Result<Awaiting, StoreError> {
    let readings = |column: &str, name: &str| {
        let columns = reading::COLUMNS;
        let sql = format!(
            "SELECT {columns} FROM reading r WHERE r.person IS NULL AND r.id IN \
             (SELECT h.id FROM quarantined_reading h WHERE h.{column} = ?) \
             AND r.received_at >= ? ORDER BY r.seq"
        );
        let params = params![name, since.as_millis()];
        let found = fetch(connection, "reading", (&sql, params), reading::decode)?;
        let readings = found.into_iter().map(|(_, stored)| stored).collect();
        Ok(Awaiting { readings, scans: Vec::new() })
    };
    match key {
        RegistryKey::Person(person) => readings("named", person.as_str()),
        RegistryKey::Device(device) => readings("device", device.as_str()),
        RegistryKey::Card(card) => {
            let sql = "SELECT site, bench, unseal_text(seq, 'card', card), person, at, \
                       received_at, out, opened_by FROM card_scan \
                       WHERE mark = ? AND person IS NULL AND received_at >= ? ORDER BY at, seq";
            let params = params![super::lookup::mark_of(connection, card)?, since.as_millis()];
            let scans = fetch(connection, "card_scan", (sql, params), feed::decode_scan)?;
            Ok(Awaiting { readings: Vec::new(), scans })
        }
        RegistryKey::Household(_)
        | RegistryKey::Doctor(_)
        | RegistryKey::Site(_)
        | RegistryKey::Plan(_)
        | RegistryKey::Other(..) => Ok(Awaiting::default()),
    }
}
