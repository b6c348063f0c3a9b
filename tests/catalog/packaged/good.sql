-- What the system's PostgreSQL 15 must not raise, which has pgaudit, LDAP and Kerberos: as in good/server.sql.

-- never: pgaudit-loaded
-- hba: local all postgres trust
-- setting: shared_preload_libraries = pgaudit
-- setting: pgaudit.log = ddl, role, write

-- never: pgaudit-classes
CREATE ROLE fully_audited NOLOGIN;
ALTER ROLE fully_audited SET pgaudit.log = 'all, -misc';

-- never: pgaudit-options

-- never: defence-settings-known

-- never: libraries-approved

-- never: hba-ldap-encrypted
-- hba: host app alice 10.24.0.0/16 ldap ldapserver=ldap.example.org ldapprefix="cn=" ldaptls=1
-- hba: host app bob 10.24.0.0/16 ldap ldapurl="ldaps://ldap.example.org/dc=example"

-- never: hba-gss-realm
-- hba: host app alice 10.25.0.0/16 gss include_realm=0 krb_realm=EXAMPLE.ORG
-- hba: host app bob 10.25.0.0/16 gss

-- never: hba-no-errors

-- never: configured-values-run

-- never: ident-no-superuser
