INSERT INTO session (token_hash, person_id, agent, network, data, created_at, seen_at, expires_at, revoked_at) VALUES
	('token_hash-1', 'person_id-1', 'agent-1', 'network-1', 'data-1', 1770000000000000, 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO totp (person_id, seed, confirmed_at, last_step) VALUES
	('person_id-1', 'seed-1', 1770000000000000, 7);
INSERT INTO recovery_code (person_id, mac, used_at) VALUES
	('person_id-1', 'mac-1', 1770000000000000);
INSERT INTO passkey (id, person_id, name, credential, created_at, used_at) VALUES
	('passkey_id-1', 'person_id-1', 'perché «name»', 'credential-1', 1770000000000000, 1770000000000000);
INSERT INTO oidc_identity (issuer, subject, person_id, created_at) VALUES
	('issuer-1', 'subject-1', 'person_id-1', 1770000000000000);
INSERT INTO one_time_link (hash, purpose, person_id, institution_id, created_at, expires_at, used_at) VALUES
	('hash-1', 'purpose-1', 'person_id-1', 'i1', 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO known_device (hash, person_id, seen_at) VALUES
	('hash-1', 'person_id-1', 1770000000000000);
INSERT INTO rate_limit (bucket, full_at) VALUES
	('bucket-1', 1770000000000000);
INSERT INTO api_token (institution_id, id, hash, name, roles, person_id, created_at, expires_at, used_day, revoked_at) VALUES
	('i1', 'api_token_id-1', 'hash-1', 'perché «name»', '[]', 'person_id-1', 1770000000000000, 1770000000000000, 'used_day-1', 1770000000000000);
INSERT INTO api_answer (institution_id, token_id, key, fingerprint, attempt, status, body, lease_until, created_at) VALUES
	('i1', 'token_id-1', 'key-1', 'fingerprint-1', 'attempt-1', 7, 'perché «body»', 1770000000000000, 1770000000000000);
