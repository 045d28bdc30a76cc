-- Two files of one person. A merge is a fact, and so is what takes it back (`undoes`); `merged` holds
-- those in force. While one is, `person` of a reading or an event is the surviving file, and `filed`
-- the file it came under; an alert's step tells by `merge` which merge, or whose undoing, caused it.
--
-- A program of the format before this one refuses the file. Rows of before have no `filed` and no
-- `merge`: nothing was merged.

CREATE TABLE merge (
  seq INTEGER PRIMARY KEY, person TEXT NOT NULL, survivor TEXT NOT NULL, undoes INTEGER,
  reason TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX merge_person ON merge (person);
CREATE INDEX merge_survivor ON merge (survivor);
CREATE INDEX merge_undoes ON merge (undoes) WHERE undoes IS NOT NULL;

CREATE TABLE merged (
  person TEXT PRIMARY KEY, survivor TEXT NOT NULL, seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX merged_survivor ON merged (survivor);

ALTER TABLE reading ADD COLUMN filed TEXT;
ALTER TABLE quarantined_reading ADD COLUMN filed TEXT;
ALTER TABLE person_event ADD COLUMN filed TEXT;
ALTER TABLE alert_event ADD COLUMN merge INTEGER;
