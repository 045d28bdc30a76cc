//! The store against the oracle: by reading a copy of its file, and by asking the API.
//!
//! Every difference is a line of text. No difference means: everything acknowledged is there, as
//! it was sent, once; every count adds up; every crossing opened, joined or was held under an
//! alert; and the outbox holds exactly what the alerts' changes owe.

use std::{collections::BTreeMap, fs, path::Path};

use rusqlite::{Connection, OpenFlags, params};
use serde_json::Value;

use crate::{
    gateway::Gateway,
    ledger::{Account, EPOCH, Ledger, device},
    registry::person,
};

/// Differences shown of one kind.
const SHOWN: usize = 3;

/// The file of a store.
pub const DATABASE: &str = "xunzhen.db";

/// Reads a copy of the store's file and lists every difference from the ledger.
///
/// # Panics
/// When the store cannot be copied or read at all.
#[must_use]
#[track_caller]
pub fn file(folder: &Path, ledger: &Ledger) -> Vec<String> {
    let copy = Copy::of(folder);
    let mut found = Vec::new();
    for (number, account) in (0..).zip(&ledger.accounts) {
        copy.readings(ledger, (number, account), &mut found);
    }
    copy.counts(&mut found);
    copy.alerts(&mut found);
    found
}

/// Differences between the store and itself, where no ledger was kept.
///
/// # Panics
/// When the store cannot be copied or read at all.
#[must_use]
#[track_caller]
pub fn itself(folder: &Path) -> Vec<String> {
    let copy = Copy::of(folder);
    let mut found = Vec::new();
    copy.counts(&mut found);
    copy.alerts(&mut found);
    found
}

/// What a device's number is found to say.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    person: String,
    systolic: String,
    diastolic: String,
    pulse: String,
}

struct Copy {
    connection: Connection,
    _folder: tempfile::TempDir,
}

