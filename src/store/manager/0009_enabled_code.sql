-- The how manieth of its service's versions a version was when it was first enabled; empty if it never was.
ALTER TABLE code ADD COLUMN enabled_as INTEGER;
-- The settings of its service when another version took its place.
ALTER TABLE code ADD COLUMN last_settings TEXT;
-- Which ones were enabled is not known: they count in the order in which they came.
UPDATE code SET enabled_as = (SELECT COUNT(*) FROM code AS one WHERE one.sid = code.sid AND one.time <= code.time);
