-- How far we have come in looking again at what people said: platforms that tell
-- of no edits and deletions are asked in slices, in order of time. recheck_at is
-- when the next slice is due; recheck_said and recheck_id are the last comment
-- looked at, 0 and '' at the beginning of a round.
ALTER TABLE source ADD COLUMN recheck_at BIGINT NOT NULL DEFAULT 0
;;
ALTER TABLE source ADD COLUMN recheck_said BIGINT NOT NULL DEFAULT 0
;;
ALTER TABLE source ADD COLUMN recheck_id TEXT NOT NULL DEFAULT ''
