-- By what identities of a provider users log in.
CREATE TABLE external_login (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    uid     INTEGER NOT NULL REFERENCES user (uid) ON DELETE CASCADE,
    -- What the user recognises it by, such as his address there.
    shown   TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX external_login_of_user ON external_login (uid);
