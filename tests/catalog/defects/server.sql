-- Every defect that the catalog is there to find, one block each. Each is put alone on a server that is otherwise in
-- order (tests/catalog/hardened), and must raise its control, with these exceptions and no others. A block begins with
-- a line `control`, and says:
--   control:  the control that must raise it
--   expect:   words that an exception of it must hold; one line for each exception
--   count:    how many exceptions hold the words, where they are alike (1 when absent)
--   also:     another control that must raise it too; a remark says why both do
--   server:   the major version (17 when absent)
--   database: where its SQL runs (postgres when absent; app is the one with tables)
--   setting:  a line of postgresql.conf at the start
--   reloaded: a line of postgresql.conf that comes with a reload
--   hba:      a line of pg_hba.conf, before those that are there, in the order of this file
--   hba-last: a line of pg_hba.conf, after those that are there
--   later:    a line written to pg_hba.conf that the server has not read
--   initdb:   arguments for `initdb` instead of `--data-checksums`, or none
--   profile:  the profile that it is judged by (baseline when absent)
--   parameter: CONTROL NAME = VALUE, as a profile would set it, the value in JSON
--   login:    superuser, where the auditor would not see it (auditor when absent)
-- and then SQL, each statement ending with its line.

-- control: hba-no-trust
-- expect: local app app_login trust
-- hba: local app app_login trust

-- control: hba-no-trust
-- expect: host app app_login 127.0.0.1/32 trust
-- hba: host app app_login 127.0.0.1/32 trust

-- control: hba-no-trust
-- expect: local all all trust
-- server: 13
-- hba-last: local all all trust

-- control: hba-no-weak-methods
-- expect: hostssl app alice 10.2.0.0/16 password
-- hba: hostssl app alice 10.2.0.0/16 password

-- control: hba-no-weak-methods
-- expect: hostssl app alice 10.3.0.0/16 ident
-- hba: hostssl app alice 10.3.0.0/16 ident

-- control: hba-no-weak-methods
-- expect: host app app_login 127.0.0.1/32 md5
-- hba: host app app_login 127.0.0.1/32 md5

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
-- expect: hostssl app alice 203.0.113.0/24 scram-sha-256
-- hba: hostssl app alice 203.0.113.0/24 scram-sha-256

-- control: hba-no-any-address
-- expect: hostssl app bob ::/0 scram-sha-256
-- hba: hostssl app bob ::/0 scram-sha-256

-- control: hba-no-any-address
-- expect: hostssl app carol all scram-sha-256
-- hba: hostssl app carol all scram-sha-256

-- `all` users are superusers too.
-- control: hba-databases-and-users-named
-- expect: hostssl app all 10.4.0.0/16 scram-sha-256
-- also: hba-no-superuser-remote
-- hba: hostssl app all 10.4.0.0/16 scram-sha-256

-- control: hba-databases-and-users-named
-- expect: hostssl all dave 10.5.0.0/16 scram-sha-256
-- hba: hostssl all dave 10.5.0.0/16 scram-sha-256

-- control: hba-no-superuser-remote
-- expect: hostssl app postgres 10.6.0.0/16 scram-sha-256 admits postgres
-- hba: hostssl app postgres 10.6.0.0/16 scram-sha-256

-- By a group.
-- control: hba-no-superuser-remote
-- expect: hostssl app +staff 10.6.0.0/16 scram-sha-256 admits postgres
-- hba: hostssl app +staff 10.6.0.0/16 scram-sha-256
CREATE ROLE staff NOLOGIN;
GRANT staff TO postgres;

-- One line that is wrong in every way: any address, any database, any role, no encryption demanded, MD5.
-- control: hba-no-superuser-remote
-- expect: host all all 0.0.0.0/0 md5 admits postgres
-- also: hba-databases-and-users-named
-- also: hba-no-any-address
-- also: hba-no-weak-methods
-- also: hba-remote-encrypted
-- hba-last: host all all 0.0.0.0/0 md5

-- control: hba-no-shadowed
-- expect: hostssl app alice 10.7.1.0/24 reject is never reached after
-- hba: hostssl app alice 10.7.0.0/16 scram-sha-256
-- hba: hostssl app alice 10.7.1.0/24 reject

-- control: hba-no-errors
-- expect: invalid authentication method
-- later: host all all 10.9.0.0/16 scram-sha-255

-- Rules for TLS match nobody where TLS is off, and the server says so of each.
-- control: tls-on
-- expect: ssl = off, and the server listens on 127.0.0.1
-- also: hba-no-errors
-- login: superuser
-- setting: ssl = off

-- The same, seen from its rules.
-- control: hba-no-errors
-- expect: hostssl record cannot match because SSL is disabled
-- count: 2
-- also: tls-on
-- server: 13
-- login: superuser
-- setting: ssl = off

-- The library of this server speaks what it is configured for.
-- control: tls-minimum-protocol
-- expect: ssl_min_protocol_version = TLSv1
-- also: tls-old-protocols-refused
-- setting: ssl_min_protocol_version = TLSv1

