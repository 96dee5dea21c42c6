-- event_days: the event takes whole days: event_start is the first midnight of its
-- days, event_end the one after the last, in the institution's zone.
ALTER TABLE publication ADD COLUMN event_days BOOLEAN NOT NULL DEFAULT FALSE
