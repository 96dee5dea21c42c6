-- What the inbox keeps beside the conversations, so that order of arrival does
-- not matter and an answer can be corrected.

-- out_at: when the answer was seen to be out; 0 while it is not. sent_rev: the
-- revision that was given to the ledger; 0 before. moderation_id: the moderation
-- whose warning this answer is.
ALTER TABLE answer ADD COLUMN out_at BIGINT NOT NULL DEFAULT 0
;;
ALTER TABLE answer ADD COLUMN sent_rev BIGINT NOT NULL DEFAULT 0
;;
ALTER TABLE answer ADD COLUMN moderation_id TEXT NOT NULL DEFAULT ''
;;
-- answer_version: the text of each saved rev, so that nothing typed is lost and the
-- ledger can load the one it brings.
CREATE TABLE answer_version (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	answer_id      TEXT NOT NULL,
	rev            BIGINT NOT NULL,
	text           TEXT NOT NULL,
	lang           TEXT NOT NULL DEFAULT '',
	private        BOOLEAN NOT NULL DEFAULT FALSE,
	person_id      TEXT NOT NULL,
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, answer_id, rev)
)
;;
-- gone: what somebody outside took back. What arrives afterwards under that name
-- stays away: news of a deletion may overtake what was deleted. remote_id is of a
-- comment, of an author or of a reaction, as kind says; author_id is the platform's
-- name of who took it back, when it was said. Kept for 30 days.
CREATE TABLE gone (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	kind           TEXT NOT NULL CHECK (kind IN ('comment', 'author', 'reaction')),
	remote_id      TEXT NOT NULL,
	author_id      TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	kept_at        BIGINT NOT NULL,
	PRIMARY KEY (institution_id, channel_id, kind, remote_id)
)
;;
CREATE INDEX gone_kept ON gone (kept_at)
;;
-- early: words of our own account, said with another program, whose conversation
-- is not known yet. said is JSON (channel.Said). Kept for 30 days.
CREATE TABLE early (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	parent_id      TEXT NOT NULL,
	said           TEXT NOT NULL,
	kept_at        BIGINT NOT NULL,
	PRIMARY KEY (institution_id, channel_id, remote_id)
)
;;
CREATE INDEX early_parent ON early (institution_id, channel_id, parent_id)
;;
-- conversation_alias: a conversation that turned out to be part of another one.
CREATE TABLE conversation_alias (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	into_id        TEXT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX conversation_alias_into ON conversation_alias (institution_id, into_id)
;;
CREATE INDEX conversation_latest ON conversation (institution_id, last_at DESC, id DESC)
;;
CREATE INDEX conversation_square ON conversation (institution_id, private, last_at DESC, id DESC)
;;
CREATE INDEX conversation_unanswered ON conversation (institution_id, private, last_at DESC, id DESC) WHERE state = 'open' AND waiting
;;
CREATE INDEX conversation_deadline ON conversation (institution_id, private, due_at, id) WHERE state = 'open' AND waiting AND due_at > 0
;;
CREATE INDEX conversation_person ON conversation (institution_id, person_id, state, private, last_at DESC, id DESC) WHERE person_id <> ''
;;
CREATE INDEX conversation_profile ON conversation (institution_id, profile_id, last_at DESC, id DESC)
;;
CREATE INDEX conversation_channel ON conversation (institution_id, channel_id, last_at DESC, id DESC)
;;
CREATE INDEX conversation_author ON conversation (institution_id, author_id, last_at DESC, id DESC)
;;
CREATE INDEX conversation_about ON conversation (institution_id, message_id, last_at DESC, id DESC)
;;
CREATE INDEX conversation_platform ON conversation (institution_id, platform, private, last_at DESC, id DESC)
;;
CREATE INDEX comment_parent ON comment (institution_id, channel_id, parent_id) WHERE parent_id <> ''
;;
CREATE INDEX comment_held ON comment (institution_id, conversation_id) WHERE held
;;
-- A search looks up whether a conversation has a word: the index alone answers.
DROP INDEX conversation_stem_of
;;
CREATE INDEX conversation_stem_of ON conversation_stem (institution_id, conversation_id, stem)
;;
CREATE INDEX reaction_comment ON reaction (institution_id, comment_id) WHERE comment_id <> ''
;;
CREATE INDEX reaction_at ON reaction (institution_id, at)
;;
CREATE INDEX delivery_answer_stuck ON delivery (institution_id, message_id) WHERE kind = 'answer' AND state IN ('refused', 'unconfirmed', 'given_up')
;;
CREATE INDEX remote_post_named ON remote_post (institution_id, remote_id)
