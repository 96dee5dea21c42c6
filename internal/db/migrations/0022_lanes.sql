-- What belongs to an emergency has workers of its own (package jobs, the lane
-- "urgent"): its deliveries, its letters, its notices to browsers.
ALTER TABLE delivery ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE
;;
UPDATE delivery SET urgent = TRUE
WHERE EXISTS (SELECT 1 FROM message m WHERE m.institution_id = delivery.institution_id AND m.id = delivery.message_id AND m.category = 'emergency')
;;
ALTER TABLE issue ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE
;;
ALTER TABLE push_notice ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE
