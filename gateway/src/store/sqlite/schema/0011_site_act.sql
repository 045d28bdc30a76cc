-- The messages about an alert, with every try to send them, are told in a person's timeline.

CREATE INDEX owed_of_alert ON owed (alert, seq);
CREATE INDEX attempt_key ON attempt (key);
