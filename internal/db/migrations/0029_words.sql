-- The words by which publications and conversations are found took half of their
-- space: institution, word and name were written out three times for each word. Now
-- a word and what has it are numbers (db.Number), and a row is two of them.

-- publication.number: by which its words refer to it; NULL while it has none. It grows
-- with published_at, so that the newest with a word are read first: microseconds since
-- 2020, times 4,096, and a place among those of the same microsecond.
ALTER TABLE publication ADD COLUMN number BIGINT
;;
UPDATE publication SET number = (published_at - 1577836800000000) * 4096 + (
	SELECT count(*) FROM publication o WHERE o.published_at = publication.published_at
		AND (o.institution_id, o.message_id) < (publication.institution_id, publication.message_id))
;;
CREATE UNIQUE INDEX publication_number ON publication (number)
;;
-- only: sqlite
-- publication_word: word is the number of the institution and a stem, made in Go, so
-- that search finds the same on both engines.
CREATE TABLE publication_word (
	word        BIGINT NOT NULL,
	publication BIGINT NOT NULL REFERENCES publication(number) ON DELETE CASCADE,
	PRIMARY KEY (word, publication)
) WITHOUT ROWID
;;
-- only: postgres
CREATE TABLE publication_word (
	word        BIGINT NOT NULL,
	publication BIGINT NOT NULL REFERENCES publication(number) ON DELETE CASCADE,
	PRIMARY KEY (word, publication)
)
;;
-- only: sqlite
INSERT INTO publication_word (word, publication)
	SELECT number_of(s.institution_id || ' ' || s.stem), p.number FROM publication_stem s
	JOIN publication p ON p.institution_id = s.institution_id AND p.message_id = s.message_id
	ORDER BY 1, 2
;;
-- only: postgres
INSERT INTO publication_word (word, publication)
	SELECT ('x' || encode(substring(sha256(convert_to(s.institution_id || ' ' || s.stem, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint & 9223372036854775807, p.number FROM publication_stem s
	JOIN publication p ON p.institution_id = s.institution_id AND p.message_id = s.message_id
	ORDER BY 1, 2
;;
CREATE INDEX publication_word_of ON publication_word (publication)
;;
DROP TABLE publication_stem
;;
-- conversation.number: by which its words refer to it; NULL while it has none.
ALTER TABLE conversation ADD COLUMN number BIGINT
;;
-- only: sqlite
UPDATE conversation SET number = number_of(institution_id || ' ' || id)
;;
-- only: postgres
UPDATE conversation SET number = ('x' || encode(substring(sha256(convert_to(institution_id || ' ' || id, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint & 9223372036854775807
;;
CREATE UNIQUE INDEX conversation_number ON conversation (number)
;;
-- only: sqlite
-- conversation_word: what publication_word is, of what citizens said.
CREATE TABLE conversation_word (
	word         BIGINT NOT NULL,
	conversation BIGINT NOT NULL REFERENCES conversation(number) ON DELETE CASCADE,
	PRIMARY KEY (word, conversation)
) WITHOUT ROWID
;;
-- only: postgres
CREATE TABLE conversation_word (
	word         BIGINT NOT NULL,
	conversation BIGINT NOT NULL REFERENCES conversation(number) ON DELETE CASCADE,
	PRIMARY KEY (word, conversation)
)
;;
-- only: sqlite
INSERT INTO conversation_word (word, conversation)
	SELECT number_of(s.institution_id || ' ' || s.stem), c.number FROM conversation_stem s
	JOIN conversation c ON c.institution_id = s.institution_id AND c.id = s.conversation_id
	ORDER BY 1, 2
;;
-- only: postgres
INSERT INTO conversation_word (word, conversation)
	SELECT ('x' || encode(substring(sha256(convert_to(s.institution_id || ' ' || s.stem, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint & 9223372036854775807, c.number FROM conversation_stem s
	JOIN conversation c ON c.institution_id = s.institution_id AND c.id = s.conversation_id
	ORDER BY 1, 2
;;
CREATE INDEX conversation_word_of ON conversation_word (conversation)
;;
DROP TABLE conversation_stem
