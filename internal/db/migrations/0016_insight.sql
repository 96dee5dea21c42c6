-- Consent and dissent.

-- stance_label: what an officer said a comment says, kept so that rules can be judged
-- and bettered: its stems only, in no order, without author, place or time of day.
-- of is SHA-256 of the comment's id, by which a second correction replaces the
-- first; when the comment is gone it leads nowhere. rule is what the rules had said.
CREATE TABLE stance_label (
	institution_id TEXT NOT NULL REFERENCES institution(id) ON DELETE CASCADE,
	of             TEXT NOT NULL,
	lang           TEXT NOT NULL,
	stems          TEXT NOT NULL,
	stance         TEXT NOT NULL CHECK (stance IN ('agree', 'against', 'neutral', 'question')),
	rule           TEXT NOT NULL,
	day            TEXT NOT NULL,
	PRIMARY KEY (institution_id, of)
)
;;
CREATE INDEX comment_labelled ON comment (institution_id, id) WHERE stance_by <> '' AND stance_by <> 'rule'
