-- Power that a role comes to by steps, and grants that are wider than they look. The format is that of server.sql.

-- control: superuser-not-reachable
-- expect: user_maker can become superuser: user_maker → CREATEROLE → has_postgres → member of postgres (superuser)
-- expect: has_postgres can become superuser
-- also: member-of-host-access-roles
-- also: member-of-data-access-roles
-- also: role-createrole
-- server: 13
-- Before 16, CREATEROLE gives any membership but that of a superuser itself, those in the host's roles among them.
CREATE ROLE has_postgres NOLOGIN;
GRANT postgres TO has_postgres;
CREATE ROLE user_maker NOLOGIN CREATEROLE;

-- control: member-of-host-access-roles
-- expect: user_maker acts on the host as the server's account: user_maker → CREATEROLE → pg_execute_server_program
-- also: member-of-data-access-roles
-- also: role-createrole
-- server: 13
CREATE ROLE user_maker NOLOGIN CREATEROLE;

-- With the ADMIN option a role gives itself the membership, which is then an escalation too.
-- control: member-of-host-access-roles
-- expect: gives_itself_programs → ADMIN on program_runners → member of pg_execute_server_program
-- expect: program_runners → member of pg_execute_server_program
-- also: membership-admin-option
-- also: admin-option-no-escalation
CREATE ROLE program_runners NOLOGIN;
GRANT pg_execute_server_program TO program_runners;
CREATE ROLE gives_itself_programs NOLOGIN;
GRANT program_runners TO gives_itself_programs WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- control: admin-option-no-escalation
-- expect: gives_itself_use can give itself a membership: gives_itself_use → ADMIN on has_use
-- also: membership-admin-option
CREATE ROLE has_use NOLOGIN;
GRANT pg_read_all_stats TO has_use;
CREATE ROLE gives_itself_use NOLOGIN;
GRANT has_use TO gives_itself_use WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;

-- control: createrole-not-reachable
-- expect: may_make_users can use CREATEROLE: may_make_users → member of makes_users → CREATEROLE
-- also: role-createrole
CREATE ROLE makes_users NOLOGIN CREATEROLE;
CREATE ROLE may_make_users NOLOGIN;
GRANT makes_users TO may_make_users;

-- control: replication-not-reachable
-- expect: may_copy can use REPLICATION: may_copy → member of copies_all → REPLICATION
-- also: role-replication
CREATE ROLE copies_all NOLOGIN REPLICATION;
CREATE ROLE may_copy NOLOGIN;
GRANT copies_all TO may_copy;

-- control: replication-not-reachable
-- expect: may_copy can use REPLICATION
-- also: role-replication
-- server: 13
CREATE ROLE copies_all NOLOGIN REPLICATION;
CREATE ROLE may_copy NOLOGIN NOINHERIT;
GRANT copies_all TO may_copy;

-- control: bypassrls-not-reachable
-- expect: may_see_all can use BYPASSRLS: may_see_all → member of sees_all_rows → BYPASSRLS
-- also: role-bypassrls
CREATE ROLE sees_all_rows NOLOGIN BYPASSRLS;
CREATE ROLE may_see_all NOLOGIN;
GRANT sees_all_rows TO may_see_all;

-- A parameter that is granted is one to approve, whatever it does.
-- control: parameters-run-no-programs
-- expect: sets_commands can run code as the server's account: sets_commands → ALTER SYSTEM SET archive_command
-- also: parameters-approved
CREATE ROLE sets_commands NOLOGIN;
GRANT ALTER SYSTEM ON PARAMETER archive_command TO sets_commands;

-- control: databases-not-public
-- expect: database reached of app_owner is open to PUBLIC
CREATE DATABASE reached OWNER app_owner;

-- Whoever may put an object in its way; and a function without a search path is a defect by itself.
-- control: definer-not-a-way-to-superuser
-- expect: app_owner can act as a superuser: app_owner → EXECUTE of app: public.unfixed(), a superuser's SECURITY DEFINER function without a search path
-- also: definer-search-path
-- also: definer-not-public
-- also: functions-not-public
-- database: app
CREATE FUNCTION public.unfixed() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN (SELECT count(*) FROM pg_class); END';

