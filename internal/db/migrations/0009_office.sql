-- Offices: when they are open, what reaches them, by when they answer.

-- opening: the institution's own opening hours; without a row the usual week. week
-- is a JSON list of seven days, Sunday first, each a list of intervals in minutes.
CREATE TABLE opening (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	week           TEXT NOT NULL,
	PRIMARY KEY (institution_id)
)
;;
-- closing_day: a day on which the institution is closed beyond the national
-- holidays. year 0: each year (the patron saint).
CREATE TABLE closing_day (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	year           BIGINT NOT NULL DEFAULT 0,
	month          BIGINT NOT NULL,
	day            BIGINT NOT NULL,
	name           TEXT NOT NULL,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, year, month, day)
)
;;
-- office_setting: how an office works; without a row the usual way. week is used
-- when own_week is true. target and reminder are minutes of working time: until the
-- first answer (0: no deadline), and before the deadline (0: no reminder). letters
-- is false for an office that looks at the desk by itself.
CREATE TABLE office_setting (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	office_id      TEXT NOT NULL,
	head_name      TEXT NOT NULL DEFAULT '',
	head_email     TEXT NOT NULL DEFAULT '',
	own_week       BOOLEAN NOT NULL DEFAULT FALSE,
	week           TEXT NOT NULL DEFAULT '[]',
	target         BIGINT NOT NULL DEFAULT 960,
	reminder       BIGINT NOT NULL DEFAULT 240,
	letters        BOOLEAN NOT NULL DEFAULT TRUE,
	PRIMARY KEY (institution_id, office_id)
)
;;
-- office_rule: which new conversation is which office's, tried in order of position.
-- Every condition that is not empty must hold. words and place are as typed, parted
-- by commas. target is in minutes of working time; 0: the office's.
CREATE TABLE office_rule (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	position       BIGINT NOT NULL,
	words          TEXT NOT NULL DEFAULT '',
	tag            TEXT NOT NULL DEFAULT '',
	category       TEXT NOT NULL DEFAULT '',
	place          TEXT NOT NULL DEFAULT '',
	profile_id     TEXT NOT NULL DEFAULT '',
	platform       TEXT NOT NULL DEFAULT '',
	office_id      TEXT NOT NULL,
	target         BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
-- office_link: a letter to an office with a link that opens one conversation, or one
-- request, to whoever holds it. hash is of the link's random part, which is kept
-- nowhere. question is what was asked; empty when the conversation was assigned.
CREATE TABLE office_link (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	hash            TEXT NOT NULL UNIQUE,
	kind            TEXT NOT NULL CHECK (kind IN ('assigned', 'asked', 'request', 'reminder', 'alarm')),
	office_id       TEXT NOT NULL,
	conversation_id TEXT NOT NULL DEFAULT '',
	request_id      TEXT NOT NULL DEFAULT '',
	question        TEXT NOT NULL DEFAULT '',
	asked_by        TEXT NOT NULL DEFAULT '',
	email           TEXT NOT NULL,
	created_at      BIGINT NOT NULL,
	expires_at      BIGINT NOT NULL,
	revoked_at      BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX office_link_conversation ON office_link (institution_id, conversation_id, created_at) WHERE conversation_id <> ''
;;
CREATE INDEX office_link_request ON office_link (institution_id, request_id, created_at) WHERE request_id <> ''
;;
CREATE INDEX office_link_expires ON office_link (expires_at)
;;
-- office_answer: what an office sent through a link. id is made with the form, so
-- that a form sent twice is one answer. note_id names the note of the conversation
-- that holds the text; text is that of the answer to a request.
CREATE TABLE office_answer (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	link_id        TEXT NOT NULL,
	note_id        TEXT NOT NULL DEFAULT '',
	request_id     TEXT NOT NULL DEFAULT '',
	signed         TEXT NOT NULL DEFAULT '',
	text           TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, link_id, id)
)
;;
CREATE INDEX office_answer_request ON office_answer (institution_id, request_id, at) WHERE request_id <> ''
;;
-- office_request: a text or an information that we need from an office by a moment.
-- message_id is the draft that its answer became.
CREATE TABLE office_request (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	office_id      TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	title          TEXT NOT NULL,
	question       TEXT NOT NULL,
	due_at         BIGINT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('open', 'answered', 'closed')),
	message_id     TEXT NOT NULL DEFAULT '',
	created_by     TEXT NOT NULL,
	created_at     BIGINT NOT NULL,
	answered_at    BIGINT NOT NULL DEFAULT 0,
	closed_at      BIGINT NOT NULL DEFAULT 0,
	closed_by      TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX office_request_list ON office_request (institution_id, state, due_at)
;;
CREATE INDEX office_request_due ON office_request (due_at) WHERE state = 'open'
;;
-- office_alarm: each reminder and each alarm that was given, once for a deadline of
-- a conversation or a request: a new deadline may be reminded of again.
CREATE TABLE office_alarm (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	kind           TEXT NOT NULL CHECK (kind IN ('reminder', 'alarm')),
	subject_id     TEXT NOT NULL,
	due_at         BIGINT NOT NULL,
	at             BIGINT NOT NULL,
	told           TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, kind, subject_id, due_at)
)
