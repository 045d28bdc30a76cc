-- Version 1. Facts: one table a kind, positions (seq) from one counter without gaps, rows are only
-- added. Times are milliseconds since 1970-01-01T00:00:00Z; native values are decimal text.

CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  gateway TEXT NOT NULL, epoch INTEGER NOT NULL, last INTEGER NOT NULL,
  received INTEGER NOT NULL, stored INTEGER NOT NULL, rejected INTEGER NOT NULL,
  duplicate INTEGER NOT NULL, quarantined INTEGER NOT NULL, refused INTEGER NOT NULL
) STRICT;

CREATE TABLE follower (name TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE reading (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL, content BLOB NOT NULL,
  kind INTEGER NOT NULL, unit TEXT NOT NULL, value TEXT NOT NULL, value2 TEXT, value3 TEXT,
  pulse TEXT, flags INTEGER NOT NULL, meal INTEGER NOT NULL, control INTEGER NOT NULL,
  sample_type INTEGER, sample_location INTEGER, status INTEGER, clock TEXT, record INTEGER,
  slot INTEGER, device TEXT NOT NULL, site TEXT NOT NULL, bench TEXT, epoch INTEGER,
  number INTEGER, device_time TEXT, received_at INTEGER NOT NULL, measured_at INTEGER NOT NULL,
  grade INTEGER NOT NULL, named TEXT, setting INTEGER, symptoms TEXT, attributes TEXT,
  road INTEGER NOT NULL, unnumbered INTEGER NOT NULL, raw BLOB, person TEXT, basis INTEGER,
  standing INTEGER NOT NULL, late INTEGER NOT NULL, possible_duplicate INTEGER NOT NULL,
  server_at INTEGER NOT NULL, context_meal INTEGER, context_told TEXT
) STRICT;
CREATE UNIQUE INDEX reading_id ON reading (id);
CREATE INDEX reading_person ON reading (person, measured_at);
-- Glucose readings that a context may belong to.
CREATE INDEX reading_number ON reading (device, number)
  WHERE kind = 1 AND epoch IS NULL AND number IS NOT NULL;

-- `reading` is the id of the reading it is joined to; what it tells is copied there.
CREATE TABLE context (
  seq INTEGER PRIMARY KEY, device TEXT NOT NULL, site TEXT NOT NULL, road INTEGER NOT NULL,
  number INTEGER NOT NULL, meal INTEGER NOT NULL, attributes TEXT, raw BLOB NOT NULL,
  content BLOB NOT NULL, received_at INTEGER NOT NULL, reading BLOB
) STRICT;
CREATE INDEX context_number ON context (device, number);
CREATE INDEX context_waiting ON context (content) WHERE reading IS NULL;

CREATE TABLE refused (
  seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, raw BLOB NOT NULL, road INTEGER NOT NULL,
  site TEXT, device TEXT, received_at INTEGER NOT NULL
) STRICT;

CREATE TABLE quarantine (
  seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL, raw BLOB NOT NULL,
  road INTEGER NOT NULL, site TEXT, device TEXT, received_at INTEGER NOT NULL, content BLOB NOT NULL
) STRICT;
CREATE INDEX quarantine_content ON quarantine (content);

-- The readings inside quarantine, under the position of their item; columns as in `reading`.
CREATE TABLE quarantined_reading (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL, content BLOB NOT NULL,
  kind INTEGER NOT NULL, unit TEXT NOT NULL, value TEXT NOT NULL, value2 TEXT, value3 TEXT,
  pulse TEXT, flags INTEGER NOT NULL, meal INTEGER NOT NULL, control INTEGER NOT NULL,
  sample_type INTEGER, sample_location INTEGER, status INTEGER, clock TEXT, record INTEGER,
  slot INTEGER, device TEXT NOT NULL, site TEXT NOT NULL, bench TEXT, epoch INTEGER,
  number INTEGER, device_time TEXT, received_at INTEGER NOT NULL, measured_at INTEGER NOT NULL,
  grade INTEGER NOT NULL, named TEXT, setting INTEGER, symptoms TEXT, attributes TEXT,
  road INTEGER NOT NULL, unnumbered INTEGER NOT NULL, raw BLOB, person TEXT, basis INTEGER,
  standing INTEGER NOT NULL, late INTEGER NOT NULL, possible_duplicate INTEGER NOT NULL,
  server_at INTEGER NOT NULL, context_meal INTEGER, context_told TEXT
) STRICT;
CREATE INDEX quarantined_reading_id ON quarantined_reading (id);
CREATE INDEX quarantined_reading_named ON quarantined_reading (named) WHERE named IS NOT NULL;

CREATE TABLE card_scan (
  seq INTEGER PRIMARY KEY, site TEXT NOT NULL, bench TEXT NOT NULL, card TEXT NOT NULL, person TEXT,
  at INTEGER NOT NULL, received_at INTEGER NOT NULL, out INTEGER NOT NULL
) STRICT;
CREATE INDEX card_scan_bench ON card_scan (site, bench, at);

CREATE TABLE presence (
  seq INTEGER PRIMARY KEY, site TEXT NOT NULL, online INTEGER NOT NULL, detail TEXT,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE registration (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
  author TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;

CREATE INDEX registration_name ON registration (kind, name);

CREATE TABLE pack (
  seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;

CREATE TABLE crossing (
  seq INTEGER PRIMARY KEY, reading BLOB, person TEXT NOT NULL, concept TEXT NOT NULL,
  level INTEGER NOT NULL, disposition TEXT NOT NULL, alert INTEGER NOT NULL
) STRICT;
CREATE INDEX crossing_alert ON crossing (alert);
CREATE INDEX crossing_reading ON crossing (reading);

CREATE TABLE alert_event (
  seq INTEGER PRIMARY KEY,
  key INTEGER NOT NULL, id BLOB NOT NULL, concept TEXT NOT NULL, level INTEGER NOT NULL,
  state TEXT NOT NULL, person TEXT NOT NULL, owner TEXT, step TEXT NOT NULL,
  opened_at INTEGER NOT NULL, alert_at INTEGER NOT NULL, deadline INTEGER, late INTEGER NOT NULL,
  reasons TEXT NOT NULL, pack TEXT NOT NULL, ladder TEXT NOT NULL,
  change TEXT NOT NULL, at INTEGER NOT NULL, claimed_at INTEGER, by TEXT, note TEXT, was TEXT,
  alias BLOB
) STRICT;
CREATE INDEX alert_event_key ON alert_event (key);

CREATE TABLE attempt (
  seq INTEGER PRIMARY KEY, key BLOB NOT NULL, sending TEXT NOT NULL, why TEXT, retry_at INTEGER,
  at INTEGER NOT NULL
) STRICT;

-- Working state that changes together with the facts.

CREATE TABLE alert (
  key INTEGER PRIMARY KEY, id BLOB NOT NULL, concept TEXT NOT NULL, level INTEGER NOT NULL,
  state TEXT NOT NULL, person TEXT NOT NULL, owner TEXT, step TEXT NOT NULL,
  opened_at INTEGER NOT NULL, alert_at INTEGER NOT NULL, deadline INTEGER, late INTEGER NOT NULL,
  reasons TEXT NOT NULL, pack TEXT NOT NULL, ladder TEXT NOT NULL, live INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_id ON alert (id);
CREATE INDEX alert_person ON alert (person);
CREATE INDEX alert_rank ON alert (live, level, opened_at, key);
CREATE INDEX alert_live_board ON alert (level, state, deadline, opened_at, person) WHERE live = 1;

CREATE TABLE alias (id BLOB PRIMARY KEY, alert INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- To whom an alert about a person ever came.
CREATE TABLE alert_owner (
  doctor TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (doctor, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE timer (
  kind TEXT NOT NULL, person TEXT NOT NULL, alert INTEGER NOT NULL, step TEXT NOT NULL,
  due_at INTEGER NOT NULL, PRIMARY KEY (kind, person, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_at);

CREATE TABLE owed (
  key BLOB PRIMARY KEY, alert INTEGER NOT NULL, alert_id BLOB NOT NULL, change TEXT NOT NULL,
  level INTEGER NOT NULL, recipient TEXT NOT NULL, channel TEXT NOT NULL, due_at INTEGER,
  deadline INTEGER, attempts INTEGER NOT NULL, last_error TEXT, seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX owed_due ON owed (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX owed_alert ON owed (alert) WHERE due_at IS NOT NULL;
CREATE INDEX owed_recipient ON owed (recipient, seq) WHERE channel = 'mqtt';

-- What the lines remember of a person, with every reading of theirs up to a position. A copy.
CREATE TABLE kept_state (
  person TEXT PRIMARY KEY, seq INTEGER NOT NULL, judged_with BLOB NOT NULL, state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  site TEXT NOT NULL, bench TEXT NOT NULL, from_at INTEGER NOT NULL, until_at INTEGER NOT NULL,
  person TEXT NOT NULL, PRIMARY KEY (site, bench, from_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE answer (
  key TEXT PRIMARY KEY, request BLOB NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX answer_at ON answer (at);

CREATE TABLE token (
  hash BLOB PRIMARY KEY, role TEXT NOT NULL, place TEXT, doctor TEXT, device TEXT,
  created_at INTEGER NOT NULL, revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- The registry in force; `seq` is the registration that says so.

CREATE TABLE person (
  person TEXT PRIMARY KEY, seq INTEGER NOT NULL, household TEXT, own_village TEXT NOT NULL,
  village TEXT NOT NULL, name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_household ON person (household);
CREATE INDEX person_village ON person (village);
CREATE INDEX person_name ON person (name);
CREATE TABLE household (
  household TEXT PRIMARY KEY, seq INTEGER NOT NULL, village TEXT NOT NULL, doctor TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX household_doctor ON household (doctor);
CREATE TABLE doctor (
  doctor TEXT PRIMARY KEY, seq INTEGER NOT NULL, level TEXT NOT NULL, place TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX doctor_level ON doctor (level);
CREATE TABLE device (device TEXT PRIMARY KEY, seq INTEGER NOT NULL, owner TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE site (
  site TEXT PRIMARY KEY, seq INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  village TEXT NOT NULL, township TEXT NOT NULL, county TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE card (
  card TEXT PRIMARY KEY, seq INTEGER NOT NULL, person TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Cards that people's own rows name; a row of `card` is asked first.
CREATE TABLE person_card (
  card TEXT NOT NULL, person TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (card, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX person_card_person ON person_card (person);

-- Counters kept with the facts.

CREATE TABLE village (village TEXT PRIMARY KEY, people INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE site_state (
  site TEXT PRIMARY KEY, online INTEGER, seen_at INTEGER NOT NULL, quarantined INTEGER NOT NULL,
  refused INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Derived by the follower `rollup`, up to its cursor.

CREATE TABLE route (
  kind INTEGER NOT NULL, name TEXT NOT NULL, measured_at INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (kind, name, measured_at, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup (
  day INTEGER NOT NULL, site TEXT NOT NULL, village TEXT NOT NULL, hour INTEGER NOT NULL,
  kind INTEGER NOT NULL, readings INTEGER NOT NULL, crossings INTEGER NOT NULL,
  PRIMARY KEY (day, site, village, hour, kind)
) STRICT, WITHOUT ROWID;
-- axis 0: a site, axis 1: a village.
CREATE TABLE day_person (
  day INTEGER NOT NULL, axis INTEGER NOT NULL, place TEXT NOT NULL, person TEXT NOT NULL,
  readings INTEGER NOT NULL, PRIMARY KEY (day, axis, place, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_place (
  day INTEGER NOT NULL, axis INTEGER NOT NULL, place TEXT NOT NULL, people INTEGER NOT NULL,
  PRIMARY KEY (day, axis, place)
) STRICT, WITHOUT ROWID;
