-- Defects that were written so as not to look like one; blocks as in server.sql.

-- A pattern for every name need not be `.*`.
-- control: hba-no-catch-all-patterns
-- expect: hostssl /^[a-z0-9_]+$ alice 10.23.0.0/16 scram-sha-256
-- expect: hostssl app /^(?!postgres|root)
-- server: 18
-- hba: hostssl /^[a-z0-9_]+$ alice 10.23.0.0/16 scram-sha-256
-- hba: hostssl app /^(?!postgres|root) 10.24.0.0/16 scram-sha-256

-- By a group that superusers are in, through another.
-- control: ident-no-superuser
-- expect: people dave +outer leads to postgres
-- server: 18
CREATE ROLE outer_group NOLOGIN;
CREATE ROLE inner_group NOLOGIN;
ALTER ROLE outer_group RENAME TO "outer";
GRANT "outer" TO inner_group;
GRANT inner_group TO postgres;
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people dave +outer', 'cat >>' || current_setting('ident_file')); END $$;

-- control: ident-no-catch-all
-- expect: people /^[[:alnum:]]+$ app
-- server: 15
DO $$ BEGIN EXECUTE format('COPY (SELECT %L) TO PROGRAM %L (FORMAT csv)', 'people /^[[:alnum:]]+$ app', 'cat >>' || current_setting('ident_file')); END $$;

-- control: policy-not-always-true
-- expect: app: policy alike on sales.customers
-- expect: app: policy beside on sales.customers
-- expect: app: policy column on sales.customers
-- expect: app: policy null on sales.customers
-- server: 18
-- database: app
CREATE POLICY alike ON sales.customers FOR SELECT USING ('a' = 'a');
CREATE POLICY beside ON sales.customers FOR SELECT USING (tenant = current_user OR 1 = 1);
CREATE POLICY "column" ON sales.customers FOR SELECT USING (tenant = tenant);
CREATE POLICY "null" ON sales.customers FOR SELECT USING (card IS NULL OR card IS NOT NULL);

-- A restrictive policy for other commands, and one for another role, hold nothing back.
-- control: policy-not-always-true
-- expect: app: policy open on sales.customers
-- server: 13
-- database: app
CREATE POLICY open ON sales.customers FOR SELECT USING (true);
CREATE POLICY held_update ON sales.customers AS RESTRICTIVE FOR UPDATE USING (tenant = current_user);
CREATE POLICY held_role ON sales.customers AS RESTRICTIVE TO app_login USING (tenant = current_user);

-- control: definer-not-public
-- expect: app: pg_catalog.helps() of postgres may be called by PUBLIC
-- server: 18
-- database: app
CREATE FUNCTION pg_catalog.helps() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT 1';

-- control: catalogs-with-secrets-closed
-- expect: app: app_login has SELECT on sales.logins, which shows pg_authid.rolpassword
-- expect: app: app_login has SELECT on sales.logins_again, which shows pg_authid.rolpassword
-- server: 18
-- database: app
CREATE VIEW sales.logins AS SELECT rolname, rolpassword FROM pg_authid;
CREATE VIEW sales.logins_again AS SELECT * FROM sales.logins;
GRANT SELECT ON sales.logins, sales.logins_again TO app_login;

-- control: catalogs-with-secrets-closed
-- expect: app: app_login has SELECT on sales.logins, which shows pg_shadow.passwd
-- server: 13
-- database: app
CREATE MATERIALIZED VIEW sales.logins AS SELECT usename, passwd FROM pg_shadow;
GRANT SELECT ON sales.logins TO app_login;

