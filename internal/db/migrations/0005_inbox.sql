-- What people say to the institution, and how it answers.

-- A delivery may bring a message or an answer: message_id names either.
ALTER TABLE delivery ADD COLUMN kind TEXT NOT NULL DEFAULT 'message'
;;
-- title: what something that is no message is called on the delivery board.
ALTER TABLE delivery ADD COLUMN title TEXT NOT NULL DEFAULT ''
;;
-- remote_post: every post of ours on a platform, by the platform's own name for
-- it: what a reply answers, and how an echo of our own is known. An album on a
-- platform that parts it has several.
CREATE TABLE remote_post (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	delivery_id    TEXT NOT NULL,
	PRIMARY KEY (institution_id, channel_id, remote_id)
)
;;
CREATE INDEX remote_post_delivery ON remote_post (institution_id, delivery_id)
;;
-- only: sqlite
INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id)
SELECT institution_id, channel_id, CASE WHEN instr(remote_id, ',') > 0 THEN substr(remote_id, 1, instr(remote_id, ',') - 1) ELSE remote_id END, id
FROM delivery WHERE remote_id <> '' ON CONFLICT DO NOTHING
;;
-- only: postgres
INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id)
SELECT institution_id, channel_id, split_part(remote_id, ',', 1), id
FROM delivery WHERE remote_id <> '' ON CONFLICT DO NOTHING
;;
-- An answer too may need a second pair of eyes.
ALTER TABLE profile ADD COLUMN four_eyes_answers BOOLEAN NOT NULL DEFAULT FALSE
;;
-- keep_days: how long others' words are kept after a conversation was closed.
ALTER TABLE institution ADD COLUMN keep_days BIGINT NOT NULL DEFAULT 180
;;
-- author: somebody outside who said something, as a platform names them. What
-- they said refers to this row and repeats nothing of it: identities are kept
-- apart from contributions.
CREATE TABLE author (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	platform       TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	handle         TEXT NOT NULL DEFAULT '',
	name           TEXT NOT NULL DEFAULT '',
	url            TEXT NOT NULL DEFAULT '',
	avatar         TEXT NOT NULL DEFAULT '',
	blocked_at     BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, platform, remote_id)
)
;;
-- conversation: what one citizen asked or said to us in one square, with all that
-- followed. message_id is our message that it is about, when it is about one.
-- waiting is true while the last word is theirs and nobody has closed it.
-- due_at is the moment by which it must be answered; 0 without a deadline.
CREATE TABLE conversation (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	platform       TEXT NOT NULL,
	message_id     TEXT NOT NULL DEFAULT '',
	author_id      TEXT NOT NULL,
	private        BOOLEAN NOT NULL DEFAULT FALSE,
	subject        TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('open', 'closed')),
	waiting        BOOLEAN NOT NULL DEFAULT TRUE,
	comments       BIGINT NOT NULL DEFAULT 0,
	office_id      TEXT NOT NULL DEFAULT '',
	person_id      TEXT NOT NULL DEFAULT '',
	assigned_at    BIGINT NOT NULL DEFAULT 0,
	due_at         BIGINT NOT NULL DEFAULT 0,
	reminded_at    BIGINT NOT NULL DEFAULT 0,
	alarmed_at     BIGINT NOT NULL DEFAULT 0,
	first_at       BIGINT NOT NULL,
	last_at        BIGINT NOT NULL,
	answered_at    BIGINT NOT NULL DEFAULT 0,
	closed_at      BIGINT NOT NULL DEFAULT 0,
	reduced_at     BIGINT NOT NULL DEFAULT 0,
	version        BIGINT NOT NULL DEFAULT 1,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX conversation_list ON conversation (institution_id, state, private, last_at DESC, id DESC)
