-- Whether a version was ever enabled, and which one it took the place of then.
ALTER TABLE code ADD COLUMN was_enabled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE code ADD COLUMN came_after TEXT;
-- The settings of its service when another version took its place.
ALTER TABLE code ADD COLUMN last_settings TEXT;
-- Of those that are there it is not known.
UPDATE code SET was_enabled = 1;
