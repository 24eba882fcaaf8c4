-- How starts of applications ended, for those who ask. The id is the tag of the manager's node.
CREATE TABLE outcome (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL,
    failure TEXT
) STRICT;
CREATE INDEX outcome_of_user ON outcome (user_id, number);
