-- holds: SELECT count(*) = (SELECT count(*) FROM delivery) FROM remote_post WHERE remote_id = 'remote_id-1'
INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES
	('i1', 'channel_id-1', 'remote_id-2', 'delivery_id-1');
INSERT INTO author (institution_id, id, platform, remote_id, handle, name, url, avatar, blocked_at, created_at) VALUES
	('i1', 'author_id-1', 'platform-1', 'remote_id-1', 'handle-1', 'perché «name»', 'url-1', 'avatar-1', 1770000000000000, 1770000000000000);
INSERT INTO conversation (institution_id, id, profile_id, channel_id, platform, message_id, author_id, private, subject, state, waiting, comments, office_id, person_id, assigned_at, due_at, reminded_at, alarmed_at, first_at, last_at, answered_at, closed_at, reduced_at, version) VALUES
	('i1', 'conversation_id-1', 'profile_id-1', 'channel_id-1', 'platform-1', 'message_id-1', 'author_id-1', TRUE, 'subject-1', 'open', TRUE, 7, 'office_id-1', 'person_id-1', 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1);
INSERT INTO comment (institution_id, id, conversation_id, channel_id, remote_id, parent_id, url, author_id, ours, quotes, private, subject, text, lang, media, refs, stance, stance_by, said_at, received_at, edited_at, deleted_at, held, hidden_at) VALUES
	('i1', 'comment_id-1', 'conversation_id-1', 'channel_id-1', 'remote_id-1', 'parent_id-1', 'url-1', 'author_id-1', TRUE, TRUE, TRUE, 'subject-1', 'perché «text»', 'lang-1', 'media-1', 'refs-1', 'stance-1', 'stance_by-1', 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, TRUE, 1770000000000000);
INSERT INTO comment_earlier (institution_id, comment_id, until, text) VALUES
	('i1', 'comment_id-1', 1770000000000000, 'perché «text»');
INSERT INTO conversation_stem (institution_id, stem, conversation_id) VALUES
	('i1', 'stem-1', 'conversation_id-1');
INSERT INTO answer (institution_id, id, conversation_id, comment_id, state, text, lang, private, rev, author_id, edited_by, submitted_by, approved_by, approved_hash, sent_back, sent_at, created_at, updated_at) VALUES
	('i1', 'answer_id-1', 'conversation_id-1', 'comment_id-1', 'draft', 'perché «text»', 'lang-1', TRUE, 1, 'author_id-1', 'edited_by-1', 'submitted_by-1', 'approved_by-1', 'approved_hash-1', 'sent_back-1', 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO note (institution_id, id, conversation_id, person_id, office_id, signed, text, at) VALUES
	('i1', 'note_id-1', 'conversation_id-1', 'person_id-1', 'office_id-1', 'signed-1', 'perché «text»', 1770000000000000);
INSERT INTO conversation_event (institution_id, id, conversation_id, at, what, detail, person_id) VALUES
	('i1', 'conversation_event_id-1', 'conversation_id-1', 1770000000000000, 'what-1', '{}', 'person_id-1');
INSERT INTO reaction (institution_id, channel_id, target, author_id, reaction, remote_id, message_id, comment_id, at) VALUES
	('i1', 'channel_id-1', 'target-1', 'author_id-1', 'reaction-1', 'remote_id-1', 'message_id-1', 'comment_id-1', 1770000000000000);
INSERT INTO reaction_tally (institution_id, message_id, day, what, n) VALUES
	('i1', 'message_id-1', 'day-1', 'what-1', 7);
INSERT INTO source (institution_id, channel_id, cursor, next_at, lease_until, tried_at, success_at, newest_at, failures, error_code, error_detail) VALUES
	('i1', 'channel_id-1', 'cursor-1', 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 7, 'error_code-1', 'error_detail-1');
INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, reason, text, author, person_id, at, warning, warned_at, appeal, appealed_at, outcome, decided_by, decided_at, remote_error) VALUES
	('i1', 'moderation_id-1', 'conversation_id-1', 'comment_id-1', 'hide', 'rule-1', 'perché «reason»', 'perché «text»', 'author-1', 'person_id-1', 1770000000000000, 'warning-1', 1770000000000000, 'appeal-1', 1770000000000000, 'outcome-1', 'decided_by-1', 1770000000000000, 'remote_error-1');
