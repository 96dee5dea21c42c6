-- What an officer keeps beside the conversations: filters with a name, and texts
-- that are said often.

-- saved_view: a filter of the list of conversations under a name. query is the
-- query of the list's address, in its one canonical form. person_id is whose it is;
-- empty when it is for everybody at the desk.
CREATE TABLE saved_view (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	person_id      TEXT NOT NULL DEFAULT '',
	made_by        TEXT NOT NULL,
	name           TEXT NOT NULL,
	query          TEXT NOT NULL,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE UNIQUE INDEX saved_view_name ON saved_view (institution_id, person_id, name)
;;
-- canned_answer: a text that is said often, with placeholders such as {nome}.
-- profile_id is the profile whose answers it is for; empty for all. version grows
-- with each change, so that nobody overwrites what somebody else has just written.
CREATE TABLE canned_answer (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	profile_id     TEXT NOT NULL DEFAULT '',
	name           TEXT NOT NULL,
	text           TEXT NOT NULL,
	edited_by      TEXT NOT NULL,
	edited_at      BIGINT NOT NULL,
	version        BIGINT NOT NULL DEFAULT 1,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE UNIQUE INDEX canned_answer_name ON canned_answer (institution_id, name)
