INSERT INTO letter_file (institution_id, channel_id, remote_id, n, name, content_type, size, hash, gone) VALUES
	('i1', 'channel_id-1', 'remote_id-1', 7, 'perché «name».pdf', 'application/pdf', 7, 'hash-1', 'gone-1');
INSERT INTO letter_aside (institution_id, channel_id, remote_id, state, why, author_id, author, subject, said, said_at, kept_at, decided_at, decided_by) VALUES
	('i1', 'channel_id-1', 'remote_id-1', 'held', 'why-1', 'author_id-1', 'author-1', 'subject-1', 'perché «said»', 1770000000000000, 1770000000000000, 1770000000000000, 'decided_by-1');
