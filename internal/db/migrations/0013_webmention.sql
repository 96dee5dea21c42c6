-- Webmention (W3C Recommendation of 12 January 2017): pages elsewhere that link to
-- ours, and ours that link to others.

-- webmention: a page elsewhere that says it links to a message of ours. id is its
-- name in the inbox. state: waiting (to be verified), shown (verified; the inbox
-- decides when others see it), gone (no longer links, or no longer there), refused.
-- act is what it turned out to be: comment, like or boost. rev counts the times
-- that it was sent, so that a later sending is verified after an earlier one.
CREATE TABLE webmention (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	source         TEXT NOT NULL,
	target         TEXT NOT NULL,
	message_id     TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('waiting', 'shown', 'gone', 'refused')),
	act            TEXT NOT NULL DEFAULT '',
	author_id      TEXT NOT NULL DEFAULT '',
	code           TEXT NOT NULL DEFAULT '',
	rev            BIGINT NOT NULL DEFAULT 1,
	attempts       BIGINT NOT NULL DEFAULT 0,
	received_at    BIGINT NOT NULL,
	checked_at     BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, source, target)
)
;;
CREATE INDEX webmention_message ON webmention (institution_id, message_id)
;;
-- webmention_out: the links of our messages, and whether the pages they lead to
-- were told. rev is the message's revision that they should know, sent_rev the one
-- they do. state: waiting, sent, none (the page takes no webmentions), refused,
-- given_up.
CREATE TABLE webmention_out (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	message_id     TEXT NOT NULL,
	target         TEXT NOT NULL,
	rev            BIGINT NOT NULL,
	sent_rev       BIGINT NOT NULL DEFAULT 0,
	state          TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'none', 'refused', 'given_up')),
	code           TEXT NOT NULL DEFAULT '',
	attempts       BIGINT NOT NULL DEFAULT 0,
	updated_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, message_id, target)
)
