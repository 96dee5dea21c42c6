INSERT INTO answer_version (institution_id, answer_id, rev, text, lang, private, person_id, at) VALUES
	('i1', 'answer_id-1', 1, 'perché «text»', 'lang-1', TRUE, 'person_id-1', 1770000000000000);
INSERT INTO gone (institution_id, channel_id, kind, remote_id, author_id, at, kept_at) VALUES
	('i1', 'channel_id-1', 'comment', 'remote_id-1', 'author_id-1', 1770000000000000, 1770000000000000);
INSERT INTO early (institution_id, channel_id, remote_id, parent_id, said, kept_at) VALUES
	('i1', 'channel_id-1', 'remote_id-1', 'parent_id-1', 'said-1', 1770000000000000);
INSERT INTO conversation_alias (institution_id, id, into_id) VALUES
	('i1', 'conversation_alias_id-1', 'into_id-1');
