-- Corrections of time. A reading keeps what was received; what is known now of when it was measured
-- and came stands beside it: `measured_at`, `grade` and `late` say it, and `rebased_at` when the first
-- gateway really had it, where its clock was found wrong.
--
-- A program of the format before this one refuses the file.

ALTER TABLE reading ADD COLUMN rebased_at INTEGER;
ALTER TABLE quarantined_reading ADD COLUMN rebased_at INTEGER;

CREATE TABLE retiming (
  seq INTEGER PRIMARY KEY, reading BLOB NOT NULL, was_at INTEGER NOT NULL, was_grade INTEGER NOT NULL,
  was_received INTEGER NOT NULL, was_late INTEGER NOT NULL, now_at INTEGER NOT NULL,
  now_grade INTEGER NOT NULL, now_received INTEGER NOT NULL, now_late INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX retiming_reading ON retiming (reading);

-- What was found of the gateway's own clock; doubted where no position stands.
CREATE TABLE gateway_clock (
  seq INTEGER PRIMARY KEY, since INTEGER, by_ms INTEGER, at INTEGER NOT NULL
) STRICT;
