-- The tenants and who works in them.

-- institution: a Comune, a Unione, a library: the tenant.
CREATE TABLE institution (
	id                TEXT PRIMARY KEY,
	slug              TEXT NOT NULL UNIQUE,
	name              TEXT NOT NULL,
	kind              TEXT NOT NULL DEFAULT 'comune',
	locale            TEXT NOT NULL DEFAULT 'it',
	zone              TEXT NOT NULL DEFAULT 'Europe/Rome',
	colour            TEXT NOT NULL DEFAULT '',
	motto             TEXT NOT NULL DEFAULT '',
	site_url          TEXT NOT NULL DEFAULT '',
	privacy_url       TEXT NOT NULL DEFAULT '',
	accessibility_url TEXT NOT NULL DEFAULT '',
	legal_url         TEXT NOT NULL DEFAULT '',
	address           TEXT NOT NULL DEFAULT '',
	email             TEXT NOT NULL DEFAULT '',
	phone             TEXT NOT NULL DEFAULT '',
	version           BIGINT NOT NULL DEFAULT 1,
	created_at        BIGINT NOT NULL
)
;;
-- institution_host: the host names that lead to an institution's site.
CREATE TABLE institution_host (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	host           TEXT NOT NULL PRIMARY KEY
)
;;
-- profile: a public voice of an institution.
CREATE TABLE profile (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	slug           TEXT NOT NULL,
	name           TEXT NOT NULL,
	bio            TEXT NOT NULL DEFAULT '',
	avatar_hash    TEXT NOT NULL DEFAULT '',
	four_eyes      BOOLEAN NOT NULL DEFAULT TRUE,
	position       BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	archived_at    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, slug)
)
;;
-- office: answers and supplies information.
CREATE TABLE office (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	slug           TEXT NOT NULL,
	name           TEXT NOT NULL,
	email          TEXT NOT NULL DEFAULT '',
	phone          TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, slug)
)
;;
-- person: somebody who works here, perhaps for several institutions.
CREATE TABLE person (
	id            TEXT PRIMARY KEY,
	email         TEXT NOT NULL UNIQUE,
	name          TEXT NOT NULL,
	locale        TEXT NOT NULL DEFAULT 'it',
	password_hash TEXT NOT NULL DEFAULT '',
	created_at    BIGINT NOT NULL,
	disabled_at   BIGINT NOT NULL DEFAULT 0
)
;;
-- membership: a role of a person in an institution; several rows, several roles.
CREATE TABLE membership (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	person_id      TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
	role           TEXT NOT NULL CHECK (role IN ('reader', 'writer', 'approver', 'duty', 'administrator')),
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, person_id, role)
)
;;
CREATE INDEX membership_person ON membership (person_id)
;;
-- audit: what was done, by whom; each row holds the hash of the one before.
CREATE TABLE audit (
	institution_id TEXT NOT NULL,
	seq            BIGINT NOT NULL,
	at             BIGINT NOT NULL,
	person_id      TEXT NOT NULL,
	action         TEXT NOT NULL,
	subject        TEXT NOT NULL,
	detail         TEXT NOT NULL DEFAULT '{}',
	prev           TEXT NOT NULL,
	hash           TEXT NOT NULL,
	PRIMARY KEY (institution_id, seq)
)
;;
-- heartbeat: when each kind of scheduled work last ran, on any node.
CREATE TABLE heartbeat (
	name TEXT PRIMARY KEY,
	at   BIGINT NOT NULL
)
