-- Decisions about items of quarantine: the latest one about an item counts, `undone` leaves it
-- waiting. And attributions that are later than their reading, with what was before.

CREATE TABLE decision (
  seq INTEGER PRIMARY KEY, item INTEGER NOT NULL, kind TEXT NOT NULL, person TEXT, undoes INTEGER,
  reason TEXT NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL,
  CHECK ((kind = 'claimed') = (person IS NOT NULL) AND (kind = 'undone') = (undoes IS NOT NULL))
) STRICT;
CREATE INDEX decision_item ON decision (item, seq);

CREATE TABLE attribution (
  seq INTEGER PRIMARY KEY, reading BLOB NOT NULL, was TEXT, was_basis INTEGER, person TEXT,
  basis INTEGER, at INTEGER NOT NULL
) STRICT;
CREATE INDEX attribution_reading ON attribution (reading);
CREATE INDEX attribution_was ON attribution (was) WHERE was IS NOT NULL;
CREATE INDEX attribution_person ON attribution (person) WHERE person IS NOT NULL;

-- What waits for a row of the registry.
CREATE INDEX quarantined_reading_device ON quarantined_reading (device);
CREATE INDEX card_scan_unknown ON card_scan (card) WHERE person IS NULL;
