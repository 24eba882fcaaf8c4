-- Manifests that are carried out, and how the newest ended. A document holds passwords, and goes with the end.
CREATE TABLE manifest (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    user_id  INTEGER NOT NULL,
    app_id   INTEGER NOT NULL,
    cloud    TEXT NOT NULL,
    document TEXT,
    progress TEXT NOT NULL,
    words    TEXT NOT NULL,
    failure  TEXT
) STRICT;
CREATE INDEX manifest_of_user ON manifest (user_id, number);
