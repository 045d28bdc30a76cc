-- The first record of a site's day that another gateway does not hold alike (as JSON), until both hold the
-- same; and what somebody must look at about a neighbour, until an operator has (`of` is empty for the
-- gateway above).
--
-- A program of the format before this one refuses the file.

CREATE TABLE receipt_differs (
  site TEXT NOT NULL, day INTEGER NOT NULL, by TEXT NOT NULL, first TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (site, day, by)
) STRICT, WITHOUT ROWID;

CREATE TABLE neighbour_alarm (
  of TEXT PRIMARY KEY, code TEXT NOT NULL, since INTEGER NOT NULL, times INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
