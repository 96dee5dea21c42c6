INSERT INTO websub_hub (institution_id, url, created_at, told_at, error) VALUES
	('i1', 'url-1', 1770000000000000, 1770000000000000, 'error-1');
INSERT INTO websub_subscription (institution_id, id, topic, callback, callback_host, secret, digest, lease_until, failures, created_at, delivered_at) VALUES
	('i1', 'websub_subscription_id-1', 'topic-1', 'callback-1', 'callback_host-1', 'secret-1', 'digest-1', 1770000000000000, 7, 1770000000000000, 1770000000000000);
