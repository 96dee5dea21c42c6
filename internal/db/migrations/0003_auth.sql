-- Proof of identity: sessions, second factors, links, tokens, limits.
-- What belongs to a person and not to an institution has no institution_id.

-- session: a signed-in browser, or one that is about to be. The token is stored
-- as its hash. A revoked row stays until it expires, so that a request still
-- under way cannot bring it back. network is a prefix (/24, /48), not an address.
CREATE TABLE session (
	token_hash TEXT PRIMARY KEY,
	person_id  TEXT NOT NULL DEFAULT '',
	agent      TEXT NOT NULL DEFAULT '',
	network    TEXT NOT NULL DEFAULT '',
	data       TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	revoked_at BIGINT NOT NULL DEFAULT 0
)
;;
CREATE INDEX session_person ON session (person_id)
;;
CREATE INDEX session_expires ON session (expires_at)
;;
-- totp: a one-time code generator (RFC 6238), its seed sealed. last_step is the
-- last time step that was used: none is accepted twice.
CREATE TABLE totp (
	person_id    TEXT PRIMARY KEY REFERENCES person(id) ON DELETE CASCADE,
	seed         TEXT NOT NULL,
	confirmed_at BIGINT NOT NULL DEFAULT 0,
	last_step    BIGINT NOT NULL DEFAULT 0
)
;;
-- recovery_code: a code on paper that stands in for the generator, once.
CREATE TABLE recovery_code (
	person_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
	mac       TEXT NOT NULL,
	used_at   BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (person_id, mac)
)
;;
-- passkey: a public key of a person's device (WebAuthn); credential is JSON.
CREATE TABLE passkey (
	id         TEXT PRIMARY KEY,
	person_id  TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
	name       TEXT NOT NULL,
	credential TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0
)
;;
CREATE INDEX passkey_person ON passkey (person_id)
;;
-- oidc_identity: who a person is at an identity provider.
CREATE TABLE oidc_identity (
	issuer     TEXT NOT NULL,
	subject    TEXT NOT NULL,
	person_id  TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (issuer, subject)
)
;;
CREATE INDEX oidc_identity_person ON oidc_identity (person_id)
;;
-- one_time_link: a link by e-mail or from the command line; the secret part is
-- stored as its hash. institution_id is where it leads, empty when it does not matter.
CREATE TABLE one_time_link (
	hash           TEXT PRIMARY KEY,
	purpose        TEXT NOT NULL,
	person_id      TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
	institution_id TEXT NOT NULL DEFAULT '',
	created_at     BIGINT NOT NULL,
	expires_at     BIGINT NOT NULL,
	used_at        BIGINT NOT NULL DEFAULT 0
)
;;
CREATE INDEX one_time_link_person ON one_time_link (person_id)
;;
-- known_device: a browser that signed in as a person before, known by the hash
-- of its cookie; it has limits of its own, which strangers cannot use up.
CREATE TABLE known_device (
	hash      TEXT NOT NULL,
	person_id TEXT NOT NULL REFERENCES person(id) ON DELETE CASCADE,
	seen_at   BIGINT NOT NULL,
	PRIMARY KEY (hash, person_id)
)
;;
-- rate_limit: one bucket of the generic cell rate algorithm (ITU-T I.371): full_at is when
-- the bucket will have refilled. The name is a keyed hash: it reveals no address.
CREATE TABLE rate_limit (
	bucket  TEXT PRIMARY KEY,
	full_at BIGINT NOT NULL
)
;;
CREATE INDEX rate_limit_full ON rate_limit (full_at)
;;
-- api_token: a program that acts in an institution, with some of the roles of the
-- person who made it (person_id, empty when made on the command line).
CREATE TABLE api_token (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	hash           TEXT NOT NULL UNIQUE,
	name           TEXT NOT NULL,
	roles          TEXT NOT NULL,
	person_id      TEXT NOT NULL DEFAULT '',
	created_at     BIGINT NOT NULL,
	expires_at     BIGINT NOT NULL DEFAULT 0,
	used_day       TEXT NOT NULL DEFAULT '',
	revoked_at     BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id)
)
;;
-- api_answer: what an API request with an Idempotency-Key was answered, so that
-- its repetition gets the same. status 0: under way, held until lease_until by
-- the attempt that wrote it.
CREATE TABLE api_answer (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	token_id       TEXT NOT NULL,
	key            TEXT NOT NULL,
	fingerprint    TEXT NOT NULL,
	attempt        TEXT NOT NULL,
	status         BIGINT NOT NULL DEFAULT 0,
	body           TEXT NOT NULL DEFAULT '',
	lease_until    BIGINT NOT NULL,
	created_at     BIGINT NOT NULL,
	PRIMARY KEY (institution_id, token_id, key)
)
;;
CREATE INDEX api_answer_created ON api_answer (created_at)