impl Copy {
    /// Copies the files as they lie there, so that nothing done here touches the store.
    #[track_caller]
    fn of(folder: &Path) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for name in [DATABASE.to_owned(), format!("{DATABASE}-wal")] {
            if folder.join(&name).try_exists().unwrap() {
                fs::copy(folder.join(&name), copy.path().join(&name)).unwrap();
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(copy.path().join(DATABASE), flags).unwrap();
        Self { connection, _folder: copy }
    }

    fn number(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The rows of a question that asks for differences, as lines.
    fn differences(&self, what: &str, sql: &str, found: &mut Vec<String>) {
        let mut statement = self.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        report(what, rows, found);
    }

    fn readings(&self, ledger: &Ledger, of: (u32, &Account), found: &mut Vec<String>) {
        let (number, account) = of;
        let name = device(number);
        let held = self.held(&name, found);
        let lost = account.acknowledged.iter().filter(|seq| !held.contains_key(seq));
        report("lost after its acknowledgement", lost.map(|seq| format!("{name} {seq}")), found);
        let unknown = held.keys().filter(|seq| **seq >= account.next);
        report("stored and never sent", unknown.map(|seq| format!("{name} {seq}")), found);
        let other = held.iter().filter(|(seq, held)| {
            let said = ledger.world.said(number, **seq);
            **held
                != Held {
                    person: person(said.person),
                    systolic: said.systolic.to_string(),
                    diastolic: said.diastolic.to_string(),
                    pulse: said.pulse.to_string(),
                }
        });
        report(
            "not as it was sent",
            other.map(|(seq, held)| format!("{name} {seq}: {held:?}")),
            found,
        );
        let uncrossed = self.uncrossed(&name);
        report("beyond a line without a crossing", uncrossed, found);
        let crossed = held.keys().filter(|seq| ledger.world.said(number, **seq).crosses()).count();
        let counted = self.crossed(&name);
        if counted != crossed {
            found.push(format!(
                "{name}: {crossed} readings beyond a line, {counted} with a crossing"
            ));
        }
    }

    fn held(&self, name: &str, found: &mut Vec<String>) -> BTreeMap<u64, Held> {
        let sql =
            "SELECT number, epoch, person, value, value2, pulse FROM reading WHERE device = ?";
        let mut statement = self.connection.prepare(sql).unwrap();
        let mut rows = statement.query([name]).unwrap();
        let mut held = BTreeMap::new();
        let mut twice = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let text = |place| row.get::<_, Option<String>>(place).unwrap().unwrap_or_default();
            let seq: u64 = row.get::<_, i64>(0).unwrap().try_into().unwrap();
            let epoch: i64 = row.get(1).unwrap();
            let reading =
                Held { person: text(2), systolic: text(3), diastolic: text(4), pulse: text(5) };
            if held.insert(seq, reading).is_some() || u64::try_from(epoch) != Ok(EPOCH) {
                twice.push(format!("{name} {seq}"));
            }
        }
        report("stored twice", twice, found);
        held
    }

    fn uncrossed(&self, name: &str) -> Vec<String> {
        let sql = "SELECT device || ' ' || number FROM reading WHERE device = ? \
                   AND (CAST(value AS REAL) >= 180 OR CAST(value2 AS REAL) >= 110) \
                   AND NOT EXISTS (SELECT 1 FROM crossing WHERE crossing.reading = reading.id)";
        let mut statement = self.connection.prepare(sql).unwrap();
        let rows = statement.query_map([name], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn crossed(&self, name: &str) -> usize {
        let sql = "SELECT COUNT(DISTINCT crossing.reading) FROM crossing \
                   JOIN reading ON reading.id = crossing.reading WHERE device = ?";
        let count: i64 = self.connection.query_row(sql, params![name], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    }

    /// The file is whole, the log has no gap, and what was received is accounted for.
    fn counts(&self, found: &mut Vec<String>) {
        self.differences(
            "the file is damaged",
            "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
            found,
        );
        let facts: i64 =
            FACTS.iter().map(|table| self.number(&format!("SELECT COUNT(*) FROM {table}"))).sum();
        let checks = [
            ("positions of the log", facts, "SELECT last FROM state"),
            (
                "items received",
                self.number(
                    "SELECT stored + rejected + duplicate + quarantined + refused FROM state",
                ),
                "SELECT received FROM state",
            ),
            (
                "readings, contexts and events stored",
                self.number(READINGS_OF_PEOPLE)
                    + self.number("SELECT COUNT(*) FROM context")
                    + self.number("SELECT COUNT(*) FROM person_event WHERE kind <> 'act'"),
                "SELECT stored + rejected FROM state",
            ),
            (
                "items refused",
                self.number("SELECT COUNT(*) FROM refused"),
                "SELECT refused FROM state",
            ),
            (
                "items quarantined",
                self.number("SELECT COUNT(*) FROM quarantine WHERE reason NOT IN ('unknown_card', 'session_changed')"),
                "SELECT quarantined FROM state",
            ),
        ];
        for (what, counted, sql) in checks {
            let kept = self.number(sql);
            if counted != kept {
                found.push(format!("{what}: {counted} counted, {kept} kept"));
            }
        }
    }

    /// Crossings, alerts and the outbox agree.
    fn alerts(&self, found: &mut Vec<String>) {
        self.differences("a crossing without its alert", CROSSING_WITHOUT_ALERT, found);
        self.differences("an alert that nothing opened", ALERT_WITHOUT_OPENING, found);
        self.differences("an alert that stands otherwise than its last step", ALERT_STALE, found);
        let owed = |sql: &str| format!("{DUE} {sql}");
        self.differences("owed and not in the outbox", &owed(OWED_AND_ABSENT), found);
        self.differences("in the outbox and not owed", &owed(ABSENT_AND_OWED), found);
        self.differences("openings that are not the alert's", OPENINGS, found);
    }
}

/// One table a kind of fact.
const FACTS: [&str; 17] = [
    "reading",
    "refused",
    "quarantine",
    "context",
    "person_event",
    "card_scan",
    "presence",
    "registration",
    "crossing",
    "alert_event",
    "attempt",
    "pack",
    "decision",
    "attribution",
    "merge",
    "retiming",
    "gateway_clock",
];

/// A reading of nobody is kept too, and counted in quarantine; a conflict is a second reading under
/// the first one's id.
const READINGS_OF_PEOPLE: &str = "SELECT COUNT(*) FROM reading WHERE id NOT IN (SELECT held.id \
    FROM quarantined_reading AS held JOIN quarantine USING (seq) WHERE reason NOT IN ('conflict', 'session_changed'))";

const CROSSING_WITHOUT_ALERT: &str = "SELECT ifnull(hex(reading), concept) FROM crossing WHERE \
    disposition NOT IN ('opened', 'joined', 'held') OR alert NOT IN (SELECT key FROM alert)";

/// A late reading may move an alert's beginning: its crossings are kept anew then, and the latest
/// word about a reading counts. By it, one crossing opens each alert that was not taken back. A crossing of
/// no reading (silence) names nothing by which one that is kept anew could be told from another.
const OPENINGS: &str = "SELECT hex(id) || ' ' || state || ': ' || opened || ' openings of ' || kept FROM \
    (SELECT id, state, (SELECT group_concat(seq || ' ' || disposition || ' ' || \
    ifnull(hex(reading), ''), ', ') FROM crossing WHERE crossing.alert = alert.key) AS kept, (SELECT EXISTS (SELECT 1 FROM crossing WHERE crossing.alert = \
    alert.key AND disposition = 'opened' AND reading IS NULL) + COUNT(*) FROM crossing WHERE crossing.alert = \
    alert.key AND disposition = 'opened' AND reading IS NOT NULL AND NOT EXISTS (SELECT 1 FROM crossing AS later \
    WHERE later.reading = crossing.reading AND later.concept = crossing.concept \
    AND later.seq > crossing.seq)) AS opened FROM alert) \
    WHERE opened > 1 OR opened < 1 AND state NOT IN ('withdrawn', 'superseded', 'merged')";

const ALERT_WITHOUT_OPENING: &str = "SELECT hex(id) FROM alert WHERE key NOT IN \
    (SELECT key FROM alert_event WHERE change = 'opened')";

const ALERT_STALE: &str = "SELECT hex(alert.id) FROM alert JOIN alert_event ON alert_event.seq = \
    (SELECT MAX(seq) FROM alert_event WHERE key = alert.key) WHERE \
    (alert.state, alert.level, alert.owner) IS NOT \
    (alert_event.state, alert_event.level, alert_event.owner)";

/// Changes that tell a doctor (DESIGN section 5: a rise, a new owner), on each channel that the
/// doctor's row in force at that position has; never for blue.
const DUE: &str = "WITH doctor_row AS (SELECT seq, name, body FROM registration \
    WHERE kind = 'doctor'), due AS (SELECT event.key AS alert, event.change AS change, \
    event.owner AS doctor, (SELECT body FROM doctor_row WHERE name = event.owner AND \
    doctor_row.seq < event.seq ORDER BY seq DESC LIMIT 1) AS body FROM alert_event AS event \
    WHERE event.owner IS NOT NULL AND event.level > 0 AND event.change IN \
    ('opened', 'raised', 'escalated', 'forwarded')), \
    wanted AS (SELECT alert, change, doctor, 'webhook' AS channel FROM due \
    WHERE coalesce(body ->> '$.webhook', body ->> '$.row.webhook', '') <> '' \
    UNION SELECT alert, change, doctor, 'mqtt' FROM due \
    WHERE coalesce(body ->> '$.mqtt', body ->> '$.row.mqtt', 0))";

const OWED_AND_ABSENT: &str = "SELECT alert || ' ' || change || ' ' || doctor || ' ' || \
    channel FROM wanted EXCEPT SELECT alert || ' ' || change || ' ' || recipient || ' ' || \
    channel FROM owed";

const ABSENT_AND_OWED: &str = "SELECT alert || ' ' || change || ' ' || recipient || ' ' || \
    channel FROM owed EXCEPT SELECT alert || ' ' || change || ' ' || doctor || ' ' || channel \
    FROM wanted";

fn report(what: &str, lines: impl IntoIterator<Item = String>, found: &mut Vec<String>) {
    let lines: Vec<String> = lines.into_iter().collect();
    if !lines.is_empty() {
        let shown = lines.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        found.push(format!("{what}: {} ({shown})", lines.len()));
    }
}

/// Asks the API for every reading of every device and lists every difference from the ledger.
///
/// # Panics
/// When the API does not answer.
#[must_use]
#[track_caller]
pub fn api(gateway: &Gateway, ledger: &Ledger) -> Vec<String> {
    let mut found = Vec::new();
    for (number, account) in (0..).zip(&ledger.accounts) {
        let name = device(number);
        let items = gateway.list(&format!("/api/v1/readings?device={name}&limit=1000"));
        let held: BTreeMap<u64, &Value> =
            items.iter().filter_map(|item| Some((item["seq"].as_u64()?, item))).collect();
        if held.len() != items.len() {
            found.push(format!("{name}: {} items, {} numbers", items.len(), held.len()));
        }
        let lost = account.acknowledged.iter().filter(|seq| !held.contains_key(seq));
        report(
            "not listed after its acknowledgement",
            lost.map(|seq| format!("{name} {seq}")),
            &mut found,
        );
        let other = held.iter().filter(|(seq, item)| {
            let said = ledger.world.said(number, **seq);
            item["systolic"] != said.systolic
                || item["diastolic"] != said.diastolic
                || item["person"] != person(said.person)
        });
        report(
            "not listed as it was sent",
            other.map(|(seq, _)| format!("{name} {seq}")),
            &mut found,
        );
    }
    found
}
