-- What was told (events of people, steps of alerts) by a gateway's clock that proved wrong counts by so
-- much later. What was told stays as it was. `own`: the step itself is this gateway's, so that its own
-- time moves too. `guess`: this gateway's own estimate, which the correction of the clock's gateway replaces.
--
-- A program of the format before this one refuses the file.

CREATE TABLE told_moved (
  seq INTEGER PRIMARY KEY, by_ms INTEGER NOT NULL, own INTEGER NOT NULL, guess INTEGER NOT NULL
) STRICT;
