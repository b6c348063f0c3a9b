-- Every defect that the catalog is there to find, one block each. A block begins with a line `control`, and says:
--   control:  the control that must raise it
--   expect:   words that one exception of it must hold
--   server:   the server that has it (weak, old, listening; weak when absent)
--   database: where its SQL runs (postgres when absent)
--   setting:  a line of postgresql.conf at the start
--   hba:      a line of pg_hba.conf, in the order of this file
--   later:    a line written to pg_hba.conf that the server has not read
-- and then SQL, each statement ending with its line.

-- control: hba-no-trust
-- expect: local all postgres  trust
-- hba: local all postgres trust

-- control: hba-no-trust
-- expect: local all postgres  trust
-- server: old
-- hba: local all postgres trust

-- control: hba-no-trust
-- expect: local all postgres  trust
-- server: listening
-- hba: local all postgres trust

-- control: hba-no-weak-methods
-- expect: hostssl app alice 10.1.0.0 password
-- setting: ssl = on
-- hba: hostssl app alice 10.1.0.0/16 password

-- control: hba-no-weak-methods
-- expect: hostssl app alice 10.3.0.0 ident
-- hba: hostssl app alice 10.3.0.0/16 ident

-- control: hba-no-weak-methods
-- expect: host all all 127.0.0.1 md5
-- hba: host all all 127.0.0.1/32 md5

-- control: hba-remote-encrypted
-- expect: hostnossl app alice samenet scram-sha-256
-- hba: hostnossl app alice samenet scram-sha-256

-- control: hba-remote-encrypted
-- expect: host app alice db.example.org scram-sha-256
-- hba: host app alice db.example.org scram-sha-256

-- control: hba-remote-encrypted
-- expect: host app alice .example.net scram-sha-256
-- hba: host app alice .example.net scram-sha-256

-- control: hba-no-any-address
-- expect: hostssl app alice 203.0.113.0 scram-sha-256
-- hba: hostssl app alice 203.0.113.0/24 scram-sha-256

-- control: hba-no-any-address
-- expect: hostssl app bob :: scram-sha-256
-- hba: hostssl app bob ::/0 scram-sha-256

-- control: hba-no-any-address
-- expect: hostssl app carol all scram-sha-256
-- hba: hostssl app carol all scram-sha-256

-- control: hba-databases-and-users-named
-- expect: hostssl app all 10.4.0.0 scram-sha-256
-- hba: hostssl app all 10.4.0.0/16 scram-sha-256

-- control: hba-databases-and-users-named
-- expect: hostssl all dave 10.5.0.0 scram-sha-256
-- hba: hostssl all dave 10.5.0.0/16 scram-sha-256

-- control: hba-no-superuser-remote
-- expect: hostssl app operator 10.6.0.0 scram-sha-256 admits operator
-- hba: hostssl app operator 10.6.0.0/16 scram-sha-256
CREATE ROLE operator LOGIN SUPERUSER PASSWORD 'a password';

-- control: hba-no-superuser-remote
-- expect: host all all 0.0.0.0 md5 admits operator,postgres
-- hba: host all all 0.0.0.0/0 md5

-- control: hba-no-shadowed
-- expect: host all mallory 0.0.0.0 reject is never reached after
-- hba: host all mallory 0.0.0.0/0 reject

-- control: hba-no-errors
-- expect: invalid authentication method
-- later: host all all 10.9.0.0/16 scram-sha-255

-- control: tls-on
-- expect: ssl = off, and the server listens on 127.0.0.1
-- server: old
-- setting: ssl = off

-- A rule for TLS matches nobody where TLS is off.
-- control: hba-no-errors
-- expect: hostssl record cannot match because SSL is disabled
-- server: old
-- hba: hostssl all all 10.0.0.0/8 scram-sha-256

-- control: tls-minimum-protocol
-- expect: ssl_min_protocol_version = TLSv1
-- setting: ssl_min_protocol_version = TLSv1

