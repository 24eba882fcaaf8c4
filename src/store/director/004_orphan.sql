-- By this a state directory knows its database again; n_starts tells an older copy of it.
CREATE TABLE mark (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    mark TEXT NOT NULL,
    n_starts INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO mark (id, mark) VALUES (1, lower(hex(randomblob(16))));

-- Tags of nodes and volumes that were taken out, the last ones: what a cloud
-- has under such a tag was this database's once.
CREATE TABLE removed_tag (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag TEXT NOT NULL UNIQUE
) STRICT;

-- What a cloud has and no row names, and what becomes of it. The time is how
-- long the machine had run in all when it was found.
CREATE TABLE orphan (
    tag TEXT PRIMARY KEY,
    cloud TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('node', 'volume')),
    shown_id TEXT NOT NULL,
    fate TEXT NOT NULL CHECK (fate IN ('waiting', 'quarantined', 'kept', 'discarded')),
    found_at INTEGER NOT NULL
) STRICT;
