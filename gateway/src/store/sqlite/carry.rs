//! What came from other gateways, and what choosing facts for them has to know.

use rusqlite::{Connection, params};

use super::{
    decision,
    reader::SqliteReader,
    row::{Cells, cell, fetch, fetch_one, key_cell, number, run},
    timing,
    unit::SqliteUnit,
};
use crate::{
    domain::{AlertId, BoxId, Id, PersonId, ReadingId, SILENT_SITE, Timestamp},
    store::{
        Attributed, Came, CarryChange, CarryUnit, CommitSeq, FactId, First, Landed, StoreError,
        Uploaded, Waiting, WaitingParcel, Watermark, carry::CarryLook,
    },
};

const WHAT: &str = "keeping what came from a gateway";

/// Applies a change of what came from neighbours.
pub(super) fn apply(connection: &Connection, change: &CarryChange) -> Result<(), StoreError> {
    match change {
        CarryChange::Landed(landed, came) => {
            let own = own(connection, landed)?;
            let sql = "INSERT OR IGNORE INTO carried (box, epoch, theirs, own, by, down) \
                       VALUES (?, ?, ?, ?, ?, ?)";
            let (home, epoch, theirs) = name(connection, &came.id)?;
            let by = gateway(connection, &came.by)?;
            run(connection, WHAT, sql, params![home, epoch, theirs, own.0, by, came.down])?;
        }
        CarryChange::Stay(after, upto) => {
            let sql = "INSERT OR REPLACE INTO stays (after, upto) VALUES (?, ?)";
            run(connection, WHAT, sql, [after.0, upto.0])?;
        }
        CarryChange::Wait(parcel) => wait(connection, parcel)?,
        CarryChange::Tried(id) => {
            let sql = "UPDATE waiting_parcel SET tried = tried + 1 \
                       WHERE box = ? AND epoch = ? AND theirs = ?";
            run(connection, WHAT, sql, name(connection, id)?)?;
        }
        CarryChange::Unwait(id) => {
            let sql = "DELETE FROM waiting_parcel WHERE box = ? AND epoch = ? AND theirs = ?";
            run(connection, WHAT, sql, name(connection, id)?)?;
        }
        CarryChange::Upload(uploaded) => upload(connection, uploaded)?,
        CarryChange::Heard(sender, until) => {
            let sql = "INSERT OR REPLACE INTO heard (box, until) VALUES (?, ?)";
            let by = gateway(connection, sender)?;
            run(connection, WHAT, sql, params![by, until.as_millis()])?;
        }
    }
    Ok(())
}

/// Where a fact is.
fn own(connection: &Connection, landed: &Landed) -> Result<CommitSeq, StoreError> {
    let found = match landed {
        Landed::At(seq) => Some(seq.0),
        Landed::Reading(id) => {
            let sql = "SELECT seq FROM reading WHERE id = ?";
            fetch_one(connection, "reading", (sql, [id.as_bytes()]), cell)?
        }
        Landed::Event(id) => {
            let sql = "SELECT seq FROM person_event WHERE id = ?";
            fetch_one(connection, "person_event", (sql, [id.as_bytes()]), cell)?
        }
    };
    found.map(CommitSeq).ok_or(StoreError::Asked { what: "no such fact was carried here" })
}

fn wait(connection: &Connection, parcel: &WaitingParcel) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO waiting_parcel \
               (box, epoch, theirs, by, down, line, at, tried) VALUES \
               (?1, ?2, ?3, ?4, ?5, seal_raw(?3, 'line', ?6), ?7, 0)";
    let WaitingParcel { came, line, at } = parcel;
    let (home, epoch, theirs) = name(connection, &came.id)?;
    let by = gateway(connection, &came.by)?;
    let params = params![home, epoch, theirs, by, came.down, line, at.as_millis()];
    run(connection, WHAT, sql, params).map(|_| ())
}

fn upload(connection: &Connection, uploaded: &Uploaded) -> Result<(), StoreError> {
    let sql = "INSERT INTO uploaded (box, epoch, upto, hash, at, begun) \
               VALUES (?1, ?2, ?3, ?4, ?5, (SELECT coalesce(max(begun), 0) + 1 FROM uploaded)) \
               ON CONFLICT (box, epoch) DO UPDATE SET upto = ?3, hash = ?4, at = ?5";
    let Uploaded { sender, mark, at } = uploaded;
    let by = gateway(connection, sender)?;
    let params = params![by, signed(mark.epoch), mark.upto.0, mark.hash, at.as_millis()];
    run(connection, WHAT, sql, params).map(|_| ())
}

