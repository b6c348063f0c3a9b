-- Defects that take what only packages have: the system's PostgreSQL 15, with pgaudit, LDAP and Kerberos. As in
-- defects/server.sql, all on one server.

-- control: pgaudit-classes
-- expect: pgaudit.log = write, none for role unaudited
-- hba: local all postgres trust
-- setting: shared_preload_libraries = pgaudit
-- setting: pgaudit.log = write
CREATE ROLE unaudited NOLOGIN;
ALTER ROLE unaudited SET pgaudit.log = none;

-- control: pgaudit-options
-- expect: pgaudit.log_catalog = off
-- setting: pgaudit.log_catalog = off

-- control: hba-ldap-encrypted
-- expect: host app alice 10.24.0.0/16 ldap sends passwords in the clear
-- hba: host app alice 10.24.0.0/16 ldap ldapserver=ldap.example.org ldapprefix="cn=" ldapsuffix=",dc=example"

-- control: hba-gss-realm
-- expect: host app alice 10.25.0.0/16 gss takes users of any realm
-- hba: host app alice 10.25.0.0/16 gss include_realm=0
