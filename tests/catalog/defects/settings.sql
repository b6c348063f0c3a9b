-- Defects of settings, configuration files, client authentication and the server's own state: as in server.sql. Further
-- servers: eighteen (18), fifteen (15), namespaces (13), debian (the system's PostgreSQL 15, with pgaudit, LDAP and
-- Kerberos).

-- control: log-file-mode
-- expect: log_file_mode = 0644
-- server: eighteen
-- hba: local all postgres trust
-- setting: logging_collector = on
-- setting: log_file_mode = 0644

-- control: log-files-rotated
-- expect: log_rotation_age = 0 and log_rotation_size = 0
-- server: eighteen
-- setting: log_rotation_age = 0
-- setting: log_rotation_size = 0

-- control: log-filename-dated
-- expect: log_filename = server.log
-- server: eighteen
-- setting: log_filename = server.log

-- control: log-truncated-on-rotation
-- expect: log_truncate_on_rotation = off
-- server: eighteen

-- control: log-directory-approved
-- expect: log_directory = log
-- server: eighteen

-- control: syslog-complete
-- expect: syslog_split_messages = off
-- server: eighteen
-- setting: log_destination = stderr,syslog
-- setting: syslog_split_messages = off

-- control: log-error-verbosity
-- expect: log_error_verbosity = default, terse for role tersely
CREATE ROLE tersely NOLOGIN;
ALTER ROLE tersely SET log_error_verbosity = terse;

-- control: log-hostname-off
-- expect: log_hostname = on
-- server: eighteen
-- setting: log_hostname = on

-- control: log-timezone-approved
-- expect: log_timezone = Europe/Berlin
-- server: eighteen
-- setting: log_timezone = Europe/Berlin

-- control: debug-output-off
-- expect: debug_print_plan = off, on for role traced in database postgres
CREATE ROLE traced NOLOGIN;
ALTER ROLE traced IN DATABASE postgres SET debug_print_plan = on;

-- control: debug-pretty-print
-- expect: debug_pretty_print = off
-- server: eighteen
-- setting: debug_pretty_print = off

-- control: log-replication-commands
-- expect: log_replication_commands = off
-- server: eighteen

-- control: log-parameters-withheld
-- expect: log_parameter_max_length_on_error = -1
-- server: eighteen
-- setting: log_parameter_max_length_on_error = -1

-- control: log-parameters-withheld
-- expect: log_parameter_max_length_on_error = 0, 1kB for every role in database told
CREATE DATABASE told;
ALTER DATABASE told SET log_parameter_max_length_on_error = '1kB';

-- control: client-messages-no-debug
-- expect: client_min_messages = notice, debug1 for role told_all
CREATE ROLE told_all NOLOGIN;
ALTER ROLE told_all SET client_min_messages = debug1;

-- control: pgaudit-loaded
-- expect: shared_preload_libraries = auth_delay

-- control: pgaudit-classes
-- expect: pgaudit.log = write
-- server: debian
-- hba: local all postgres trust
-- setting: shared_preload_libraries = pgaudit
-- setting: pgaudit.log = write

-- control: pgaudit-classes
-- expect: none for role unaudited
-- server: debian
CREATE ROLE unaudited NOLOGIN;
ALTER ROLE unaudited SET pgaudit.log = none;

-- control: pgaudit-options
-- expect: pgaudit.log_catalog = off
-- server: debian
-- setting: pgaudit.log_catalog = off

-- control: defence-settings-known
-- expect: pgaudit.log belongs to no loaded library
-- server: eighteen
-- setting: pgaudit.log = all

-- control: port-approved
-- expect: port = 

-- control: connections-limited
-- expect: max_connections = 1100
-- server: eighteen
-- setting: max_connections = 1100

-- control: superuser-connections-reserved
-- expect: superuser_reserved_connections = 0
-- server: eighteen
-- setting: superuser_reserved_connections = 0

-- control: tcp-keepalives-set
-- expect: tcp_keepalives_idle is left to the operating system
-- server: eighteen

-- control: tls-server-preference
-- expect: ssl_prefer_server_ciphers = off
-- server: eighteen
-- setting: ssl_prefer_server_ciphers = off

-- control: tls-groups-strong
-- expect: ssl_ecdh_curve = secp192k1
-- server: old
-- setting: ssl_ecdh_curve = secp192k1

