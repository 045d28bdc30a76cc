-- Up to when everything that a gateway below had stored is here, by our own clock: what it had said last
-- when we were told that it had said all. Silence of the people whom it serves is judged so far. What
-- was known before this format is when its last batch came.
--
-- A program of the format before this one refuses the file.

CREATE TABLE heard (box INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;

INSERT INTO heard (box, until) SELECT box, max(at) FROM uploaded GROUP BY box;
