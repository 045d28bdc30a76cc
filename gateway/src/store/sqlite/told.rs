//! What was told by a clock that proved wrong, as rows.

use rusqlite::{Connection, params};

use super::{
    carry,
    feed::decode_scan,
    row::{Cells, fetch, fetch_one, number, run},
    unit::SqliteUnit,
};
use crate::{
    domain::{BenchId, Millis, SiteId, Timestamp},
    store::{CommitSeq, FactId, StoreError, ToldBy, ToldMoved, ToldSince, ToldUnit},
};

/// By how much a row of a table of facts counts later, and whether its own time moves: the columns
/// that [`decode`] takes.
macro_rules! columns {
    ($table:literal) => {
        concat!(
            "(SELECT by_ms FROM told_moved m WHERE m.seq = ",
            $table,
            ".seq), (SELECT own FROM told_moved m WHERE m.seq = ",
            $table,
            ".seq)"
        )
    };
}
pub(super) use columns;

/// The same of a row as it was told.
pub(super) const AS_TOLD: &str = "NULL, NULL";

pub(super) fn decode(cells: &mut Cells<'_, '_>) -> Result<Option<ToldMoved>, StoreError> {
    let (by, own) = (cells.take::<Option<i64>>()?, cells.take::<Option<bool>>()?);
    Ok(by.zip(own).map(|(by, own)| ToldMoved { by: Millis(by), own, guess: false }))
}

/// What is told at a position counts so much later.
pub(super) fn moves(
    connection: &Connection,
    seq: CommitSeq,
    moved: ToldMoved,
) -> Result<(), StoreError> {
    let there = "SELECT (SELECT count(*) FROM person_event WHERE seq = ?1) \
                 + (SELECT count(*) FROM alert_event WHERE seq = ?1)";
    if number(connection, there, [seq.0])? == 0 {
        return Err(StoreError::Asked { what: "no such event or step" });
    }
    let sql = "SELECT by_ms, own, guess FROM told_moved WHERE seq = ?";
    let before = fetch_one(connection, "told_moved", (sql, [seq.0]), |cells| {
        let by = Millis(cells.take()?);
        Ok(ToldMoved { by, own: cells.flag()?, guess: cells.flag()? })
    })?;
    let ToldMoved { by, own, guess } = moved.after(before);
    let sql = "INSERT OR REPLACE INTO told_moved (seq, by_ms, own, guess) VALUES (?, ?, ?, ?)";
    run(connection, "moving what was told", sql, params![seq.0, by.0, own, guess]).map(|_| ())
}

/// What was told by a clock.
pub(super) fn told(connection: &Connection, whose: &ToldBy) -> Result<ToldSince, StoreError> {
    let (theirs, those, bounds) = match whose {
        ToldBy::Us(after) => {
            let those = "seq > ?1 AND seq < ?2 AND ?3 = ?4 \
                         AND NOT EXISTS (SELECT 1 FROM carried c WHERE c.own = seq)";
            ("seq", those, [after.0, i64::MAX, 0, 0])
        }
        ToldBy::Gateway { after, before } => {
            let (gateway, epoch, end) = carry::name(connection, before)?;
            let those = "seq IN (SELECT own FROM carried WHERE theirs > ?1 AND theirs < ?2 \
                         AND box = ?3 AND epoch = ?4)";
            let theirs = "(SELECT min(theirs) FROM carried WHERE own = seq AND theirs > ?1 \
                          AND theirs < ?2 AND box = ?3 AND epoch = ?4)";
            (theirs, those, [after.0, end, gateway, epoch])
        }
    };
    let sql = format!(
        "SELECT seq, person FROM person_event WHERE {those} UNION ALL \
         SELECT seq, person FROM alert_event WHERE {those} ORDER BY seq"
    );
    let told =
        fetch(connection, "person_event", (&sql, bounds), |cells| Ok((cells.seq()?, cells.id()?)))?;
    let sql = format!(
        "SELECT seq, {theirs}, site, bench, unseal_text(seq, 'card', card), person, at, received_at, \
         out, opened_by FROM card_scan WHERE {those} ORDER BY seq"
    );
    let found = fetch(connection, "card_scan", (&sql, bounds), |cells| {
        let (own, first) = (cells.seq()?, cells.seq()?);
        Ok((own, first, decode_scan(cells)?))
    })?;
    let mut scans = Vec::with_capacity(found.len());
    for (own, first, scan) in found {
        let name = match whose {
            ToldBy::Us(_) => carry::own_name(connection, own)?,
            ToldBy::Gateway { before, .. } => FactId { seq: first, ..before.clone() },
        };
        scans.push((own, name, scan));
    }
    Ok(ToldSince { told, scans })
}

/// By how much the settings of its gateway's clock that are known moved what has a name.
pub(super) fn clock_moved(connection: &Connection, id: &FactId) -> Result<Millis, StoreError> {
    const SUM: &str = "SELECT coalesce(sum(by_ms), 0) FROM gateway_clock g";
    let (this, _) = carry::this(connection)?;
    if this == id.gateway {
        let sql = format!(
            "{SUM} WHERE since < ?1 AND seq > ?1 \
             AND NOT EXISTS (SELECT 1 FROM carried c WHERE c.own = g.seq)"
        );
        return Ok(Millis(number(connection, &sql, [id.seq.0])?));
    }
    let (gateway, epoch, theirs) = carry::name(connection, id)?;
    let sql = format!(
        "{SUM} WHERE g.since < ?1 AND EXISTS (SELECT 1 FROM carried c \
         WHERE c.own = g.seq AND c.box = ?2 AND c.epoch = ?3 AND c.theirs > ?1)"
    );
    Ok(Millis(number(connection, &sql, [theirs, gateway, epoch])?))
}

/// Whether cards were held to a bench's reader within a span, as the log has it up to a position.
pub(super) fn had_scans(
    connection: &Connection,
    (site, bench): (&SiteId, &BenchId),
    (from, to): (Timestamp, Timestamp),
    upto: CommitSeq,
) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM card_scan WHERE site = ? AND bench = ? AND at BETWEEN ? AND ? \
               AND seq <= ?";
    let asked = params![site.as_str(), bench.as_str(), from.as_millis(), to.as_millis(), upto.0];
    Ok(number(connection, sql, asked)? > 0)
}

impl ToldUnit for SqliteUnit<'_> {
    fn told(&mut self, whose: &ToldBy) -> Result<ToldSince, StoreError> {
        self.work(|connection, _| told(connection, whose))
    }

    fn clock_moved(&mut self, id: &FactId) -> Result<Millis, StoreError> {
        self.work(|connection, _| clock_moved(connection, id))
    }

    fn had_scans(
        &mut self,
        bench: (&SiteId, &BenchId),
        span: (Timestamp, Timestamp),
        upto: CommitSeq,
    ) -> Result<bool, StoreError> {
        self.work(|connection, _| had_scans(connection, bench, span, upto))
    }
}
