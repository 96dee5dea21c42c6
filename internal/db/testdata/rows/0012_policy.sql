INSERT INTO policy_version (institution_id, kind, version, content, confirmed, person_id, at) VALUES
	('i1', 'external', 1, '{}', TRUE, 'person_id-1', 1770000000000000);
