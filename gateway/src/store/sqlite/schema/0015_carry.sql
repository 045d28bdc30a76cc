-- Facts that came from other gateways, and how far their logs are here. A fact's name is the gateway
-- where it was first, the epoch and the position there; `own` is its position here.
--
-- A program of the format before this one refuses the file.

CREATE TABLE box (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE carried (
  box INTEGER NOT NULL, epoch INTEGER NOT NULL, theirs INTEGER NOT NULL, own INTEGER NOT NULL,
  by INTEGER NOT NULL, down INTEGER NOT NULL, PRIMARY KEY (box, epoch, theirs)
) STRICT, WITHOUT ROWID;
CREATE INDEX carried_own ON carried (own);

-- Stretches of this log that never travel: rows of a roster, which came from above.
CREATE TABLE stays (after INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT;

-- Up to where each life of a neighbour's log is here; the life with the latest `begun` is followed.
CREATE TABLE uploaded (
  box INTEGER NOT NULL, epoch INTEGER NOT NULL, upto INTEGER NOT NULL, hash BLOB NOT NULL,
  at INTEGER NOT NULL, begun INTEGER NOT NULL, PRIMARY KEY (box, epoch)
) STRICT, WITHOUT ROWID;

-- Parcels that wait for what they refer to, as they came.
CREATE TABLE waiting_parcel (
  box INTEGER NOT NULL, epoch INTEGER NOT NULL, theirs INTEGER NOT NULL, by INTEGER NOT NULL,
  down INTEGER NOT NULL, line BLOB NOT NULL, at INTEGER NOT NULL, tried INTEGER NOT NULL,
  PRIMARY KEY (box, epoch, theirs)
) STRICT, WITHOUT ROWID;

-- Earlier lives of this log, each with the last position that it gave: a store that was brought back
-- from a copy goes on in a new one.
CREATE TABLE life (epoch INTEGER PRIMARY KEY, upto INTEGER NOT NULL) STRICT;
