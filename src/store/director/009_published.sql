-- What is reachable from outside, and by what. A row outlives the nodes of its service, and goes with its application.
CREATE TABLE published (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES application (aid) ON DELETE CASCADE,
    service_id INTEGER NOT NULL,
    protocol TEXT NOT NULL CHECK (protocol IN ('http', 'tcp')),
    port INTEGER NOT NULL UNIQUE,
    name TEXT UNIQUE,
    target INTEGER,
    auth_user TEXT,
    auth_hash TEXT,
    maintenance INTEGER NOT NULL DEFAULT 0,
    UNIQUE (application_id, service_id)
) STRICT;

-- Where visitors come in at the services of an application, as its manager says.
CREATE TABLE door (
    application_id INTEGER NOT NULL REFERENCES application (aid) ON DELETE CASCADE,
    service_id INTEGER NOT NULL,
    ip TEXT NOT NULL,
    port INTEGER NOT NULL,
    PRIMARY KEY (application_id, service_id, ip)
) STRICT;
