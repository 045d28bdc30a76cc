-- What names somebody lies sealed (`seal.rs`), and cards are found by a keyed hash: `card`,
-- `person_card`, `card_holder` and the name of a card's registration hold it in place of the number,
-- `card_scan` beside the sealed number. `identity.further` holds cards, addresses and secrets.
--
-- A program of the format before this one refuses the file. What older rows hold is moved by the
-- program in the step that runs this; texts that lie open are sealed afterwards, in bounded steps
-- (`keys.rs`). `seal_key` names the keys that may be needed, `seal_anew` where those steps stand.

PRAGMA secure_delete = ON;

CREATE TABLE IF NOT EXISTS seal_key (
  id INTEGER PRIMARY KEY, proof BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS seal_anew (
  one INTEGER PRIMARY KEY CHECK (one = 1), part INTEGER NOT NULL, after ANY
) STRICT;

ALTER TABLE card_scan ADD COLUMN mark TEXT;
DROP INDEX card_scan_unknown;
CREATE INDEX card_scan_unknown ON card_scan (mark) WHERE person IS NULL;
-- `content` is a keyed hash from here on: what it was made of can be few digits.
ALTER TABLE quarantine ADD COLUMN told BLOB;

UPDATE refused SET raw = seal_raw(seq, 'raw', raw);
UPDATE quarantine SET raw = seal_raw(seq, 'raw', raw);
UPDATE context SET raw = seal_raw(seq, 'raw', raw);
UPDATE reading SET raw = seal_raw(seq, 'raw', raw) WHERE raw IS NOT NULL;
UPDATE quarantined_reading SET raw = seal_raw(seq, 'raw', raw) WHERE raw IS NOT NULL;
