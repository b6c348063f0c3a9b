-- What is in order with settings, configuration files, client authentication and the server's own state: as in server.sql.
-- A further server: strict (18).

-- never: log-file-mode

-- never: log-files-rotated

-- never: log-filename-dated

-- never: syslog-complete

-- never: log-error-verbosity

-- never: log-hostname-off

-- never: debug-output-off

-- never: log-parameters-withheld

-- never: client-messages-no-debug

-- never: pgaudit-classes

-- never: pgaudit-options

-- never: defence-settings-known

-- never: superuser-connections-reserved

-- never: tls-server-preference

-- never: tls-groups-strong

-- never: replication-encrypted

-- never: db-user-namespace-off

-- never: gss-names-exact

-- never: hba-certificate-names

-- never: hba-ldap-encrypted

-- never: hba-gss-realm

-- never: hba-no-radius

-- never: hba-no-catch-all-patterns

-- never: hba-oauth-mapped

-- never: ident-no-catch-all

-- never: ident-no-superuser

-- never: scram-iterations

-- never: large-objects-checked

-- never: triggers-fire

-- never: string-literals-safe

-- never: event-trigger-owners

-- never: libraries-approved

-- never: library-paths-default

-- never: subscriptions-guarded

-- never: version-latest-minor

-- never: configuration-readable

-- never: configured-values-run

-- never: damage-not-ignored

-- never: system-catalogs-protected

-- never: autovacuum-on

-- never: wraparound-far

-- never: checksum-failures-none

-- never: archiver-healthy

-- never: replication-slots-kept-up

-- never: databases-valid

-- never: template1-empty

-- never: log-file-mode
-- server: old

-- never: log-files-rotated
-- server: old

-- never: log-filename-dated
-- server: old

-- never: syslog-complete
-- server: old

-- never: log-error-verbosity
-- server: old

-- never: log-hostname-off
-- server: old

-- never: debug-output-off
-- server: old

-- never: log-parameters-withheld
-- server: old

-- never: client-messages-no-debug
-- server: old

-- never: pgaudit-classes
-- server: old

-- never: pgaudit-options
-- server: old

-- never: defence-settings-known
-- server: old

-- never: superuser-connections-reserved
-- server: old

-- never: tls-server-preference
-- server: old

-- never: tls-groups-strong
-- server: old

-- never: replication-encrypted
-- server: old

-- never: foreign-servers-encrypted
-- server: old

-- never: db-user-namespace-off
-- server: old

-- never: gss-names-exact
-- server: old

-- never: hba-certificate-names
-- server: old

-- never: hba-ldap-encrypted
-- server: old

-- never: hba-gss-realm
-- server: old

-- never: hba-no-radius
-- server: old

-- never: hba-no-catch-all-patterns
-- server: old

-- never: hba-oauth-mapped
-- server: old

-- never: ident-no-catch-all
-- server: old

-- never: ident-no-superuser
-- server: old

-- never: scram-iterations
-- server: old

-- never: large-objects-checked
-- server: old

-- never: triggers-fire
-- server: old

-- never: string-literals-safe
-- server: old

-- never: event-trigger-owners
-- server: old

-- never: libraries-approved
-- server: old

-- never: library-paths-default
-- server: old

-- never: subscriptions-guarded
-- server: old

-- never: version-latest-minor
-- server: old

-- never: configuration-readable
-- server: old

-- never: configured-values-run
-- server: old

-- never: damage-not-ignored
-- server: old

-- never: system-catalogs-protected
-- server: old

-- never: autovacuum-on
-- server: old

-- never: wraparound-far
-- server: old

-- never: checksum-failures-none
-- server: old

-- never: archiver-healthy
-- server: old

-- never: replication-slots-kept-up
-- server: old

-- never: databases-valid
-- server: old

-- never: template1-empty
-- server: old

