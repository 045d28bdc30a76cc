-- What opened a session of a bench (a reader by its name, or who looked the person up), and by which
-- session a reading is somebody's: the bench, the beginning that names it, and what opened it. Where
-- nothing stands, a reader without a name opened it, or no session decided.
--
-- A program of the format before this one refuses the file.

ALTER TABLE card_scan ADD COLUMN opened_by TEXT;
ALTER TABLE session ADD COLUMN opened_by TEXT;

ALTER TABLE reading ADD COLUMN session_bench TEXT;
ALTER TABLE reading ADD COLUMN session_at INTEGER;
ALTER TABLE reading ADD COLUMN session_by TEXT;
ALTER TABLE quarantined_reading ADD COLUMN session_bench TEXT;
ALTER TABLE quarantined_reading ADD COLUMN session_at INTEGER;
ALTER TABLE quarantined_reading ADD COLUMN session_by TEXT;

ALTER TABLE attribution ADD COLUMN was_bench TEXT;
ALTER TABLE attribution ADD COLUMN was_at INTEGER;
ALTER TABLE attribution ADD COLUMN was_by TEXT;
ALTER TABLE attribution ADD COLUMN session_bench TEXT;
ALTER TABLE attribution ADD COLUMN session_at INTEGER;
ALTER TABLE attribution ADD COLUMN session_by TEXT;
