-- When silence alone may change what the lines say of a person, or earlier. Derived from the facts.

CREATE TABLE watch (person TEXT PRIMARY KEY, due_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX watch_due ON watch (due_at, person);
