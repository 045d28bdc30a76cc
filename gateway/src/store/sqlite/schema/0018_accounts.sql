-- Who signs in with a password (password and second factor are sealed under `key`), and who looked
-- beyond their own people.

CREATE TABLE account (
  name TEXT PRIMARY KEY, key BLOB NOT NULL, called TEXT NOT NULL, role TEXT NOT NULL, place TEXT,
  doctor TEXT, password BLOB, must_change INTEGER NOT NULL, second BLOB,
  second_step INTEGER NOT NULL, disabled INTEGER NOT NULL, generation INTEGER NOT NULL,
  created_at INTEGER NOT NULL, created_by TEXT NOT NULL,
  changed_at INTEGER NOT NULL, changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE glass (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, until INTEGER NOT NULL, by TEXT NOT NULL,
  role TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
