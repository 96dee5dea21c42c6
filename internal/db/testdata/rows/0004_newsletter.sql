INSERT INTO newsletter_setting (institution_id, hour, weekday) VALUES
	('i1', 7, 7);
INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, soft_bounces, confirmed_at, changed_at, ended_at) VALUES
	('i1', 'subscriber_id-1', 'email-1', 'locale-1', 'immediate', 'active', 7, 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO subscriber_scope (institution_id, subscriber_id, kind, value) VALUES
	('i1', 'subscriber_id-1', 'profile', 'value-1');
INSERT INTO subscription_link (institution_id, nonce, expires_at) VALUES
	('i1', 'nonce-1', 1770000000000000);
INSERT INTO issue (institution_id, id, origin, kind, channel_id, title, link, items, state, pause, until_at, lease, lease_until, next_at, created_at, done_at) VALUES
	('i1', 'issue_id-1', 'origin-1', 'message', 'channel_id-1', 'perché «title»', 'link-1', 'items-1', 'state-1', 'pause-1', 1770000000000000, 'lease-1', 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO recipient (institution_id, issue_id, subscriber_id, state, message_id, attempts, next_at, code, changed_at) VALUES
	('i1', 'issue_id-1', 'subscriber_id-1', 'waiting', 'message_id-1', 7, 1770000000000000, 'code-1', 1770000000000000),
	('i1', 'issue_id-1', 'subscriber_id-2', 'sent', 'message_id-2', 7, 1770000000000000, '250', 1770000000000000);
