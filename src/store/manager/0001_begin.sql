-- Row 0 is the manager itself. AUTOINCREMENT: a service's id is never used again.
CREATE TABLE service (
    sid          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL,
    active_code  TEXT,
    last_failure TEXT
);

CREATE TABLE history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sid    INTEGER NOT NULL REFERENCES service (sid) ON DELETE CASCADE,
    time   REAL NOT NULL,
    state  TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX history_of_service ON history (sid, number);

-- A node's number is its place among the nodes of its service.
CREATE TABLE node (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sid    INTEGER NOT NULL REFERENCES service (sid) ON DELETE CASCADE,
    id     TEXT NOT NULL UNIQUE,
    role   TEXT NOT NULL,
    phase  TEXT NOT NULL,
    view   TEXT NOT NULL
);

CREATE TABLE code (
    sid         INTEGER NOT NULL REFERENCES service (sid) ON DELETE CASCADE,
    id          TEXT NOT NULL,
    filename    TEXT NOT NULL,
    description TEXT NOT NULL,
    filetype    TEXT NOT NULL,
    time        REAL NOT NULL,
    PRIMARY KEY (sid, id)
);

CREATE TABLE volume (
    name      TEXT PRIMARY KEY,
    sid       INTEGER NOT NULL REFERENCES service (sid) ON DELETE CASCADE,
    size_mb   INTEGER NOT NULL,
    node_id   TEXT NOT NULL,
    cloud     TEXT NOT NULL,
    device    TEXT NOT NULL,
    volume_id TEXT
);

-- Operations of one service run one after the other, in the order of their numbers.
CREATE TABLE operation (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    sid      INTEGER NOT NULL,
    plan     TEXT NOT NULL,
    failure  TEXT,
    attempts INTEGER NOT NULL DEFAULT 0
);
