-- session.institution_id: on whose site the session was begun, so that an institution
-- learns when its people were last here, and not when they were elsewhere. Empty for
-- sessions from before.
ALTER TABLE session ADD COLUMN institution_id TEXT NOT NULL DEFAULT ''
;;
-- comment_server: where citizens sign in with an account of the Fediverse, and what
-- Arengo is there: sealed, empty while the server has given nothing. A registration
-- holds for redirect, the address to which people come back.
CREATE TABLE comment_server (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	host           TEXT NOT NULL,
	redirect       TEXT NOT NULL,
	sealed         TEXT NOT NULL DEFAULT '',
	tried_at       BIGINT NOT NULL,
	used_at        BIGINT NOT NULL,
	PRIMARY KEY (institution_id, host, redirect)
)
;;
-- push_subscription.host: a keyed hash of the push service's host, so that nobody makes
-- us call one server for many. Empty for subscriptions from before.
ALTER TABLE push_subscription ADD COLUMN host TEXT NOT NULL DEFAULT ''
;;
CREATE INDEX push_subscription_host ON push_subscription (institution_id, host)
;;
CREATE INDEX webmention_state ON webmention (institution_id, state, received_at)
