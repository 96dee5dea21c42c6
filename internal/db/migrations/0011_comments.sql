-- What citizens say under a message on the site, and how we answer there.

-- comment_setting: whether and for how long messages can be commented. No row: the
-- defaults. close_days counts from publication, 0 is for ever; hold says whose
-- comments wait for approval: all, or new (those of who has none approved yet).
CREATE TABLE comment_setting (
	institution_id TEXT PRIMARY KEY REFERENCES institution(id) ON DELETE CASCADE,
	enabled        BOOLEAN NOT NULL,
	close_days     BIGINT NOT NULL CHECK (close_days BETWEEN 0 AND 3650),
	hold           TEXT NOT NULL CHECK (hold IN ('all', 'new'))
)
;;
-- comment_silent: the profiles whose messages take no comments.
CREATE TABLE comment_silent (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	profile_id     TEXT NOT NULL,
	PRIMARY KEY (institution_id, profile_id)
)
;;
-- comment_pending: a comment that its author has not confirmed yet. It is sealed
-- with the link that only the author has, of which link_hash is the hash: nobody
-- here can read it. It is erased when it expires.
CREATE TABLE comment_pending (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	link_hash      TEXT NOT NULL,
	sealed         TEXT NOT NULL,
	expires_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, link_hash)
)
;;
CREATE INDEX comment_pending_expires ON comment_pending (expires_at)
;;
-- site_comment: what only the site knows of a confirmed comment; its words are in
-- comment, whose remote_id is this id. contact is encrypted: the address to which
-- an answer is announced, and the author's link; empty once the comment is gone.
CREATE TABLE site_comment (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	message_id     TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	link_hash      TEXT NOT NULL,
	contact        TEXT NOT NULL DEFAULT '',
	locale         TEXT NOT NULL,
	confirmed_at   BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, link_hash)
)
;;
CREATE INDEX site_comment_message ON site_comment (institution_id, message_id)
;;
CREATE INDEX site_comment_channel ON site_comment (channel_id, id)
;;
-- site_answer: our answers as the site shows them. id is the delivery's, so that an
-- answer stands once whatever happens. notice is what became of the letter that
-- announces it: none (nobody to write to), waiting, attempting, sent, refused,
-- unconfirmed (it may have arrived: not sent again).
CREATE TABLE site_answer (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	comment_id     TEXT NOT NULL,
	text           TEXT NOT NULL,
	lang           TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	edited_at      BIGINT NOT NULL DEFAULT 0,
	withdrawn_at   BIGINT NOT NULL DEFAULT 0,
	notice         TEXT NOT NULL CHECK (notice IN ('none', 'waiting', 'attempting', 'sent', 'refused', 'unconfirmed')),
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX site_answer_comment ON site_answer (institution_id, comment_id)
;;
CREATE INDEX site_answer_channel ON site_answer (channel_id, id)
