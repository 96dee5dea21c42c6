-- The rules of taking part, and the rules for who works here.

-- policy_version: each saved version of a text. kind is external (for citizens) or
-- internal (for the staff); content is JSON (policy.Content). confirmed says that
-- an administrator has reviewed it; before, the page marks it as provisional.
-- No row: the default text of the catalogue, not reviewed.
CREATE TABLE policy_version (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	kind           TEXT NOT NULL CHECK (kind IN ('external', 'internal')),
	version        BIGINT NOT NULL,
	content        TEXT NOT NULL,
	confirmed      BOOLEAN NOT NULL,
	person_id      TEXT NOT NULL,
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, kind, version)
)
