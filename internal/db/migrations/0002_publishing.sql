-- Messages, channels, and the ledger of what went out.

-- media: an uploaded photograph, video or document; the bytes are in the blob store.
CREATE TABLE media (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	hash           TEXT NOT NULL,
	content_type   TEXT NOT NULL,
	name           TEXT NOT NULL,
	size           BIGINT NOT NULL,
	width          BIGINT NOT NULL DEFAULT 0,
	height         BIGINT NOT NULL DEFAULT 0,
	created_by     TEXT NOT NULL,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX media_hash ON media (institution_id, hash)
;;
-- rendition: a smaller copy of a picture, made when it is first needed.
CREATE TABLE rendition (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	source_hash    TEXT NOT NULL,
	kind           TEXT NOT NULL,
	hash           TEXT NOT NULL,
	content_type   TEXT NOT NULL,
	size           BIGINT NOT NULL,
	width          BIGINT NOT NULL,
	height         BIGINT NOT NULL,
	PRIMARY KEY (institution_id, source_hash, kind)
)
;;
-- message: what a profile says. The columns describe its newest rev, which may
-- be a correction that is not out yet; the site reads publication.
-- hash is of the content an approval is bound to; content is JSON (publishing.Content).
CREATE TABLE message (
	institution_id  TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id              TEXT NOT NULL,
	profile_id      TEXT NOT NULL,
	author_id       TEXT NOT NULL,
	state           TEXT NOT NULL,
	title           TEXT NOT NULL,
	category        TEXT NOT NULL,
	content         TEXT NOT NULL,
	rev             BIGINT NOT NULL,
	hash            TEXT NOT NULL,
	text_hash       TEXT NOT NULL,
	edited_by       TEXT NOT NULL,
	submitted_by    TEXT NOT NULL DEFAULT '',
	submitted_at    BIGINT NOT NULL DEFAULT 0,
	approved_by     TEXT NOT NULL DEFAULT '',
	approved_at     BIGINT NOT NULL DEFAULT 0,
	approved_hash   TEXT NOT NULL DEFAULT '',
	sent_back       TEXT NOT NULL DEFAULT '',
	due_at          BIGINT NOT NULL DEFAULT 0,
	due_wall        TEXT NOT NULL DEFAULT '',
	not_after       BIGINT NOT NULL DEFAULT 0,
	not_after_wall  TEXT NOT NULL DEFAULT '',
	zone            TEXT NOT NULL DEFAULT '',
	held            TEXT NOT NULL DEFAULT '',
	out_rev         BIGINT NOT NULL DEFAULT 0,
	out_at          BIGINT NOT NULL DEFAULT 0,
	withdrawn_at    BIGINT NOT NULL DEFAULT 0,
	created_at      BIGINT NOT NULL,
	updated_at      BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX message_state ON message (institution_id, state, due_at)
;;
CREATE INDEX message_due ON message (due_at) WHERE state = 'scheduled' AND held = ''
;;
CREATE INDEX message_calendar ON message (institution_id, due_at)
;;
CREATE INDEX message_updated ON message (institution_id, updated_at DESC)
;;
CREATE INDEX message_same ON message (institution_id, text_hash)
;;
-- message_version: the content of each saved rev, so that nothing typed is lost
-- and a correction can show what changed.
CREATE TABLE message_version (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	message_id     TEXT NOT NULL,
	rev            BIGINT NOT NULL,
	content        TEXT NOT NULL,
	person_id      TEXT NOT NULL,
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, message_id, rev)
)
;;
-- publication: a message as the site shows it, ready to be rendered: one row
-- holds all that its page needs. media, tags and corrections are JSON.
CREATE TABLE publication (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	message_id     TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	slug           TEXT NOT NULL,
	kind           TEXT NOT NULL,
	category       TEXT NOT NULL,
	lang           TEXT NOT NULL,
	title          TEXT NOT NULL,
	summary        TEXT NOT NULL,
	body_html      TEXT NOT NULL,
	body_text      TEXT NOT NULL,
	media          TEXT NOT NULL DEFAULT '[]',
	tags           TEXT NOT NULL DEFAULT '[]',
	event_start    BIGINT NOT NULL DEFAULT 0,
	event_end      BIGINT NOT NULL DEFAULT 0,
	place          TEXT NOT NULL DEFAULT '',
	lat            DOUBLE PRECISION,
	lon            DOUBLE PRECISION,
	rev            BIGINT NOT NULL,
	published_at   BIGINT NOT NULL,
	corrected_at   BIGINT NOT NULL DEFAULT 0,
	corrections    TEXT NOT NULL DEFAULT '[]',
	withdrawn_at   BIGINT NOT NULL DEFAULT 0,
	withdrawal     TEXT NOT NULL DEFAULT '',
	updated_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, message_id),
	UNIQUE (institution_id, slug)
)
;;
CREATE INDEX publication_latest ON publication (institution_id, published_at DESC) WHERE withdrawn_at = 0
;;
CREATE INDEX publication_profile ON publication (institution_id, profile_id, published_at DESC) WHERE withdrawn_at = 0
;;
CREATE INDEX publication_event ON publication (institution_id, event_start) WHERE event_start > 0 AND withdrawn_at = 0
;;
-- publication_tag: tag is the folded key used in addresses, label what was typed.
CREATE TABLE publication_tag (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	tag            TEXT NOT NULL,
	message_id     TEXT NOT NULL,
	label          TEXT NOT NULL,
	PRIMARY KEY (institution_id, tag, message_id)
)
;;
CREATE INDEX publication_tag_message ON publication_tag (institution_id, message_id)
;;
-- publication_stem: the stems of a published text, made in Go, so that search
-- finds the same on both engines.
CREATE TABLE publication_stem (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	stem           TEXT NOT NULL,
	message_id     TEXT NOT NULL,
	weight         BIGINT NOT NULL,
	PRIMARY KEY (institution_id, stem, message_id)
)
;;
CREATE INDEX publication_stem_message ON publication_stem (institution_id, message_id)
;;
-- channel: one account of a profile on one platform. secret is encrypted.
CREATE TABLE channel (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	platform       TEXT NOT NULL,
	name           TEXT NOT NULL,
	server         TEXT NOT NULL DEFAULT '',
	handle         TEXT NOT NULL DEFAULT '',
	url            TEXT NOT NULL DEFAULT '',
	state          TEXT NOT NULL,
	secret         TEXT NOT NULL DEFAULT '',
	limits         TEXT NOT NULL DEFAULT '',
	options        TEXT NOT NULL DEFAULT '{}',
	expires_at     BIGINT NOT NULL DEFAULT 0,
	refresh_at     BIGINT NOT NULL DEFAULT 0,
	tested_at      BIGINT NOT NULL DEFAULT 0,
	failing_since  BIGINT NOT NULL DEFAULT 0,
	error_class    TEXT NOT NULL DEFAULT '',
	error_code     TEXT NOT NULL DEFAULT '',
	error_detail   TEXT NOT NULL DEFAULT '',
	version        BIGINT NOT NULL DEFAULT 1,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX channel_profile ON channel (institution_id, profile_id)
;;
-- channel_pending: a sign-in on a platform that has begun; encrypted.
CREATE TABLE channel_pending (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	state          TEXT NOT NULL,
	platform       TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	channel_id     TEXT NOT NULL DEFAULT '',
	person_id      TEXT NOT NULL,
	pending        TEXT NOT NULL,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, state)
)
;;
-- pace: the theoretical arrival time of the next post or upload (GCRA), shared by all nodes.
CREATE TABLE pace (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	channel_id     TEXT NOT NULL,
	what           TEXT NOT NULL,
	tat            BIGINT NOT NULL,
	PRIMARY KEY (institution_id, channel_id, what)
)
;;
-- delivery: the ledger. One row for each message and channel, for ever.
-- state: waiting, attempting, out, refused, unconfirmed, withdrawn, given_up.
-- rev is what should be out, out_rev what is; withdraw is set when nothing should be.
-- slot_at is the moment booked for it by the channel's pace; lease_* say which
-- worker has it, until when.
CREATE TABLE delivery (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	message_id     TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	state          TEXT NOT NULL,
	rev            BIGINT NOT NULL,
	out_rev        BIGINT NOT NULL DEFAULT 0,
	withdraw       BOOLEAN NOT NULL DEFAULT FALSE,
	due_at         BIGINT NOT NULL,
	next_at        BIGINT NOT NULL,
	slot_at        BIGINT NOT NULL DEFAULT 0,
	attempts       BIGINT NOT NULL DEFAULT 0,
	progress       TEXT NOT NULL DEFAULT '',
	remote_id      TEXT NOT NULL DEFAULT '',
	remote_url     TEXT NOT NULL DEFAULT '',
	error_class    TEXT NOT NULL DEFAULT '',
	error_code     TEXT NOT NULL DEFAULT '',
	error_detail   TEXT NOT NULL DEFAULT '',
	lease          TEXT NOT NULL DEFAULT '',
	lease_until    BIGINT NOT NULL DEFAULT 0,
	attempted_at   BIGINT NOT NULL DEFAULT 0,
	out_at         BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	updated_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, message_id, channel_id)
)
;;
CREATE INDEX delivery_next ON delivery (next_at) WHERE state IN ('waiting', 'attempting') OR withdraw OR rev > out_rev
;;
CREATE INDEX delivery_state ON delivery (institution_id, state, updated_at)
;;
-- delivery_event: what happened to a delivery, in order.
CREATE TABLE delivery_event (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	delivery_id    TEXT NOT NULL,
	at             BIGINT NOT NULL,
	what           TEXT NOT NULL,
	code           TEXT NOT NULL DEFAULT '',
	detail         TEXT NOT NULL DEFAULT '',
	person_id      TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX delivery_event_delivery ON delivery_event (institution_id, delivery_id, at)
;;
-- task: what only a person can do, with a link to where.
CREATE TABLE task (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	kind           TEXT NOT NULL,
	message_id     TEXT NOT NULL DEFAULT '',
	delivery_id    TEXT NOT NULL DEFAULT '',
	channel_id     TEXT NOT NULL DEFAULT '',
	link           TEXT NOT NULL DEFAULT '',
	created_at     BIGINT NOT NULL,
	done_at        BIGINT NOT NULL DEFAULT 0,
	done_by        TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX task_open ON task (institution_id, created_at) WHERE done_at = 0
;;
-- freeze_period: nothing that is scheduled goes out, but the categories allowed.
CREATE TABLE freeze_period (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	reason         TEXT NOT NULL,
	allowed        TEXT NOT NULL DEFAULT '[]',
	since          BIGINT NOT NULL,
	by_person      TEXT NOT NULL,
	lifted_at      BIGINT NOT NULL DEFAULT 0,
	lifted_by      TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
;;
CREATE UNIQUE INDEX freeze_one ON freeze_period (institution_id) WHERE lifted_at = 0
;;
-- slot: a weekly moment of a profile at which the next message of the queue goes out.
-- weekday 1 is Monday; minute counts from midnight in the institution's zone.
CREATE TABLE slot (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	weekday        BIGINT NOT NULL CHECK (weekday BETWEEN 1 AND 7),
	minute         BIGINT NOT NULL CHECK (minute BETWEEN 0 AND 1439),
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, profile_id, weekday, minute)
)
