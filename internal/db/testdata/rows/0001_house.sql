INSERT INTO institution (id, slug, name, kind, locale, zone, colour, motto, site_url, privacy_url, accessibility_url, legal_url, address, email, phone, version, created_at) VALUES
	('i1', 'slug-1', 'perché «name»', 'kind-1', 'locale-1', 'zone-1', 'colour-1', 'motto-1', 'site_url-1', 'privacy_url-1', 'accessibility_url-1', 'legal_url-1', 'address-1', 'email-1', 'phone-1', 1, 1770000000000000);
INSERT INTO institution_host (institution_id, host) VALUES
	('i1', 'host-1');
INSERT INTO profile (institution_id, id, slug, name, bio, avatar_hash, four_eyes, position, created_at, archived_at) VALUES
	('i1', 'profile_id-1', 'slug-1', 'perché «name»', 'bio-1', 'avatar_hash-1', TRUE, 7, 1770000000000000, 1770000000000000);
INSERT INTO office (institution_id, id, slug, name, email, phone) VALUES
	('i1', 'office_id-1', 'slug-1', 'perché «name»', 'email-1', 'phone-1');
INSERT INTO person (id, email, name, locale, password_hash, created_at, disabled_at) VALUES
	('person_id-1', 'email-1', 'perché «name»', 'locale-1', 'password_hash-1', 1770000000000000, 1770000000000000);
INSERT INTO membership (institution_id, person_id, role, created_at) VALUES
	('i1', 'person_id-1', 'reader', 1770000000000000);
INSERT INTO audit (institution_id, seq, at, person_id, action, subject, detail, prev, hash) VALUES
	('i1', 7, 1770000000000000, 'person_id-1', 'action-1', 'subject-1', '{}', 'prev-1', 'hash-1');
INSERT INTO heartbeat (name, at) VALUES
	('perché «name»', 1770000000000000);