-- control: tls-ciphers
-- expect: ssl_ciphers = HIGH:RC4-SHA
-- setting: ssl_ciphers = HIGH:RC4-SHA

-- control: listen-addresses-narrow
-- expect: listen_addresses = *
-- setting: listen_addresses = *

-- control: socket-permissions
-- profile: strict
-- expect: unix_socket_permissions = 0777
-- setting: unix_socket_permissions = 0777

-- control: authentication-timeout
-- expect: authentication_timeout = 300
-- setting: authentication_timeout = 5min

-- control: failed-logins-delayed
-- expect: auth_delay.milliseconds = 0
-- setting: shared_preload_libraries = auth_delay

-- Nothing limits attempts, where something should.
-- control: failed-logins-delayed
-- expect: shared_preload_libraries = passwordcheck
-- parameter: failed-logins-delayed required = true

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
-- expect: climbers can become superuser: climbers → member of postgres (superuser)
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
-- server: 13
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
-- expect: writes_files → member of file_writers → member of pg_write_server_files
-- expect: file_writers → member of pg_write_server_files
-- server: 13
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
-- server: 13
CREATE ROLE passed_on NOLOGIN;
CREATE ROLE passes_on NOLOGIN;
GRANT passed_on TO passes_on WITH ADMIN OPTION;

-- control: setting-overrides-keep-defences
-- expect: log_statement = none (the server has ddl) for role app_login
ALTER ROLE app_login SET log_statement = none;

-- control: setting-overrides-keep-defences
-- expect: log_min_messages = fatal (the server has warning) for every role in database app
ALTER DATABASE app SET log_min_messages = fatal;

-- Less than the server's own, though no little thing by itself.
-- control: setting-overrides-keep-defences
-- expect: log_statement = ddl (the server has all) for role app_login in database app
-- setting: log_statement = all
ALTER ROLE app_login IN DATABASE app SET log_statement = 'ddl';

-- control: log-connections
-- expect: log_connections = off
-- setting: log_connections = off

-- From 18 on it is a list.
-- control: log-connections
-- expect: log_connections = receipt
-- server: 18
-- setting: log_connections = receipt

-- control: log-disconnections
-- expect: log_disconnections = off
-- setting: log_disconnections = off

-- control: logs-captured
-- expect: log_destination = csvlog, logging_collector = off
-- setting: log_destination = csvlog
-- setting: logging_collector = off

-- Standard error goes nowhere.
-- control: logs-captured
-- expect: log_destination = stderr, logging_collector = off
-- parameter: logs-captured stderr_is_kept = false
-- setting: logging_collector = off

-- control: log-line-prefix
-- expect: log_line_prefix = %m [%p] %q%u@%d
-- setting: log_line_prefix = %m [%p] %q%u@%d

-- control: log-levels
-- expect: log_min_messages = error
-- setting: log_min_messages = error

-- control: log-levels
-- expect: log_min_error_statement = panic
-- setting: log_min_error_statement = panic

-- control: log-statement
-- expect: log_statement = none, and pgaudit records nothing
-- setting: log_statement = none

-- control: databases-not-public
-- expect: database shop of postgres is open to PUBLIC: CONNECT,TEMPORARY
CREATE DATABASE shop;

-- control: definer-search-path
-- expect: app: sales.unfixed() of postgres sets no search path
-- database: app
CREATE FUNCTION sales.unfixed() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION sales.unfixed() FROM PUBLIC;

-- The path is fixed, and leads through a schema that anybody may put a function into.
-- control: definer-search-path
-- expect: sales.fixed_badly(a integer) of postgres has the search path public, pg_temp, and others may create in public
-- also: schemas-not-public-create
-- also: superuser-search-path-closed
-- database: app
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE FUNCTION sales.fixed_badly(a int) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION sales.fixed_badly(int) FROM PUBLIC;

-- control: definer-not-public
-- expect: app: sales.for_all() of postgres may be called by PUBLIC
-- database: app
CREATE FUNCTION sales.for_all() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';

-- control: untrusted-languages
-- expect: app: language unheld of postgres is untrusted
-- database: app
CREATE FUNCTION unheld_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
REVOKE EXECUTE ON FUNCTION unheld_call FROM PUBLIC;
CREATE LANGUAGE unheld HANDLER unheld_call;

-- control: schemas-not-public-create
-- expect: app: PUBLIC may create in schema sales
-- database: app
GRANT CREATE ON SCHEMA sales TO PUBLIC;

-- What every server before 15 has in every new database.
-- control: schemas-not-public-create
-- expect: postgres: PUBLIC may create in schema public
-- also: superuser-search-path-closed
-- server: 13
GRANT CREATE ON SCHEMA public TO PUBLIC;

-- control: tables-not-public
-- expect: app: sales.open_to_all is open to PUBLIC: SELECT
-- database: app
CREATE TABLE sales.open_to_all (id int);
GRANT SELECT ON sales.open_to_all TO PUBLIC;

