-- How operations ended: kept for those who ask, after the operation's own row is gone.
CREATE TABLE outcome (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    failure TEXT
);
