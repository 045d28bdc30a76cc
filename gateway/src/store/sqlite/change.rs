//! Changes of working state.

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    access, alert, answer, carry, code, kept, receipt, roll, roster,
    row::{Cells, fetch, fetch_one, number, run},
    staff, timing, told, watch,
};
use crate::{
    domain::{BenchId, Id, SiteId, Timestamp},
    store::{
        BenchSession, CardScan, Change, Owed, Role, SESSION_MAX, StoreError, Timer, TokenRow,
        access::{token_after, token_page},
        paging,
        view::{Page, Paging},
    },
};

/// Applies one change; counts, joins and kept states are the unit's own.
pub(super) fn apply(connection: &Connection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Alert(now) => alert::put(connection, now),
        Change::Alias(id, key) => {
            let sql = "INSERT OR REPLACE INTO alias (id, alert) VALUES (?, ?)";
            run(connection, "adding an alias", sql, params![id.as_bytes(), key]).map(|_| ())
        }
        Change::SetTimer(timer) => set_timer(connection, timer),
        Change::ClearTimer(timer) => {
            let sql = "DELETE FROM timer WHERE kind = ? AND person = ? AND alert = ?";
            let name = params![code::timer(timer.kind), timer.person.as_str(), timer.alert];
            run(connection, "ending a timer", sql, name).map(|_| ())
        }
        Change::Owe(owed) => owe(connection, owed),
        Change::Resend { key, due_at, last_error } => {
            let sql = "UPDATE owed SET due_at = ?1, attempts = attempts + 1, \
                       last_error = coalesce(seal_text(?3, 'last_error', ?2), last_error) WHERE key = ?3";
            let due_at = due_at.map(Timestamp::as_millis);
            let params = params![due_at, last_error, key.as_bytes()];
            match run(connection, "moving an owed notification", sql, params)? {
                0 => Err(StoreError::Asked { what: "no such notification is owed" }),
                _ => Ok(()),
            }
        }
        Change::Hasten { alert, due_at } => {
            let sql = "UPDATE owed SET due_at = min(due_at, ?) \
                       WHERE alert = ? AND due_at IS NOT NULL AND attempts = 0";
            let params = params![due_at.as_millis(), alert];
            run(connection, "hastening a notification", sql, params).map(|_| ())
        }
        Change::Calm { alert, level, due_at } => {
            let sql = "UPDATE owed SET level = ?, due_at = ? \
                       WHERE alert = ? AND due_at IS NOT NULL AND attempts = 0";
            let params = params![code::level(*level), due_at.as_millis(), alert];
            run(connection, "calming a notification", sql, params).map(|_| ())
        }
        Change::Cursor { follower, to } => roll::move_cursor(connection, follower, *to),
        Change::HandOver(now) => staff::hand_over(connection, *now),
        Change::Session(session) => set_session(connection, session),
        Change::Answer(given) => answer::keep(connection, given),
        Change::Token(token) => keep_token(connection, token),
        Change::Access(change) => access::apply(connection, change),
        // They need what the unit has appended; it does them itself.
        Change::Count(_) | Change::Join(..) | Change::KeepState(_) => Ok(()),
        Change::Watch(person, due_at) => watch::set(connection, person, *due_at),
        Change::ForgetState(person) => kept::forget(connection, person.as_str()),
        Change::HoldRoster(held) => roster::hold(connection, held),
        Change::Neighbour(said) => receipt::keep(connection, said),
        Change::Reattribute(id, attribution) => {
            roll::reattribute(connection, id, attribution.as_ref())
        }
        Change::Retime(id, timing) => timing::retime(connection, id, timing),
        Change::MoveScan(scan, at) => timing::move_scan(connection, *scan, *at),
        Change::MoveTold(seq, moved) => told::moves(connection, *seq, *moved),
        Change::Carry(carried) => carry::apply(connection, carried),
    }
}

fn set_timer(connection: &Connection, timer: &Timer) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO timer (kind, person, alert, step, due_at) \
               VALUES (?, ?, ?, ?, ?)";
    let Timer { kind, person, alert, step, due_at } = timer;
    let (kind, step) = (code::timer(*kind), code::step(*step));
    let params = params![kind, person.as_str(), alert, step, due_at.as_millis()];
    run(connection, "setting a timer", sql, params).map(|_| ())
}

fn owe(connection: &Connection, owed: &Owed) -> Result<(), StoreError> {
    let sql = "SELECT max(seq) FROM alert_event WHERE key = ?";
    let seq = number(connection, sql, [owed.alert])?;
    let sql = "INSERT OR IGNORE INTO owed (key, alert, alert_id, change, level, recipient, \
               channel, due_at, deadline, attempts, last_error, seq) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
               seal_text(?1, 'last_error', ?11), ?12)";
    let params = params![
        owed.key.as_bytes(),
        owed.alert,
        owed.alert_id.as_bytes(),
        owed.change.as_str(),
        code::level(owed.level),
        owed.recipient.as_str(),
        owed.channel.as_str(),
        owed.due_at.as_millis(),
        owed.deadline.map(Timestamp::as_millis),
        owed.attempts,
        owed.last_error,
        seq,
    ];
    run(connection, "owing a notification", sql, params).map(|_| ())
}

