-- Settings, configuration files, client authentication and the server's own state: as in server.sql.

-- control: log-file-mode
-- expect: log_file_mode = 0644
-- setting: log_file_mode = 0644

-- control: log-files-rotated
-- expect: log_rotation_age = 0 and log_rotation_size = 0
-- server: 18
-- setting: log_rotation_age = 0
-- setting: log_rotation_size = 0

-- control: log-filename-dated
-- expect: log_filename = server.log
-- server: 18
-- setting: log_filename = server.log

-- control: log-truncated-on-rotation
-- expect: log_truncate_on_rotation = off
-- profile: strict
-- setting: log_truncate_on_rotation = off

-- control: log-directory-approved
-- expect: log_directory = elsewhere
-- profile: strict
-- setting: log_directory = elsewhere

-- control: syslog-complete
-- expect: syslog_split_messages = off
-- setting: log_destination = stderr,syslog
-- setting: syslog_split_messages = off

-- control: log-error-verbosity
-- expect: log_error_verbosity = default, terse for role tersely
-- also: setting-overrides-keep-defences
CREATE ROLE tersely NOLOGIN;
ALTER ROLE tersely SET log_error_verbosity = terse;

-- control: log-hostname-off
-- expect: log_hostname = on
-- server: 18
-- setting: log_hostname = on

-- control: log-timezone-approved
-- expect: log_timezone = Europe/Berlin
-- profile: strict
-- server: 18
-- setting: log_timezone = Europe/Berlin

-- control: debug-output-off
-- expect: debug_print_plan = off, on for role traced in database postgres
CREATE ROLE traced NOLOGIN;
ALTER ROLE traced IN DATABASE postgres SET debug_print_plan = on;

-- control: debug-pretty-print
-- expect: debug_pretty_print = off
-- profile: strict
-- server: 18
-- setting: debug_pretty_print = off

-- control: log-replication-commands
-- expect: log_replication_commands = off
-- profile: strict
-- setting: log_replication_commands = off

-- control: log-parameters-withheld
-- expect: log_parameter_max_length_on_error = -1
-- server: 18
-- setting: log_parameter_max_length_on_error = -1

-- control: log-parameters-withheld
-- expect: log_parameter_max_length_on_error = 0, 1kB for every role in database app
ALTER DATABASE app SET log_parameter_max_length_on_error = '1kB';

-- control: client-messages-no-debug
-- expect: client_min_messages = notice, debug1 for role told_all
CREATE ROLE told_all NOLOGIN;
ALTER ROLE told_all SET client_min_messages = debug1;

-- No server of these tests has it; one that has is in tests/catalog_packaged.rs.
-- control: pgaudit-loaded
-- expect: shared_preload_libraries = passwordcheck
-- profile: strict

-- control: defence-settings-known
-- expect: pgaudit.log belongs to no loaded library
-- server: 18
-- setting: pgaudit.log = all

-- control: connections-limited
-- expect: max_connections = 1100
-- profile: strict
-- server: 18
-- setting: max_connections = 1100

-- control: superuser-connections-reserved
-- expect: superuser_reserved_connections = 0
-- server: 18
-- setting: superuser_reserved_connections = 0

-- control: tcp-keepalives-set
-- expect: tcp_keepalives_idle is left to the operating system
-- profile: strict
-- setting: tcp_keepalives_idle = 0

-- What comes of it is judged by the other one.
-- control: tls-server-preference
-- expect: ssl_prefer_server_ciphers = off
-- server: 18
-- also: tls-server-order
-- setting: ssl_prefer_server_ciphers = off

-- control: tls-groups-strong
-- expect: ssl_ecdh_curve = secp192k1
-- server: 13
-- login: superuser
-- setting: ssl_ecdh_curve = secp192k1

-- control: tls-groups-strong
-- expect: ssl_groups = prime256v1:secp224r1
-- server: 18
-- setting: ssl_groups = prime256v1:secp224r1

-- control: client-certificates-revocable
-- expect: certificates of server.crt are accepted, and no revocation list is read
-- profile: strict
-- setting: ssl_ca_file = server.crt

-- control: replication-encrypted
-- expect: primary_conninfo does not demand TLS
-- server: 18
-- setting: primary_conninfo = host=10.0.0.5 user=copier password=hunter2 sslmode=prefer

