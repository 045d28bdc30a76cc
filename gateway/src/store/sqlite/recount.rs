//! Counting anew: every number and every derived row against the facts it comes from.

use std::sync::LazyLock;

use rusqlite::Connection;

use super::{
    counters,
    row::{fetch, fetch_one, number},
};
use crate::store::StoreError;

/// The tables of facts.
const FACTS: [&str; 17] = [
    "reading",
    "refused",
    "quarantine",
    "context",
    "person_event",
    "card_scan",
    "presence",
    "registration",
    "pack",
    "crossing",
    "alert_event",
    "attempt",
    "decision",
    "attribution",
    "merge",
    "retiming",
    "gateway_clock",
];

/// Calendar day and hour of a time on the clocks of China, also before 1970.
fn day_of(time: &str) -> String {
    format!("(({time} + 28800000) - {}) / 86400000", time_of_day(time))
}

fn hour_of(time: &str) -> String {
    format!("{} / 3600000", time_of_day(time))
}

fn time_of_day(time: &str) -> String {
    format!("((({time} + 28800000) % 86400000 + 86400000) % 86400000)")
}

/// Two queries that must find the same rows.
struct Same {
    what: &'static str,
    kept: String,
    counted: String,
}

fn same(what: &'static str, kept: &str, counted: &str) -> Same {
    Same { what, kept: kept.to_owned(), counted: counted.to_owned() }
}

const CURSOR: &str = "(SELECT coalesce(max(seq), 0) FROM follower WHERE name = 'rollup')";

fn rollups() -> [Same; 3] {
    let (day, hour) = (day_of("r.measured_at"), hour_of("r.measured_at"));
    let place = "LEFT JOIN person p ON p.person = r.person";
    let hours = format!(
        "SELECT day, site, village, hour, kind, sum(readings), sum(crossings) FROM (\
         SELECT {day} AS day, r.site AS site, coalesce(p.village, '') AS village, {hour} AS hour, \
         r.kind AS kind, 1 AS readings, 0 AS crossings FROM reading r {place} \
         WHERE r.seq <= {CURSOR} UNION ALL \
         SELECT {day}, r.site, coalesce(p.village, ''), {hour}, r.kind, 0, 1 \
         FROM crossing c JOIN reading r ON r.id = c.reading {place} WHERE c.seq <= {CURSOR} \
         AND NOT EXISTS (SELECT 1 FROM crossing e WHERE e.reading = c.reading \
         AND e.concept = c.concept AND e.seq < c.seq)) \
         GROUP BY day, site, village, hour, kind"
    );
    let people = format!(
        "SELECT {day}, 0, r.site, r.person, count(*) FROM reading r \
         WHERE r.person IS NOT NULL AND r.seq <= {CURSOR} GROUP BY 1, 3, 4 UNION ALL \
         SELECT {day}, 1, coalesce(p.village, ''), r.person, count(*) FROM reading r {place} \
         WHERE r.person IS NOT NULL AND r.seq <= {CURSOR} GROUP BY 1, 3, 4"
    );
    [
        same("numbers by site, village and hour", "SELECT * FROM rollup", &hours),
        same("people by day and place", "SELECT * FROM day_person", &people),
        same(
            "numbers of people by day and place",
            "SELECT * FROM day_place",
            "SELECT day, axis, place, count(*) FROM day_person GROUP BY day, axis, place",
        ),
    ]
}

