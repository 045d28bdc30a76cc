//! Who answers for whom, when; the tree of places, teams and duty; people by identity number.

use rusqlite::{Connection, params};

use super::{
    fault::failed,
    identity::{self, COLUMNS, WHO},
    lookup::Tokens,
    registry::entered,
    row::{Cells, cell, fetch, fetch_one, number, run},
    unit::SqliteUnit,
};
use crate::{
    domain::{
        Assigned, ContentDigest, DoctorId, Duty, HouseholdId, Id, IdNumber, Person, PersonId,
        Place, PlaceKind, Registered, Span, TeamOf, Timestamp, answering,
    },
    store::{
        CommitSeq, RegistryKey, Staff, StoreError,
        staff::{Holders, homes},
    },
};

const WHAT: &str = "entering who answers";

/// Open ends on disk.
const EVER: i64 = i64::MIN;
const NEVER: i64 = i64::MAX;

/// Steps up the tree at most: four kinds of place, and room for places between them.
const TREE_MAX: i64 = 8;

/// A row of one name.
fn name<K>(cells: &mut Cells<'_, '_>) -> Result<Id<K>, StoreError> {
    cells.id()
}

/// A row of one instant, if there is one.
fn instant(cells: &mut Cells<'_, '_>) -> Result<Option<Timestamp>, StoreError> {
    cells.time_or_none()
}

fn ends(span: Span) -> (i64, i64) {
    (span.from.map_or(EVER, Timestamp::as_millis), span.until.map_or(NEVER, Timestamp::as_millis))
}

/// Makes the spans of a household anew, once its row is in the log; returns who answers for it now.
pub(super) fn assign(
    connection: &Connection,
    household: &HouseholdId,
    now: Timestamp,
) -> Result<Option<DoctorId>, StoreError> {
    let spans = spans_of(connection, household)?;
    let home = household.as_str();
    run(connection, WHAT, "DELETE FROM assignment WHERE household = ?", [home])?;
    for Assigned { doctor, span } in &spans {
        let sql = "INSERT INTO assignment (household, doctor, from_at, until_at) \
                   VALUES (?, ?, ?, ?)";
        let (from, until) = ends(*span);
        run(connection, WHAT, sql, params![home, doctor.as_str(), from, until])?;
    }
    let turned = number(connection, "SELECT at FROM handover", [])?;
    let now = now.max(Timestamp::from_millis(turned));
    let present = spans.into_iter().find(|assigned| assigned.span.holds_at(now));
    Ok(present.map(|assigned| assigned.doctor))
}

fn spans_of(connection: &Connection, household: &HouseholdId) -> Result<Vec<Assigned>, StoreError> {
    let key = RegistryKey::Household(household.clone());
    Ok(answering(&homes(entered(connection, &key)?)))
}

/// Who answered for a household at an instant.
pub(super) fn doctor_of(
    connection: &Connection,
    household: &HouseholdId,
    at: Timestamp,
) -> Result<Option<DoctorId>, StoreError> {
    let sql =
        "SELECT doctor FROM assignment WHERE household = ?1 AND from_at <= ?2 AND until_at > ?2";
    let asked = params![household.as_str(), at.as_millis()];
    fetch_one(connection, "assignment", (sql, asked), name)
}

/// When the next doctor takes over somewhere.
pub(super) fn next_handover(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT min(at) FROM (\
               SELECT min(from_at) AS at FROM assignment WHERE from_at > (SELECT at FROM handover) \
               UNION ALL SELECT min(until_at) FROM assignment \
               WHERE until_at > (SELECT at FROM handover) AND until_at < 9223372036854775807)";
    let next = fetch_one(connection, "assignment", (sql, []), instant)?;
    Ok(next.flatten())
}

/// Whoever answers from an instant on does so from now on.
pub(super) fn hand_over(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    let now = now.as_millis();
    let sql = "UPDATE household SET doctor = (SELECT a.doctor FROM assignment a \
               WHERE a.household = household.household AND a.from_at <= ?1 AND a.until_at > ?1) \
               WHERE household IN (\
               SELECT household FROM assignment WHERE from_at > (SELECT at FROM handover) \
               AND from_at <= ?1 UNION \
               SELECT household FROM assignment WHERE until_at > (SELECT at FROM handover) \
               AND until_at <= ?1)";
    run(connection, "handing households over", sql, [now])?;
    let sql = "UPDATE handover SET at = max(at, ?)";
    run(connection, "handing households over", sql, [now]).map(|_| ())
}

/// Puts a place into the tree.
pub(super) fn put_place(
    connection: &Connection,
    seq: CommitSeq,
    place: &Place,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO place (place, seq, kind, parent) VALUES (?, ?, ?, ?)";
    let params = params![place.place, seq.0, rank(place.kind), place.parent];
    run(connection, WHAT, sql, params).map(|_| ())
}

const fn rank(kind: PlaceKind) -> i64 {
    match kind {
        PlaceKind::Village => 0,
        PlaceKind::Township => 1,
        PlaceKind::County => 2,
        PlaceKind::City => 3,
    }
}

