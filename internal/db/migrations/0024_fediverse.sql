-- What the Fediverse asks of us besides following: to be named, to be quoted, to be put into collections.

-- ap_name: whose a name of the Fediverse is, as its server said when an officer
-- wrote it. An empty actor_id is: nobody's, or not to be had at that time.
CREATE TABLE ap_name (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	handle         TEXT NOT NULL,
	actor_id       TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, handle)
)
;;
-- ap_grant: what we granted to somebody elsewhere: to show a post of ours within a
-- post of theirs (quote), or to put an actor of ours into a collection (feature).
-- object is ours, interacting theirs. It is read by everybody at the address of id
-- and ends when the row does: with the post, with the quote, by a block.
CREATE TABLE ap_grant (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	kind           TEXT NOT NULL CHECK (kind IN ('quote', 'feature')),
	actor          TEXT NOT NULL,
	object         TEXT NOT NULL,
	interacting    TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, object, interacting)
)
;;
CREATE INDEX ap_grant_remote ON ap_grant (institution_id, remote_id)
;;
-- Reports are few and old ones go: the newest must be found without reading all.
CREATE INDEX ap_report_at ON ap_report (institution_id, at)
;;
CREATE INDEX ap_remote_fetched ON ap_remote (institution_id, fetched_at)