fn registry() -> Vec<Same> {
    let mut all: Vec<_> =
        ["person", "household", "doctor", "device", "site", "card", "place", "team"]
            .into_iter()
            .map(|kind| Same {
                what: "registry rows in force",
                kept: format!("SELECT {kind}, seq FROM {kind}"),
                counted: format!(
                    "SELECT name, max(seq) FROM registration WHERE kind = '{kind}' GROUP BY name"
                ),
            })
            .collect();
    all.push(same(
        "villages of people",
        "SELECT person, village FROM person",
        "SELECT p.person, coalesce(nullif(h.village, ''), p.own_village) FROM person p \
         LEFT JOIN household h ON h.household = p.household",
    ));
    all.push(same(
        "numbers of people by village",
        "SELECT village, people FROM village",
        "SELECT village, count(*) FROM person GROUP BY village",
    ));
    all.push(same(
        "cards of people",
        "SELECT DISTINCT person, seq, card FROM person_card",
        "SELECT DISTINCT p.person, p.seq, \
         card_mark((SELECT unseal(x'00', 'lookup', key) FROM lookup_key), c.value) FROM person p \
         JOIN registration g ON g.seq = p.seq JOIN identity i ON i.key = g.identity \
         JOIN json_each(unseal(i.key, 'further', i.further)) c",
    ));
    all
}

fn working_state() -> [Same; 3] {
    let columns = super::alert::COLUMNS;
    let current = format!("SELECT {columns} FROM alert");
    let last = format!(
        "SELECT {columns} FROM alert_event \
         WHERE seq IN (SELECT max(seq) FROM alert_event GROUP BY key)"
    );
    let latest = super::decision::LATEST;
    let sites = format!(
        "SELECT site, sum(quarantined), sum(refused), max(at) FROM (\
                 SELECT coalesce(site, '') AS site, {latest} = 'undone' AS quarantined, \
                 0 AS refused, received_at AS at FROM quarantine q UNION ALL \
                 SELECT site, reading IS NULL, 0, received_at FROM context UNION ALL \
                 SELECT coalesce(site, ''), 0, 1, received_at FROM refused UNION ALL \
                 SELECT site, 0, 0, server_at FROM reading UNION ALL \
                 SELECT site, 0, 0, received_at FROM card_scan UNION ALL \
                 SELECT site, 0, 0, at FROM presence) GROUP BY site"
    );
    [
        same("alerts as they stand", &current, &last),
        same(
            "doctors to whom alerts came",
            "SELECT doctor, person FROM alert_owner",
            &format!(
                "SELECT DISTINCT e.owner, e.person FROM alert_event e \
                 WHERE e.owner IS NOT NULL AND {}",
                super::merge::OWNED
            ),
        ),
        same(
            "what sites sent",
            "SELECT site, quarantined, refused, seen_at FROM site_state",
            &sites,
        ),
    ]
}

static SAME: LazyLock<Vec<Same>> =
    LazyLock::new(|| rollups().into_iter().chain(registry()).chain(working_state()).collect());

