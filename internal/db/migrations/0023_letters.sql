-- A letter's row says only what nothing else says. Its Message-ID is made of the
-- subscriber and the issue, and who looks for one takes it apart. The rows are the
-- index: SQLite would otherwise keep the key of each twice.
DROP INDEX recipient_message_id
;;
CREATE INDEX issue_id ON issue (id)
;;
-- only: postgres
ALTER TABLE recipient DROP COLUMN message_id
;;
-- only: postgres
UPDATE recipient SET code = '' WHERE state = 'sent' AND code <> ''
;;
-- only: sqlite
DROP INDEX recipient_waiting
;;
-- only: sqlite
ALTER TABLE recipient RENAME TO recipient_before
;;
-- only: sqlite
CREATE TABLE recipient (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	issue_id       TEXT NOT NULL,
	subscriber_id  TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('waiting', 'attempting', 'sent', 'refused', 'unconfirmed', 'cancelled')),
	attempts       BIGINT NOT NULL DEFAULT 0,
	next_at        BIGINT NOT NULL DEFAULT 0,
	code           TEXT NOT NULL DEFAULT '',
	changed_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, issue_id, subscriber_id)
) WITHOUT ROWID
;;
-- only: sqlite
INSERT INTO recipient (institution_id, issue_id, subscriber_id, state, attempts, next_at, code, changed_at)
SELECT institution_id, issue_id, subscriber_id, state, attempts, next_at, CASE WHEN state = 'sent' THEN '' ELSE code END, changed_at FROM recipient_before
;;
-- only: sqlite
DROP TABLE recipient_before
;;
-- only: sqlite
CREATE INDEX recipient_waiting ON recipient (institution_id, issue_id, next_at) WHERE state = 'waiting'
