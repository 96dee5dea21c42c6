INSERT INTO webmention (institution_id, id, source, target, message_id, state, act, author_id, code, rev, attempts, received_at, checked_at) VALUES
	('i1', 'webmention_id-1', 'source-1', 'target-1', 'message_id-1', 'waiting', 'act-1', 'author_id-1', 'code-1', 1, 7, 1770000000000000, 1770000000000000);
INSERT INTO webmention_out (institution_id, message_id, target, rev, sent_rev, state, code, attempts, updated_at) VALUES
	('i1', 'message_id-1', 'target-1', 1, 7, 'waiting', 'code-1', 7, 1770000000000000);
