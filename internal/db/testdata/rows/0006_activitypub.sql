INSERT INTO ap_actor (institution_id, name, profile_id, secret, told, created_at) VALUES
	('i1', 'perché «name»', 'profile_id-1', 'secret-1', 'told-1', 1770000000000000);
INSERT INTO ap_object (institution_id, id, actor, channel_id, link, reply_to, public, body, published_at, updated_at, deleted_at) VALUES
	('i1', 'ap_object_id-1', 'actor-1', 'channel_id-1', 'link-1', 'reply_to-1', TRUE, 'perché «body»', 1770000000000000, 1770000000000000, 1770000000000000);
INSERT INTO ap_activity (institution_id, id, actor, type, object, public, body, at, undone_at) VALUES
	('i1', 'ap_activity_id-1', 'actor-1', 'type-1', 'object-1', TRUE, 'perché «body»', 1770000000000000, 1770000000000000);
INSERT INTO ap_delivery (institution_id, host, inbox, activity_id, state, attempts, next_at, code, changed_at) VALUES
	('i1', 'host-1', 'inbox-1', 'activity_id-1', 'waiting', 7, 1770000000000000, 'code-1', 1770000000000000);
INSERT INTO ap_host (institution_id, host, failing_since, code, answered_at, heard_at, scheme, lease, lease_until) VALUES
	('i1', 'host-1', 7, 'code-1', 1770000000000000, 1770000000000000, 'scheme-1', 'lease-1', 1770000000000000);
INSERT INTO ap_remote (institution_id, id, host, handle, name, url, avatar, inbox, deliver_to, deliver_host, key_id, key_pem, indexable, fetched_at, gone_at) VALUES
	('i1', 'ap_remote_id-1', 'host-1', 'handle-1', 'perché «name»', 'url-1', 'avatar-1', 'inbox-1', 'deliver_to-1', 'deliver_host-1', 'key_id-1', 'key_pem-1', TRUE, 1770000000000000, 1770000000000000);
INSERT INTO ap_follower (institution_id, actor, remote_id, follow_id, at) VALUES
	('i1', 'actor-1', 'remote_id-1', 'follow_id-1', 1770000000000000);
INSERT INTO ap_received (institution_id, activity_id, actor_id, type, body, at) VALUES
	('i1', 'activity_id-1', 'actor_id-1', 'type-1', 'perché «body»', 1770000000000000);
INSERT INTO ap_heard (institution_id, object_id, channel_id, actor_id, at) VALUES
	('i1', 'object_id-1', 'channel_id-1', 'actor_id-1', 1770000000000000);
INSERT INTO ap_block (institution_id, kind, target, actor, reason, person_id, at) VALUES
	('i1', 'domain', 'target-1', 'actor-1', 'perché «reason»', 'person_id-1', 1770000000000000);
INSERT INTO ap_report (institution_id, id, actor_id, objects, content, at, handled_at, handled_by) VALUES
	('i1', 'ap_report_id-1', 'actor_id-1', 'objects-1', '{}', 1770000000000000, 1770000000000000, 'handled_by-1');
