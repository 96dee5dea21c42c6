-- Letters are what the citizen wrote: nothing of one is gone unseen.

-- comment.whole is all of a letter's text where text leaves out what it quotes.
ALTER TABLE comment ADD COLUMN whole TEXT NOT NULL DEFAULT ''
;;
-- answer.failed_at is when a mail server said that the letter did not arrive after
-- all, and failed_why what it said. Such an answer was not given.
ALTER TABLE answer ADD COLUMN failed_at BIGINT NOT NULL DEFAULT 0
;;
ALTER TABLE answer ADD COLUMN failed_why TEXT NOT NULL DEFAULT ''
;;
-- letter_file: the files that came with a letter, which channel_id and remote_id
-- name. hash is its content in the media store, '' when it was not kept; gone is the
-- content that is to be taken from there, after the letter was let go of.
-- content_type is what the content is, '' when that is not known.
CREATE TABLE letter_file (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	n              BIGINT NOT NULL,
	name           TEXT NOT NULL,
	content_type   TEXT NOT NULL,
	size           BIGINT NOT NULL,
	hash           TEXT NOT NULL,
	gone           TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, channel_id, remote_id, n)
)
;;
CREATE INDEX letter_file_gone ON letter_file (gone) WHERE gone <> ''
;;
-- letter_aside: letters that did not become conversations. state: held (doubtful: a
-- person decides), left_out (surely automatic), joined (a report about an answer or
-- the newsletter, which says it), taken (by a person, into a conversation), let_go (by
-- a person, who may think again). said is the letter, '' where it was joined or taken.
-- author_id is the platform's name of who wrote it, by which it is found when they ask.
CREATE TABLE letter_aside (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('held', 'left_out', 'joined', 'taken', 'let_go')),
	why            TEXT NOT NULL,
	author_id      TEXT NOT NULL DEFAULT '',
	author         TEXT NOT NULL DEFAULT '',
	subject        TEXT NOT NULL DEFAULT '',
	said           TEXT NOT NULL DEFAULT '',
	said_at        BIGINT NOT NULL,
	kept_at        BIGINT NOT NULL,
	decided_at     BIGINT NOT NULL DEFAULT 0,
	decided_by     TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, channel_id, remote_id)
)
;;
CREATE INDEX letter_aside_state ON letter_aside (institution_id, state, said_at DESC)
