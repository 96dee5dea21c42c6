INSERT INTO master_key (id, since) VALUES
	('master_key_id-1', 1770000000000000);
INSERT INTO given_up (kind, reason, times, first_at, last_at) VALUES
	('kind-1', 'reason-1', 7, 1770000000000000, 1770000000000000);
