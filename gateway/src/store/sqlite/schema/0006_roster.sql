-- How far rosters of other gateways were taken: `upto` is a position of their log. And the cards that
-- a row of their own ever gave to a person, for a roster of ours.

CREATE TABLE roster (
  issuer TEXT PRIMARY KEY, epoch INTEGER NOT NULL, villages TEXT NOT NULL, upto INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE card_holder (
  person TEXT NOT NULL, card TEXT NOT NULL, PRIMARY KEY (person, card)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO card_holder (person, card)
SELECT json_extract(body, '$.row.person'), name FROM registration WHERE kind = 'card';
-- Where people live or once did, as far as is known since this format.
CREATE TABLE lived (
  village TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (village, person)
) STRICT, WITHOUT ROWID;
INSERT INTO lived (village, person) SELECT village, person FROM person WHERE village <> '';
CREATE INDEX device_owner ON device (owner) WHERE owner IS NOT NULL;
