//! Receipts: the records of a site's day by the indices of what was received there, and what other
//! gateways said.

use std::collections::HashMap;

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    code, list,
    reader::SqliteReader,
    reading::json,
    row::{Cells, cell, fetch, fetch_one, run},
};
use crate::{
    domain::{AlertState, BoxId, PersonId, ReadingId, SiteId, Timestamp},
    receipt::{self, Day, DayLog, Entry, Kind, Record},
    store::{
        CommitSeq, Disposition, KeptAlarm, NeighbourSaid, ReceiptDiffers, ReceiptReader,
        ReceiptSaid, StoreError,
    },
};

/// Columns of the registration that was in force under (kind, name) when a day began, or of the first.
fn on(columns: &str) -> String {
    format!(
        "SELECT {columns} FROM registration WHERE kind = ?1 AND name = ?2 \
         ORDER BY at <= ?3 DESC, CASE WHEN at <= ?3 THEN -at ELSE at END, \
         CASE WHEN at <= ?3 THEN -seq ELSE seq END LIMIT 1"
    )
}

/// Where somebody lived when a day began.
fn village(connection: &Connection, person: &PersonId, day: Day) -> Result<String, StoreError> {
    let begin = day.begin().as_millis();
    let sql = on("json_extract(body, '$.row.household'), json_extract(body, '$.row.village')");
    let row = fetch_one(
        connection,
        "registration",
        (&sql, params!["person", person.as_str(), begin]),
        |cells| Ok((cells.take::<Option<String>>()?, cells.take::<Option<String>>()?)),
    )?;
    let Some((household, own)) = row else { return Ok(String::new()) };
    let home: Option<Option<String>> = match household {
        Some(household) => {
            let sql = on("json_extract(body, '$.row.village')");
            let asked = params!["household", household, begin];
            fetch_one(connection, "registration", (&sql, asked), cell)?
        }
        None => None,
    };
    let home = home.flatten().filter(|village| !village.is_empty());
    Ok(home.or(own).unwrap_or_default())
}

/// The alerts that readings of a site's day opened, by reading.
fn alerts(
    connection: &Connection,
    site: &SiteId,
    day: Day,
) -> Result<HashMap<ReadingId, Vec<Record>>, StoreError> {
    let columns = super::alert::COLUMNS.replace(", ", ", a.");
    let sql = format!(
        "SELECT r.id, r.person, a.{columns} FROM reading r \
         CROSS JOIN crossing c ON c.reading = r.id CROSS JOIN alert a ON a.key = c.alert \
         WHERE r.site = ?1 AND r.received_at >= ?2 AND r.received_at < ?3 \
         AND c.disposition = ?4 AND a.state NOT IN (?5, ?6) \
         AND NOT EXISTS (SELECT 1 FROM crossing e WHERE e.reading = c.reading \
         AND e.concept = c.concept AND e.alert = c.alert AND e.seq > c.seq)"
    );
    let params = params![
        site.as_str(),
        day.begin().as_millis(),
        day.end().as_millis(),
        code::disposition(Disposition::Opened),
        code::state(AlertState::Withdrawn),
        code::state(AlertState::Merged),
    ];
    let found = fetch(connection, "alert", (&sql, params), |cells| {
        let (id, whose): (ReadingId, Option<PersonId>) = (cells.key()?, cells.id_or_none()?);
        Ok((id, whose, super::alert::decode(cells)?))
    })?;
    let mut alerts: HashMap<ReadingId, Vec<Record>> = HashMap::new();
    for (id, whose, alert) in found {
        if alert.person == whose.unwrap_or_else(|| PersonId::of_nobody(&id)) {
            alerts.entry(id).or_default().push(receipt::of_alert(&alert));
        }
    }
    Ok(alerts)
}

fn items(connection: &Connection, site: &SiteId, day: Day) -> Result<Vec<Entry>, StoreError> {
    let sql = "SELECT coalesce(unseal_raw(q.seq, 'told', q.told), q.content), q.reason, d.kind, d.person FROM quarantine q \
               LEFT JOIN decision d ON d.seq = (SELECT max(seq) FROM decision WHERE item = q.seq) \
               WHERE q.site = ? AND q.received_at >= ? AND q.received_at < ?";
    let params = params![site.as_str(), day.begin().as_millis(), day.end().as_millis()];
    fetch(connection, "quarantine", (sql, params), |cells| {
        let (content, reason) = (cells.key()?, cells.take::<String>()?);
        let decided: Option<String> = cells.take()?;
        let state = decided.as_deref().filter(|kind| *kind != "undone").unwrap_or("waiting");
        let claimed: Option<PersonId> = cells.id_or_none()?;
        let record = receipt::of_item(&content, &reason, state, claimed.as_ref());
        Ok(Entry { village: String::new(), kind: Kind::Quarantined, record, person: None })
    })
}