/// Puts a team in force.
pub(super) fn put_team(
    connection: &Connection,
    seq: CommitSeq,
    team: &TeamOf,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO team (team, seq, place) VALUES (?, ?, ?)";
    run(connection, WHAT, sql, params![team.team.as_str(), seq.0, team.place]).map(|_| ())
}

/// Puts a turn of duty in force.
pub(super) fn put_duty(
    connection: &Connection,
    seq: CommitSeq,
    duty: &Duty,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO duty (place, from_at, until_at, doctor, seq) \
               VALUES (?, ?, ?, ?, ?)";
    let (from, until) = ends(duty.span);
    let doctor = duty.doctor.as_ref().map(Id::as_str);
    run(connection, WHAT, sql, params![duty.site_or_place, from, until, doctor, seq.0]).map(|_| ())
}

/// Who is on duty at an instant; of two, whoever began later.
pub(super) fn on_duty(
    connection: &Connection,
    site_or_place: &str,
    at: Timestamp,
) -> Result<Option<DoctorId>, StoreError> {
    let sql = "SELECT doctor FROM duty WHERE place = ?1 AND from_at <= ?2 AND until_at > ?2 \
               AND doctor IS NOT NULL ORDER BY from_at DESC LIMIT 1";
    fetch_one(connection, "duty", (sql, params![site_or_place, at.as_millis()]), name)
}

/// The turns of duty in force of a site or place, by their beginning.
pub(super) fn duties_of(
    connection: &Connection,
    site_or_place: &str,
) -> Result<Vec<Duty>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM duty d JOIN registration g ON g.seq = d.seq {WHO} \
         WHERE d.place = ? ORDER BY d.from_at"
    );
    let rows = fetch(connection, "registration", (&sql, [site_or_place]), identity::row)?;
    let duty = |row| if let Registered::Duty(duty) = row { Some(duty) } else { None };
    Ok(rows.into_iter().filter_map(duty).collect())
}

/// The team of a place.
pub(super) fn team_of(connection: &Connection, place: &str) -> Result<Option<TeamOf>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM team t JOIN registration g ON g.seq = t.seq {WHO} \
         WHERE t.place = ? ORDER BY t.team LIMIT 1"
    );
    let row = fetch_one(connection, "registration", (&sql, [place]), identity::row)?;
    Ok(row.and_then(|row| if let Registered::Team(team) = row { Some(team) } else { None }))
}

/// What a person's row is found by, under the store's own key; none where it has no number, or an
/// old row a wrong one.
pub(super) fn id_digest(
    connection: &Connection,
    person: &Person,
) -> Result<Option<[u8; 16]>, StoreError> {
    let number = IdNumber::parse(&person.id_number).ok();
    number.map(|number| digest(connection, &number.digest())).transpose()
}

fn digest(connection: &Connection, number: &ContentDigest) -> Result<[u8; 16], StoreError> {
    Ok(Tokens::of(connection)?.digest(number))
}

/// Whose identity number it is.
pub(super) fn person_with_id_number(
    connection: &Connection,
    number: &ContentDigest,
) -> Result<Option<PersonId>, StoreError> {
    let sql = "SELECT person FROM person WHERE id_digest = ? ORDER BY person LIMIT 1";
    fetch_one(connection, "person", (sql, [digest(connection, number)?]), name)
}

/// Who holds a card.
pub(super) fn holders(connection: &Connection, card: &str) -> Result<Holders, StoreError> {
    let sql = "SELECT person FROM card WHERE card = ?";
    let mark = super::lookup::mark_of(connection, card)?;
    let row = fetch_one(connection, "card", (sql, [&mark]), name)?;
    let sql = "SELECT person FROM person_card WHERE card = ? ORDER BY person";
    let people = fetch(connection, "person_card", (sql, [&mark]), name)?;
    Ok(Holders { row, people })
}

/// The places above one in the tree, nearest first; none where the tree does not hold it.
pub(super) fn above(connection: &Connection, place: &str) -> Result<Vec<String>, StoreError> {
    let sql = "WITH RECURSIVE up (place, height) AS (\
               SELECT parent, 1 FROM place WHERE place = ?1 UNION \
               SELECT p.parent, u.height + 1 FROM up u JOIN place p ON p.place = u.place \
               WHERE u.height < ?2) \
               SELECT place FROM up WHERE place <> '' ORDER BY height";
    fetch(connection, "place", (sql, params![place, TREE_MAX]), cell)
}

/// Derives everything here from the rows of an older format.
pub(super) fn fill(connection: &Connection) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT g.at, {COLUMNS} FROM household h JOIN registration g ON g.seq = h.seq {WHO}"
    );
    let rows = fetch(connection, "registration", (&sql, []), |cells| {
        Ok((cells.time()?, identity::row(cells)?))
    })?;
    for (_, home) in homes(rows) {
        assign(connection, &home.household, Timestamp::from_millis(0))?;
    }
    let sql = format!("SELECT {COLUMNS} FROM person p JOIN registration g ON g.seq = p.seq {WHO}");
    let mut statement = connection.prepare(&sql).map_err(failed(WHAT))?;
    let mut rows = statement.query([]).map_err(failed(WHAT))?;
    while let Some(row) = rows.next().map_err(failed(WHAT))? {
        let row = identity::row(&mut Cells::new(row, "registration"))?;
        let Registered::Person(person) = row else { continue };
        let sql = "UPDATE person SET id_digest = ? WHERE person = ?";
        run(
            connection,
            WHAT,
            sql,
            params![id_digest(connection, &person)?, person.person.as_str()],
        )?;
    }
    Ok(())
}