;;
CREATE INDEX conversation_waiting ON conversation (institution_id, last_at DESC, id DESC) WHERE state = 'open' AND waiting
;;
CREATE INDEX conversation_office ON conversation (institution_id, office_id, state, last_at DESC)
;;
CREATE INDEX conversation_message ON conversation (institution_id, message_id, last_at DESC) WHERE message_id <> ''
;;
CREATE INDEX conversation_due ON conversation (due_at) WHERE state = 'open' AND waiting AND due_at > 0
;;
CREATE INDEX conversation_closed ON conversation (closed_at) WHERE state = 'closed' AND reduced_at = 0
;;
-- comment: one thing somebody outside said. remote_id is the platform's own;
-- parent_id what it answers there. held waits for our approval before others see
-- it; hidden was taken from others' sight by us; deleted by its author.
CREATE TABLE comment (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	channel_id      TEXT NOT NULL,
	remote_id       TEXT NOT NULL,
	parent_id       TEXT NOT NULL DEFAULT '',
	url             TEXT NOT NULL DEFAULT '',
	author_id       TEXT NOT NULL,
	ours            BOOLEAN NOT NULL DEFAULT FALSE,
	quotes          BOOLEAN NOT NULL DEFAULT FALSE,
	private         BOOLEAN NOT NULL DEFAULT FALSE,
	subject         TEXT NOT NULL DEFAULT '',
	text            TEXT NOT NULL,
	lang            TEXT NOT NULL DEFAULT '',
	media           TEXT NOT NULL DEFAULT '[]',
	refs            TEXT NOT NULL DEFAULT '',
	stance          TEXT NOT NULL DEFAULT '',
	stance_by       TEXT NOT NULL DEFAULT '',
	said_at         BIGINT NOT NULL,
	received_at     BIGINT NOT NULL,
	edited_at       BIGINT NOT NULL DEFAULT 0,
	deleted_at      BIGINT NOT NULL DEFAULT 0,
	held            BOOLEAN NOT NULL DEFAULT FALSE,
	hidden_at       BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, channel_id, remote_id)
)
;;
CREATE INDEX comment_conversation ON comment (institution_id, conversation_id, said_at)
;;
CREATE INDEX comment_author ON comment (institution_id, author_id)
;;
CREATE INDEX comment_fresh ON comment (channel_id, said_at)
;;
-- comment_earlier: what a comment said before its author changed it.
CREATE TABLE comment_earlier (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	comment_id     TEXT NOT NULL,
	until          BIGINT NOT NULL,
	text           TEXT NOT NULL,
	PRIMARY KEY (institution_id, comment_id, until)
)
;;
-- conversation_stem: the stems of what was said, for search.
CREATE TABLE conversation_stem (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	stem            TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	PRIMARY KEY (institution_id, stem, conversation_id)
)
;;
CREATE INDEX conversation_stem_of ON conversation_stem (institution_id, conversation_id)
;;
-- answer: what we say in a conversation. The ledger (delivery.message_id = its id)
-- says whether it is out. hash is of the text that an approval is bound to.
CREATE TABLE answer (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	comment_id      TEXT NOT NULL,
	state           TEXT NOT NULL CHECK (state IN ('draft', 'submitted', 'sent', 'withdrawn')),
	text            TEXT NOT NULL,
	lang            TEXT NOT NULL DEFAULT '',
	private         BOOLEAN NOT NULL DEFAULT FALSE,
	rev             BIGINT NOT NULL DEFAULT 1,
	author_id       TEXT NOT NULL,
	edited_by       TEXT NOT NULL,
	submitted_by    TEXT NOT NULL DEFAULT '',
	approved_by     TEXT NOT NULL DEFAULT '',
	approved_hash   TEXT NOT NULL DEFAULT '',
	sent_back       TEXT NOT NULL DEFAULT '',
	sent_at         BIGINT NOT NULL DEFAULT 0,
	created_at      BIGINT NOT NULL,
	updated_at      BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX answer_conversation ON answer (institution_id, conversation_id, created_at)
;;
CREATE INDEX answer_submitted ON answer (institution_id, updated_at) WHERE state = 'submitted'
;;
-- note: what we say among ourselves about a conversation: an officer's note, or
-- the information an office supplied (office_id set; person_id empty when it came
-- through a link).
CREATE TABLE note (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	person_id       TEXT NOT NULL DEFAULT '',
	office_id       TEXT NOT NULL DEFAULT '',
	signed          TEXT NOT NULL DEFAULT '',
	text            TEXT NOT NULL,
	at              BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX note_conversation ON note (institution_id, conversation_id, at)
;;
-- conversation_event: what was done with a conversation, in order.
CREATE TABLE conversation_event (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	at              BIGINT NOT NULL,
	what            TEXT NOT NULL,
	detail          TEXT NOT NULL DEFAULT '',
	person_id       TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX conversation_event_of ON conversation_event (institution_id, conversation_id, at)
;;
-- reaction: a like, a boost or an emoji to one of our posts (message_id set) or to
-- a comment (comment_id set). Counted, never listed.
CREATE TABLE reaction (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	target         TEXT NOT NULL,
	author_id      TEXT NOT NULL,
	reaction       TEXT NOT NULL,
	remote_id      TEXT NOT NULL DEFAULT '',
	message_id     TEXT NOT NULL DEFAULT '',
	comment_id     TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, channel_id, target, author_id, reaction)
)
;;
CREATE INDEX reaction_message ON reaction (institution_id, message_id, at) WHERE message_id <> ''
;;
CREATE INDEX reaction_author ON reaction (institution_id, author_id)
;;
CREATE INDEX reaction_remote ON reaction (institution_id, channel_id, remote_id) WHERE remote_id <> ''
;;
-- reaction_tally: what is left of reactions and comments once others' words are no
-- longer kept: their counts by day (in the institution's zone).

CREATE TABLE reaction_tally (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	message_id     TEXT NOT NULL,
	day            TEXT NOT NULL,
	what           TEXT NOT NULL,
	n              BIGINT NOT NULL,
	PRIMARY KEY (institution_id, message_id, day, what)
)
;;
-- source: how reading a channel goes.
CREATE TABLE source (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	cursor         TEXT NOT NULL DEFAULT '',
	next_at        BIGINT NOT NULL,
	lease_until    BIGINT NOT NULL DEFAULT 0,
	tried_at       BIGINT NOT NULL DEFAULT 0,
	success_at     BIGINT NOT NULL DEFAULT 0,
	newest_at      BIGINT NOT NULL DEFAULT 0,
	failures       BIGINT NOT NULL DEFAULT 0,
	error_code     TEXT NOT NULL DEFAULT '',
	error_detail   TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, channel_id)
)
;;
CREATE INDEX source_next ON source (next_at)
;;
-- moderation: what was done about words that broke the policy: the words, the
-- rule, who, the warning, the appeal. Kept when the words themselves are gone.
CREATE TABLE moderation (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	conversation_id TEXT NOT NULL,
	comment_id      TEXT NOT NULL,
	action          TEXT NOT NULL CHECK (action IN ('hide', 'unhide', 'report', 'block', 'unblock', 'refuse')),
	rule            TEXT NOT NULL,
	reason          TEXT NOT NULL DEFAULT '',
	text            TEXT NOT NULL,
	author          TEXT NOT NULL,
	person_id       TEXT NOT NULL,
	at              BIGINT NOT NULL,
	warning         TEXT NOT NULL DEFAULT '',
	warned_at       BIGINT NOT NULL DEFAULT 0,
	appeal          TEXT NOT NULL DEFAULT '',
	appealed_at     BIGINT NOT NULL DEFAULT 0,
	outcome         TEXT NOT NULL DEFAULT '',
	decided_by      TEXT NOT NULL DEFAULT '',
	decided_at      BIGINT NOT NULL DEFAULT 0,
	remote_error    TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX moderation_at ON moderation (institution_id, at DESC)
;;
CREATE INDEX moderation_comment ON moderation (institution_id, comment_id)