-- control: tls-groups-strong
-- expect: ssl_groups = prime256v1:secp224r1
-- server: eighteen
-- setting: ssl_groups = prime256v1:secp224r1

-- control: client-certificates-revocable
-- expect: certificates of server.crt are accepted, and no revocation list is read
-- server: eighteen
-- setting: ssl = on
-- setting: ssl_ca_file = server.crt
CREATE DATABASE app;

-- control: replication-encrypted
-- expect: primary_conninfo does not demand TLS
-- server: eighteen
-- setting: primary_conninfo = host=10.0.0.5 user=copier password=hunter2 sslmode=prefer

-- control: foreign-servers-encrypted
-- expect: app: server elsewhere at elsewhere.example.org has no sslmode
-- database: app

-- control: foreign-servers-encrypted
-- expect: app: server elsewhere_again at 127.0.0.1,10.0.0.5 has sslmode prefer
-- server: eighteen
-- database: app
CREATE EXTENSION postgres_fdw;
CREATE SERVER elsewhere_again FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1,10.0.0.5', sslmode 'prefer');

-- control: foreign-servers-encrypted
-- expect: app: server served at the service elsewhere has no sslmode
-- server: eighteen
-- database: app
CREATE SERVER served FOREIGN DATA WRAPPER postgres_fdw OPTIONS (service 'elsewhere');

-- control: idle-transactions-end
-- expect: idle_in_transaction_session_timeout = 0
-- server: eighteen

-- control: db-user-namespace-off
-- expect: db_user_namespace = on
-- server: namespaces
-- hba: local all all trust
CREATE ROLE "postgres@postgres" LOGIN SUPERUSER;
ALTER SYSTEM SET db_user_namespace = on;
SELECT pg_reload_conf();
SELECT pg_sleep(0.5);

-- control: gss-names-exact
-- expect: krb_caseins_users = on
-- server: eighteen
-- setting: krb_caseins_users = on

-- control: hba-certificate-names
-- expect: hostssl app alice 10.22.0.0 scram-sha-256 clientcert=verify-ca
-- server: eighteen
-- hba: hostssl app alice 10.22.0.0/16 scram-sha-256 clientcert=verify-ca

-- control: hba-ldap-encrypted
-- expect: host app alice 10.24.0.0 ldap sends passwords in the clear
-- server: debian
-- hba: host app alice 10.24.0.0/16 ldap ldapserver=ldap.example.org ldapprefix="cn=" ldapsuffix=",dc=example"

-- control: hba-gss-realm
-- expect: host app alice 10.25.0.0 gss takes users of any realm
-- server: debian
-- hba: host app alice 10.25.0.0/16 gss include_realm=0

-- control: hba-no-radius
-- expect: host app alice 10.20.0.0 radius
-- server: eighteen
-- hba: host app alice 10.20.0.0/16 radius radiusservers=127.0.0.1 radiussecrets=hunter2

-- control: hba-no-catch-all-patterns
-- expect: host app /^.*$ 10.23.0.0 scram-sha-256
-- server: eighteen
-- hba: host app /^.*$ 10.23.0.0/16 scram-sha-256

-- control: hba-oauth-mapped
-- expect: oauth leaves the mapping to the validator
-- server: eighteen
-- setting: oauth_validator_libraries = validator
-- hba: hostssl app alice 10.21.0.0/16 oauth issuer=https://id.example.org scope=openid delegate_ident_mapping=1

-- control: ident-no-catch-all
-- expect: people /^.*$ app
-- server: eighteen
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people /^.*$ app', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-catch-all
-- expect: realms /^(.*)@.*$ \1
-- server: eighteen
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'realms /^(.*)@.*$ \1', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-superuser
-- expect: people bob postgres leads to postgres
-- server: eighteen
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people bob postgres', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-superuser
-- expect: people carol /^post leads to postgres
-- server: eighteen
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people carol /^post', 'cat >>' || current_setting('ident_file')); END $$;

-- control: scram-iterations
-- expect: scram_iterations = 1000
-- setting: scram_iterations = 1000

-- control: scram-iterations
-- expect: scram_iterations = 4096, 1 for role cheap
-- server: eighteen
CREATE ROLE cheap NOLOGIN;
ALTER ROLE cheap SET scram_iterations = 1;

-- control: password-strength-checked
-- expect: shared_preload_libraries = auth_delay

-- control: large-objects-checked
-- expect: lo_compat_privileges = on
-- server: eighteen
-- setting: lo_compat_privileges = on