-- control: definer-not-a-way-to-superuser
-- expect: runs_reports can act as a superuser: runs_reports → EXECUTE of app: reports.monthly(a integer), a superuser's SECURITY DEFINER function with the search path reports
-- database: app
CREATE SCHEMA reports;
CREATE ROLE runs_reports NOLOGIN;
GRANT USAGE, CREATE ON SCHEMA reports TO runs_reports;
GRANT CONNECT ON DATABASE app TO runs_reports;
CREATE FUNCTION reports.monthly(a int) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = reports, pg_temp AS 'BEGIN RETURN (SELECT count(*) FROM pg_class); END';
REVOKE EXECUTE ON FUNCTION reports.monthly FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reports.monthly TO runs_reports;

-- control: definer-temporary-objects-last
-- expect: app: reports.monthly(a integer) of postgres has the search path reports, without pg_temp at its end
-- database: app
CREATE SCHEMA reports;
CREATE FUNCTION reports.monthly(a int) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = reports AS 'BEGIN RETURN (SELECT count(*) FROM pg_class); END';
REVOKE EXECUTE ON FUNCTION reports.monthly FROM PUBLIC;

-- control: untrusted-functions-approved
-- expect: app_login can run code on the host: app_login → EXECUTE of app: sales.in_unheld(), in the untrusted language unheld_too
-- expect: app_owner can run code on the host
-- also: untrusted-languages
-- database: app
CREATE FUNCTION sales.unheld_too_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
REVOKE EXECUTE ON FUNCTION sales.unheld_too_call FROM PUBLIC;
CREATE LANGUAGE unheld_too HANDLER sales.unheld_too_call;
CREATE FUNCTION sales.in_unheld() RETURNS int LANGUAGE unheld_too AS 'BEGIN RETURN 1; END';

