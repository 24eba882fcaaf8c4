-- Credit counts the time that the machine has run, not the time of day: this
-- is how long it had run in all when it had run since_boot seconds of a boot.
CREATE TABLE running_time (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot TEXT NOT NULL,
    since_boot INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT;

-- Where that total was when the node came up. Nodes that are up already begin
-- the hour anew that was charged last.
ALTER TABLE node ADD COLUMN up_since INTEGER NOT NULL DEFAULT 0;
UPDATE node SET up_since = -3600 * MAX(charged - 1, 0);