/// Differences between the spans and digests kept and what the rows say.
pub(super) fn recount(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT count(*) FROM registration WHERE identity IS NOT NULL \
               AND identity NOT IN (SELECT key FROM identity)";
    if number(connection, sql, [])? > 0 {
        // Rows that have lost who they name cannot be read, and are told of by themselves.
        return Ok(Vec::new());
    }
    let mut wrong = 0_u64;
    let sql = "SELECT household FROM household UNION SELECT household FROM assignment";
    let households: Vec<HouseholdId> = fetch(connection, "household", (sql, []), name)?;
    for household in households {
        let sql = "SELECT doctor, from_at, until_at FROM assignment WHERE household = ? \
                   ORDER BY from_at";
        let kept = fetch(connection, "assignment", (sql, [household.as_str()]), |cells| {
            Ok((
                cells.id::<crate::domain::DoctorKind>()?,
                cells.take::<i64>()?,
                cells.take::<i64>()?,
            ))
        })?;
        let counted = spans_of(connection, &household)?.into_iter().map(|assigned| {
            let (from, until) = ends(assigned.span);
            (assigned.doctor, from, until)
        });
        wrong = wrong.saturating_add(u64::from(kept != counted.collect::<Vec<_>>()));
    }
    let mut found = Vec::new();
    if wrong > 0 {
        found.push(format!("{wrong} households are answered for by others than their rows say"));
    }
    let sql = format!(
        "SELECT p.id_digest, {COLUMNS} FROM person p JOIN registration g ON g.seq = p.seq {WHO} \
         WHERE i.key IS NOT NULL"
    );
    let tokens = Tokens::of(connection)?;
    let numbers = fetch(connection, "person", (&sql, []), |cells| {
        let kept: Option<[u8; 16]> = cells.take()?;
        let Registered::Person(row) = identity::row(cells)? else { return Ok(true) };
        let number = IdNumber::parse(&row.id_number).ok();
        Ok(kept != number.map(|number| tokens.digest(&number.digest())))
    })?;
    let wrong = numbers.into_iter().filter(|wrong| *wrong).count();
    if wrong > 0 {
        found.push(format!("{wrong} people are found by another identity number than theirs"));
    }
    Ok(found)
}

impl Staff for SqliteUnit<'_> {
    fn doctor_of(
        &mut self,
        household: &HouseholdId,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError> {
        self.work(|connection, _| doctor_of(connection, household, at))
    }

    fn on_duty(
        &mut self,
        site_or_place: &str,
        at: Timestamp,
    ) -> Result<Option<DoctorId>, StoreError> {
        self.work(|connection, _| on_duty(connection, site_or_place, at))
    }

    fn team_of(&mut self, place: &str) -> Result<Option<TeamOf>, StoreError> {
        self.work(|connection, _| team_of(connection, place))
    }

    fn person_with_id_number(
        &mut self,
        number: &ContentDigest,
    ) -> Result<Option<PersonId>, StoreError> {
        self.work(|connection, _| person_with_id_number(connection, number))
    }

    fn next_handover(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.work(|connection, _| next_handover(connection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Fact, Options, SqliteStore,
        fixtures::{NOON, commit, household, id, person},
    };

    #[test]
    fn a_store_of_the_format_before_learns_who_answers_from_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let mut numbered = person("P1", Some("H1"), "");
        if let Fact::Registration(row) = &mut numbered
            && let Registered::Person(row) = &mut row.row
        {
            row.id_number = "11010519491231002X".to_owned();
        }
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        commit(&mut store, &[household("H1", "North", Some("DR1")), numbered], &[]);
        let connection = store.connection().unwrap();
        let lost = "DELETE FROM assignment; UPDATE person SET id_digest = NULL;";
        connection.execute_batch(lost).unwrap();
        assert_eq!(recount(connection).unwrap().len(), 2, "a recount tells of both");
        fill(connection).unwrap();
        assert_eq!(recount(connection).unwrap(), Vec::<String>::new());
        assert_eq!(doctor_of(connection, &id("H1"), NOON).unwrap(), Some(id("DR1")));
        let number = IdNumber::parse("11010519491231002X").unwrap();
        assert_eq!(person_with_id_number(connection, &number.digest()).unwrap(), Some(id("P1")));
        // Not even by a hand of its own does a second doctor come in.
        let sql = "INSERT INTO assignment (household, doctor, from_at, until_at) \
                   VALUES ('H1', 'DR2', ?1, ?1 + 1)";
        let second = connection.execute(sql, [NOON.as_millis() + 5]);
        assert!(second.unwrap_err().to_string().contains("two doctors at once"));
    }
}
