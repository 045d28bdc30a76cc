-- One-time codes for boxes (of a code only its hash), and the newest certificate of each box.

CREATE TABLE box_code (
  box TEXT PRIMARY KEY, hash BLOB NOT NULL, site TEXT, serves TEXT NOT NULL,
  made_at INTEGER NOT NULL, made_by TEXT NOT NULL, until INTEGER NOT NULL,
  used_at INTEGER, used_request BLOB, used_key TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE box_certificate (
  box TEXT PRIMARY KEY, key TEXT NOT NULL, serial TEXT NOT NULL, issued_at INTEGER NOT NULL,
  until INTEGER NOT NULL, token BLOB NOT NULL
) STRICT, WITHOUT ROWID;
