-- mac: a keyed hash of the entry's hash, made with the master key: who holds the
-- database alone cannot write an entry. Empty in entries from before there were
-- seals; the entry "audit.seal" says where they begin.
ALTER TABLE audit ADD COLUMN mac TEXT NOT NULL DEFAULT ''
;;
-- master_key: the name of the key that this database is sealed with; one row.
CREATE TABLE master_key (
	id    TEXT PRIMARY KEY,
	since BIGINT NOT NULL
)
;;
-- given_up: work of which a job was given up for good, by what it was for; so that
-- nothing vanishes in silence. reason is a code, never a text of others.
CREATE TABLE given_up (
	kind     TEXT NOT NULL,
	reason   TEXT NOT NULL,
	times    BIGINT NOT NULL,
	first_at BIGINT NOT NULL,
	last_at  BIGINT NOT NULL,
	PRIMARY KEY (kind, reason)
)
