-- What bounds the database: counts that remain when rows go, and what says which rows may.

-- outcome_count: what became of letters, notices and the like whose rows are past
-- their time. kind says what subject_id is of: letter (an issue), notice (a
-- push_notice), activity (an ap_activity).
CREATE TABLE outcome_count (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	kind           TEXT NOT NULL CHECK (kind IN ('letter', 'notice', 'activity')),
	subject_id     TEXT NOT NULL,
	outcome        TEXT NOT NULL,
	n              BIGINT NOT NULL,
	PRIMARY KEY (institution_id, kind, subject_id, outcome)
)
;;
CREATE INDEX issue_done ON issue (done_at) WHERE done_at > 0
;;
CREATE INDEX push_notice_done ON push_notice (done_at) WHERE done_at > 0
;;
-- published: this revision was out: it is kept. Of what went out before this column
-- was there it is not known which corrections were, so all of them are taken as such.
ALTER TABLE message_version ADD COLUMN published BOOLEAN NOT NULL DEFAULT FALSE
;;
UPDATE message_version SET published = TRUE WHERE EXISTS (
	SELECT 1 FROM message m WHERE m.institution_id = message_version.institution_id AND m.id = message_version.message_id
		AND m.out_rev > 0 AND (message_version.rev = m.out_rev OR message_version.at >= m.out_at OR message_version.rev = (
			SELECT max(v.rev) FROM message_version v WHERE v.institution_id = m.institution_id AND v.message_id = m.id AND v.at <= m.out_at)))
;;
CREATE INDEX message_version_draft ON message_version (at) WHERE NOT published
;;
-- sent: this revision was given to the ledger.
ALTER TABLE answer_version ADD COLUMN sent BOOLEAN NOT NULL DEFAULT FALSE
;;
UPDATE answer_version SET sent = TRUE WHERE EXISTS (
	SELECT 1 FROM answer a WHERE a.institution_id = answer_version.institution_id AND a.id = answer_version.answer_id
		AND a.sent_rev > 0 AND (answer_version.rev = a.sent_rev OR answer_version.at >= a.sent_at OR answer_version.rev = (
			SELECT max(v.rev) FROM answer_version v WHERE v.institution_id = a.institution_id AND v.answer_id = a.id AND v.at <= a.sent_at)))
;;
CREATE INDEX answer_version_draft ON answer_version (at) WHERE NOT sent
;;
CREATE INDEX delivery_event_at ON delivery_event (at)
;;
CREATE INDEX conversation_event_at ON conversation_event (at)
;;
CREATE INDEX task_done ON task (done_at) WHERE done_at > 0
;;
CREATE INDEX webhook_delivery_at ON webhook_delivery (created_at)
