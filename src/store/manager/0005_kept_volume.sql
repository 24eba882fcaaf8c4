-- A volume that is kept when its operation ends, or does not come to its end: it was kept before, or is to be.
ALTER TABLE volume ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
