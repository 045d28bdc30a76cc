//! The counted numbers of a place: what is derived already, and the rest of the log beside it, so
//! that the board always equals a recount.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params, params_from_iter, types::Value};

use super::{
    code, decision, feed, held,
    roll::{self, Counted},
    row::{cell, fetch, fetch_one},
    scope::{self, Clause},
};
use crate::{
    domain::{AlertState, Level, Millis, SiteId, SiteRole, Timestamp},
    store::{
        StoreError,
        view::{Board, HourRow, Scope, SiteRow, VillageRow},
    },
};

/// Which villages and sites are counted; `None`: all, also people and readings without any.
struct Area {
    villages: Option<BTreeSet<String>>,
    sites: Option<BTreeSet<String>>,
}

impl Area {
    /// Where the scope and the asked place overlap.
    fn of(connection: &Connection, scope: &Scope, place: Option<&str>) -> Result<Self, StoreError> {
        let mut area = Self { villages: None, sites: None };
        match scope {
            Scope::Everything => {}
            Scope::Place(place) => area.within(connection, place)?,
            Scope::Doctor(_) => area.sites = Some(BTreeSet::new()),
            Scope::Nobody => {
                area = Self { villages: Some(BTreeSet::new()), sites: Some(BTreeSet::new()) };
            }
        }
        if let Some(place) = place {
            area.within(connection, place)?;
        }
        Ok(area)
    }

    fn within(&mut self, connection: &Connection, place: &str) -> Result<(), StoreError> {
        let villages = scope::villages_of(connection, place)?;
        let sites = scope::sites_of(connection, place)?;
        let overlap = |old: Option<BTreeSet<String>>, new: BTreeSet<String>| match old {
            Some(old) => old.intersection(&new).cloned().collect(),
            None => new,
        };
        self.villages = Some(overlap(self.villages.take(), villages));
        self.sites = Some(overlap(self.sites.take(), sites));
        Ok(())
    }

    fn has_village(&self, village: &str) -> bool {
        self.villages.as_ref().is_none_or(|villages| villages.contains(village))
    }

    fn has_site(&self, site: &str) -> bool {
        self.sites.as_ref().is_none_or(|sites| sites.contains(site))
    }

    /// Readings of the villages' people, and at its sites those of nobody's village.
    fn counts(&self, village: &str, site: &str) -> bool {
        self.has_village(village) || village.is_empty() && self.has_site(site)
    }
}

/// One hour of one kind at one site of one village's people.
struct Hour {
    site: String,
    village: String,
    hour: i64,
    readings: i64,
    crossings: i64,
}

/// What was measured on a day.
#[derive(Default)]
struct Today {
    hours: Vec<Hour>,
    /// People with a reading, by axis and place.
    people: BTreeMap<(i64, String), i64>,
}

/// The board of a place.
pub(super) fn board(
    connection: &Connection,
    scope: &Scope,
    place: Option<&str>,
    now: Timestamp,
) -> Result<Board, StoreError> {
    let area = Area::of(connection, scope, place)?;
    let today = match scope {
        Scope::Doctor(doctor) => today_of_people(connection, doctor, now.shanghai_day())?,
        Scope::Everything | Scope::Place(_) | Scope::Nobody => {
            today(connection, now.shanghai_day())?
        }
    };
    let mut board = Board { cursor: feed::last(connection)?, ..Board::default() };
    board.hourly = hourly(&area, &today);
    board.readings_today = board.hourly.iter().map(|hour| hour.readings).sum();
    let people = today.people.iter().filter(|((axis, _), _)| *axis == roll::VILLAGES);
    let people = people.filter(|((_, village), _)| area.has_village(village));
    board.people_today = natural(people.map(|(_, people)| *people).sum());
    let residents = residents(connection, scope)?;
    let inside = residents.iter().filter(|(village, _)| area.has_village(village));
    board.people = natural(inside.clone().map(|(_, people)| *people).sum());
    board.villages = inside
        .filter(|(village, _)| !village.is_empty())
        .map(|(village, people)| VillageRow {
            village: village.clone(),
            people: natural(*people),
            people_today: natural(today.people_of(roll::VILLAGES, village)),
            worst: None,
        })
        .collect();
    count_alerts(connection, scope, &area, (&mut board, now))?;
    board.sites = sites(connection, &area, &today)?;
    (board.quarantined, board.refused) = waiting(connection, scope, &area)?;
    Ok(board)
}

impl Today {
    fn people_of(&self, axis: i64, place: &str) -> i64 {
        self.people.get(&(axis, place.to_owned())).copied().unwrap_or(0)
    }
}