-- control: foreign-servers-encrypted
-- expect: app: server elsewhere at elsewhere.example.org has no sslmode
-- expect: app: server elsewhere_again at 127.0.0.1,10.0.0.5 has sslmode prefer
-- expect: app: server served at the service elsewhere has no sslmode
-- also: extensions-approved
-- database: app
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'elsewhere.example.org');
CREATE SERVER elsewhere_again FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1,10.0.0.5', sslmode 'prefer');
CREATE SERVER served FOREIGN DATA WRAPPER postgres_fdw OPTIONS (service 'elsewhere');

-- control: idle-transactions-end
-- expect: idle_in_transaction_session_timeout = 0
-- profile: strict
-- setting: idle_in_transaction_session_timeout = 0

-- control: gss-names-exact
-- expect: krb_caseins_users = on
-- server: 18
-- setting: krb_caseins_users = on

-- control: hba-certificate-names
-- expect: hostssl app alice 10.22.0.0/16 scram-sha-256 clientcert=verify-ca
-- setting: ssl_ca_file = server.crt
-- hba: hostssl app alice 10.22.0.0/16 scram-sha-256 clientcert=verify-ca

-- control: hba-no-radius
-- expect: hostssl app alice 10.20.0.0/16 radius
-- server: 18
-- hba: hostssl app alice 10.20.0.0/16 radius radiusservers=127.0.0.1 radiussecrets=hunter2

-- control: hba-no-catch-all-patterns
-- expect: hostssl /^.*$ alice 10.23.0.0/16 scram-sha-256
-- server: 18
-- hba: hostssl /^.*$ alice 10.23.0.0/16 scram-sha-256

-- Superusers are among everybody.
-- control: hba-no-catch-all-patterns
-- expect: hostssl app /.+ 10.23.0.0/16 scram-sha-256
-- also: hba-no-superuser-remote
-- server: 16
-- hba: hostssl app /.+ 10.23.0.0/16 scram-sha-256

-- The validator is a library that nobody approved, too.
-- control: hba-oauth-mapped
-- also: libraries-approved
-- expect: oauth leaves the mapping to the validator
-- server: 18
-- setting: oauth_validator_libraries = validator
-- hba: hostssl app alice 10.21.0.0/16 oauth issuer=https://id.example.org scope=openid delegate_ident_mapping=1

-- control: ident-no-catch-all
-- expect: people /^.*$ app
-- server: 18
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people /^.*$ app', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-catch-all
-- expect: realms /^(.*)@.*$ \1
-- server: 18
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'realms /^(.*)@.*$ \1', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-superuser
-- expect: people bob postgres leads to postgres
-- server: 18
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people bob postgres', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-superuser
-- expect: people carol /^post leads to postgres
-- server: 18
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people carol /^post', 'cat >>' || current_setting('ident_file')); END $$;

-- control: scram-iterations
-- expect: scram_iterations = 1000
-- setting: scram_iterations = 1000

-- control: scram-iterations
-- expect: scram_iterations = 4096, 1 for role cheap
-- server: 18
CREATE ROLE cheap NOLOGIN;
ALTER ROLE cheap SET scram_iterations = 1;

-- control: password-strength-checked
-- expect: shared_preload_libraries = auth_delay
-- profile: strict
-- setting: shared_preload_libraries = auth_delay
-- setting: auth_delay.milliseconds = 500

-- control: large-objects-checked
-- expect: lo_compat_privileges = on
-- server: 18
-- setting: lo_compat_privileges = on

-- control: triggers-fire
-- expect: session_replication_role = origin, replica for role untriggered
-- also: setting-overrides-keep-defences
CREATE ROLE untriggered NOLOGIN;
ALTER ROLE untriggered SET session_replication_role = replica;

-- control: triggers-fire
-- expect: event_triggers = off
-- server: 18
-- setting: event_triggers = off

-- control: string-literals-safe
-- expect: standard_conforming_strings = on, off for role old_client
CREATE ROLE old_client NOLOGIN;
ALTER ROLE old_client SET standard_conforming_strings = off;

-- control: string-literals-safe
-- expect: backslash_quote = on
-- server: 18
-- setting: backslash_quote = on