-- never: log-truncated-on-rotation
-- server: strict
-- hba: local all postgres trust
-- setting: log_truncate_on_rotation = on
-- setting: log_filename = postgresql-%a.log
-- setting: logging_collector = on

-- never: log-timezone-approved
-- server: strict
-- setting: log_timezone = Etc/UTC

-- never: debug-pretty-print
-- server: strict

-- never: log-replication-commands
-- server: strict
-- setting: log_replication_commands = on

-- never: password-strength-checked
-- server: strict
-- setting: shared_preload_libraries = passwordcheck

-- never: connections-limited
-- server: strict

-- never: tcp-keepalives-set
-- server: strict
-- setting: tcp_keepalives_idle = 60
-- setting: tcp_keepalives_interval = 10
-- setting: tcp_keepalives_count = 6

-- never: client-certificates-revocable
-- server: strict
-- setting: ssl_ca_file = root.crt
-- setting: ssl_crl_file = root.crl

-- never: idle-transactions-end
-- server: strict
-- setting: idle_in_transaction_session_timeout = 1h

-- never: extensions-not-in-public
-- server: strict
CREATE SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;

-- never: temp-files-limited
-- server: strict
-- setting: temp_file_limit = 10GB

-- never: log-file-mode
-- server: strict
-- setting: log_file_mode = 0640

-- never: log-files-rotated
-- server: strict

-- never: log-filename-dated
-- server: strict

-- never: syslog-complete
-- server: strict
-- setting: log_destination = stderr,syslog

-- never: defence-settings-known
-- server: strict

-- never: libraries-approved
-- about: preload
-- server: strict

-- never: configured-values-run
-- server: strict
-- setting: ssl_min_protocol_version = TLSv1.3
-- setting: unix_socket_permissions = 0770
-- setting: synchronous_commit = true
-- setting: wal_buffers = -1
-- setting: authentication_timeout = 30s
-- setting: shared_buffers = 100000kB
-- setting: search_path = "$user" , public
-- setting: vacuum_cost_delay = 500us

-- never: configuration-readable
-- server: strict

-- never: tls-groups-strong
-- server: strict
-- setting: ssl_groups = X25519:secp384r1

-- never: library-paths-default
-- server: strict

-- never: triggers-fire
-- server: strict
CREATE ROLE local_role NOLOGIN;
ALTER ROLE local_role SET session_replication_role = local;

-- never: replication-encrypted
-- server: strict
-- setting: primary_conninfo = host=10.0.0.5 user=copier password=hunter2 sslmode=verify-full

-- never: hba-oauth-mapped
-- server: strict
-- setting: oauth_validator_libraries = validator
-- hba: hostssl app alice 10.21.0.0/16 oauth issuer=https://id.example.org scope=openid map=people

-- never: hba-no-catch-all-patterns
-- server: strict
-- hba: hostssl app /^app_.*$ 10.23.0.0/16 scram-sha-256

-- never: ident-no-superuser
-- server: strict
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'own postgres postgres', 'cat >>' || current_setting('ident_file')); END $$;

-- never: ident-no-catch-all
-- server: strict
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'realms /^(.*)@EXAMPLE[.]ORG$ \1', 'cat >>' || current_setting('ident_file')); END $$;

-- never: scram-iterations
-- server: strict
-- setting: scram_iterations = 10000

-- never: event-trigger-owners
-- server: strict
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watched ON login EXECUTE FUNCTION watch();

-- never: subscriptions-guarded
-- server: strict
CREATE SUBSCRIPTION taken CONNECTION 'dbname=elsewhere' PUBLICATION all_of_it WITH (connect = false);

-- never: foreign-servers-encrypted
-- server: strict
CREATE EXTENSION postgres_fdw SCHEMA extensions;
CREATE SERVER secured FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'elsewhere.example.org', sslmode 'verify-full');
CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
CREATE SERVER socketed FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'app');