-- control: tls-ciphers
-- expect: ssl_ciphers = HIGH:RC4-SHA
-- setting: ssl_ciphers = HIGH:RC4-SHA

-- control: listen-addresses-narrow
-- expect: listen_addresses = *
-- server: listening
-- setting: listen_addresses = *

-- control: socket-permissions
-- expect: unix_socket_permissions = 0777
-- setting: unix_socket_permissions = 0777

-- control: authentication-timeout
-- expect: authentication_timeout = 300
-- setting: authentication_timeout = 5min

-- control: failed-logins-delayed
-- expect: auth_delay.milliseconds = 0
-- setting: shared_preload_libraries = auth_delay

-- control: login-roles-have-password
-- expect: passwordless can log in and has no password
CREATE ROLE passwordless LOGIN;

-- control: password-encryption-scram
-- expect: password_encryption = md5
-- setting: password_encryption = md5

-- control: password-verifiers-scram
-- expect: old_verifier has a verifier of the kind md5
SET password_encryption = md5;
CREATE ROLE old_verifier LOGIN PASSWORD 'a password';

-- control: superusers-approved
-- expect: superuser second_superuser
CREATE ROLE second_superuser NOLOGIN SUPERUSER;

-- control: superuser-not-reachable
-- expect: climber can become superuser: climber → member of climbers → member of postgres (superuser)
CREATE ROLE climbers NOLOGIN;
CREATE ROLE climber NOLOGIN;
GRANT postgres TO climbers;
GRANT climbers TO climber;

-- control: superuser-not-reachable
-- expect: heir can become superuser
CREATE ROLE heir NOLOGIN;
GRANT postgres TO heir WITH ADMIN FALSE, INHERIT TRUE, SET FALSE;

-- control: superuser-not-reachable
-- expect: setter can become superuser
CREATE ROLE setter NOLOGIN;
GRANT postgres TO setter WITH ADMIN FALSE, INHERIT FALSE, SET TRUE;

-- control: superuser-not-reachable
-- expect: reluctant can become superuser
-- server: old
CREATE ROLE reluctant NOLOGIN NOINHERIT;
GRANT postgres TO reluctant;

-- control: role-bypassrls
-- expect: sees_everything has BYPASSRLS
CREATE ROLE sees_everything NOLOGIN BYPASSRLS;

-- control: role-createdb
-- expect: makes_databases has CREATEDB
CREATE ROLE makes_databases NOLOGIN CREATEDB;

-- control: role-createrole
-- expect: makes_roles has CREATEROLE
CREATE ROLE makes_roles NOLOGIN CREATEROLE;

-- control: role-replication
-- expect: copies_everything has REPLICATION
CREATE ROLE copies_everything NOLOGIN REPLICATION;

-- control: member-of-host-access-roles
-- expect: runs_programs acts on the host as the server's account: runs_programs → member of pg_execute_server_program
CREATE ROLE runs_programs NOLOGIN;
GRANT pg_execute_server_program TO runs_programs;

-- control: member-of-host-access-roles
-- expect: writes_files acts on the host as the server's account: writes_files → member of file_writers → member of pg_write_server_files
-- server: old
CREATE ROLE file_writers NOLOGIN;
CREATE ROLE writes_files NOLOGIN;
GRANT pg_write_server_files TO file_writers;
GRANT file_writers TO writes_files;

-- control: member-of-data-access-roles
-- expect: reads_all reaches what belongs to others: reads_all → member of pg_read_all_data
CREATE ROLE reads_all NOLOGIN;
GRANT pg_read_all_data TO reads_all WITH INHERIT FALSE, SET TRUE;

-- control: membership-admin-option
-- expect: passes_on may give membership in passed_on to others
CREATE ROLE passed_on NOLOGIN;
CREATE ROLE passes_on NOLOGIN;
GRANT passed_on TO passes_on WITH ADMIN OPTION;

