INSERT INTO ap_name (institution_id, handle, actor_id, at) VALUES
	('i1', 'handle-1', 'actor_id-1', 1770000000000000);
INSERT INTO ap_grant (institution_id, id, kind, actor, object, interacting, remote_id, at) VALUES
	('i1', 'ap_grant_id-1', 'quote', 'actor-1', 'object-1', 'interacting-1', 'remote_id-1', 1770000000000000);
