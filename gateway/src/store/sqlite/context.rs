//! Contexts as rows, and the readings that they are joined to.

use rusqlite::{Connection, params};

use super::{
    code, reading,
    row::{Cells, fetch, fetch_one, run},
};
use crate::{
    domain::{ContentDigest, DeviceId, ReadingId, SiteId},
    store::{CommitSeq, Context, Numbered, StoreError, Told},
};

/// The columns, in the order of [`insert`].
const NAMES: &str =
    "seq, device, site, road, number, meal, attributes, raw, content, received_at, reading";

/// The same as [`decode`] takes them.
pub(super) const COLUMNS: &str = "seq, device, site, road, number, meal, \
     unseal_text(seq, 'attributes', attributes), unseal_raw(seq, 'raw', raw), content, \
     received_at, reading";

/// Adds a context at a position; joining is a change of its own.
pub(super) fn insert(
    connection: &Connection,
    seq: CommitSeq,
    context: &Context,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO context ({NAMES}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, \
             seal_text(?1, 'attributes', ?7), seal_raw(?1, 'raw', ?8), ?9, ?10, NULL)"
    );
    let params = params![
        seq.0,
        context.device.as_str(),
        context.site.as_str(),
        code::road(context.road),
        context.number.cast_signed(),
        code::meal(context.told.meal),
        context.told.attributes,
        context.raw,
        context.content.as_bytes(),
        context.received_at.as_millis(),
    ];
    run(connection, "adding a context", &sql, params).map(|_| ())
}

/// A context from the columns of [`COLUMNS`].
pub(super) fn decode(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, Context), StoreError> {
    let seq = cells.seq()?;
    let (device, site) = (cells.id()?, cells.id()?);
    let road = cells.one_of(&code::ROADS, code::road)?;
    let number = cells.take::<i64>()?.cast_unsigned();
    let told = Told { meal: cells.one_of(&code::MEALS, code::meal)?, attributes: cells.take()? };
    let (raw, content) = (cells.take()?, cells.key()?);
    let (received_at, reading) = (cells.time()?, cells.key_or_none()?);
    let context = Context { device, site, road, number, told, raw, content, received_at, reading };
    Ok((seq, context))
}

/// What is known under a number that a device gave without an epoch.
pub(super) fn numbered(
    connection: &Connection,
    (device, number): &(DeviceId, u64),
) -> Result<Numbered, StoreError> {
    let name = params![device.as_str(), number.cast_signed()];
    let columns = reading::COLUMNS;
    // The first conditions are those of the index.
    let sql = format!(
        "SELECT {columns} FROM reading WHERE kind = 1 AND epoch IS NULL AND number IS NOT NULL \
         AND device = ? AND number = ? ORDER BY seq"
    );
    let readings = fetch(connection, "reading", (&sql, name), reading::decode)?;
    let sql = format!("SELECT {COLUMNS} FROM context WHERE device = ? AND number = ? ORDER BY seq");
    let contexts = fetch(connection, "context", (&sql, name), decode)?;
    Ok(Numbered {
        readings: readings.into_iter().map(|(_, stored)| stored).collect(),
        contexts: contexts.into_iter().map(|(_, context)| context).collect(),
    })
}

/// Joins the latest waiting context of that content to a stored reading; says where it waited.
pub(super) fn join(
    connection: &Connection,
    content: &ContentDigest,
    id: &ReadingId,
) -> Result<SiteId, StoreError> {
    let absent = StoreError::Asked { what: "no such context waits, or no such reading is stored" };
    let sql = "SELECT seq, site FROM context WHERE content = ? AND reading IS NULL \
               ORDER BY seq DESC LIMIT 1";
    let found = fetch_one(connection, "context", (sql, [content.as_bytes()]), |cells| {
        Ok((cells.seq()?, cells.id()?))
    })?;
    let Some((seq, site)) = found else { return Err(absent) };
    let sql = "UPDATE context SET reading = ? WHERE seq = ?";
    run(connection, "joining a context", sql, params![id.as_bytes(), seq.0])?;
    let sql = "UPDATE reading SET (context_meal, context_told) = (SELECT c.meal, \
               seal_text(reading.seq, 'context_told', unseal_text(c.seq, 'attributes', c.attributes)) \
               FROM context c WHERE c.seq = ?) WHERE id = ?";
    match run(connection, "joining a context", sql, params![seq.0, id.as_bytes()])? {
        0 => Err(absent),
        _ => Ok(site),
    }
}
