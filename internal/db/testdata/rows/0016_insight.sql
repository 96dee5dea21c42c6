INSERT INTO stance_label (institution_id, of, lang, stems, stance, rule, day) VALUES
	('i1', 'of-1', 'lang-1', 'stems-1', 'agree', 'rule-1', 'day-1');
