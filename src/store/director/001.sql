CREATE TABLE user (
    uid INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    fname TEXT NOT NULL DEFAULT '',
    lname TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL UNIQUE,
    affiliation TEXT NOT NULL DEFAULT '',
    password_hash TEXT NOT NULL,
    created TEXT NOT NULL,
    credit INTEGER NOT NULL DEFAULT 0,
    uuid TEXT NOT NULL DEFAULT '',
    openid TEXT
) STRICT;

CREATE TABLE application (
    aid INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES user (uid),
    name TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'INIT',
    reason TEXT,
    UNIQUE (user_id, name)
) STRICT;

-- A service whose sid is null is being added: its manager may know it already.
CREATE TABLE service (
    rec_id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES application (aid) ON DELETE CASCADE,
    sid INTEGER,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (application_id, sid)
) STRICT;

-- A node is written here before its cloud hears of it, and is taken out only
-- after its cloud has removed it. It outlives its application's row.
CREATE TABLE node (
    rid INTEGER PRIMARY KEY AUTOINCREMENT,
    tag TEXT NOT NULL UNIQUE,
    phase TEXT NOT NULL CHECK (phase IN ('making', 'up', 'removing')),
    cloud TEXT NOT NULL,
    program TEXT NOT NULL CHECK (program IN ('manager', 'agent')),
    user_id INTEGER NOT NULL,
    app_id INTEGER NOT NULL,
    service_id INTEGER NOT NULL DEFAULT 0,
    operation TEXT,
    request TEXT NOT NULL DEFAULT '{}',
    vmid TEXT UNIQUE,
    ip TEXT,
    private_ip TEXT,
    port INTEGER,
    charged INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX node_of_application ON node (app_id);

-- As nodes: written before the cloud hears of it, taken out after.
CREATE TABLE volume (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag TEXT NOT NULL UNIQUE,
    phase TEXT NOT NULL CHECK (phase IN ('making', 'ready', 'removing')),
    cloud TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    app_id INTEGER NOT NULL,
    operation TEXT,
    name TEXT NOT NULL,
    size_mb INTEGER NOT NULL,
    volume_id TEXT UNIQUE,
    attached_tag TEXT,
    device TEXT
) STRICT;
CREATE INDEX volume_of_application ON volume (app_id);
