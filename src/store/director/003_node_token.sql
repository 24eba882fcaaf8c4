-- With one of these a new node of a remote cloud asks for its certificate.
-- Only the token's hash is kept. The first key that is shown with it is the
-- only one that it is good for.
CREATE TABLE node_token (
    hash TEXT PRIMARY KEY,
    tag TEXT NOT NULL,
    expires INTEGER NOT NULL,
    key TEXT
) STRICT;
CREATE INDEX node_token_of_node ON node_token (tag);
