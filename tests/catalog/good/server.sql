-- What the catalog must never raise, one block each:
--   never:    the control
--   about:    words that none of its exceptions may hold; it may have no exception at all when absent
--   server:   new (PostgreSQL 17), old (13) or silent (17, no TCP); new when absent
--   database, setting, hba: as in the blocks of defects

-- Whoever may enter the private socket directory, for this test alone.
-- never: hba-no-any-address
-- hba: local all postgres trust

-- never: hba-no-weak-methods
-- hba: local all worker peer

-- never: hba-remote-encrypted
-- about: 127.0.0.1
-- hba: host app worker 127.0.0.1/32 scram-sha-256

-- never: hba-remote-encrypted
-- hba: host app worker ::1/128 scram-sha-256

-- never: hba-remote-encrypted
-- hba: host app worker samehost scram-sha-256

-- never: hba-no-superuser-remote
-- setting: ssl = on
-- hba: hostssl all postgres 10.0.0.0/8 reject

-- never: hba-databases-and-users-named
-- hba: hostssl app worker 10.1.0.0/16 scram-sha-256

-- A rejection of everything else names nobody, admits nobody and is reached.
-- never: hba-no-shadowed
-- hba: host all all all reject

-- never: hba-no-trust
-- about: peer

-- never: hba-no-errors

-- never: hba-no-weak-methods
-- server: old
-- hba: local all postgres trust
-- hba: local all worker peer

-- never: hba-remote-encrypted
-- server: old
-- hba: host all worker 127.0.0.1/32 scram-sha-256

-- Without TCP there is nothing to encrypt.
-- never: tls-on
-- server: silent
-- hba: local all postgres trust
-- setting: listen_addresses = 

-- never: listen-addresses-narrow
-- server: silent

-- never: log-line-prefix
-- server: silent
-- setting: log_destination = csvlog
-- setting: logging_collector = on

-- never: logs-captured
-- server: silent

-- never: tls-on

-- never: tls-ciphers

-- never: log-levels

-- never: failed-logins-delayed

-- never: archive-keeps

-- never: no-pending-restart

-- never: no-pending-restart
-- server: old

-- never: tls-ciphers
-- server: old

-- never: archive-keeps
-- server: silent
-- setting: archive_mode = on
-- setting: archive_command = cp %p /var/backups/%f > /dev/null 2>&1

-- never: log-levels
-- server: silent
-- setting: log_min_messages = notice

-- never: failed-logins-delayed
-- server: silent
-- setting: shared_preload_libraries = auth_delay
-- setting: auth_delay.milliseconds = 500

-- never: log-statement
-- server: silent
-- setting: log_statement = ddl

-- Raising what is recorded weakens nothing.
-- never: setting-overrides-keep-defences
-- server: silent
CREATE ROLE watched;
ALTER ROLE watched SET log_statement = 'all';

-- never: setting-overrides-keep-defences
CREATE ROLE tuned;
ALTER ROLE tuned SET work_mem = '64MB';

-- never: superusers-approved
-- about: postgres

-- Predefined roles that are members of others by PostgreSQL's own doing.
-- never: member-of-data-access-roles

-- never: member-of-host-access-roles
-- server: old

-- never: membership-admin-option
-- server: old

-- never: member-of-host-access-roles
CREATE ROLE watcher;
GRANT pg_monitor TO watcher;

-- PostgreSQL 16 makes a role with CREATEROLE a member of what it makes, with the ADMIN option only.
-- never: membership-admin-option
CREATE ROLE maker CREATEROLE;
SET ROLE maker;
CREATE ROLE made;

-- never: superuser-not-reachable
-- about: maker

-- A grant with neither SET, INHERIT nor ADMIN gives nothing.
-- never: superuser-not-reachable
CREATE ROLE empty_handed;
GRANT postgres TO empty_handed WITH ADMIN FALSE, INHERIT FALSE, SET FALSE;

-- never: databases-not-public
-- about: template

