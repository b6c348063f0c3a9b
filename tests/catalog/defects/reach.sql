-- Power that a role comes to by steps, and grants that are wider than they look. The format is that of server.sql.

-- control: superuser-not-reachable
-- expect: user_maker can become superuser: user_maker → CREATEROLE → has_postgres → member of postgres (superuser)
-- server: old
CREATE ROLE has_postgres NOLOGIN;
GRANT postgres TO has_postgres;
CREATE ROLE user_maker NOLOGIN CREATEROLE;

-- control: member-of-host-access-roles
-- expect: user_maker → CREATEROLE → pg_execute_server_program
-- server: old

-- control: member-of-host-access-roles
-- expect: gives_itself_programs → ADMIN on program_runners → member of pg_execute_server_program
CREATE ROLE program_runners NOLOGIN;
GRANT pg_execute_server_program TO program_runners;
CREATE ROLE gives_itself_programs NOLOGIN;
GRANT program_runners TO gives_itself_programs WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- control: admin-option-no-escalation
-- expect: gives_itself_programs can give itself a membership: gives_itself_programs → ADMIN on program_runners

-- control: createrole-not-reachable
-- expect: may_make_users can use CREATEROLE: may_make_users → member of makes_users → CREATEROLE
CREATE ROLE makes_users NOLOGIN CREATEROLE;
CREATE ROLE may_make_users NOLOGIN;
GRANT makes_users TO may_make_users;

-- control: replication-not-reachable
-- expect: may_copy can use REPLICATION: may_copy → member of copies_all → REPLICATION
CREATE ROLE copies_all NOLOGIN REPLICATION;
CREATE ROLE may_copy NOLOGIN;
GRANT copies_all TO may_copy;

-- control: replication-not-reachable
-- expect: may_copy can use REPLICATION
-- server: old
CREATE ROLE copies_all NOLOGIN REPLICATION;
CREATE ROLE may_copy NOLOGIN NOINHERIT;
GRANT copies_all TO may_copy;

-- control: bypassrls-not-reachable
-- expect: may_see_all can use BYPASSRLS: may_see_all → member of sees_all_rows → BYPASSRLS
CREATE ROLE sees_all_rows NOLOGIN BYPASSRLS;
CREATE ROLE may_see_all NOLOGIN;
GRANT sees_all_rows TO may_see_all;

-- control: parameters-run-no-programs
-- expect: sets_commands can run code as the server's account: sets_commands → ALTER SYSTEM SET archive_command
CREATE ROLE sets_commands NOLOGIN;
GRANT ALTER SYSTEM ON PARAMETER archive_command TO sets_commands;

-- control: databases-not-public
-- expect: database reached of postgres is open to PUBLIC
CREATE DATABASE reached;

-- control: definer-not-a-way-to-superuser
-- expect: PUBLIC → EXECUTE of reached: public.unfixed_in_sql(), a superuser's SECURITY DEFINER function without a search path
-- database: reached
CREATE FUNCTION unfixed_in_sql() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM pg_class); END';

-- control: definer-not-a-way-to-superuser
-- expect: runs_reports can act as a superuser: runs_reports → EXECUTE of reached: reports.monthly(a integer), a superuser's SECURITY DEFINER function with the search path reports
-- database: reached
CREATE SCHEMA reports;
CREATE ROLE runs_reports NOLOGIN;
GRANT USAGE, CREATE ON SCHEMA reports TO runs_reports;
CREATE FUNCTION reports.monthly(a int) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = reports AS 'BEGIN RETURN (SELECT count(*) FROM pg_class); END';

-- control: definer-temporary-objects-last
-- expect: reached: reports.monthly(a integer) of postgres has the search path reports, without pg_temp at its end
-- database: reached

-- control: untrusted-functions-approved
-- expect: PUBLIC can run code on the host: PUBLIC → EXECUTE of reached: public.in_unheld(), in the untrusted language unheld_too
-- database: reached
CREATE FUNCTION unheld_too_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE unheld_too HANDLER unheld_too_call;
CREATE FUNCTION in_unheld() RETURNS int LANGUAGE unheld_too AS 'BEGIN RETURN 1; END';