-- control: event-trigger-owners
-- expect: app: event trigger watched on ddl_command_end runs public.watch(), which watcher can replace
-- server: 18
-- database: app
CREATE ROLE watcher NOLOGIN;
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
ALTER FUNCTION watch() OWNER TO watcher;
CREATE EVENT TRIGGER watched ON ddl_command_end EXECUTE FUNCTION watch();

-- control: libraries-approved
-- expect: session_preload_libraries = nothing, "/tmp/pgaudit.so" for role loaded
CREATE ROLE loaded NOLOGIN;
ALTER ROLE loaded SET session_preload_libraries = '/tmp/pgaudit.so';

-- control: library-paths-default
-- expect: dynamic_library_path = /tmp:$libdir
-- server: 18
-- setting: dynamic_library_path = /tmp:$libdir

-- control: library-paths-default
-- expect: extension_control_path = /tmp:$system
-- server: 18
-- setting: extension_control_path = /tmp:$system

-- control: extensions-not-in-public
-- expect: app: extension pgcrypto lies in schema public
-- profile: strict
-- database: app
CREATE EXTENSION pgcrypto SCHEMA public;

-- control: subscriptions-guarded
-- expect: postgres: subscription taken of postgres has run_as_owner = true
-- server: 18
CREATE SUBSCRIPTION taken CONNECTION 'dbname=elsewhere password=hunter2' PUBLICATION all_of_it WITH (connect = false, run_as_owner = true);

-- control: version-latest-minor
-- expect: PostgreSQL 15.18 is not the latest minor release
-- server: 15

-- control: configuration-readable
-- expect: work_memm: unrecognized configuration parameter
-- server: 18
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'work_memm = 1MB', 'cat >>' || current_setting('config_file')); END $$;

-- control: configured-values-run
-- expect: log_lock_waits is off, and
-- also: no-alter-system
-- server: 18
-- setting: log_lock_waits = off
ALTER SYSTEM SET log_lock_waits = on;

-- control: damage-not-ignored
-- expect: ignore_checksum_failure = on
-- server: 18
-- setting: ignore_checksum_failure = on

-- control: damage-not-ignored
-- expect: zero_damaged_pages = off, on for role skipper
-- server: 15
CREATE ROLE skipper NOLOGIN;
ALTER ROLE skipper SET zero_damaged_pages = on;

-- control: system-catalogs-protected
-- expect: allow_system_table_mods = on
-- server: 18
-- setting: allow_system_table_mods = on

-- control: autovacuum-on
-- expect: autovacuum = off
-- server: 18
-- setting: autovacuum = off

-- control: wraparound-far
-- expect: database app is 
-- server: 18
UPDATE pg_database SET datfrozenxid = '3000000000' WHERE datname = 'app';

-- A page of another's making, put behind the end of an empty table.
-- control: checksum-failures-none
-- expect: app: 1 pages failed their checksums
-- server: 18
-- database: app
CREATE TABLE broken (id int);
CHECKPOINT;
DO $$ BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat >/dev/null; head -c 8192 /dev/urandom >' || current_setting('data_directory') || '/' || pg_relation_filepath('broken')); END $$;
DO $$ BEGIN PERFORM count(*) FROM broken; EXCEPTION WHEN others THEN NULL; END $$;

-- control: archiver-healthy
-- expect: failed, after 0 that were archived
-- setting: archive_mode = on
-- setting: archive_command = /bin/false
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_sleep(2);

-- control: replication-slots-kept-up
-- expect: slot lagging is not in use, its log is lost
-- setting: max_slot_wal_keep_size = 1MB
SELECT pg_create_physical_replication_slot('lagging', true);
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
CHECKPOINT;

-- control: databases-valid
-- expect: database half_dropped is invalid
-- server: 18
CREATE DATABASE half_dropped;
REVOKE ALL ON DATABASE half_dropped FROM PUBLIC;
UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped';

-- control: template1-empty
-- expect: template1: table public.left_behind of postgres
-- server: 18
-- database: template1
CREATE TABLE left_behind (id int);

-- control: temp-files-limited
-- expect: temp_file_limit = -1
-- profile: strict
-- setting: temp_file_limit = -1