-- never: archiver-healthy
-- server: strict
-- setting: archive_mode = on
-- setting: archive_command = /bin/true
SELECT pg_logical_emit_message(false, 'a', 'b');
SELECT pg_switch_wal();
SELECT pg_sleep(0.5);

-- never: replication-slots-kept-up
-- server: strict
SELECT pg_create_physical_replication_slot('new', true);

-- never: checksum-failures-none
-- server: strict

-- never: wraparound-far
-- server: strict

-- never: template1-empty
-- server: strict

-- never: databases-valid
-- server: strict

-- never: version-latest-minor
-- server: strict

-- A pattern is for those whom it matches: no superuser is `app_…`.
-- never: hba-no-superuser-remote
-- about: /^app_.*$
-- server: strict
-- hba: hostssl app /^app_.*$ 10.23.0.0/16 scram-sha-256

-- A restrictive policy holds back what a permissive one lets in.
-- never: policy-not-always-true
-- about: of_tenants
-- database: app
CREATE TABLE of_tenants (tenant name);
ALTER TABLE of_tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON of_tenants USING (true) WITH CHECK (true);
CREATE POLICY own ON of_tenants AS RESTRICTIVE USING (tenant = current_user);

-- A view on roles shows no verifier, and one that reads with the caller's rights shows nothing.
-- never: catalogs-with-secrets-closed
-- about: of_roles
CREATE VIEW of_roles AS SELECT rolname FROM pg_authid;
CREATE ROLE reads_roles NOLOGIN;
GRANT SELECT ON of_roles TO reads_roles;

-- Without a map in use, nothing of pg_ident.conf matters.
-- never: ident-no-catch-all
-- server: old

-- never: no-stored-passwords
-- about: tidy
CREATE FOREIGN DATA WRAPPER of_tests;
CREATE SERVER tidy FOREIGN DATA WRAPPER of_tests OPTIONS (api_key_id '7', password_required 'true');

-- What PostgreSQL makes by itself for an aggregate and a range type.
-- never: native-functions-packaged
-- server: strict
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE TYPE spans AS RANGE (SUBTYPE = float8);
CREATE TYPE level AS ENUM ('low', 'high');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);

-- What PostgreSQL makes by itself for an aggregate and a range type.
-- never: native-functions-packaged
-- server: old
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE TYPE spans AS RANGE (SUBTYPE = float8);
CREATE TYPE level AS ENUM ('low', 'high');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);

-- A partition that nobody else may use by its own name, and one with policies of its own.
-- never: rls-covers-partitions
-- server: strict
CREATE TABLE parted (id int, tenant name) PARTITION BY LIST (id);
CREATE TABLE parted_one PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_two PARTITION OF parted FOR VALUES IN (2);
ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
ALTER TABLE parted_two ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON parted USING (tenant = current_user);
CREATE POLICY own ON parted_two USING (tenant = current_user);
CREATE ROLE reads_parted NOLOGIN;
GRANT SELECT ON parted, parted_two TO reads_parted;

-- Foreign keys of partitioned tables have triggers that PostgreSQL makes.
-- never: triggers-not-disabled
-- server: strict
CREATE TABLE referred (id int PRIMARY KEY);
CREATE TABLE referring (id int REFERENCES referred) PARTITION BY LIST (id);
CREATE TABLE referring_one PARTITION OF referring FOR VALUES IN (1);

-- A grant to one role writes down beside it what PUBLIC had before.
-- never: system-objects-not-public
-- server: strict
CREATE ROLE has_what_all_have NOLOGIN;
GRANT USAGE ON LANGUAGE plpgsql TO has_what_all_have;
GRANT EXECUTE ON FUNCTION pg_catalog.now() TO has_what_all_have;
GRANT USAGE ON TYPE pg_catalog.int4 TO has_what_all_have;
GRANT SELECT ON pg_catalog.pg_class TO has_what_all_have;
GRANT SELECT ON information_schema.tables TO has_what_all_have;

-- never: functions-not-public
-- about: spans
-- server: strict
