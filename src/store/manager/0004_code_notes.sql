-- What may surprise the user of a code version, a JSON list of sentences.
ALTER TABLE code ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
