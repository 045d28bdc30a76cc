-- What happened to people and no device measured: a fact as a reading is. A follow-up has values,
-- money a profile, a span and yuan, an act a concept and an outcome.
--
-- A program of the format before this one refuses the file. A crossing's `reading` may be the id of
-- an event from here on.

CREATE TABLE person_event (
  seq INTEGER PRIMARY KEY, id BLOB NOT NULL, content BLOB NOT NULL, person TEXT NOT NULL,
  at INTEGER NOT NULL, received_at INTEGER NOT NULL, author TEXT NOT NULL, reference TEXT,
  note TEXT, kind TEXT NOT NULL, systolic TEXT, diastolic TEXT, fasting TEXT, symptoms TEXT,
  profile TEXT, span TEXT, yuan TEXT, concept TEXT, outcome TEXT
) STRICT;
CREATE UNIQUE INDEX person_event_id ON person_event (id);
CREATE INDEX person_event_person ON person_event (person, at, id);
CREATE INDEX person_event_received ON person_event (received_at);
