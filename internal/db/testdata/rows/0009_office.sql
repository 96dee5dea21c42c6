INSERT INTO opening (institution_id, week) VALUES
	('i1', '[]');
INSERT INTO closing_day (institution_id, id, year, month, day, name) VALUES
	('i1', 'closing_day_id-1', 7, 7, 7, 'perché «name»');
INSERT INTO office_setting (institution_id, office_id, head_name, head_email, own_week, week, target, reminder, letters) VALUES
	('i1', 'office_id-1', 'head_name-1', 'head_email-1', TRUE, '[]', 7, 7, TRUE);
INSERT INTO office_rule (institution_id, id, position, words, tag, category, place, profile_id, platform, office_id, target) VALUES
	('i1', 'office_rule_id-1', 7, 'words-1', 'tag-1', 'category-1', 'place-1', 'profile_id-1', 'platform-1', 'office_id-1', 7);
INSERT INTO office_link (institution_id, id, hash, kind, office_id, conversation_id, request_id, question, asked_by, email, created_at, expires_at, revoked_at) VALUES
	('i1', 'office_link_id-1', 'hash-1', 'assigned', 'office_id-1', 'conversation_id-1', 'request_id-1', 'question-1', 'asked_by-1', 'email-1', 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO office_answer (institution_id, id, link_id, note_id, request_id, signed, text, at) VALUES
	('i1', 'office_answer_id-1', 'link_id-1', 'note_id-1', 'request_id-1', 'signed-1', 'perché «text»', 1770000000000000);
INSERT INTO office_request (institution_id, id, office_id, profile_id, title, question, due_at, state, message_id, created_by, created_at, answered_at, closed_at, closed_by) VALUES
	('i1', 'office_request_id-1', 'office_id-1', 'profile_id-1', 'perché «title»', 'question-1', 1770000000000000, 'open', 'message_id-1', 'created_by-1', 1770000000000000, 1770000000000000, 1770000000000000, 'closed_by-1');
INSERT INTO office_alarm (institution_id, kind, subject_id, due_at, at, told) VALUES
	('i1', 'reminder', 'subject_id-1', 1770000000000000, 1770000000000000, 'told-1');
