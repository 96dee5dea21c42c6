-- The profiles as actors of the Fediverse, on the institution's own domain.

-- One profile is one actor: two connected channels would say everything twice.
CREATE UNIQUE INDEX channel_actor ON channel (institution_id, profile_id) WHERE platform = 'activitypub' AND state <> 'disconnected'
;;
-- ap_actor: a name on our domain. Once given to a profile it is never changed nor
-- given to another, for others know the actor by it. The empty name is the
-- institution itself, which signs what we read elsewhere; only it has a secret
-- here, since a profile's is its channel's. told is a digest of the document that
-- the followers' servers were last told of.
CREATE TABLE ap_actor (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	name           TEXT NOT NULL,
	profile_id     TEXT NOT NULL,
	secret         TEXT NOT NULL DEFAULT '',
	told           TEXT NOT NULL DEFAULT '',
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, name),
	UNIQUE (institution_id, profile_id)
)
;;
-- ap_object: what we said there: the key of the delivery that said it is its id.
-- body is the document, a Tombstone once deleted_at is set. public is false of an
-- answer for one reader only.
CREATE TABLE ap_object (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	actor          TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	link           TEXT NOT NULL DEFAULT '',
	reply_to       TEXT NOT NULL DEFAULT '',
	public         BOOLEAN NOT NULL,
	body           TEXT NOT NULL,
	published_at   BIGINT NOT NULL,
	updated_at     BIGINT NOT NULL DEFAULT 0,
	deleted_at     BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX ap_object_link ON ap_object (institution_id, link) WHERE link <> ''
;;
-- ap_activity: what we did there. object is the address of what it is about.
-- undone_at is set of an Announce that was taken back.
CREATE TABLE ap_activity (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	actor          TEXT NOT NULL,
	type           TEXT NOT NULL,
	object         TEXT NOT NULL DEFAULT '',
	public         BOOLEAN NOT NULL DEFAULT FALSE,
	body           TEXT NOT NULL,
	at             BIGINT NOT NULL,
	undone_at      BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX ap_activity_outbox ON ap_activity (institution_id, actor, at DESC, id DESC) WHERE public AND undone_at = 0
;;
CREATE INDEX ap_activity_object ON ap_activity (institution_id, object)
;;
-- ap_delivery: one activity's way to one inbox. An inbox gets its activities in
-- their order: none overtakes one that still waits.
CREATE TABLE ap_delivery (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	host           TEXT NOT NULL,
	inbox          TEXT NOT NULL,
	activity_id    TEXT NOT NULL,
	state          TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'refused', 'given_up', 'moot')),
	attempts       BIGINT NOT NULL DEFAULT 0,
	next_at        BIGINT NOT NULL,
	code           TEXT NOT NULL DEFAULT '',
	changed_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, host, inbox, activity_id)
)
;;
CREATE INDEX ap_delivery_activity ON ap_delivery (institution_id, activity_id)
;;
CREATE INDEX ap_delivery_waiting ON ap_delivery (institution_id, host, inbox, activity_id) WHERE state = 'waiting'
;;
CREATE INDEX ap_delivery_next ON ap_delivery (next_at) WHERE state = 'waiting'
;;
-- ap_host: a server we speak with. failing_since is when it was first not reached,
-- 0 while it answers. lease_until says until when a worker has it.
CREATE TABLE ap_host (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	host           TEXT NOT NULL,
	failing_since  BIGINT NOT NULL DEFAULT 0,
	code           TEXT NOT NULL DEFAULT '',
	answered_at    BIGINT NOT NULL DEFAULT 0,
	heard_at       BIGINT NOT NULL DEFAULT 0,
	scheme         TEXT NOT NULL DEFAULT '',
	lease          TEXT NOT NULL DEFAULT '',
	lease_until    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, host)
)
;;
-- ap_remote: an actor of another server, as its own document describes it, until
-- fetched_at is too old. deliver_to is where it takes what is for many: the shared
-- inbox of its server where there is one. gone_at is set when it is no more.
CREATE TABLE ap_remote (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	host           TEXT NOT NULL,
	handle         TEXT NOT NULL DEFAULT '',
	name           TEXT NOT NULL DEFAULT '',
	url            TEXT NOT NULL DEFAULT '',
	avatar         TEXT NOT NULL DEFAULT '',
	inbox          TEXT NOT NULL DEFAULT '',
	deliver_to     TEXT NOT NULL DEFAULT '',
	deliver_host   TEXT NOT NULL DEFAULT '',
	key_id         TEXT NOT NULL DEFAULT '',
	key_pem        TEXT NOT NULL DEFAULT '',
	indexable      BOOLEAN NOT NULL DEFAULT FALSE,
	fetched_at     BIGINT NOT NULL,
	gone_at        BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
CREATE INDEX ap_remote_key ON ap_remote (institution_id, key_id)
;;
-- ap_follower: who follows which of our actors. follow_id is of the activity.
CREATE TABLE ap_follower (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	actor          TEXT NOT NULL,
	remote_id      TEXT NOT NULL,
	follow_id      TEXT NOT NULL,
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, actor, remote_id)
)
;;
CREATE INDEX ap_follower_remote ON ap_follower (institution_id, remote_id)
;;
-- ap_received: every activity that was taken, so that none counts twice. body is
-- kept only while something must still be read elsewhere; rows go after 30 days,
-- when no signature of theirs is valid any more.
CREATE TABLE ap_received (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	activity_id    TEXT NOT NULL,
	actor_id       TEXT NOT NULL,
	type           TEXT NOT NULL,
	body           TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, activity_id)
)
;;
CREATE INDEX ap_received_at ON ap_received (at)
;;
-- ap_heard: what others said that we kept, and to which channel it was told: only
-- its author may change it or take it back.
CREATE TABLE ap_heard (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	object_id      TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	actor_id       TEXT NOT NULL,
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, object_id)
)
;;
CREATE INDEX ap_heard_actor ON ap_heard (institution_id, actor_id)
;;
-- ap_block: whom we neither hear nor write to. kind: domain or actor by our
-- administrator, us when the actor blocked one of ours.
CREATE TABLE ap_block (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	kind           TEXT NOT NULL CHECK (kind IN ('domain', 'actor', 'us')),
	target         TEXT NOT NULL,
	actor          TEXT NOT NULL DEFAULT '',
	reason         TEXT NOT NULL DEFAULT '',
	person_id      TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	PRIMARY KEY (institution_id, kind, target, actor)
)
;;
-- ap_report: what somebody elsewhere reported of ours (Flag), for the administrator.
CREATE TABLE ap_report (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	actor_id       TEXT NOT NULL,
	objects        TEXT NOT NULL,
	content        TEXT NOT NULL DEFAULT '',
	at             BIGINT NOT NULL,
	handled_at     BIGINT NOT NULL DEFAULT 0,
	handled_by     TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id)
)