-- control: triggers-fire
-- expect: session_replication_role = origin, replica for role untriggered
CREATE ROLE untriggered NOLOGIN;
ALTER ROLE untriggered SET session_replication_role = replica;

-- control: triggers-fire
-- expect: event_triggers = off
-- server: eighteen
-- setting: event_triggers = off

-- control: string-literals-safe
-- expect: standard_conforming_strings = on, off for role old_client
CREATE ROLE old_client NOLOGIN;
ALTER ROLE old_client SET standard_conforming_strings = off;

-- control: string-literals-safe
-- expect: backslash_quote = on
-- server: eighteen
-- setting: backslash_quote = on

-- control: event-trigger-owners
-- expect: app: event trigger watched on ddl_command_end runs public.watch(), which watcher can replace
-- server: eighteen
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
-- server: eighteen
-- setting: dynamic_library_path = /tmp:$libdir

-- control: library-paths-default
-- expect: extension_control_path = /tmp:$system
-- server: eighteen
-- setting: extension_control_path = /tmp:$system

-- control: extensions-not-in-public
-- expect: app: extension hstore lies in schema public
-- database: app

-- control: subscriptions-guarded
-- expect: postgres: subscription taken of postgres has run_as_owner = true
-- server: eighteen
CREATE SUBSCRIPTION taken CONNECTION 'dbname=elsewhere password=hunter2' PUBLICATION all_of_it WITH (connect = false, run_as_owner = true);

-- control: version-latest-minor
-- expect: PostgreSQL 15.18 is not the latest minor release
-- server: fifteen
-- hba: local all postgres trust

-- control: configuration-readable
-- expect: work_memm: unrecognized configuration parameter
-- server: eighteen
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'work_memm = 1MB', 'cat >>' || current_setting('config_file')); END $$;

-- control: configured-values-run
-- expect: log_lock_waits is off, and
-- server: eighteen
-- setting: log_lock_waits = off
ALTER SYSTEM SET log_lock_waits = on;

-- control: settings-written-once
-- expect: log_lock_waits = off is outranked by
-- server: eighteen

-- control: alter-system-refused
-- expect: allow_alter_system = on

-- control: damage-not-ignored
-- expect: ignore_checksum_failure = on
-- server: eighteen
-- setting: ignore_checksum_failure = on

-- control: damage-not-ignored
-- expect: zero_damaged_pages = off, on for role skipper
-- server: fifteen
CREATE ROLE skipper NOLOGIN;
ALTER ROLE skipper SET zero_damaged_pages = on;

-- control: system-catalogs-protected
-- expect: allow_system_table_mods = on
-- server: eighteen
-- setting: allow_system_table_mods = on

-- control: autovacuum-on
-- expect: autovacuum = off
-- server: eighteen
-- setting: autovacuum = off

-- control: wraparound-far
-- expect: database app is 129
-- server: eighteen
UPDATE pg_database SET datfrozenxid = '3000000000' WHERE datname = 'app';

-- A page of another's making, put behind the end of an empty table.
-- control: checksum-failures-none
-- expect: app: 1 pages failed their checksums
-- server: eighteen
-- database: app
CREATE TABLE broken (id int);
CHECKPOINT;
DO $$ BEGIN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'cat >/dev/null; head -c 8192 /dev/urandom >' || current_setting('data_directory') || '/' || pg_relation_filepath('broken')); END $$;
DO $$ BEGIN PERFORM count(*) FROM broken; EXCEPTION WHEN others THEN NULL; END $$;

-- control: archiver-healthy
-- expect: failed, after 0 that were archived
-- server: eighteen
-- setting: archive_mode = on
-- setting: archive_command = /bin/false
SELECT pg_create_physical_replication_slot('lagging', true);
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_sleep(1.5);

-- control: replication-slots-kept-up
-- expect: slot lagging is not in use, its log is lost
-- server: eighteen
-- setting: max_slot_wal_keep_size = 1MB
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
CHECKPOINT;

-- control: databases-valid
-- expect: database half_dropped is invalid
-- server: eighteen
CREATE DATABASE half_dropped;
UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'half_dropped';

-- control: template1-empty
-- expect: template1: table public.left_behind of postgres
-- server: eighteen
-- database: template1
CREATE TABLE left_behind (id int);

-- control: temp-files-limited
-- expect: temp_file_limit = -1
-- server: eighteen