-- Known to intruders for twenty years: a library of their own, and a closed function under another name.
-- control: native-functions-packaged
-- expect: app: sales.digest(text) of postgres runs $libdir/dict_snowball in the language c
-- expect: app: sales.reads(text) of postgres runs pg_read_file_all in the language internal
-- server: 18
-- database: app
CREATE FUNCTION sales.digest(text) RETURNS text LANGUAGE c AS '$libdir/dict_snowball', 'dsnowball_init';
REVOKE EXECUTE ON FUNCTION sales.digest(text) FROM PUBLIC;
CREATE FUNCTION sales.reads(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all';
REVOKE EXECUTE ON FUNCTION sales.reads(text) FROM PUBLIC;

-- control: native-functions-packaged
-- expect: app: sales.reads(text) of postgres runs pg_read_file_all in the language internal
-- server: 13
-- database: app
CREATE FUNCTION sales.reads(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all';
REVOKE EXECUTE ON FUNCTION sales.reads(text) FROM PUBLIC;

-- control: libraries-approved
-- expect: jit_provider = pg_backd00r
-- server: 18
-- setting: jit_provider = pg_backd00r

-- control: archive-keeps
-- expect: archive_mode = on, and archive_command reports success even if it fails
-- server: 18
-- setting: archive_mode = on
-- setting: archive_command = cp %p /nowhere/%f || true

-- control: archive-keeps
-- expect: archive_mode = on, and archive_command writes the file to /dev/null
-- server: 18
-- setting: archive_mode = on
-- setting: archive_command = /bin/cp "%p" /dev/null

-- control: archive-keeps
-- expect: archive_mode = on, and archive_command does nothing with the file
-- server: 13
-- setting: archive_mode = on
-- setting: archive_command = /bin/true %p %f

-- control: archive-keeps
-- expect: archive_mode = on, and archive_command is not told which file to keep
-- server: 18
-- setting: archive_mode = on
-- setting: archive_command = test -d /var/backups

-- control: no-stored-passwords
-- expect: app: server elsewhere stores a password
-- expect: app: foreign table sales.far stores a password
-- database: app
CREATE FOREIGN DATA WRAPPER plain;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER plain OPTIONS (host 'h', api_key 'a key');
CREATE FOREIGN TABLE sales.far (id int) SERVER elsewhere OPTIONS (token 'a token', token_id '7');
ALTER FOREIGN TABLE sales.far OWNER TO app_owner;

-- control: listen-addresses-narrow
-- expect: listen_addresses = 0
-- server: 18
-- setting: listen_addresses = 0

-- control: tls-ciphers
-- expect: ssl_ciphers = HIGH:!aNULL:@SECLEVEL=0
-- server: 18
-- setting: ssl_ciphers = HIGH:!aNULL:@SECLEVEL=0

-- control: password-verifiers-scram
-- expect: quick has a verifier of the kind scram-sha-256 with few iterations
-- server: 18
CREATE ROLE quick NOLOGIN;
GRANT quick TO app_owner;
SET scram_iterations = 1;
ALTER ROLE quick PASSWORD 'a password of the tests';

-- The first of them is the tests' own.
-- control: hba-local-peer
-- expect: local all postgres scram-sha-256
-- expect: local app app_login scram-sha-256
-- profile: strict
-- server: 18
-- hba: local app app_login scram-sha-256

-- control: rls-covers-partitions
-- expect: app: partition sales.orders_east of sales.orders is open to app_login without its policies
-- expect: app: table sales.orders_old of sales.customers is open to app_login without its policies
-- server: 18
-- database: app
SET ROLE app_owner;
CREATE TABLE sales.orders (region text, tenant name) PARTITION BY LIST (region);
CREATE TABLE sales.orders_east PARTITION OF sales.orders FOR VALUES IN ('east');
CREATE TABLE sales.orders_west PARTITION OF sales.orders FOR VALUES IN ('west');
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sales.orders USING (tenant = current_user);
CREATE TABLE sales.orders_old () INHERITS (sales.customers);
GRANT SELECT ON sales.orders, sales.orders_east TO app_login;
GRANT SELECT (card) ON sales.orders_old TO app_login;

-- control: triggers-not-disabled
-- expect: app: trigger sales.customers seen is switched off
-- expect: app: constraint sales.cards cards_customer_fkey is switched off
-- expect: app: event trigger watches is switched off
-- server: 18
-- database: app
CREATE FUNCTION sales.notes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
ALTER FUNCTION sales.notes() OWNER TO app_owner;
CREATE TRIGGER seen AFTER INSERT ON sales.customers FOR EACH ROW EXECUTE FUNCTION sales.notes();
ALTER TABLE sales.customers DISABLE TRIGGER seen;
CREATE TABLE sales.cards (customer int CONSTRAINT cards_customer_fkey REFERENCES sales.customers);
ALTER TABLE sales.cards DISABLE TRIGGER ALL;
ALTER TABLE sales.cards OWNER TO app_owner;
CREATE FUNCTION sales.watches() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION sales.watches();
ALTER EVENT TRIGGER watches DISABLE;

-- control: host-functions-closed
-- expect: app_login reaches the host: app_login → EXECUTE of app: pg_catalog.pg_ls_dir(text), which reads files of the host
-- server: 18
-- database: app
GRANT EXECUTE ON FUNCTION pg_ls_dir(text) TO app_login;

-- control: damage-not-ignored
-- expect: data_sync_retry = on
-- server: 18
-- setting: data_sync_retry = on

-- control: predefined-roles-approved
-- expect: app_login is a member of pg_monitor
-- profile: strict
-- server: 18
GRANT pg_monitor TO app_login;

-- control: predefined-roles-approved
-- expect: app_login is a member of pg_read_all_stats
-- profile: strict
-- server: 13
GRANT pg_read_all_stats TO app_login;

-- control: schema-create-approved
-- expect: app: app_login may create in schema sales of app_owner
-- profile: strict
-- server: 18
-- database: app
GRANT CREATE ON SCHEMA sales TO app_login;