fn set_session(connection: &Connection, session: &BenchSession) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO session (site, bench, from_at, until_at, person, opened_by) \
               VALUES (?, ?, ?, ?, ?, ?)";
    let BenchSession { site, bench, person, from, until, opened_by } = session;
    let (from, until, opened_by) =
        (from.as_millis(), until.as_millis(), code::opened_by(opened_by));
    let params = params![site.as_str(), bench.as_str(), from, until, person.as_str(), opened_by];
    run(connection, "setting a bench session", sql, params).map(|_| ())
}

/// Cards held to the readers of a bench within a span, both ends included, by time.
pub(super) fn scans(
    connection: &Connection,
    (site, bench): (&SiteId, &BenchId),
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<CardScan>, StoreError> {
    let sql = "SELECT site, bench, unseal_text(seq, 'card', card), person, at, received_at, out, \
               opened_by FROM card_scan WHERE site = ? AND bench = ? AND at >= ? AND at <= ? ORDER BY at, seq";
    let params = params![site.as_str(), bench.as_str(), from.as_millis(), to.as_millis()];
    fetch(connection, "card_scan", (sql, params), super::feed::decode_scan)
}

/// The sessions of a bench that touch an instant, latest beginning first.
pub(super) fn sessions(
    connection: &Connection,
    site: &SiteId,
    bench: &BenchId,
    at: Timestamp,
) -> Result<Vec<BenchSession>, StoreError> {
    let sql = "SELECT person, from_at, until_at, opened_by FROM session WHERE site = ?1 AND bench = ?2 \
               AND from_at <= ?3 AND from_at > ?4 AND until_at > ?3 ORDER BY from_at DESC";
    let earliest = at.minus(SESSION_MAX).as_millis();
    let params = params![site.as_str(), bench.as_str(), at.as_millis(), earliest];
    fetch(connection, "session", (sql, params), |cells| {
        Ok(BenchSession {
            site: site.clone(),
            bench: bench.clone(),
            person: cells.id()?,
            from: cells.time()?,
            until: cells.time()?,
            opened_by: super::feed::opened_by(cells)?,
        })
    })
}

fn keep_token(connection: &Connection, token: &TokenRow) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO token \
               (hash, role, place, doctor, device, created_at, revoked_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?)";
    let params = params![
        token.hash,
        token.role.as_str(),
        token.place,
        token.doctor.as_ref().map(Id::as_str),
        token.device.as_ref().map(Id::as_str),
        token.created_at.as_millis(),
        token.revoked_at.map(Timestamp::as_millis),
    ];
    run(connection, "keeping a token", sql, params).map(|_| ())
}

/// A token by the hash of its text.
pub(super) fn token(
    connection: &Connection,
    hash: &[u8; 32],
) -> Result<Option<TokenRow>, StoreError> {
    let sql = "SELECT hash, role, place, doctor, device, created_at, revoked_at FROM token \
               WHERE hash = ?";
    fetch_one(connection, "token", (sql, [hash]), read_token)
}

/// Every token, by hash.
pub(super) fn tokens(
    connection: &Connection,
    asked: &Paging,
) -> Result<Page<TokenRow>, StoreError> {
    let (after, limit) = (token_after(asked)?, paging::limit_of(asked));
    let sql = "SELECT hash, role, place, doctor, device, created_at, revoked_at FROM token \
               WHERE hash > coalesce(?, x'') ORDER BY hash LIMIT ?";
    let most = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = fetch(connection, "token", (sql, params![after, most]), read_token)?;
    Ok(paging::cut(rows, limit, token_page))
}

fn read_token(cells: &mut Cells<'_, '_>) -> Result<TokenRow, StoreError> {
    Ok(TokenRow {
        hash: cells.take()?,
        role: cells.word(&Role::ALL, Role::as_str)?,
        place: cells.text_or_none(|text| Some(SmolStr::new(text)))?.map(String::from),
        doctor: cells.id_or_none()?,
        device: cells.id_or_none()?,
        created_at: cells.time()?,
        revoked_at: cells.time_or_none()?,
    })
}

/// Sessions of a bench that touch a span, by beginning.
pub(super) fn sessions_within(
    connection: &Connection,
    (site, bench): (&SiteId, &BenchId),
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<BenchSession>, StoreError> {
    let sql = "SELECT site, bench, person, from_at, until_at, opened_by FROM session \
               WHERE site = ? AND bench = ? AND from_at > ? AND from_at <= ? AND until_at >= ? \
               ORDER BY from_at";
    let begun = from.minus(SESSION_MAX).as_millis();
    let span = params![site.as_str(), bench.as_str(), begun, to.as_millis(), from.as_millis()];
    fetch(connection, "session", (sql, span), |cells| {
        Ok(BenchSession {
            site: cells.id()?,
            bench: cells.id()?,
            person: cells.id()?,
            from: cells.time()?,
            until: cells.time()?,
            opened_by: super::feed::opened_by(cells)?,
        })
    })
}
