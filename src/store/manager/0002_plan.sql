-- One typed document a service, as its kind writes it; none while everything is as its kind has it.
ALTER TABLE service ADD COLUMN settings TEXT;

-- What a node was brought to, part by part. `digest` is NULL while nobody knows: a change is on
-- its way, or failed. `stop` is the call that takes the part back, if one is needed.
CREATE TABLE applied (
    node_id   TEXT NOT NULL REFERENCES node (id) ON DELETE CASCADE,
    part      TEXT NOT NULL,
    digest    TEXT,
    stop      TEXT,
    PRIMARY KEY (node_id, part)
);
