CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE app_login LOGIN CONNECTION LIMIT 20;
CREATE DATABASE shop OWNER shop_owner;
REVOKE ALL ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO app_login;
\connect shop
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA sales AUTHORIZATION shop_owner;
CREATE TABLE sales.customers (id int PRIMARY KEY, tenant name, card text);
ALTER TABLE sales.customers OWNER TO shop_owner;
ALTER TABLE sales.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE sales.customers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sales.customers USING (tenant = current_user);
GRANT USAGE ON SCHEMA sales TO app_login;
GRANT SELECT ON sales.customers TO app_login;
