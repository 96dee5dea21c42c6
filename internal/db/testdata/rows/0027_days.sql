UPDATE publication SET event_days = TRUE WHERE institution_id = 'i1';