-- control: host-functions-closed
-- expect: reads_host reaches the host: reads_host → EXECUTE of reached: pg_catalog.pg_read_file(
-- database: reached
CREATE ROLE reads_host NOLOGIN;
GRANT EXECUTE ON FUNCTION pg_read_file(text) TO reads_host;

-- control: host-functions-closed
-- expect: writes_host reaches the host: writes_host → EXECUTE of reached: pg_catalog.lo_export(oid, text), which writes files of the host
-- database: reached
CREATE ROLE writes_host NOLOGIN;
GRANT EXECUTE ON FUNCTION lo_export(oid, text) TO writes_host;

-- control: superuser-search-path-closed
-- expect: owns_a_database → owner of database owned_by_login, who sets the search path of superuser
CREATE ROLE owns_a_database LOGIN PASSWORD 'a password';
CREATE DATABASE owned_by_login OWNER owns_a_database;

-- control: superuser-search-path-closed
-- expect: PUBLIC: PUBLIC → CREATE in schema public of database postgres, where superuser postgres looks for names
-- server: old

-- control: no-shared-login
-- expect: lends can act as lent
CREATE ROLE lent LOGIN PASSWORD 'a password';
CREATE ROLE lends LOGIN PASSWORD 'a password';
GRANT lent TO lends;

-- control: groups-have-use
-- expect: left_over cannot log in, has no members and owns nothing
CREATE ROLE left_over NOLOGIN;

-- control: role-connection-limit
-- expect: lent has no limit of connections

-- control: expired-roles-cannot-log-in
-- expect: the password of long_gone expired on 2020-01-01T00:00:00Z, and the role can still log in
CREATE ROLE long_gone LOGIN PASSWORD 'a password' VALID UNTIL '2020-01-01 00:00:00Z';

-- control: functions-not-public
-- expect: reached: PUBLIC may call function public.unfixed_in_sql() of postgres
-- database: reached

-- control: functions-not-public
-- expect: postgres: PUBLIC may call procedure public.does_things(a integer) of postgres
-- server: old
CREATE PROCEDURE does_things(a int) LANGUAGE sql AS 'SELECT 1';

-- control: foreign-servers-not-public
-- expect: reached: PUBLIC may use foreign server far_away of postgres
-- database: reached
CREATE EXTENSION postgres_fdw;
CREATE SERVER far_away FOREIGN DATA WRAPPER postgres_fdw;
GRANT USAGE ON FOREIGN SERVER far_away TO PUBLIC;

-- control: foreign-servers-not-public
-- expect: reached: PUBLIC may use foreign-data wrapper postgres_fdw of postgres
-- database: reached
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO PUBLIC;

-- control: large-objects-not-public
-- expect: reached: large object 4711 of postgres is open to PUBLIC: SELECT
-- database: reached
SELECT lo_create(4711);
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;

-- control: tablespaces-not-public
-- expect: PUBLIC may create in tablespace pg_default of postgres
GRANT CREATE ON TABLESPACE pg_default TO PUBLIC;

-- control: parameters-approved
-- expect: sets_commands has ALTER SYSTEM on parameter archive_command

-- control: parameters-approved
-- expect: hides_itself has SET on parameter log_statement
CREATE ROLE hides_itself NOLOGIN;
GRANT SET ON PARAMETER log_statement TO hides_itself;

-- Names as PostgreSQL quotes them.
-- control: tables-no-excess-privileges
-- expect: reached: a=b/"c" passwörd has TRUNCATE,TRIGGER,REFERENCES on table public.given_away
-- database: reached
CREATE ROLE "a=b/""c"" passwörd" NOLOGIN;
CREATE TABLE given_away (id int);
GRANT TRUNCATE, REFERENCES, TRIGGER ON given_away TO "a=b/""c"" passwörd";

-- control: no-grant-options
-- expect: reached: app_password may pass on SELECT on column public.given_away.id
-- database: reached
CREATE ROLE app_password NOLOGIN;
GRANT SELECT (id) ON given_away TO app_password WITH GRANT OPTION;

-- control: no-grant-options
-- expect: app_password may pass on CONNECT on database reached
GRANT CONNECT ON DATABASE reached TO app_password WITH GRANT OPTION;

-- control: database-create-approved
-- expect: makes_schemas may create schemas in database reached of postgres
CREATE ROLE makes_schemas NOLOGIN;
GRANT CREATE ON DATABASE reached TO makes_schemas;

-- control: writers-few
-- expect: reached: INSERT on table public.written_by_many is held by 51 roles that log in, through many
-- database: reached
CREATE ROLE many NOLOGIN;
DO $$ BEGIN FOR i IN 1..51 LOOP EXECUTE format('CREATE ROLE one_of_many_%s LOGIN IN ROLE many', i); END LOOP; END $$;
CREATE TABLE written_by_many (id int);
GRANT INSERT ON written_by_many TO many;

-- control: system-objects-not-public
-- expect: reached: PUBLIC has SELECT on view pg_catalog.pg_hba_file_rules, which PostgreSQL does not give it
-- database: reached
GRANT SELECT ON pg_hba_file_rules TO PUBLIC;

-- control: owners-cannot-log-in
-- expect: reached: owns_a_database logs in and owns 1 relations
-- database: reached
CREATE TABLE of_a_login (id int);
ALTER TABLE of_a_login OWNER TO owns_a_database;

-- control: database-owners-cannot-log-in
-- expect: database owned_by_login belongs to owns_a_database, which logs in

-- control: rls-holds-for-members-of-owner
-- expect: reached: public.of_landlords of landlords is not filtered for tenant → member of landlords
-- database: reached
CREATE ROLE landlords NOLOGIN;
CREATE ROLE tenant LOGIN PASSWORD 'a password' IN ROLE landlords;
CREATE TABLE of_landlords (tenant name);
ALTER TABLE of_landlords OWNER TO landlords;
ALTER TABLE of_landlords ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON of_landlords USING (tenant = current_user);

-- control: rls-bypassed-by-approved
-- expect: reached: public.of_landlords is read past its policies by reads_past → member of reports_past
-- database: reached
CREATE ROLE reports_past NOLOGIN BYPASSRLS;
GRANT SELECT ON of_landlords TO reports_past;
CREATE ROLE reads_past LOGIN PASSWORD 'a password' IN ROLE reports_past;
