-- What programs of a service find in their environment besides its links, a JSON object.
ALTER TABLE service ADD COLUMN environment TEXT NOT NULL DEFAULT '{}';

-- Services that are given an account of another one. A row stays until the account is gone, so neither service owns it.
CREATE TABLE link (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    sid         INTEGER NOT NULL,
    to_sid      INTEGER NOT NULL,
    phase       TEXT NOT NULL,
    name        TEXT NOT NULL,
    password    TEXT NOT NULL,
    is_shown    INTEGER NOT NULL DEFAULT 0,
    host        TEXT,
    port        INTEGER,
    incarnation TEXT
);
-- The names of variables leave room for one.
CREATE UNIQUE INDEX link_of_service ON link (sid) WHERE phase != 'leaving';
