-- Receipts (promise P8): what came to quarantine at a site on a day, and what other gateways say that
-- they hold of a site's day, as JSON: the latest of each.
--
-- A program of the format before this one refuses the file.

CREATE INDEX quarantine_received ON quarantine (site, received_at) WHERE site IS NOT NULL;

CREATE TABLE receipt_said (
  site TEXT NOT NULL, day INTEGER NOT NULL, by TEXT NOT NULL, receipt TEXT NOT NULL,
  key TEXT NOT NULL, epoch INTEGER NOT NULL, upto INTEGER NOT NULL, said_at INTEGER NOT NULL,
  at INTEGER NOT NULL, PRIMARY KEY (site, day, by)
) STRICT, WITHOUT ROWID;
