INSERT INTO comment_setting (institution_id, enabled, close_days, hold) VALUES
	('i1', TRUE, 7, 'all');
INSERT INTO comment_silent (institution_id, profile_id) VALUES
	('i1', 'profile_id-1');
INSERT INTO comment_pending (institution_id, link_hash, sealed, expires_at) VALUES
	('i1', 'link_hash-1', 'sealed-1', 1770000000000000);
INSERT INTO site_comment (institution_id, id, message_id, channel_id, link_hash, contact, locale, confirmed_at) VALUES
	('i1', 'site_comment_id-1', 'message_id-1', 'channel_id-1', 'link_hash-1', 'contact-1', 'locale-1', 1770000000000000);
INSERT INTO site_answer (institution_id, id, channel_id, comment_id, text, lang, at, edited_at, withdrawn_at, notice) VALUES
	('i1', 'site_answer_id-1', 'channel_id-1', 'comment_id-1', 'perché «text»', 'lang-1', 1770000000000000, 1770000000000000, 1770000000000000, 'none');
