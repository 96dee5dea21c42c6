INSERT INTO push_key (institution_id, public_key, sealed, created_at) VALUES
	('i1', 'public_key-1', 'sealed-1', 1770000000000000);
INSERT INTO push_subscription (institution_id, id, endpoint_hash, sealed, refusals, created_at, changed_at) VALUES
	('i1', 'push_subscription_id-1', 'endpoint_hash-1', 'sealed-1', 7, 1770000000000000, 1770000000000000);
INSERT INTO push_scope (institution_id, subscription_id, kind, value) VALUES
	('i1', 'subscription_id-1', 'profile', 'value-1');
INSERT INTO push_notice (institution_id, id, origin, channel_id, link, payload, state, until_at, next_at, lease, lease_until, created_at, done_at) VALUES
	('i1', 'push_notice_id-1', 'origin-1', 'channel_id-1', 'link-1', 'payload-1', 'sending', 1770000000000000, 1770000000000000, 'lease-1', 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO push_recipient (institution_id, notice_id, subscription_id, state, attempts, next_at, code, changed_at) VALUES
	('i1', 'notice_id-1', 'subscription_id-1', 'waiting', 7, 1770000000000000, 7, 1770000000000000);
