INSERT INTO media (institution_id, id, hash, content_type, name, size, width, height, created_by, created_at) VALUES
	('i1', 'media_id-1', 'hash-1', 'content_type-1', 'perché «name»', 7, 7, 7, 'created_by-1', 1770000000000000);
INSERT INTO rendition (institution_id, source_hash, kind, hash, content_type, size, width, height) VALUES
	('i1', 'source_hash-1', 'kind-1', 'hash-1', 'content_type-1', 7, 7, 7);
INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, submitted_by, submitted_at, approved_by, approved_at, approved_hash, sent_back, due_at, due_wall, not_after, not_after_wall, zone, held, out_rev, out_at, withdrawn_at, created_at, updated_at) VALUES
	('i1', 'message_id-1', 'profile_id-1', 'author_id-1', 'out', 'perché «title»', 'emergency', '{}', 1, 'hash-1', 'text_hash-1', 'edited_by-1', 'submitted_by-1', 1770000000000000, 'approved_by-1', 1770000000000000, 'approved_hash-1', 'sent_back-1', 1770000000000000, 'due_wall-1', 7, 'not_after_wall-1', 'zone-1', 'held-1', 7, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO message_version (institution_id, message_id, rev, content, person_id, at) VALUES
	('i1', 'message_id-1', 1, '{}', 'person_id-1', 1770000000000000);
INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, media, tags, event_start, event_end, place, lat, lon, rev, published_at, corrected_at, corrections, withdrawn_at, withdrawal, updated_at) VALUES
	('i1', 'message_id-1', 'profile_id-1', 'slug-1', 'kind-1', 'category-1', 'lang-1', 'perché «title»', 'summary-1', 'body_html-1', 'body_text-1', 'media-1', 'tags-1', 7, 7, 'place-1', 45.5, 45.5, 1, 1770000000000000, 1770000000000000, 'corrections-1', 1770000000000000, 'withdrawal-1', 1770000000000000);
INSERT INTO publication_tag (institution_id, tag, message_id, label) VALUES
	('i1', 'tag-1', 'message_id-1', 'label-1');
INSERT INTO publication_stem (institution_id, stem, message_id, weight) VALUES
	('i1', 'stem-1', 'message_id-1', 7);
INSERT INTO channel (institution_id, id, profile_id, platform, name, server, handle, url, state, secret, limits, options, expires_at, refresh_at, tested_at, failing_since, error_class, error_code, error_detail, version, created_at) VALUES
	('i1', 'channel_id-1', 'profile_id-1', 'mastodon', 'perché «name»', 'server-1', 'handle-1', 'url-1', 'connected', 'secret-1', 'limits-1', 'options-1', 1770000000000000, 1770000000000000, 1770000000000000, 7, 'error_class-1', 'error_code-1', 'error_detail-1', 1, 1770000000000000);
INSERT INTO channel_pending (institution_id, state, platform, profile_id, channel_id, person_id, pending, created_at) VALUES
	('i1', 'state-1', 'platform-1', 'profile_id-1', 'channel_id-1', 'person_id-1', 'pending-1', 1770000000000000);
INSERT INTO pace (institution_id, channel_id, what, tat) VALUES
	('i1', 'channel_id-1', 'what-1', 7);
INSERT INTO delivery (institution_id, id, message_id, channel_id, state, rev, out_rev, withdraw, due_at, next_at, slot_at, attempts, progress, remote_id, remote_url, error_class, error_code, error_detail, lease, lease_until, attempted_at, out_at, created_at, updated_at) VALUES
	('i1', 'delivery_id-1', 'message_id-1', 'channel_id-1', 'attempting', 3, 0, FALSE, 1770000000000000, 1770000000000000, 1770000000000000, 7, '{}', 'remote_id-1', 'remote_url-1', 'error_class-1', 'error_code-1', 'error_detail-1', 'lease-1', 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO delivery_event (institution_id, id, delivery_id, at, what, code, detail, person_id) VALUES
	('i1', 'delivery_event_id-1', 'delivery_id-1', 1770000000000000, 'what-1', 'code-1', '{}', 'person_id-1');
INSERT INTO task (institution_id, id, kind, message_id, delivery_id, channel_id, link, created_at, done_at, done_by) VALUES
	('i1', 'task_id-1', 'kind-1', 'message_id-1', 'delivery_id-1', 'channel_id-1', 'link-1', 1770000000000000, 1770000000000000, 'done_by-1');
INSERT INTO freeze_period (institution_id, id, reason, allowed, since, by_person, lifted_at, lifted_by) VALUES
	('i1', 'freeze_period_id-1', 'perché «reason»', '[]', 7, 'by_person-1', 0, 'lifted_by-1');
INSERT INTO slot (institution_id, id, profile_id, weekday, minute) VALUES
	('i1', 'slot_id-1', 'profile_id-1', 7, 7);
