-- One-time codes of users (TOTP). Until its user has shown a first code, a secret asks nothing of anybody.
CREATE TABLE totp (
    uid          INTEGER PRIMARY KEY REFERENCES user (uid) ON DELETE CASCADE,
    secret       BLOB NOT NULL,
    is_confirmed INTEGER NOT NULL,
    -- The time step of the newest code that was taken: none is taken twice.
    last_step    INTEGER NOT NULL
) STRICT;

-- What a user types who has lost his phone; each once.
CREATE TABLE recovery_code (
    uid         INTEGER NOT NULL REFERENCES totp (uid) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (uid, fingerprint)
) STRICT, WITHOUT ROWID;
