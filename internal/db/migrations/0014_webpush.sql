-- Web push: browsers that asked to be told, and what became of each notice.

-- push_key: the key pair by which push services know the institution (VAPID, RFC
-- 8292). A browser binds its subscription to the public key: it never changes.
CREATE TABLE push_key (
	institution_id TEXT PRIMARY KEY REFERENCES institution(id) ON DELETE CASCADE,
	public_key     TEXT NOT NULL,
	sealed         TEXT NOT NULL,
	created_at     BIGINT NOT NULL
)
;;
-- push_subscription: one browser. endpoint_hash is SHA-256 of its address at the push
-- service; sealed holds the address and the keys, for whoever knows them can send.
-- refusals counts the answers in a row by which the service refused for good.
CREATE TABLE push_subscription (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	endpoint_hash  TEXT NOT NULL,
	sealed         TEXT NOT NULL,
	refusals       BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	changed_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, endpoint_hash)
)
;;
-- push_scope: what a browser asked for; no row means everything. kind is profile
-- (value: its id) or tag (value: its folded key).
CREATE TABLE push_scope (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	subscription_id TEXT NOT NULL,
	kind            TEXT NOT NULL CHECK (kind IN ('profile', 'tag')),
	value           TEXT NOT NULL,
	PRIMARY KEY (institution_id, subscription_id, kind, value)
)
;;
CREATE INDEX push_scope_value ON push_scope (institution_id, kind, value)
;;
-- push_notice: one message to all who want it. origin is the delivery's key and makes
-- it once; payload is what the browser shows; what waits at until_at is stale.
CREATE TABLE push_notice (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	origin         TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	link           TEXT NOT NULL,
	payload        TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('sending', 'done', 'withdrawn')),
	until_at       BIGINT NOT NULL,
	next_at        BIGINT NOT NULL,
	lease          TEXT NOT NULL DEFAULT '',
	lease_until    BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	done_at        BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, origin)
)
;;
CREATE INDEX push_notice_due ON push_notice (next_at) WHERE state = 'sending'
;;
-- push_recipient: what became of a notice for one browser. state: waiting,
-- attempting (being sent, committed before), sent, refused, gone (the browser is
-- no longer there), unconfirmed (it may have arrived: never repeated), expired (too
-- late to be of use), cancelled (withdrawn or unsubscribed before).
CREATE TABLE push_recipient (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	notice_id       TEXT NOT NULL,
	subscription_id TEXT NOT NULL,
	state           TEXT NOT NULL CHECK (state IN ('waiting', 'attempting', 'sent', 'refused', 'gone', 'unconfirmed', 'expired', 'cancelled')),
	attempts        BIGINT NOT NULL DEFAULT 0,
	next_at         BIGINT NOT NULL DEFAULT 0,
	code            BIGINT NOT NULL DEFAULT 0,
	changed_at      BIGINT NOT NULL,
	PRIMARY KEY (institution_id, notice_id, subscription_id)
)
;;
CREATE INDEX push_recipient_next ON push_recipient (institution_id, notice_id, state, next_at)
