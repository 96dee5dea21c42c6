INSERT INTO saved_view (institution_id, id, person_id, made_by, name, query, created_at) VALUES
	('i1', 'saved_view_id-1', 'person_id-1', 'made_by-1', 'perché «name»', 'query-1', 1770000000000000);
INSERT INTO canned_answer (institution_id, id, profile_id, name, text, edited_by, edited_at, version) VALUES
	('i1', 'canned_answer_id-1', 'profile_id-1', 'perché «name»', 'perché «text»', 'edited_by-1', 1770000000000000, 1);