/// Queries that must find nothing, and what it means if they do.
const NONE: [(&str, &str); 23] = [
    (
        "registrations have lost who they name",
        "SELECT count(*) FROM registration WHERE (identity IS NULL AND kind = 'person') \
         OR (identity IS NOT NULL AND identity NOT IN (SELECT key FROM identity))",
    ),
    (
        "decisions are about an item that is missing",
        "SELECT count(*) FROM decision WHERE item NOT IN (SELECT seq FROM quarantine)",
    ),
    (
        "readings belong to somebody else than their latest attribution says",
        "SELECT count(*) FROM attribution a JOIN reading r ON r.id = a.reading \
         WHERE a.seq = (SELECT max(seq) FROM attribution WHERE reading = a.reading) \
         AND (coalesce(r.filed, r.person) IS NOT a.person OR r.basis IS NOT a.basis \
         OR r.session_bench IS NOT a.session_bench OR r.session_at IS NOT a.session_at \
         OR r.session_by IS NOT a.session_by)",
    ),
    (
        "readings or events count as somebody else's than the merges in force say",
        "SELECT count(*) FROM (SELECT person, filed FROM reading WHERE person IS NOT NULL \
         UNION ALL SELECT person, filed FROM person_event) r \
         LEFT JOIN merged m ON m.person = coalesce(r.filed, r.person) \
         WHERE r.person IS NOT coalesce(m.survivor, r.filed, r.person) \
         OR (r.filed IS NOT NULL) <> (m.survivor IS NOT NULL)",
    ),
    (
        "merges are in force that no fact says, or the other way round",
        "SELECT count(*) FROM (SELECT seq, person, survivor FROM merge WHERE undoes IS NULL \
         AND seq NOT IN (SELECT undoes FROM merge WHERE undoes IS NOT NULL)) f \
         FULL JOIN merged m ON m.seq = f.seq AND m.person = f.person \
         AND m.survivor = f.survivor WHERE m.seq IS NULL OR f.seq IS NULL",
    ),
    (
        "merges are of one that counts as another's",
        "SELECT count(*) FROM merged m JOIN merged o ON o.person = m.survivor",
    ),
    (
        "readings have other times than their latest correction says",
        "SELECT count(*) FROM retiming t JOIN reading r ON r.id = t.reading \
         WHERE t.seq = (SELECT max(seq) FROM retiming WHERE reading = t.reading) \
         AND (r.measured_at <> t.now_at OR r.grade <> t.now_grade OR r.late <> t.now_late \
         OR coalesce(r.rebased_at, r.received_at) <> t.now_received)",
    ),
    (
        "contexts are joined to a reading that is missing, or tells otherwise",
        "SELECT count(*) FROM context c LEFT JOIN reading r ON r.id = c.reading \
         WHERE c.reading IS NOT NULL AND (r.context_meal IS NOT c.meal \
         OR unseal_text(r.seq, 'context_told', r.context_told) \
         IS NOT unseal_text(c.seq, 'attributes', c.attributes))",
    ),
    (
        "readings tell what no context of theirs does",
        "SELECT count(*) FROM reading WHERE kind = 1 AND epoch IS NULL AND number IS NOT NULL \
         AND context_meal IS NOT NULL AND id NOT IN \
         (SELECT reading FROM context WHERE reading IS NOT NULL)",
    ),
    (
        "readings tell other symptoms than acts at the bench name for them",
        "SELECT count(*) FROM reading r WHERE CASE WHEN r.told_symptoms IS NULL THEN \
         EXISTS (SELECT 1 FROM person_event e WHERE e.reading = r.id AND e.seq > r.seq \
         AND e.symptoms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM person_event v \
         WHERE v.voids = e.id)) ELSE r.told_symptoms <> (SELECT json_group_array(code) FROM \
         (SELECT DISTINCT j.value AS code FROM person_event e, json_each(e.symptoms) j \
         WHERE e.reading = r.id AND NOT EXISTS (SELECT 1 FROM person_event v \
         WHERE v.voids = e.id) ORDER BY code)) END",
    ),
    (
        "routes lead to no reading, or to another one",
        "SELECT count(*) FROM route k LEFT JOIN reading r ON r.seq = k.seq \
         WHERE r.seq IS NULL OR k.kind NOT IN (0, 1, 2) OR r.measured_at <> k.measured_at \
         OR k.name <> CASE k.kind WHEN 0 THEN '' WHEN 1 THEN r.device ELSE r.site END",
    ),
    (
        "routes are too few, or too many if negative, for three a derived reading",
        "SELECT 3 * (SELECT count(*) FROM reading WHERE seq <= (SELECT coalesce(max(seq), 0) \
         FROM follower WHERE name = 'rollup')) - (SELECT count(*) FROM route)",
    ),
    (
        "readings have the id of another reading",
        "SELECT count(*) - count(DISTINCT id) FROM reading",
    ),
    (
        "crossings name an alert that is missing",
        "SELECT count(*) FROM crossing WHERE alert NOT IN (SELECT key FROM alert)",
    ),
    (
        "crossings name a reading or an event that is missing",
        "SELECT count(*) FROM crossing WHERE reading IS NOT NULL \
         AND reading NOT IN (SELECT id FROM reading) \
         AND reading NOT IN (SELECT id FROM person_event)",
    ),
    (
        "crossings are neither opened, joined nor held",
        "SELECT count(*) FROM crossing WHERE disposition NOT IN ('opened', 'joined', 'held')",
    ),
    (
        "owed notifications name an alert that is missing",
        "SELECT count(*) FROM owed WHERE alert NOT IN (SELECT key FROM alert)",
    ),
    (
        "attempts name a notification that was never owed",
        "SELECT count(*) FROM attempt WHERE key NOT IN (SELECT key FROM owed)",
    ),
    (
        "old ids lead to an alert that is missing",
        "SELECT count(*) FROM alias WHERE alert NOT IN (SELECT key FROM alert)",
    ),
    (
        "timers name an alert that is missing",
        "SELECT count(*) FROM timer WHERE alert <> 0 AND alert NOT IN (SELECT key FROM alert)",
    ),
    (
        "alerts are counted as live and have ended, or the other way round",
        "SELECT count(*) FROM alert WHERE live <> \
         (state IN ('open', 'acknowledged', 'planned', 'visited'))",
    ),
    (
        "readings in quarantine have lost their item",
        "SELECT count(*) FROM quarantined_reading WHERE seq NOT IN (SELECT seq FROM quarantine)",
    ),
    (
        "followers stand behind the end of the log",
        // Those that read a neighbour's log again stand in that log.
        "SELECT count(*) FROM follower WHERE seq > (SELECT last FROM state) \
         AND name NOT LIKE 'uplink-again/%'",
    ),
];