-- control: host-functions-closed
-- expect: reads_host reaches the host: reads_host → EXECUTE of app: pg_catalog.pg_read_file(
-- database: app
CREATE ROLE reads_host NOLOGIN;
GRANT CONNECT ON DATABASE app TO reads_host;
GRANT EXECUTE ON FUNCTION pg_read_file(text) TO reads_host;

-- control: host-functions-closed
-- expect: writes_host reaches the host: writes_host → EXECUTE of app: pg_catalog.lo_export(oid, text), which writes files of the host
-- database: app
CREATE ROLE writes_host NOLOGIN;
GRANT CONNECT ON DATABASE app TO writes_host;
GRANT EXECUTE ON FUNCTION lo_export(oid, text) TO writes_host;

-- Whoever logs in and owns a database sets its search path.
-- control: superuser-search-path-closed
-- expect: app_login → owner of database owned_by_login, who sets the search path of superuser
-- also: database-owners-cannot-log-in
CREATE DATABASE owned_by_login OWNER app_login;
REVOKE ALL ON DATABASE owned_by_login FROM PUBLIC;
GRANT CONNECT ON DATABASE owned_by_login TO auditor;

-- control: superuser-search-path-closed
-- expect: PUBLIC: PUBLIC → CREATE in schema public of database postgres, where superuser postgres looks for names
-- also: schemas-not-public-create
-- server: 13
GRANT CREATE ON SCHEMA public TO PUBLIC;

-- control: no-shared-login
-- expect: lends can act as app_login
CREATE ROLE lends LOGIN PASSWORD 'a password' IN ROLE app_login;

-- control: groups-have-use
-- expect: left_over cannot log in, has no members and owns nothing
-- profile: strict
CREATE ROLE left_over NOLOGIN;

-- control: role-connection-limit
-- expect: boundless has no limit of connections
-- profile: strict
CREATE ROLE boundless LOGIN PASSWORD 'a password';

-- control: expired-roles-cannot-log-in
-- expect: the password of long_gone expired on 2020-01-01T00:00:00Z, and the role can still log in
CREATE ROLE long_gone LOGIN PASSWORD 'a password' VALID UNTIL '2020-01-01 00:00:00Z';

-- control: functions-not-public
-- expect: app: PUBLIC may call function public.open() of postgres
-- database: app
CREATE FUNCTION public.open() RETURNS int LANGUAGE sql AS 'SELECT 1';

-- control: functions-not-public
-- expect: app: PUBLIC may call procedure public.does_things(a integer) of postgres
-- server: 13
-- database: app
CREATE PROCEDURE public.does_things(a int) LANGUAGE sql AS 'SELECT 1';

-- control: foreign-servers-not-public
-- expect: app: PUBLIC may use foreign server far_away of postgres
-- also: extensions-approved
-- database: app
CREATE SCHEMA links;
CREATE EXTENSION postgres_fdw SCHEMA links;
CREATE SERVER far_away FOREIGN DATA WRAPPER postgres_fdw;
GRANT USAGE ON FOREIGN SERVER far_away TO PUBLIC;

-- control: foreign-servers-not-public
-- expect: app: PUBLIC may use foreign-data wrapper wrapped of postgres
-- database: app
CREATE FOREIGN DATA WRAPPER wrapped;
GRANT USAGE ON FOREIGN DATA WRAPPER wrapped TO PUBLIC;

-- control: large-objects-not-public
-- expect: app: large object 4711 of postgres is open to PUBLIC: SELECT
-- database: app
SELECT lo_create(4711);
GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC;

-- control: tablespaces-not-public
-- expect: PUBLIC may create in tablespace pg_default of postgres
GRANT CREATE ON TABLESPACE pg_default TO PUBLIC;

-- control: parameters-approved
-- expect: hides_itself has SET on parameter log_statement
CREATE ROLE hides_itself NOLOGIN;
GRANT SET ON PARAMETER log_statement TO hides_itself;

-- Names as PostgreSQL quotes them.
-- control: tables-no-excess-privileges
-- expect: app: a=b/"c" passwörd has TRUNCATE,TRIGGER,REFERENCES on table sales.customers
-- database: app
CREATE ROLE "a=b/""c"" passwörd" NOLOGIN;
GRANT TRUNCATE, REFERENCES, TRIGGER ON sales.customers TO "a=b/""c"" passwörd";

-- control: no-grant-options
-- expect: app: app_login may pass on SELECT on column sales.customers.id
-- database: app
GRANT SELECT (id) ON sales.customers TO app_login WITH GRANT OPTION;

-- control: no-grant-options
-- expect: app_login may pass on CONNECT on database app
GRANT CONNECT ON DATABASE app TO app_login WITH GRANT OPTION;

-- control: database-create-approved
-- expect: makes_schemas may create schemas in database app of app_owner
CREATE ROLE makes_schemas NOLOGIN;
GRANT CREATE ON DATABASE app TO makes_schemas;

-- control: writers-few
-- expect: app: INSERT on table sales.customers is held by 51 roles that log in, through many
-- database: app
CREATE ROLE many NOLOGIN;
DO $$ BEGIN FOR i IN 1..51 LOOP EXECUTE format('CREATE ROLE one_of_many_%s LOGIN PASSWORD ''a password'' IN ROLE many', i); END LOOP; END $$;
GRANT INSERT ON sales.customers TO many;

-- control: system-objects-not-public
-- expect: app: PUBLIC has SELECT on view pg_catalog.pg_hba_file_rules, which PostgreSQL does not give it
-- database: app
GRANT SELECT ON pg_hba_file_rules TO PUBLIC;

-- control: owners-cannot-log-in
-- expect: app: app_login logs in and owns 1 relations
-- database: app
CREATE TABLE sales.of_a_login (id int);
ALTER TABLE sales.of_a_login OWNER TO app_login;

-- control: database-owners-cannot-log-in
-- expect: database owned_by_login belongs to app_login, which logs in
-- also: superuser-search-path-closed
CREATE DATABASE owned_by_login OWNER app_login;
REVOKE ALL ON DATABASE owned_by_login FROM PUBLIC;
GRANT CONNECT ON DATABASE owned_by_login TO auditor;

-- control: rls-holds-for-members-of-owner
-- expect: app: sales.of_landlords of landlords is not filtered for tenant → member of landlords
-- database: app
CREATE ROLE landlords NOLOGIN;
CREATE ROLE tenant LOGIN PASSWORD 'a password' IN ROLE landlords;
CREATE TABLE sales.of_landlords (tenant name);
ALTER TABLE sales.of_landlords OWNER TO landlords;
ALTER TABLE sales.of_landlords ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON sales.of_landlords USING (tenant = current_user);

-- control: rls-bypassed-by-approved
-- expect: app: sales.customers is read past its policies by reads_past → member of reports_past
-- also: role-bypassrls
-- also: bypassrls-not-reachable
-- database: app
CREATE ROLE reports_past NOLOGIN BYPASSRLS;
GRANT SELECT ON sales.customers TO reports_past;
GRANT USAGE ON SCHEMA sales TO reports_past;
CREATE ROLE reads_past LOGIN PASSWORD 'a password' IN ROLE reports_past;