fn heard(connection: &Connection) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
    let sql = "SELECT b.name, h.until FROM heard h JOIN box b ON b.id = h.box ORDER BY b.name";
    fetch(connection, "heard", (sql, []), |cells| Ok((cells.id()?, cells.time()?)))
}

/// Epochs are below 2^53 where gateways make them; on disk they keep their bits.
const fn signed(epoch: u64) -> i64 {
    epoch.cast_signed()
}

/// The number of a gateway's name, given to it now if it has none.
fn gateway(connection: &Connection, name: &BoxId) -> Result<i64, StoreError> {
    let sql = "SELECT id FROM box WHERE name = ?";
    if let Some(known) = fetch_one(connection, "box", (sql, [name.as_str()]), cell)? {
        return Ok(known);
    }
    run(connection, WHAT, "INSERT INTO box (name) VALUES (?)", [name.as_str()])?;
    number(connection, sql, [name.as_str()])
}

pub(super) fn name(connection: &Connection, id: &FactId) -> Result<(i64, i64, i64), StoreError> {
    Ok((gateway(connection, &id.gateway)?, signed(id.epoch), id.seq.0))
}

fn epoch(cells: &mut Cells<'_, '_>) -> Result<u64, StoreError> {
    Ok(cells.take::<i64>()?.cast_unsigned())
}

/// This gateway's own name and present epoch.
pub(super) fn this(connection: &Connection) -> Result<(BoxId, u64), StoreError> {
    let sql = "SELECT gateway, epoch FROM state";
    let found = fetch_one(connection, "state", (sql, []), |cells| {
        Ok((cells.text(|text| Id::new(text).ok())?, epoch(cells)?))
    })?;
    let what = "the row that names the gateway is missing".to_owned();
    found.ok_or(StoreError::Damaged { table: "state", what })
}

/// The name of a fact that was first here.
pub(super) fn own_name(connection: &Connection, own: CommitSeq) -> Result<FactId, StoreError> {
    let sql = "SELECT epoch FROM life WHERE upto >= ? ORDER BY upto LIMIT 1";
    let past = fetch_one(connection, "life", (sql, [own.0]), epoch)?;
    let (gateway, present) = this(connection)?;
    Ok(FactId { gateway, epoch: past.unwrap_or(present), seq: own })
}

fn seq_cell(cells: &mut Cells<'_, '_>) -> Result<CommitSeq, StoreError> {
    cells.seq()
}

const CAME: &str = "h.name, c.epoch, c.theirs, b.name, c.down FROM carried c \
                    JOIN box h ON h.id = c.box JOIN box b ON b.id = c.by";

fn came(cells: &mut Cells<'_, '_>) -> Result<Came, StoreError> {
    let id = FactId { gateway: cells.id()?, epoch: epoch(cells)?, seq: cells.seq()? };
    Ok(Came { id, by: cells.id()?, down: cells.flag()? })
}

fn name_of(connection: &Connection, own: CommitSeq) -> Result<FactId, StoreError> {
    let sql = format!("SELECT {CAME} WHERE c.own = ? ORDER BY h.name, c.epoch, c.theirs LIMIT 1");
    match fetch_one(connection, "carried", (&sql, [own.0]), came)? {
        Some(came) => Ok(came.id),
        None => own_name(connection, own),
    }
}

fn landed(
    connection: &Connection,
    id: &FactId,
    last: CommitSeq,
) -> Result<Option<CommitSeq>, StoreError> {
    let (gateway, _) = this(connection)?;
    if gateway == id.gateway {
        let within = (1..=last.0).contains(&id.seq.0);
        if within && own_name(connection, id.seq)? == *id {
            return Ok(Some(id.seq));
        }
        // Of an earlier life, after the copy that this one began with: a neighbour may have brought it.
    }
    let sql = "SELECT c.own FROM carried c JOIN box h ON h.id = c.box \
               WHERE h.name = ? AND c.epoch = ? AND c.theirs = ?";
    let params = params![id.gateway.as_str(), signed(id.epoch), id.seq.0];
    let own = fetch_one(connection, "carried", (sql, params), cell::<i64>)?;
    Ok(own.map(CommitSeq))
}

