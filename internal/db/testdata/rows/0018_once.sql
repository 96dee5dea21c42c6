-- holds: SELECT NOT EXISTS (SELECT 1 FROM delivery WHERE attempted_rev <> 3)
INSERT INTO channel_account (institution_id, platform, name, channel_id) VALUES
	('i1', 'platform-1', 'perché «name»', 'channel_id-1');
