-- The operation of its manager that removes a service. The row stays until that has ended.
ALTER TABLE service ADD COLUMN removal TEXT;
