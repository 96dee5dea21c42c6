-- Webhooks: programs of the institution that are told when something happens.

-- webhook: one address to tell. events is a space-separated list; secret is sealed.
-- state: active, disabled (it failed for days, or a person switched it off).
-- failing_since is the first failure of a row; 0 while it works.
CREATE TABLE webhook (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	url            TEXT NOT NULL,
	events         TEXT NOT NULL,
	secret         TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
	failing_since  BIGINT NOT NULL DEFAULT 0,
	disabled_at    BIGINT NOT NULL DEFAULT 0,
	person_id      TEXT NOT NULL,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
-- webhook_delivery: one thing told to one webhook, kept for 30 days. body is the JSON
-- that is sent, the same at each attempt. state: waiting, delivered, failed (given up).
-- code is the last HTTP status, 0 without an answer; error a key of the catalogue.
CREATE TABLE webhook_delivery (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	webhook_id     TEXT NOT NULL,
	event          TEXT NOT NULL,
	body           TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'failed')),
	attempts       BIGINT NOT NULL DEFAULT 0,
	next_at        BIGINT NOT NULL,
	code           BIGINT NOT NULL DEFAULT 0,
	error          TEXT NOT NULL DEFAULT '',
	created_at     BIGINT NOT NULL,
	changed_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX webhook_delivery_of ON webhook_delivery (institution_id, webhook_id, created_at DESC, id DESC)
;;
CREATE INDEX webhook_delivery_next ON webhook_delivery (next_at) WHERE state = 'waiting'
;;
-- webhook_overdue: deadlines that were told, so that each is told once.
CREATE TABLE webhook_overdue (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	conversation_id TEXT NOT NULL,
	due_at          BIGINT NOT NULL,
	PRIMARY KEY (institution_id, conversation_id, due_at)
)
