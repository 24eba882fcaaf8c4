-- How the manager looks after a service, and what it has to remember of that.
CREATE TABLE care (
    sid INTEGER PRIMARY KEY REFERENCES service (sid) ON DELETE CASCADE,
    document TEXT NOT NULL
);
