-- What the ledger must know of an attempt to judge it later, and by what names an
-- account is known on its platform.

-- attempted_rev: the revision that the last irreversible call carried; 0 before
-- one. absent_at: when a reading of the channel first found nothing of the last
-- attempt; 0 while none did.
ALTER TABLE delivery ADD COLUMN attempted_rev BIGINT NOT NULL DEFAULT 0
;;
ALTER TABLE delivery ADD COLUMN absent_at BIGINT NOT NULL DEFAULT 0
;;
UPDATE delivery SET attempted_rev = rev WHERE state IN ('attempting', 'unconfirmed')
;;
-- channel_account: the names by which a connected account is known on its platform,
-- as its adapter says them: no other account has them, and they never change. One
-- account is one channel, for two would say and hear everything twice. What was
-- connected before this table comes in with its next test.
CREATE TABLE channel_account (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	platform       TEXT NOT NULL,
	name           TEXT NOT NULL,
	channel_id     TEXT NOT NULL,
	PRIMARY KEY (institution_id, platform, name)
)
;;
CREATE INDEX channel_account_channel ON channel_account (institution_id, channel_id)
