-- Whether who asks for a name by HTTP is sent to HTTPS.
ALTER TABLE published ADD COLUMN force_https INTEGER NOT NULL DEFAULT 0;
