-- Who answers for whom, when: spans without overlaps, made of every row that was entered; the tree
-- of places, teams and turns of duty; people by the digest of their identity number; visits.
--
-- A program of the format before this one refuses the file. `household.doctor` is from here on who
-- answers at the instant in `handover`, or since the row was entered.

ALTER TABLE person ADD COLUMN id_digest BLOB;
CREATE INDEX person_id_digest ON person (id_digest) WHERE id_digest IS NOT NULL;

-- An open end is the least or the greatest number there is.
CREATE TABLE assignment (
  household TEXT NOT NULL, doctor TEXT NOT NULL, from_at INTEGER NOT NULL, until_at INTEGER NOT NULL,
  PRIMARY KEY (household, from_at), CHECK (from_at < until_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_from ON assignment (from_at);
CREATE INDEX assignment_until ON assignment (until_at);
-- One primary doctor at any instant (issue 4).
CREATE TRIGGER assignment_alone BEFORE INSERT ON assignment
WHEN EXISTS (
  SELECT 1 FROM assignment a WHERE a.household = NEW.household
  AND a.from_at < NEW.until_at AND NEW.from_at < a.until_at
) BEGIN SELECT raise(ABORT, 'two doctors at once'); END;
CREATE TRIGGER assignment_fixed BEFORE UPDATE ON assignment
BEGIN SELECT raise(ABORT, 'an assignment is replaced, not changed'); END;

CREATE TABLE handover (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
INSERT INTO handover (one, at) VALUES (1, 0);

CREATE TABLE place (
  place TEXT PRIMARY KEY, seq INTEGER NOT NULL, kind INTEGER NOT NULL, parent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX place_parent ON place (parent) WHERE parent <> '';

CREATE TABLE team (team TEXT PRIMARY KEY, seq INTEGER NOT NULL, place TEXT NOT NULL)
STRICT, WITHOUT ROWID;
CREATE INDEX team_place ON team (place);

CREATE TABLE duty (
  place TEXT NOT NULL, from_at INTEGER NOT NULL, until_at INTEGER NOT NULL, doctor TEXT,
  seq INTEGER NOT NULL, PRIMARY KEY (place, from_at)
) STRICT, WITHOUT ROWID;

-- What a step of an alert's life says of a visit, as JSON.
ALTER TABLE alert_event ADD COLUMN visit TEXT;