fn mark(cells: &mut Cells<'_, '_>) -> Result<Watermark, StoreError> {
    Ok(Watermark { epoch: epoch(cells)?, upto: cells.seq()?, hash: cells.take()? })
}

fn uploaded(connection: &Connection, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
    let sql = "SELECT u.epoch, u.upto, u.hash FROM uploaded u JOIN box b ON b.id = u.box \
               WHERE b.name = ? ORDER BY u.begun DESC LIMIT 1";
    fetch_one(connection, "uploaded", (sql, [sender.as_str()]), mark)
}

fn waiting(connection: &Connection, limit: i64) -> Result<Vec<WaitingParcel>, StoreError> {
    let sql = "SELECT h.name, c.epoch, c.theirs, b.name, c.down, unseal_raw(c.theirs, 'line', c.line), c.at \
               FROM waiting_parcel c JOIN box h ON h.id = c.box JOIN box b ON b.id = c.by \
               ORDER BY c.tried, c.at, h.name, c.epoch, c.theirs LIMIT ?";
    fetch(connection, "waiting_parcel", (sql, [limit]), |cells| {
        Ok(WaitingParcel { came: came(cells)?, line: cells.take()?, at: cells.time()? })
    })
}

impl CarryUnit for SqliteUnit<'_> {
    fn landed(&mut self, id: &FactId) -> Result<Option<CommitSeq>, StoreError> {
        // What this unit appended counts: the row that says where the log ends is written last.
        self.work(|connection, tally| landed(connection, id, tally.last))
    }

    fn uploaded(&mut self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        self.work(|connection, _| uploaded(connection, sender))
    }

    fn followed(&mut self, sender: &BoxId, epoch: u64) -> Result<bool, StoreError> {
        self.work(|connection, _| {
            let sql = "SELECT count(*) FROM uploaded u JOIN box b ON b.id = u.box \
                       WHERE b.name = ? AND u.epoch = ?";
            Ok(number(connection, sql, params![sender.as_str(), signed(epoch)])? > 0)
        })
    }

    fn last_move(&mut self, reading: &ReadingId) -> Result<Option<Attributed>, StoreError> {
        self.work(|connection, _| decision::of_reading(connection, reading, true))
    }

    fn heard(&mut self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        self.work(|connection, _| heard(connection))
    }

    fn boxes(&mut self) -> Result<Vec<BoxId>, StoreError> {
        self.work(|connection, _| {
            let sql = "SELECT DISTINCT name FROM registration WHERE kind = 'box' ORDER BY name";
            fetch(connection, "registration", (sql, []), |cells| {
                let name: BoxId = cells.id()?;
                Ok(name)
            })
        })
    }

    fn waiting_parcels(&mut self, limit: usize) -> Result<Vec<WaitingParcel>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.work(|connection, _| waiting(connection, limit))
    }
}

impl CarryLook for SqliteReader {
    fn name_of(&self, own: CommitSeq) -> Result<FactId, StoreError> {
        self.see(|connection| name_of(connection, own))
    }

    fn came(&self, span: (CommitSeq, CommitSeq)) -> Result<Vec<(CommitSeq, Came)>, StoreError> {
        let sql = format!(
            "SELECT c.own, {CAME} WHERE c.own > ? AND c.own <= ? \
             ORDER BY c.own, h.name, c.epoch, c.theirs"
        );
        self.see(|connection| {
            let mut all = fetch(connection, "carried", (&sql, [span.0.0, span.1.0]), |cells| {
                Ok((cells.seq()?, came(cells)?))
            })?;
            // One that came by two roads has the name that is first in order.
            all.dedup_by_key(|(own, _)| *own);
            Ok(all)
        })
    }

    fn stays(
        &self,
        span: (CommitSeq, CommitSeq),
    ) -> Result<Vec<(CommitSeq, CommitSeq)>, StoreError> {
        let sql = "SELECT after, upto FROM stays WHERE after < ? AND upto > ? ORDER BY after";
        self.see(|connection| {
            fetch(connection, "stays", (sql, [span.1.0, span.0.0]), |cells| {
                Ok((cells.seq()?, cells.seq()?))
            })
        })
    }

