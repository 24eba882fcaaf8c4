-- What happened to applications and their services, for their owners; a row outlives what it tells of. The newest of
-- each user are kept.
CREATE TABLE event (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL,
    app_id       INTEGER NOT NULL,
    app_name     TEXT NOT NULL,
    service_id   INTEGER,
    service_name TEXT,
    time         REAL NOT NULL,
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    actor        TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_user ON event (user_id, number);

-- Up to which number of its history a manager has told what happened.
CREATE TABLE heard (
    node   INTEGER PRIMARY KEY REFERENCES node (rid) ON DELETE CASCADE,
    number INTEGER NOT NULL
) STRICT;
