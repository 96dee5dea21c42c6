INSERT INTO outcome_count (institution_id, kind, subject_id, outcome, n) VALUES
	('i1', 'letter', 'subject_id-1', 'outcome-1', 7);
