-- Who people are, apart from what is known of their health (DESIGN P10): one row a registration
-- that names somebody, under a random key. Every field is sealed (`seal.rs`). A registration holds
-- the key; its body holds neither name, id number nor phone, nor columns that we do not know.
--
-- A program of the format before this one refuses the file. What older rows held is moved by the
-- program, in the step of `0016_seal.sql`.

-- What the rows held must not stay behind in pages that nothing uses any more.
PRAGMA secure_delete = ON;

CREATE TABLE identity (
  key BLOB PRIMARY KEY, name BLOB, id_number BLOB, phone BLOB, told BLOB, further BLOB
) STRICT, WITHOUT ROWID;
ALTER TABLE registration ADD COLUMN identity BLOB;
DROP INDEX person_name;
ALTER TABLE person DROP COLUMN name;

-- By what people are found: keyed hashes of what somebody may type, salted with the village where
-- the person lives and ordered by it (`lookup.rs`). A copy, made anew where `terms` is another
-- version than the program's.

CREATE TABLE lookup_key (
  one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL, terms INTEGER NOT NULL
) STRICT;
CREATE TABLE lookup (
  token INTEGER NOT NULL, person TEXT NOT NULL, PRIMARY KEY (token, person)
) STRICT, WITHOUT ROWID;