-- control: membership-admin-option
-- expect: passes_on may give membership in passed_on to others
-- server: old
CREATE ROLE passed_on NOLOGIN;
CREATE ROLE passes_on NOLOGIN;
GRANT passed_on TO passes_on WITH ADMIN OPTION;

-- control: setting-overrides-keep-defences
-- expect: log_statement = none (the server has none) for role unlogged
CREATE ROLE unlogged NOLOGIN;
ALTER ROLE unlogged SET log_statement = none;

-- control: setting-overrides-keep-defences
-- expect: log_min_messages = fatal (the server has error) for every role in database quiet
CREATE DATABASE quiet;
ALTER DATABASE quiet SET log_min_messages = fatal;

-- control: setting-overrides-keep-defences
-- expect: log_statement = ddl (the server has all) for role less_logged
-- server: listening
-- setting: log_statement = all
CREATE ROLE less_logged NOLOGIN;
ALTER ROLE less_logged SET log_statement = 'ddl';

-- control: log-connections
-- expect: log_connections = off
-- setting: log_connections = off

-- control: log-disconnections
-- expect: log_disconnections = off
-- setting: log_disconnections = off

-- control: logs-captured
-- expect: log_destination = csvlog, logging_collector = off
-- server: old
-- setting: log_destination = csvlog

-- control: log-line-prefix
-- expect: log_line_prefix = %m [%p] %q%u@%d
-- setting: log_line_prefix = %m [%p] %q%u@%d

-- control: log-levels
-- expect: log_min_messages = error
-- setting: log_min_messages = error

-- control: log-statement
-- expect: log_statement = none, and pgaudit records nothing
-- setting: log_statement = none

-- control: databases-not-public
-- expect: database app of postgres is open to PUBLIC: CONNECT,TEMPORARY
CREATE DATABASE app;

-- control: definer-search-path
-- expect: public.unfixed() of postgres sets no search path
-- database: app
CREATE FUNCTION unfixed() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';

-- control: definer-search-path
-- expect: public.fixed_badly(a integer) of postgres has the search path public, pg_temp, and others may create in public
-- database: app
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE FUNCTION fixed_badly(a int) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT 1';

-- control: definer-not-public
-- expect: public.unfixed() of postgres may be called by PUBLIC
-- database: app

-- control: untrusted-languages
-- expect: app: language unheld of postgres is untrusted
-- database: app
CREATE FUNCTION unheld_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE unheld HANDLER unheld_call;

-- control: schemas-not-public-create
-- expect: app: PUBLIC may create in schema public
-- database: app

-- control: schemas-not-public-create
-- expect: PUBLIC may create in schema public
-- server: old

-- control: tables-not-public
-- expect: app: public.open_to_all is open to PUBLIC: SELECT
-- database: app
CREATE TABLE open_to_all (id int);
GRANT SELECT ON open_to_all TO PUBLIC;

-- control: tables-not-public
-- expect: app: public.open_column is open to PUBLIC: UPDATE on columns
-- database: app
CREATE TABLE open_column (id int, note text);
GRANT UPDATE (note) ON open_column TO PUBLIC;

-- control: tables-not-public
-- expect: app: public.open_summary is open to PUBLIC: SELECT
-- database: app
CREATE MATERIALIZED VIEW open_summary AS SELECT count(*) FROM open_to_all;
GRANT SELECT ON open_summary TO PUBLIC;

-- control: default-privileges-not-public
-- expect: app: SELECT on tables that postgres makes goes to PUBLIC
-- database: app
CREATE SCHEMA later;
ALTER DEFAULT PRIVILEGES IN SCHEMA later GRANT SELECT ON TABLES TO PUBLIC;

-- control: no-grant-options
-- expect: app: trader may pass on SELECT on table public.traded
-- database: app
CREATE ROLE trader NOLOGIN;
CREATE TABLE traded (id int);
GRANT SELECT ON traded TO trader WITH GRANT OPTION;

-- control: catalogs-with-secrets-closed
-- expect: app: snoop has SELECT on pg_authid
-- database: app
CREATE ROLE snoop NOLOGIN;
GRANT SELECT ON pg_authid TO snoop;

