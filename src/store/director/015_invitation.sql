-- What lets somebody register, made by an administrator. The code itself is known to whom it was given.
CREATE TABLE invitation (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL UNIQUE,
    -- What the administrator recognises it by.
    label       TEXT NOT NULL,
    -- How often it may still be used.
    uses        INTEGER NOT NULL,
    -- Seconds since 1970.
    expires     INTEGER NOT NULL,
    created     TEXT NOT NULL,
    uid         INTEGER REFERENCES user (uid) ON DELETE SET NULL
) STRICT;
