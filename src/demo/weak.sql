CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'shop';
CREATE ROLE reporting LOGIN;
CREATE ROLE "<script>alert('a role')</script>" LOGIN CREATEROLE;
GRANT pg_execute_server_program TO reporting;
ALTER ROLE reporting SET log_min_duration_statement = -1;
CREATE DATABASE shop OWNER shop;
\connect shop
GRANT CREATE ON SCHEMA public TO PUBLIC;
CREATE TABLE customers (id int PRIMARY KEY, tenant text, card text);
GRANT SELECT, UPDATE ON customers TO PUBLIC;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY everyone ON customers USING (true);
CREATE VIEW all_customers AS SELECT * FROM customers;
GRANT SELECT ON all_customers TO reporting;
CREATE TABLE orders (id int PRIMARY KEY, tenant text);
CREATE POLICY own_tenant ON orders USING (tenant = current_user);
CREATE FUNCTION refund(int) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE customers SET card = NULL WHERE id = $1';
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
