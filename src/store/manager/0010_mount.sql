-- Volumes of shared storage that a service mounts in all of its nodes. A row stays until its nodes were told.
CREATE TABLE mount (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sid    INTEGER NOT NULL,
    to_sid INTEGER NOT NULL,
    volume TEXT NOT NULL,
    path   TEXT NOT NULL,
    -- Where the service was told that the volume is found.
    host   TEXT NOT NULL
);
CREATE UNIQUE INDEX mount_of_path ON mount (sid, path);
