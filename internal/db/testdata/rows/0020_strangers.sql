INSERT INTO comment_server (institution_id, host, redirect, sealed, tried_at, used_at) VALUES
	('i1', 'host-1', 'redirect-1', 'sealed-1', 1770000000000000, 1770000000000000);
