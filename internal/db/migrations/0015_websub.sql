-- WebSub: who is told at once when a feed of ours changes.

-- websub_hub: hubs of others that the institution wants to be told of its feeds.
CREATE TABLE websub_hub (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	url            TEXT NOT NULL,
	created_at     BIGINT NOT NULL,
	told_at        BIGINT NOT NULL DEFAULT 0,
	error          TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (institution_id, url)
)
;;
-- websub_subscription: a verified subscriber of our own hub. topic is a path of the
-- site; secret is sealed, empty without one; digest is SHA-256 of what was delivered
-- last, so that nothing is delivered twice; failures counts the deliveries in a row
-- that were given up.
CREATE TABLE websub_subscription (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	id             TEXT NOT NULL,
	topic          TEXT NOT NULL,
	callback       TEXT NOT NULL,
	callback_host  TEXT NOT NULL,
	secret         TEXT NOT NULL DEFAULT '',
	digest         TEXT NOT NULL,
	lease_until    BIGINT NOT NULL,
	failures       BIGINT NOT NULL DEFAULT 0,
	created_at     BIGINT NOT NULL,
	delivered_at   BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (institution_id, id),
	UNIQUE (institution_id, topic, callback)
)
;;
CREATE INDEX websub_subscription_lease ON websub_subscription (lease_until)
