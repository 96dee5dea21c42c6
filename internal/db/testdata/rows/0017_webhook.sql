INSERT INTO webhook (institution_id, id, url, events, secret, state, failing_since, disabled_at, person_id, created_at) VALUES
	('i1', 'webhook_id-1', 'url-1', 'events-1', 'secret-1', 'active', 7, 1770000000000000, 'person_id-1', 1770000000000000);
INSERT INTO webhook_delivery (institution_id, id, webhook_id, event, body, state, attempts, next_at, code, error, created_at, changed_at) VALUES
	('i1', 'webhook_delivery_id-1', 'webhook_id-1', 'event-1', 'perché «body»', 'waiting', 7, 1770000000000000, 7, 'error-1', 1770000000000000, 1770000000000000);
INSERT INTO webhook_overdue (institution_id, conversation_id, due_at) VALUES
	('i1', 'conversation_id-1', 1770000000000000);
