-- Why a document was stored as it came, with its notes: signed, locked or whole.
ALTER TABLE media ADD COLUMN kept TEXT NOT NULL DEFAULT ''