fn day_log(connection: &Connection, site: &SiteId, day: Day) -> Result<DayLog, StoreError> {
    let mut entries = items(connection, site, day)?;
    let mut alerts = alerts(connection, site, day)?;
    let mut villages: HashMap<PersonId, String> = HashMap::new();
    for stored in list::received(connection, site, (day.begin(), day.end()))? {
        let person = stored.attribution.as_ref().map(|of| of.person.clone());
        let village = match &person {
            None => String::new(),
            Some(person) => match villages.get(person) {
                Some(known) => known.clone(),
                None => {
                    let found = village(connection, person, day)?;
                    villages.insert(person.clone(), found.clone());
                    found
                }
            },
        };
        let opened = alerts.remove(&stored.reading.id).unwrap_or_default();
        entries.extend(opened.into_iter().map(|record| Entry {
            village: village.clone(),
            kind: Kind::Alert,
            record,
            person: None,
        }));
        let record = receipt::of_reading(&stored);
        entries.push(Entry { village, kind: Kind::Reading, record, person });
    }
    Ok(DayLog::new(site.clone(), day, entries))
}

/// Keeps what is known of a neighbour.
pub(super) fn keep(connection: &Connection, said: &NeighbourSaid) -> Result<(), StoreError> {
    match said {
        NeighbourSaid::Receipt(said) => keep_receipt(connection, said),
        NeighbourSaid::Differs(found) => {
            let (site, day, by) = (found.site.as_str(), found.day.number(), found.by.as_str());
            let Some(first) = &found.first else {
                return agree(connection, (site, day, by));
            };
            let sql = "INSERT OR REPLACE INTO receipt_differs (site, day, by, first, at) \
                       VALUES (?, ?, ?, ?, ?)";
            let params = params![site, day, by, json(first)?, found.at.as_millis()];
            run(connection, "keeping what differs", sql, params).map(|_| ())
        }
        NeighbourSaid::Alarm(KeptAlarm { of, code: Some(code), since, times }) => {
            let sql = "INSERT OR REPLACE INTO neighbour_alarm (of, code, since, times) \
                       VALUES (?, ?, ?, ?)";
            let times = i64::try_from(*times).unwrap_or(i64::MAX);
            let params = params![of.as_str(), code.as_str(), since.as_millis(), times];
            run(connection, "keeping an alarm", sql, params).map(|_| ())
        }
        NeighbourSaid::Alarm(KeptAlarm { of, code: None, .. }) => {
            let sql = "DELETE FROM neighbour_alarm WHERE of = ?";
            run(connection, "ending an alarm", sql, [of.as_str()]).map(|_| ())
        }
    }
}

/// Both hold the same of a day, or what differed was found in what is said no more.
fn agree(connection: &Connection, name: (&str, i64, &str)) -> Result<(), StoreError> {
    let sql = "DELETE FROM receipt_differs WHERE site = ? AND day = ? AND by = ?";
    run(connection, "ending what differs", sql, params![name.0, name.1, name.2]).map(|_| ())
}

/// Keeps what another gateway said, unless it said something later.
fn keep_receipt(connection: &Connection, said: &ReceiptSaid) -> Result<(), StoreError> {
    let receipt = &said.receipt;
    let of = (receipt.day, receipt.day);
    let held = said_of(connection, &receipt.site, of)?.into_iter().find(|held| held.by == said.by);
    if let Some(held) = held {
        if !said.follows(&held) {
            return Ok(());
        }
        if held.receipt.hash != receipt.hash {
            agree(connection, (receipt.site.as_str(), receipt.day.number(), said.by.as_str()))?;
        }
    }
    let sql = "INSERT OR REPLACE INTO receipt_said \
               (site, day, by, receipt, key, epoch, upto, said_at, at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let params = params![
        receipt.site.as_str(),
        receipt.day.number(),
        said.by.as_str(),
        json(receipt)?,
        said.key,
        said.epoch.cast_signed(),
        said.upto.0,
        said.said_at.as_millis(),
        said.at.as_millis(),
    ];
    run(connection, "keeping a receipt", sql, params).map(|_| ())
}

fn said_of(
    connection: &Connection,
    site: &SiteId,
    (from, to): (Day, Day),
) -> Result<Vec<ReceiptSaid>, StoreError> {
    let sql = "SELECT receipt, by, key, epoch, upto, said_at, at FROM receipt_said \
               WHERE site = ? AND day >= ? AND day <= ? ORDER BY day, by";
    let params = params![site.as_str(), from.number(), to.number()];
    fetch(connection, "receipt_said", (sql, params), decode)
}

