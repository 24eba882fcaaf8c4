-- One typed document a service, as its kind writes it; none while everything is as its kind has it.
ALTER TABLE service ADD COLUMN settings TEXT;

-- What a node was brought to, part by part. `digest` is NULL while nobody knows: a call is on
-- its way, or failed. `was_first` says whether the part was ever brought there at all.
CREATE TABLE applied (
    node_id   TEXT NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    part      TEXT NOT NULL,
    digest    TEXT,
    was_first INTEGER NOT NULL DEFAULT 0,
    stop      TEXT,
    PRIMARY KEY (node_id, part)
);
