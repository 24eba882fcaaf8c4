-- Accounts of a new cluster. Nobody can log in as the first one before its password is set.
-- The server that makes the tables knows no accounts before.
FLUSH PRIVILEGES;
CREATE USER IF NOT EXISTS mysqldb@'%' IDENTIFIED VIA mysql_native_password USING 'invalid';
GRANT ALL PRIVILEGES ON *.* TO mysqldb@'%' WITH GRANT OPTION;
-- Who gives its data to a new member reads it by the socket, as the account that MariaDB runs as.
CREATE USER IF NOT EXISTS '{{ account }}'@localhost IDENTIFIED VIA unix_socket;
GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR, CONNECTION ADMIN ON *.* TO '{{ account }}'@localhost;