-- control: tables-not-public
-- expect: app: sales.open_column is open to PUBLIC: UPDATE on columns
-- database: app
CREATE TABLE sales.open_column (id int, note text);
GRANT UPDATE (note) ON sales.open_column TO PUBLIC;

-- control: tables-not-public
-- expect: app: sales.open_summary is open to PUBLIC: SELECT
-- database: app
CREATE TABLE sales.visits (id int);
CREATE MATERIALIZED VIEW sales.open_summary AS SELECT count(*) FROM sales.visits;
GRANT SELECT ON sales.open_summary TO PUBLIC;

-- control: default-privileges-not-public
-- expect: app: SELECT on tables that postgres makes goes to PUBLIC
-- database: app
ALTER DEFAULT PRIVILEGES IN SCHEMA sales GRANT SELECT ON TABLES TO PUBLIC;

-- control: no-grant-options
-- expect: app: app_login may pass on SELECT on table sales.traded
-- database: app
CREATE TABLE sales.traded (id int);
GRANT SELECT ON sales.traded TO app_login WITH GRANT OPTION;

-- control: catalogs-with-secrets-closed
-- expect: app: app_login has SELECT on pg_authid
-- database: app
GRANT SELECT ON pg_authid TO app_login;

-- control: catalogs-with-secrets-closed
-- expect: app: app_login has SELECT on pg_user_mapping.umoptions
-- database: app
GRANT SELECT (umoptions) ON pg_user_mapping TO app_login;

-- control: rls-has-policy
-- expect: app: sales.forgotten has row-level security and no policy
-- database: app
CREATE TABLE sales.forgotten (id int);
ALTER TABLE sales.forgotten ENABLE ROW LEVEL SECURITY;

-- control: rls-policies-in-force
-- expect: app: sales.customers has policies and row-level security is off
-- database: app
ALTER TABLE sales.customers DISABLE ROW LEVEL SECURITY;

-- An owner that is filtered or not is one that logs in.
-- control: rls-forced-on-owner
-- expect: app: sales.customers is not filtered for its owner app_login
-- also: owners-cannot-log-in
-- database: app
ALTER TABLE sales.customers NO FORCE ROW LEVEL SECURITY;
ALTER TABLE sales.customers OWNER TO app_login;

-- control: policy-not-always-true
-- expect: app: policy everybody on sales.customers is always true for public
-- database: app
CREATE POLICY everybody ON sales.customers FOR SELECT USING (true);

-- control: policy-not-always-true
-- expect: app: policy anything on sales.customers is always true for public
-- database: app
CREATE POLICY anything ON sales.customers FOR INSERT WITH CHECK (true);

-- control: views-keep-row-security
-- expect: app: view sales.everything of postgres shows app_login every row of sales.customers
-- database: app
CREATE VIEW sales.everything AS SELECT * FROM sales.customers;
GRANT SELECT ON sales.everything TO app_login;

-- control: views-keep-row-security
-- expect: app: materialised view sales.kept of postgres shows app_login every row of sales.customers
-- database: app
CREATE MATERIALIZED VIEW sales.kept AS SELECT * FROM sales.customers;
GRANT SELECT ON sales.kept TO app_login;

-- An invoker's view over a view of an exempt owner.
-- control: views-keep-row-security
-- expect: app: view sales.everything of postgres shows app_login every row of sales.customers
-- expect: app: view sales.again of postgres shows app_login every row of sales.customers
-- database: app
CREATE VIEW sales.everything AS SELECT * FROM sales.customers;
CREATE VIEW sales.again WITH (security_invoker = true) AS SELECT * FROM sales.everything;
GRANT SELECT ON sales.everything, sales.again TO app_login;

-- Only a superuser sees the options of all mappings.
-- control: no-stored-passwords
-- expect: app: the mapping of app_login on server elsewhere stores a password
-- database: app
-- login: superuser
CREATE FOREIGN DATA WRAPPER plain;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER plain;
CREATE USER MAPPING FOR app_login SERVER elsewhere OPTIONS (user 'trader', password 'a password');

-- control: extensions-approved
-- expect: app: extension postgres_fdw
-- database: app
CREATE EXTENSION postgres_fdw;

-- control: extensions-current
-- expect: app: extension hstore is at version 1.7, and 1.8 is installed on the host
-- database: app
CREATE EXTENSION hstore VERSION '1.7';

-- control: data-checksums
-- expect: data_checksums = off
-- initdb: none

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
-- server: 13
-- setting: archive_mode = on

-- control: archive-keeps
-- expect: archive_mode = always, and archive_command = exit 0 # later
-- setting: archive_mode = always
-- setting: archive_command = exit 0 # later

-- Restores to a point in time are promised.
-- control: archive-keeps
-- expect: archive_mode = off
-- parameter: archive-keeps required = true

-- control: no-alter-system
-- expect: work_mem = 8MB is set in
-- also: configured-values-run
ALTER SYSTEM SET work_mem = '8MB';

-- control: no-pending-restart
-- expect: max_prepared_transactions is 0 until the server restarts
-- reloaded: max_prepared_transactions = 5

-- control: version-supported
-- expect: PostgreSQL 13
-- server: 13