/// A count that cannot be below zero.
fn natural(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// From the rollup, and from the log behind its cursor.
fn today(connection: &Connection, day: i64) -> Result<Today, StoreError> {
    let mut today = Today::default();
    let sql = "SELECT site, village, hour, readings, crossings FROM rollup WHERE day = ?";
    today.hours = fetch(connection, "rollup", (sql, [day]), |cells| {
        Ok(Hour {
            site: cells.take()?,
            village: cells.take()?,
            hour: cells.take()?,
            readings: cells.take()?,
            crossings: cells.take()?,
        })
    })?;
    let sql = "SELECT axis, place, people FROM day_place WHERE day = ?";
    let people = fetch(connection, "day_place", (sql, [day]), |cells| {
        Ok(((cells.take()?, cells.take()?), cells.take()?))
    })?;
    today.people = people.into_iter().collect();

    let span = [roll::cursor(connection, roll::FOLLOWER)?.0, i64::MAX];
    let mut rest = fetch(connection, "reading", (roll::COUNTED_READINGS, span), roll::counted)?;
    rest.extend(fetch(connection, "crossing", (roll::COUNTED_CROSSINGS, span), roll::counted)?);
    rest.retain(|row| row.at.shanghai_day() == day);
    today.add(rest, |axis, place, person| {
        let sql = "SELECT 1 FROM day_person WHERE day = ? AND axis = ? AND place = ? \
                   AND person = ?";
        let found = fetch_one(
            connection,
            "day_person",
            (sql, params![day, axis, place, person]),
            cell::<i64>,
        )?;
        Ok(found.is_some())
    })?;
    Ok(today)
}

/// From the readings of the people whom a doctor sees.
fn today_of_people(
    connection: &Connection,
    doctor: &crate::domain::DoctorId,
    day: i64,
) -> Result<Today, StoreError> {
    const DAY: i64 = Millis::days(1).0;
    let start = day.saturating_mul(DAY).saturating_sub(Millis::hours(8).0);
    let people = scope::list_of_doctor(doctor);
    let sql = format!(
        "SELECT r.site, coalesce(p.village, ''), r.measured_at, r.kind, r.person, 1, \
         (SELECT count(DISTINCT c.concept) FROM crossing c WHERE c.reading = r.id) \
         FROM ({}) s CROSS JOIN reading r ON r.person = s.person \
         LEFT JOIN person p ON p.person = r.person \
         WHERE r.measured_at >= ? AND r.measured_at < ?",
        people.sql
    );
    let mut values = people.values;
    values.extend([start, start.saturating_add(DAY)].map(Value::Integer));
    let query = (sql.as_str(), params_from_iter(values));
    let rows = fetch(connection, "reading", query, roll::counted)?;
    let mut today = Today::default();
    today.add(rows, |_, _, _| Ok(false))?;
    Ok(today)
}

impl Today {
    /// Adds facts one by one; `known` says whether a person is counted already.
    fn add(
        &mut self,
        rows: Vec<Counted>,
        known: impl Fn(i64, &str, &str) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        for row in &rows {
            let Some(person) = row.person.as_deref().filter(|_| row.readings > 0) else { continue };
            for (axis, place) in [(roll::SITES, &row.site), (roll::VILLAGES, &row.village)] {
                if seen.insert((axis, place, person)) && !known(axis, place, person)? {
                    let count = self.people.entry((axis, place.clone())).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        self.hours.extend(rows.into_iter().map(|row| Hour {
            hour: roll::hour(row.at),
            site: row.site,
            village: row.village,
            readings: row.readings,
            crossings: row.crossings,
        }));
        Ok(())
    }
}

fn hourly(area: &Area, today: &Today) -> Vec<HourRow> {
    let mut hours = BTreeMap::<i64, (i64, i64)>::new();
    for row in today.hours.iter().filter(|row| area.counts(&row.village, &row.site)) {
        let (readings, crossings) = hours.entry(row.hour).or_default();
        *readings = readings.saturating_add(row.readings);
        *crossings = crossings.saturating_add(row.crossings);
    }
    (0..24)
        .map(|hour| {
            let (readings, crossings) = hours.get(&i64::from(hour)).copied().unwrap_or_default();
            HourRow { hour, readings: natural(readings), crossings: natural(crossings) }
        })
        .collect()
}

/// How many people live in each village, by name; of those whom the scope reaches, for a doctor.
fn residents(connection: &Connection, scope: &Scope) -> Result<Vec<(String, i64)>, StoreError> {
    let clause = match scope {
        Scope::Doctor(doctor) => {
            let people = scope::list_of_doctor(doctor);
            let sql = format!(
                "SELECT p.village, count(*) FROM ({}) s JOIN person p ON p.person = s.person \
                 GROUP BY p.village ORDER BY p.village",
                people.sql
            );
            Clause::new(&sql, people.values)
        }
        Scope::Everything | Scope::Place(_) | Scope::Nobody => {
            Clause::new("SELECT village, people FROM village ORDER BY village", [])
        }
    };
    let query = (clause.sql.as_str(), params_from_iter(clause.values));
    fetch(connection, "village", query, |cells| Ok((cells.take()?, cells.take()?)))
}

fn count_alerts(
    connection: &Connection,
    scope: &Scope,
    area: &Area,
    (board, now): (&mut Board, Timestamp),
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT a.level, a.state, a.deadline, a.opened_at, coalesce(p.village, ''), \
         CASE WHEN {} THEN coalesce({}, (SELECT site FROM reading WHERE id = {})) END FROM alert a \
         INDEXED BY alert_live_board LEFT JOIN person p ON p.person = a.person WHERE a.live = 1",
        scope::is_nobody("a.person"),
        scope::silent_site("a.person"),
        scope::nobodys_reading("a.person"),
    );
    let mut clause = Clause::new(&sql, []);
    if let Scope::Doctor(_) = scope {
        clause.and(scope::people(scope, "a.person"));
    }
    let query = (clause.sql.as_str(), params_from_iter(clause.values));
    let live = fetch(connection, "alert", query, |cells| {
        let level = cells.one_of(&code::LEVELS, code::level)?;
        let state = cells.word(&code::STATES, code::state)?;
        let times = (cells.time_or_none()?, cells.time()?);
        Ok((level, state, times, cells.take::<String>()?, cells.take::<Option<String>>()?))
    })?;
    let mut worst = BTreeMap::<String, Level>::new();
    for (level, state, (deadline, opened_at), village, site) in live {
        let nobodys = site.is_some_and(|site| area.has_site(&site));
        if !area.has_village(&village) && !nobodys {
            continue;
        }
        for (counted, open) in code::LEVELS.into_iter().zip(&mut board.open) {
            *open = open.saturating_add(u64::from(counted == level));
        }
        if state == AlertState::Open {
            let overdue = deadline.is_some_and(|deadline| deadline < now);
            board.overdue = board.overdue.saturating_add(u64::from(overdue));
            let oldest = board.oldest_unacknowledged.map_or(opened_at, |at| at.min(opened_at));
            board.oldest_unacknowledged = Some(oldest);
        }
        let gravest = worst.entry(village).or_insert(level);
        *gravest = level.max(*gravest);
    }
    for village in &mut board.villages {
        village.worst = worst.get(&village.village).copied();
    }
    Ok(())
}

fn sites(connection: &Connection, area: &Area, today: &Today) -> Result<Vec<SiteRow>, StoreError> {
    let sql = "SELECT s.site, s.name, s.kind, t.online, t.seen_at, coalesce(t.quarantined, 0) \
               FROM site s LEFT JOIN site_state t ON t.site = s.site ORDER BY s.site";
    let mut rows = fetch(connection, "site", (sql, []), |cells| {
        let (site, name): (SiteId, String) = (cells.id()?, cells.take()?);
        let kind: SiteRole = cells.word(&code::ROLES, code::site_role)?;
        let online: Option<i64> = cells.take()?;
        let (last_seen, quarantined) = (cells.time_or_none()?, natural(cells.take()?));
        let online = online.map(|online| online != 0);
        Ok(SiteRow {
            readings_today: 0,
            people_today: natural(today.people_of(roll::SITES, site.as_str())),
            site,
            name,
            kind,
            online,
            last_seen,
            quarantined,
        })
    })?;
    rows.retain(|row| area.has_site(row.site.as_str()));
    let mut readings = BTreeMap::<&str, i64>::new();
    for hour in &today.hours {
        let sum = readings.entry(&hour.site).or_default();
        *sum = sum.saturating_add(hour.readings);
    }
    for row in &mut rows {
        row.readings_today = natural(readings.get(row.site.as_str()).copied().unwrap_or(0));
    }
    Ok(rows)
}

/// What waits in quarantine and what was refused.
fn waiting(connection: &Connection, scope: &Scope, area: &Area) -> Result<(u64, u64), StoreError> {
    if let Scope::Doctor(_) = scope {
        let sql = format!(
            "SELECT count(*), q.site FROM quarantine q WHERE {} = 'undone' AND ",
            decision::LATEST
        );
        let mut clause = Clause::new(&sql, []);
        let reached = held::scoped(scope);
        clause.push(&reached.sql, reached.values);
        let query = (clause.sql.as_str(), params_from_iter(clause.values));
        let count = fetch_one(connection, "quarantine", query, cell::<i64>)?;
        return Ok((natural(count.unwrap_or(0)), 0));
    }
    let sql = "SELECT site, quarantined, refused FROM site_state";
    let counts = fetch(connection, "site_state", (sql, []), |cells| {
        Ok((cells.take::<String>()?, cells.take::<i64>()?, cells.take::<i64>()?))
    })?;
    let inside = counts.iter().filter(|(site, _, _)| area.has_site(site));
    let quarantined = inside.clone().map(|(_, quarantined, _)| *quarantined).sum();
    Ok((natural(quarantined), natural(inside.map(|(_, _, refused)| *refused).sum())))
}
