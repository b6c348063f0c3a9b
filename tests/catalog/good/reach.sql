-- What looks like power and is none. The format is that of server.sql.

-- Nobody but a superuser gives the role of a superuser, whoever has the ADMIN option on it.
-- never: superuser-not-reachable
-- about: empty_giver
-- server: silent
CREATE ROLE empty_giver;
GRANT postgres TO empty_giver WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- SET ROLE asks the memberships of the session itself, not what it inherits from others.
-- never: bypassrls-not-reachable
CREATE ROLE unreached BYPASSRLS;
CREATE ROLE between;
CREATE ROLE stays_here;
GRANT unreached TO between WITH INHERIT FALSE, SET FALSE, ADMIN FALSE;
GRANT between TO stays_here WITH INHERIT TRUE, SET FALSE;

-- Since 16 CREATEROLE gives itself no role that it did not make.
-- never: member-of-host-access-roles
CREATE ROLE makes_its_own CREATEROLE;

-- never: createrole-not-reachable

-- What PostgreSQL gives the maker of a role.
-- never: admin-option-no-escalation
-- about: maker

-- never: replication-not-reachable
CREATE ROLE replicates REPLICATION;

-- never: replication-not-reachable
-- server: old
CREATE ROLE replicates REPLICATION;

-- A parameter that runs nothing, and one that may be set for a session only.
-- never: parameters-run-no-programs
CREATE ROLE tunes;
GRANT ALTER SYSTEM ON PARAMETER work_mem TO tunes;
GRANT SET ON PARAMETER log_statement TO tunes;

-- A superuser's function that means the same to everybody: bound when it was made, or with a path that is closed.
-- never: definer-not-a-way-to-superuser
-- server: silent
CREATE SCHEMA reports;
GRANT USAGE ON SCHEMA reports TO PUBLIC;
CREATE FUNCTION reports.bound() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN (SELECT count(*) FROM pg_class);
CREATE FUNCTION reports.fixed() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = reports, pg_temp AS 'SELECT 1';

-- One that nobody can come to: its schema is closed.
-- never: definer-not-a-way-to-superuser
-- server: silent
CREATE SCHEMA closed_reports;
CREATE FUNCTION closed_reports.unfixed() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';

-- One whose owner is no superuser.
-- never: definer-not-a-way-to-superuser
-- server: silent
CREATE ROLE plain_owner;
CREATE FUNCTION reports.of_plain_owner() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
ALTER FUNCTION reports.of_plain_owner() OWNER TO plain_owner;

-- never: definer-temporary-objects-last
-- server: silent
CREATE FUNCTION reports.pathless() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'SELECT 1';

-- never: untrusted-functions-approved

-- What the server's own roles may call.
-- never: host-functions-closed

-- never: host-functions-closed
-- server: old

-- An owner of a database that cannot log in, and a superuser whose path is its own.
-- never: superuser-search-path-closed
CREATE ROLE owns_quietly;
CREATE DATABASE quiet OWNER owns_quietly;
REVOKE ALL ON DATABASE quiet FROM PUBLIC;

-- never: superuser-search-path-closed
-- server: silent
CREATE ROLE owns_loudly LOGIN PASSWORD 'a password';
CREATE DATABASE loud OWNER owns_loudly;
ALTER ROLE postgres SET search_path = pg_catalog;

-- A group is for sharing; and the maker of a role cannot act as it without giving it to itself.
-- never: no-shared-login
CREATE ROLE shared_by_all;
CREATE ROLE shares LOGIN PASSWORD 'a password' CONNECTION LIMIT 5;
GRANT shared_by_all TO shares;
CREATE ROLE maker_of_roles CREATEROLE;
SET ROLE maker_of_roles;
CREATE ROLE made_login LOGIN PASSWORD 'a password' CONNECTION LIMIT 5;
RESET ROLE;

-- never: groups-have-use
-- about: shared_by_all

-- never: groups-have-use
-- about: owns_quietly

-- never: role-connection-limit
-- about: shares

-- Valid for a while yet, and one that is gone for good.
-- never: expired-roles-cannot-log-in
CREATE ROLE ends_later LOGIN PASSWORD 'a password' VALID UNTIL '2099-01-01' CONNECTION LIMIT 5;
CREATE ROLE ended NOLOGIN PASSWORD 'a password' VALID UNTIL '2020-01-01';

-- A function in a schema that PUBLIC may not use, one of an extension, and one that only a trigger calls.
-- never: functions-not-public
-- about: unexposed
CREATE SCHEMA unexposed;
CREATE FUNCTION unexposed.counts() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION unexposed_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';

-- never: functions-not-public
-- about: hstore
CREATE EXTENSION hstore;

-- never: foreign-servers-not-public
CREATE EXTENSION file_fdw;
CREATE ROLE uses_servers;
CREATE SERVER named FOREIGN DATA WRAPPER file_fdw;
GRANT USAGE ON FOREIGN SERVER named TO uses_servers;

-- never: large-objects-not-public
SELECT lo_create(4712);
GRANT SELECT ON LARGE OBJECT 4712 TO uses_servers;

-- never: tablespaces-not-public
GRANT CREATE ON TABLESPACE pg_default TO uses_servers;

-- What a superuser is granted changes nothing.
-- never: parameters-approved
-- about: postgres
GRANT SET ON PARAMETER work_mem TO postgres;

-- never: tables-no-excess-privileges
CREATE TABLE used_well (id int);
GRANT SELECT, INSERT, UPDATE, DELETE ON used_well TO uses_servers;

-- never: writers-few

-- never: database-create-approved
-- about: template

-- PostgreSQL's own grants to PUBLIC, and those of an extension on its own objects.
-- never: system-objects-not-public

-- never: system-objects-not-public
-- server: old

-- never: tables-no-excess-privileges
-- server: old

-- never: no-grant-options
-- server: old

-- Owned by a role that cannot log in, and by a superuser.
-- never: owners-cannot-log-in
-- about: owns_quietly
CREATE SCHEMA quietly AUTHORIZATION owns_quietly;

-- never: database-owners-cannot-log-in

-- Forced on whoever has the owner's rights.
-- never: rls-holds-for-members-of-owner
CREATE ROLE owns_forced;
CREATE ROLE works_for_owner LOGIN PASSWORD 'a password' CONNECTION LIMIT 5 IN ROLE owns_forced;
CREATE TABLE forced_on_all (tenant name);
ALTER TABLE forced_on_all OWNER TO owns_forced;
ALTER TABLE forced_on_all ENABLE ROW LEVEL SECURITY;
ALTER TABLE forced_on_all FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON forced_on_all USING (tenant = current_user);

-- BYPASSRLS without the right to read.
-- never: rls-bypassed-by-approved
CREATE ROLE past_nothing LOGIN PASSWORD 'a password' CONNECTION LIMIT 5 BYPASSRLS;

-- Default privileges are about a role, and no object of it.
-- never: owners-cannot-log-in
-- about: gives_later
CREATE ROLE gives_later LOGIN PASSWORD 'a password' CONNECTION LIMIT 5;
ALTER DEFAULT PRIVILEGES FOR ROLE gives_later GRANT SELECT ON TABLES TO pg_monitor;