/// Every difference, as a sentence.
pub(super) fn recount(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut found = integrity(connection)?;
    found.extend(super::staff::recount(connection)?);
    found.extend(positions(connection)?);
    found.extend(counters::differences(connection)?);
    for (sentence, sql) in NONE {
        let rows = number(connection, sql, [])?;
        if rows != 0 {
            found.push(format!("{rows} {sentence}"));
        }
    }
    for Same { what, kept, counted } in &*SAME {
        let differ = |one: &str, other: &str| {
            let sql = format!(
                "SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT \
                               SELECT * FROM ({other}))"
            );
            number(connection, &sql, [])
        };
        let (extra, missing) = (differ(kept, counted)?, differ(counted, kept)?);
        if extra != 0 || missing != 0 {
            found
                .push(format!("{what}: {extra} rows kept that a recount lacks, {missing} lacking"));
        }
    }
    match super::lookup::differences(connection) {
        Err(error @ StoreError::Damaged { .. }) => found.push(error.to_string()),
        other => found.extend(other?),
    }
    Ok(found)
}

fn integrity(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let lines = fetch(connection, "the file", ("PRAGMA integrity_check", []), |cells| {
        cells.take::<String>()
    })?;
    let bad = lines.into_iter().filter(|line| line != "ok");
    Ok(bad.map(|line| format!("the file is damaged: {line}")).collect())
}

/// The log has no gap, no position twice, and ends where the counter says.
fn positions(connection: &Connection) -> Result<Option<String>, StoreError> {
    let all = FACTS.map(|table| format!("SELECT seq FROM {table}")).join(" UNION ALL ");
    let sql = format!("SELECT count(*), count(DISTINCT seq), coalesce(max(seq), 0) FROM ({all})");
    let counted = fetch_one(connection, "the log", (&sql, []), |cells| {
        Ok((cells.take::<i64>()?, cells.take::<i64>()?, cells.take::<i64>()?))
    })?;
    let last = super::feed::last(connection)?.0;
    let (facts, distinct, greatest) = counted.unwrap_or_default();
    let good = facts == last && distinct == last && greatest == last;
    Ok((!good).then(|| {
        format!(
            "the log counts {last} positions and holds {facts} facts at {distinct} positions up to \
             {greatest}"
        )
    }))
}