    fn first(&self, reading: &ReadingId) -> Result<First, StoreError> {
        self.see(|connection| {
            let moved = decision::of_reading(connection, reading, false)?;
            Ok(First {
                attributed: moved.map(|moved| moved.before),
                retimed: timing::first_of(connection, reading)?,
            })
        })
    }

    fn known_as(
        &self,
        alert: i64,
        limit: usize,
    ) -> Result<(Vec<AlertId>, Vec<ReadingId>), StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids = "SELECT id FROM (SELECT id, 0 AS later FROM alert WHERE key = ?1 UNION ALL \
                   SELECT id, 1 FROM alias WHERE alert = ?1) ORDER BY later, id";
        let facts = "SELECT reading FROM crossing WHERE alert = ? AND reading IS NOT NULL \
                     ORDER BY seq DESC LIMIT ?";
        self.see(|connection| {
            let ids = fetch(connection, "alert", (ids, [alert]), key_cell)?;
            let facts = fetch(connection, "crossing", (facts, [alert, limit]), key_cell)?;
            Ok((ids, facts))
        })
    }

    fn of_person(&self, person: &PersonId, limit: usize) -> Result<Vec<CommitSeq>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sqls = [
            "SELECT seq FROM reading WHERE person = ? ORDER BY measured_at DESC, seq DESC LIMIT ?",
            "SELECT seq FROM person_event WHERE person = ? ORDER BY seq DESC LIMIT ?",
        ];
        self.see(|connection| {
            let mut all = Vec::new();
            for sql in sqls {
                let params = params![person.as_str(), limit];
                all.extend(fetch(connection, "reading", (sql, params), seq_cell)?);
            }
            Ok(all)
        })
    }

    fn steps_of(&self, alert: i64) -> Result<Vec<CommitSeq>, StoreError> {
        let sql = "SELECT seq FROM alert_event WHERE key = ? AND by IS NOT NULL ORDER BY seq";
        self.see(|connection| fetch(connection, "alert_event", (sql, [alert]), seq_cell))
    }

    fn watermark_of(&self, sender: &BoxId) -> Result<Option<Watermark>, StoreError> {
        self.see(|connection| uploaded(connection, sender))
    }

    fn all_uploads(&self) -> Result<Vec<Uploaded>, StoreError> {
        let sql = "SELECT b.name, u.epoch, u.upto, u.hash, u.at FROM uploaded u \
                   JOIN box b ON b.id = u.box WHERE u.begun = \
                   (SELECT max(begun) FROM uploaded o WHERE o.box = u.box) ORDER BY b.name";
        self.see(|connection| {
            fetch(connection, "uploaded", (sql, []), |cells| {
                Ok(Uploaded { sender: cells.id()?, mark: mark(cells)?, at: cells.time()? })
            })
        })
    }

    fn all_heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        self.see(heard)
    }

    fn all_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        let sql = "SELECT name, min(at) FROM registration WHERE kind = 'box' GROUP BY name \
                   ORDER BY name";
        self.see(|connection| {
            fetch(connection, "registration", (sql, []), |cells| Ok((cells.id()?, cells.time()?)))
        })
    }

    fn all_silent(&self) -> Result<Vec<PersonId>, StoreError> {
        // Live alerts are walked in their index alone, which holds the person.
        let sql = "SELECT DISTINCT person FROM alert INDEXED BY alert_live_board WHERE live = 1 \
                   AND substr(person, 1, ?1) = ?2 ORDER BY person";
        let length = i64::try_from(SILENT_SITE.len()).unwrap_or_default();
        self.see(|connection| {
            let asked = params![length, SILENT_SITE];
            fetch(connection, "alert", (sql, asked), |cells| {
                let site: PersonId = cells.id()?;
                Ok(site)
            })
        })
    }

    fn waiting_of(&self) -> Result<Vec<Waiting>, StoreError> {
        let sql = "SELECT b.name, count(*), min(w.at) FROM waiting_parcel w \
                   JOIN box b ON b.id = w.by GROUP BY b.name ORDER BY b.name";
        self.see(|connection| {
            fetch(connection, "waiting_parcel", (sql, []), |cells| {
                let (by, parcels) = (cells.id()?, cells.take::<i64>()?.cast_unsigned());
                Ok(Waiting { by, parcels, oldest: cells.time()? })
            })
        })
    }
}
