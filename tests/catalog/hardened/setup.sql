-- What an application of its own needs, and nothing more. `\connect` ends a database's part.
ALTER ROLE postgres PASSWORD 'of the tests';
CREATE ROLE app_owner NOLOGIN;
CREATE ROLE app_login LOGIN CONNECTION LIMIT 50 PASSWORD 'of the application';
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE DATABASE app OWNER app_owner;
REVOKE ALL ON DATABASE app FROM PUBLIC;
GRANT CONNECT ON DATABASE app TO app_login;
\connect template1
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
\connect app
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA sales AUTHORIZATION app_owner;
GRANT USAGE ON SCHEMA sales TO app_login;
SET ROLE app_owner;
CREATE TABLE sales.customers (id int PRIMARY KEY, tenant name NOT NULL, card text);
ALTER TABLE sales.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE sales.customers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sales.customers USING (tenant = current_user) WITH CHECK (tenant = current_user);
GRANT SELECT, INSERT, UPDATE, DELETE ON sales.customers TO app_login;
CREATE VIEW sales.names AS SELECT id, tenant FROM sales.customers;
GRANT SELECT ON sales.names TO app_login;
