-- A kept volume stays when nodes, services and the application end. The service is the one whose next
-- start finds it; null when that service is no more.
ALTER TABLE volume ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE volume ADD COLUMN service_id INTEGER;
CREATE INDEX volume_of_user ON volume (user_id);