-- control: catalogs-with-secrets-closed
-- expect: app: snoop has SELECT on pg_user_mapping.umoptions
-- database: app
GRANT SELECT (umoptions) ON pg_user_mapping TO snoop;

-- control: rls-has-policy
-- expect: app: public.forgotten has row-level security and no policy
-- database: app
CREATE TABLE forgotten (id int);
ALTER TABLE forgotten ENABLE ROW LEVEL SECURITY;

-- control: rls-policies-in-force
-- expect: app: public.unprotected has policies and row-level security is off
-- database: app
CREATE TABLE unprotected (tenant name);
CREATE POLICY own ON unprotected USING (tenant = current_user);

-- control: rls-forced-on-owner
-- expect: app: public.tenants is not filtered for its owner shop_login
-- database: app
CREATE ROLE shop_login LOGIN PASSWORD 'a password';
CREATE TABLE tenants (tenant name);
ALTER TABLE tenants OWNER TO shop_login;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (tenant = current_user);

-- control: policy-not-always-true
-- expect: app: policy everybody on public.tenants is always true for public
-- database: app
CREATE POLICY everybody ON tenants FOR SELECT USING (true);

-- control: policy-not-always-true
-- expect: app: policy anything on public.tenants is always true for public
-- database: app
CREATE POLICY anything ON tenants FOR INSERT WITH CHECK (true);

-- control: views-keep-row-security
-- expect: app: view public.all_tenants of postgres shows trader every row of public.tenants
-- database: app
CREATE VIEW all_tenants AS SELECT * FROM tenants;
GRANT SELECT ON all_tenants TO trader;

-- control: views-keep-row-security
-- expect: app: materialised view public.kept_tenants of postgres shows trader every row of public.tenants
-- database: app
CREATE MATERIALIZED VIEW kept_tenants AS SELECT * FROM tenants;
GRANT SELECT ON kept_tenants TO trader;

-- An invoker's view over a view of an exempt owner.
-- control: views-keep-row-security
-- expect: app: view public.tenants_again of postgres shows trader every row of public.tenants
-- database: app
CREATE VIEW tenants_again WITH (security_invoker = true) AS SELECT * FROM all_tenants;
GRANT SELECT ON tenants_again TO trader;

-- control: no-stored-passwords
-- expect: app: the mapping of trader on server elsewhere stores a password
-- database: app
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'elsewhere.example.org');
CREATE USER MAPPING FOR trader SERVER elsewhere OPTIONS (user 'trader', password 'a password');

-- control: extensions-approved
-- expect: app: extension postgres_fdw
-- database: app

-- control: extensions-current
-- expect: app: extension hstore is at version 1.7, and 1.8 is installed on the host
-- database: app
CREATE EXTENSION hstore VERSION '1.7';

-- control: data-checksums
-- expect: data_checksums = off

-- control: fsync-on
-- expect: fsync = off
-- setting: fsync = off

-- control: full-page-writes-on
-- expect: full_page_writes = off
-- setting: full_page_writes = off

-- control: archive-keeps
-- expect: archive_mode = on, and archive_command = /bin/true
-- setting: archive_mode = on
-- setting: archive_command = /bin/true

-- control: archive-keeps
-- expect: archive_mode = on, and archive_command is empty
-- server: old
-- setting: archive_mode = on

-- control: archive-keeps
-- expect: archive_mode = always, and archive_command = exit 0 # later
-- server: listening
-- setting: archive_mode = always
-- setting: archive_command = exit 0 # later

-- control: no-alter-system
-- expect: work_mem = 8MB is set in
ALTER SYSTEM SET work_mem = '8MB';

-- control: no-pending-restart
-- expect: max_connections is 100 until the server restarts
ALTER SYSTEM SET max_connections = 50;
SELECT pg_reload_conf();

-- control: version-supported
-- expect: PostgreSQL 13
-- server: old
