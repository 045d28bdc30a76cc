-- What somebody did at the bench is an event of a person too. Symptoms that it names for a reading
-- are the reading's from then on: `told_symptoms` gathers them from the events, and an older
-- program, which would judge without them, refuses the file. An event that `voids` another says that
-- it was entered by mistake.

ALTER TABLE person_event ADD COLUMN site TEXT;
ALTER TABLE person_event ADD COLUMN bench TEXT;
ALTER TABLE person_event ADD COLUMN deed TEXT;
ALTER TABLE person_event ADD COLUMN reading BLOB;
ALTER TABLE person_event ADD COLUMN alert BLOB;
ALTER TABLE person_event ADD COLUMN voids BLOB;
CREATE INDEX person_event_voids ON person_event (voids) WHERE voids IS NOT NULL;
CREATE INDEX person_event_reading ON person_event (reading) WHERE reading IS NOT NULL;
ALTER TABLE reading ADD COLUMN told_symptoms TEXT;
ALTER TABLE quarantined_reading ADD COLUMN told_symptoms TEXT;

-- The messages about an alert, with every try to send them, are told in a person's timeline.

CREATE INDEX owed_of_alert ON owed (alert, seq);
CREATE INDEX attempt_key ON attempt (key);
