-- Whether a service runs what is pushed as soon as it is pushed.
ALTER TABLE service ADD COLUMN auto_enable INTEGER NOT NULL DEFAULT 0;
