-- An answer says what was done, and no more in which words: a step of an alert's life by its
-- position, or what became of each item as [id, status, reason].

CREATE TABLE done (
  key TEXT PRIMARY KEY, request BLOB NOT NULL, step INTEGER, outcomes TEXT, at INTEGER NOT NULL,
  CHECK ((step IS NULL) <> (outcomes IS NULL))
) STRICT;

-- Answers were bodies of HTTP: of a delivery, its items; of an act, the alert with its last step.
INSERT INTO done (key, request, step, outcomes, at)
SELECT key, request,
  CASE WHEN json_type(body, '$.items') IS NULL THEN json_extract(body, '$.commit') END,
  CASE WHEN json_type(body, '$.items') IS NOT NULL THEN (
    SELECT json_group_array(json_array(
      json_extract(value, '$.id'), json_extract(value, '$.status'), json_extract(value, '$.reason')
    )) FROM json_each(answer.body, '$.items')
  ) END,
  at
FROM answer
WHERE json_type(body, '$.items') = 'array' OR json_type(body, '$.commit') = 'integer';

DROP TABLE answer;
ALTER TABLE done RENAME TO answer;
CREATE INDEX answer_at ON answer (at);
