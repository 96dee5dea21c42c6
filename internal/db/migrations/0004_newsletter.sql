-- The newsletter: who receives it, what was sent, and what became of each letter.

-- newsletter_setting: when the digests go out, in the institution's zone. No row: the defaults.
-- weekday 1 is Monday.
CREATE TABLE newsletter_setting (
	institution_id TEXT PRIMARY KEY REFERENCES institution(id) ON DELETE CASCADE,
	hour           BIGINT NOT NULL CHECK (hour BETWEEN 0 AND 23),
	weekday        BIGINT NOT NULL CHECK (weekday BETWEEN 1 AND 7)
)
;;
-- subscriber: a confirmed address. Nothing is stored before the confirmation.
-- state: active, paused (too many soft bounces), stopped (the address does not
-- exist), ended (unsubscribed: the address is erased, the row stays for the figures).
CREATE TABLE subscriber (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	email          TEXT NOT NULL,
	locale         TEXT NOT NULL,
	cadence        TEXT NOT NULL CHECK (cadence IN ('immediate', 'daily', 'weekly')),
	state          TEXT NOT NULL CHECK (state IN ('active', 'paused', 'stopped', 'ended')),
	soft_bounces   BIGINT NOT NULL DEFAULT 0,
	confirmed_at   BIGINT NOT NULL,
	changed_at     BIGINT NOT NULL,
	ended_at       BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE UNIQUE INDEX subscriber_email ON subscriber (institution_id, email) WHERE email <> ''
;;
CREATE INDEX subscriber_cadence ON subscriber (institution_id, state, cadence)
;;
-- subscriber_scope: what a subscriber asked for; no row means everything. kind is
-- profile (value: its id) or tag (value: its folded key).
CREATE TABLE subscriber_scope (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	subscriber_id  TEXT NOT NULL,
	kind           TEXT NOT NULL CHECK (kind IN ('profile', 'tag')),
	value          TEXT NOT NULL,
	PRIMARY KEY (institution_id, subscriber_id, kind, value)
)
;;
CREATE INDEX subscriber_scope_value ON subscriber_scope (institution_id, kind, value)
;;
-- subscription_link: confirmation links that were used, until they expire, so
-- that none works twice.
CREATE TABLE subscription_link (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	nonce          TEXT NOT NULL,
	expires_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, nonce)
)
;;
-- issue: one sending: a message to those who want it at once, or a digest.
-- origin makes it unique: the delivery's key, or "daily 2026-05-04".
-- state: sending, paused (pause says why), done, withdrawn, empty (nothing to tell).
-- items is JSON; until_at is the moment up to which a digest has told everything.
CREATE TABLE issue (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	origin         TEXT NOT NULL,
	kind           TEXT NOT NULL CHECK (kind IN ('message', 'daily', 'weekly')),
	channel_id     TEXT NOT NULL DEFAULT '',
	title          TEXT NOT NULL,
	link           TEXT NOT NULL DEFAULT '',
	items          TEXT NOT NULL,
	state          TEXT NOT NULL,
	pause          TEXT NOT NULL DEFAULT '',
	until_at       BIGINT NOT NULL DEFAULT 0,
	lease          TEXT NOT NULL DEFAULT '',
	lease_until    BIGINT NOT NULL DEFAULT 0,
	next_at        BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	done_at        BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, origin)
)
;;
CREATE INDEX issue_kind ON issue (institution_id, kind, until_at)
;;
CREATE INDEX issue_open ON issue (next_at) WHERE state = 'sending'
;;
-- recipient: one letter of an issue.
-- state: waiting, attempting (committed before the letter is handed over), sent,
-- refused, unconfirmed (it may have arrived), cancelled. message_id is its Message-ID.
CREATE TABLE recipient (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	issue_id       TEXT NOT NULL,
	subscriber_id  TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('waiting', 'attempting', 'sent', 'refused', 'unconfirmed', 'cancelled')),
	message_id     TEXT NOT NULL,
	attempts       BIGINT NOT NULL DEFAULT 0,
	next_at        BIGINT NOT NULL DEFAULT 0,
	code           TEXT NOT NULL DEFAULT '',
	changed_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, issue_id, subscriber_id)
)
;;
CREATE INDEX recipient_waiting ON recipient (institution_id, issue_id, next_at) WHERE state = 'waiting'
;;
CREATE INDEX recipient_message_id ON recipient (message_id)
;;
-- Feeds say when anything last changed.
CREATE INDEX publication_updated ON publication (institution_id, updated_at)
