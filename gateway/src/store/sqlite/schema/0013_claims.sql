-- A claim is a decision that may be taken back, as a merge is: the steps of alerts that follow from
-- either name it, in one column.

ALTER TABLE alert_event RENAME COLUMN merge TO cause;

CREATE INDEX decision_undoes ON decision (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX decision_person ON decision (person) WHERE person IS NOT NULL;
