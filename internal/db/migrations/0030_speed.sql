-- Without these, pages of a town with years behind it read all of them.
CREATE INDEX message_state_updated ON message (institution_id, state, updated_at DESC, id DESC)
;;
CREATE INDEX message_held ON message (institution_id, due_at, id) WHERE held <> ''
;;
CREATE INDEX message_when ON message (institution_id, (CASE WHEN out_at > 0 THEN out_at ELSE due_at END), id)
;;
CREATE INDEX message_sent_back ON message (institution_id, updated_at DESC) WHERE state = 'draft' AND sent_back <> ''
;;
CREATE INDEX delivery_wanted ON delivery (institution_id, channel_id) WHERE state IN ('waiting', 'attempting') OR (state = 'out' AND (withdraw OR rev > out_rev))
;;
CREATE INDEX delivery_expired ON delivery (institution_id, updated_at) WHERE state = 'given_up' AND error_code = 'expired'
;;
CREATE INDEX conversation_assigned ON conversation (institution_id, assigned_at DESC) WHERE office_id <> ''
;;
DROP INDEX publication_latest
;;
CREATE INDEX publication_latest ON publication (institution_id, published_at DESC, message_id DESC) WHERE withdrawn_at = 0
;;
CREATE INDEX publication_kind ON publication (institution_id, kind, published_at DESC, message_id DESC) WHERE withdrawn_at = 0
