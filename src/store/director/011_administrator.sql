-- Who may do from afar what the operator does with users on the director's machine.
ALTER TABLE user ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0;