-- never: databases-not-public
CREATE DATABASE app;
REVOKE ALL ON DATABASE app FROM PUBLIC;

-- never: rls-forced-on-owner
-- database: app
CREATE TABLE held (tenant name);
ALTER TABLE held ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON held USING (tenant = current_user);

-- An owner that cannot log in needs no FORCE, and neither does one that is forced.
-- never: rls-forced-on-owner
-- database: app
CREATE ROLE holder;
CREATE TABLE held_by_holder (tenant name);
ALTER TABLE held_by_holder OWNER TO holder;
ALTER TABLE held_by_holder ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON held_by_holder USING (tenant = current_user);

-- never: rls-forced-on-owner
-- database: app
CREATE ROLE worker LOGIN PASSWORD 'a password';
CREATE TABLE held_by_worker (tenant name);
ALTER TABLE held_by_worker OWNER TO worker;
ALTER TABLE held_by_worker ENABLE ROW LEVEL SECURITY;
ALTER TABLE held_by_worker FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON held_by_worker USING (tenant = current_user);

-- A restrictive policy only takes away, even when it is always true.
-- never: policy-not-always-true
-- database: app
CREATE POLICY no_limit ON held AS RESTRICTIVE USING (true);

-- never: views-keep-row-security
-- database: app
CREATE VIEW held_for_caller WITH (security_invoker = true) AS SELECT * FROM held;
GRANT SELECT ON held_for_caller TO worker;

-- Its owner is held by the policy, for it is another role's table.
-- never: views-keep-row-security
-- database: app
GRANT SELECT ON held TO holder;
CREATE VIEW held_for_holder AS SELECT * FROM held;
ALTER VIEW held_for_holder OWNER TO holder;
GRANT SELECT ON held_for_holder TO worker;

-- Nobody else may read it.
-- never: views-keep-row-security
-- database: app
CREATE MATERIALIZED VIEW held_copy AS SELECT * FROM held;

-- Partitions, and policies on the parent alone.
-- never: rls-has-policy
-- database: app
CREATE TABLE parted (tenant name, n int) PARTITION BY RANGE (n);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
ALTER TABLE parted ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON parted USING (tenant = current_user);

-- never: rls-policies-in-force
-- database: app

-- never: tables-not-public
-- database: app
CREATE EXTENSION pg_stat_statements;

-- never: definer-not-public
-- database: app
CREATE EXTENSION pgcrypto;

-- never: definer-search-path
-- database: app
CREATE EXTENSION postgres_fdw;

-- never: extensions-current
-- database: app

-- never: extensions-approved
-- about: pgcrypto

-- never: extensions-approved
-- about: plpgsql

-- never: untrusted-languages
-- database: app

-- Bound to its objects when it was made; and one whose path is fixed.
-- never: definer-search-path
-- database: app
CREATE FUNCTION bound() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN (SELECT count(*) FROM held);
REVOKE EXECUTE ON FUNCTION bound() FROM PUBLIC;
CREATE FUNCTION fixed() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION fixed() FROM PUBLIC;

-- A path without any schema.
-- never: definer-search-path
-- database: app
CREATE FUNCTION pathless() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION pathless() FROM PUBLIC;

-- Nobody can call a trigger function.
-- never: definer-not-public
-- database: app
CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS 'BEGIN RETURN NEW; END';

-- never: schemas-not-public-create
-- about: app

-- What PostgreSQL gives by itself, written down in an entry of its own.
-- never: default-privileges-not-public
-- database: app
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO worker;

-- An owner may always pass on what is its own.
-- never: no-grant-options
-- database: app
GRANT ALL ON held_by_worker TO worker WITH GRANT OPTION;

-- never: catalogs-with-secrets-closed
-- database: app

-- never: catalogs-with-secrets-closed
-- server: old

-- never: no-stored-passwords
-- database: app
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'elsewhere.example.org');
CREATE USER MAPPING FOR worker SERVER elsewhere OPTIONS (user 'worker', password_required 'false');

-- never: login-roles-have-password
-- about: holder

-- never: version-supported