fn decode(cells: &mut Cells<'_, '_>) -> Result<ReceiptSaid, StoreError> {
    Ok(ReceiptSaid {
        receipt: cells.text(|text| serde_json::from_str(text).ok())?,
        by: cells.text(|by| Some(SmolStr::new(by)))?,
        key: cells.take()?,
        epoch: cells.take::<i64>()?.cast_unsigned(),
        upto: CommitSeq(cells.take()?),
        said_at: cells.time()?,
        at: cells.time()?,
    })
}

fn site_cell(cells: &mut Cells<'_, '_>) -> Result<Option<SiteId>, StoreError> {
    cells.id_or_none()
}

/// Site after site by the index, and in each day after day: as many steps as there are of both.
fn received_on(
    connection: &Connection,
    (from, to): (Day, Day),
) -> Result<Vec<(Day, SiteId)>, StoreError> {
    let mut all = std::collections::BTreeSet::new();
    for table in ["reading", "quarantine"] {
        let next = format!("SELECT min(site) FROM {table} WHERE site > ?");
        let first = format!(
            "SELECT min(received_at) FROM {table} \
             WHERE site = ? AND received_at >= ? AND received_at < ?"
        );
        let mut before = String::new();
        while let Some(site) =
            fetch_one(connection, table, (&next, [&before]), site_cell)?.flatten()
        {
            let mut after = from;
            loop {
                let asked = params![site.as_str(), after.begin().as_millis(), to.end().as_millis()];
                let at = fetch_one(connection, table, (&first, asked), cell::<Option<i64>>)?;
                let Some(at) = at.flatten() else { break };
                let day = Day::of(Timestamp::from_millis(at));
                all.insert((day, site.clone()));
                after = day.plus(1);
            }
            before = site.to_string();
        }
    }
    Ok(all.into_iter().collect())
}

fn brought(
    connection: &Connection,
    (site, day): (&SiteId, Day),
    by: &BoxId,
) -> Result<bool, StoreError> {
    for table in ["reading", "quarantine"] {
        let sql = format!(
            "SELECT 1 FROM {table} r CROSS JOIN carried c ON c.own = r.seq \
             CROSS JOIN box b ON b.id = c.by \
             WHERE r.site = ? AND r.received_at >= ? AND r.received_at < ? \
             AND NOT c.down AND b.name = ? LIMIT 1"
        );
        let (begin, end) = (day.begin().as_millis(), day.end().as_millis());
        let params = params![site.as_str(), begin, end, by.as_str()];
        if fetch_one(connection, table, (&sql, params), cell::<i64>)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

impl ReceiptReader for SqliteReader {
    fn day_log(&self, site: &SiteId, day: Day) -> Result<DayLog, StoreError> {
        self.see(|connection| day_log(connection, site, day))
    }

    fn receipts_said(
        &self,
        site: &SiteId,
        days: (Day, Day),
    ) -> Result<Vec<ReceiptSaid>, StoreError> {
        self.see(|connection| said_of(connection, site, days))
    }

    fn received_on(&self, days: (Day, Day)) -> Result<Vec<(Day, SiteId)>, StoreError> {
        self.see(|connection| received_on(connection, days))
    }

    fn brought(&self, site: &SiteId, day: Day, by: &BoxId) -> Result<bool, StoreError> {
        self.see(|connection| brought(connection, (site, day), by))
    }

    fn receipts_differ(&self) -> Result<Vec<ReceiptDiffers>, StoreError> {
        let sql = "SELECT site, day, by, first, at FROM receipt_differs ORDER BY site, day, by";
        self.see(|connection| {
            fetch(connection, "receipt_differs", (sql, []), |cells| {
                Ok(ReceiptDiffers {
                    site: cells.id()?,
                    day: Day::from_number(cells.take()?),
                    by: cells.text(|by| Some(SmolStr::new(by)))?,
                    first: Some(cells.text(|text| serde_json::from_str(text).ok())?),
                    at: cells.time()?,
                })
            })
        })
    }

    fn kept_alarms(&self) -> Result<Vec<KeptAlarm>, StoreError> {
        let sql = "SELECT of, code, since, times FROM neighbour_alarm ORDER BY of";
        self.see(|connection| {
            fetch(connection, "neighbour_alarm", (sql, []), |cells| {
                Ok(KeptAlarm {
                    of: cells.text(|of| Some(SmolStr::new(of)))?,
                    code: Some(cells.text(|code| Some(SmolStr::new(code)))?),
                    since: cells.time()?,
                    times: u64::try_from(cells.take::<i64>()?).unwrap_or(0),
                })
            })
        })
    }
}
