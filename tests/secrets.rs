//! Secrets in places where a server or a host keeps them: none is in any byte of a bundle, nor on the terminal.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, dead_code)] // a test may stop on the first surprise

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgdossier::cluster::{Cluster, ClusterOptions};
use support::{Assessed, Workspace, files, sql, text};

/// What every secret of these tests begins with; each has its place's name behind it.
const PLANTED: &str = "Zplanted";

fn server_with(settings: &[(&str, &str)], rules: &str) -> Cluster {
    // Rules are read by the packaged server, which knows LDAP.
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/servers/17/native/bin");
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Cluster::start(ClusterOptions {
        bin_dir: rules.is_empty().then_some(folder),
        settings: settings.collect(),
        hba: Some(format!(
            "{rules}local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n"
        )),
        ..ClusterOptions::default()
    })
    .unwrap()
}

/// Every file and output that holds a secret, with the line.
fn leaks(assessed: &Assessed) -> Vec<String> {
    let printed = [
        (PathBuf::from("stdout"), assessed.output.stdout.clone()),
        (PathBuf::from("stderr"), assessed.output.stderr.clone()),
    ];
    let mut leaks = BTreeSet::new();
    for (path, bytes) in files(&assessed.folder()).into_iter().chain(printed) {
        let content = text(&bytes);
        for line in content.lines().filter(|line| line.contains(PLANTED)) {
            for (at, _) in line.match_indices(PLANTED) {
                let (before, found) = line.split_at(at);
                let skipped = before.chars().count().saturating_sub(60);
                let before: String = before.chars().skip(skipped).collect();
                let found: String = found.chars().take(40).collect();
                let file = path.file_name().unwrap().to_string_lossy();
                leaks.insert(format!("{file}: {before}{found}"));
            }
        }
    }
    leaks.into_iter().collect()
}

#[test]
fn planted_secrets_are_in_no_byte_of_the_bundle() {
    let cluster = Cluster::start(ClusterOptions {
        settings: vec![(
            "primary_conninfo".to_owned(),
            "host=a user=b password=planted-in-a-setting".to_owned(),
        )],
        hba: Some(
            "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n\
             host all ldap 10.0.0.0/8 ldap ldapserver=d ldapbasedn=\"x\" ldapbinddn=\"y\" ldapbindpasswd=planted-in-a-rule\n\
             host all radius 10.0.0.0/8 radius radiusservers=127.0.0.1 radiussecrets=planted-in-a-rule\n"
                .to_owned(),
        ),
        ..ClusterOptions::default()
    })
    .unwrap();
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE keeper LOGIN PASSWORD 'planted-in-a-password';
         CREATE EXTENSION postgres_fdw;
         CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h');
         CREATE USER MAPPING FOR keeper SERVER far OPTIONS (user 'u', password 'planted-in-a-mapping');
         ALTER ROLE keeper SET vault.token = 'planted-in-an-override';
         ALTER DATABASE postgres SET app.connection = 'postgresql://u:planted-in-a-uri@h/d';
         CREATE SUBSCRIPTION fed CONNECTION 'host=h user=u password=planted-in-a-subscription' PUBLICATION p
           WITH (connect = false);
         CREATE TABLE doors (token text, password text DEFAULT 'planted-in-a-default');
         ALTER TABLE doors ENABLE ROW LEVEL SECURITY;
         CREATE POLICY one ON doors USING (token = 'planted-in-a-policy');
         CREATE VIEW shown AS SELECT 'planted-in-a-view' AS password FROM doors;
         CREATE FUNCTION f() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT 'planted-in-a-body' $$;
         COMMENT ON TABLE doors IS 'planted-in-a-comment';
         COMMENT ON ROLE keeper IS 'planted-in-a-comment'",
    );
    sql(
        &cluster,
        "postgres",
        "ALTER SYSTEM SET archive_command = 'PGPASSWORD=planted-in-a-command cp %p /x'",
    );
    let workspace = Workspace::new();
    let with_password = format!(
        "{} password=planted-on-the-command-line",
        cluster.tcp_conninfo("postgres")
    );
    let assessed = workspace.assessed(&with_password);
    assert!(
        assessed.stderr().contains("use a password file"),
        "{}",
        assessed.stderr()
    );
    let verifier = "SCRAM-SHA-256$4096";
    let everything = files(&assessed.folder());
    assert!(
        everything.iter().any(|(_, bytes)| text(bytes).contains("keeper")),
        "the role itself is seen"
    );
    let printed = [assessed.output.stdout.clone(), assessed.output.stderr.clone()];
    for bytes in everything.iter().map(|(_, bytes)| bytes).chain(&printed) {
        let content = text(bytes);
        assert!(
            !content.contains("planted-"),
            "{}",
            content.lines().find(|line| line.contains("planted-")).unwrap()
        );
        assert!(!content.contains(verifier));
    }
}

#[test]
fn secrets_in_settings_of_every_kind() {
    let cluster = server_with(
        &[
            (
                "primary_conninfo",
                "host=a user=b password=Zplanted,Zplanted-comma",
            ),
            (
                "archive_command",
                "curl -u backup:Zplanted-curl -T %p https://h/ && sshpass -p Zplanted-sshpass scp %p h: ; openssl enc -pass pass:Zplanted-openssl -k Zplanted-k; mc --access Zplanted-access; KEY=Zplanted-env x; gpg --passphrase Zplanted-gpg; curl -H \"Authorization: Bearer Zplanted-bearer\" x",
            ),
            (
                "restore_command",
                "mysql -pZplanted-glued; wget https://u:Zplanted@Zplanted-at/h Zplanted-positional",
            ),
            (
                "archive_cleanup_command",
                "curl 'https://b.blob.core.windows.net/c?sv=1&sig=Zplanted-sas'",
            ),
            (
                "recovery_end_command",
                "true AWS_ACCESS_KEY_ID=Zplanted-access-key",
            ),
            ("ssl_passphrase_command", "echo Zplanted-passphrase"),
            ("app.jwt", "Zplanted-placeholder"),
            ("app.service_role_key", "Zplanted-placeholder-key"),
        ],
        "",
    );
    for statement in [
        "ALTER ROLE postgres SET app.hmac = 'Zplanted-role'",
        "ALTER DATABASE postgres SET pgrst.jwt_key = 'Zplanted-database'",
        "ALTER SYSTEM SET app.other = 'Zplanted-system'",
        "CREATE ROLE r; ALTER ROLE r IN DATABASE template1 SET app.pin = 'Zplanted-both'",
    ] {
        sql(&cluster, "postgres", statement);
    }
    cluster.reload().unwrap();
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    let leaks = leaks(&assessed);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn secrets_in_rules() {
    let cluster = server_with(
        &[],
        "host all a 10.0.0.0/8 ldap ldapserver=d ldapbasedn=\"x\" ldapbinddn=\"y\" ldapbindpasswd=\"Zplanted 1 Zplanted-space\"\n\
         host all b 10.0.0.0/8 ldap ldapserver=d ldapbasedn=\"x\" ldapbinddn=\"y\" ldapbindpasswd=\"a,Zplanted-comma\"\n\
         host all c 10.0.0.0/8 ldap ldapserver=d ldapbasedn=\"x\" ldapbinddn=\"y\" ldapbindpasswd=\"a'Zplanted-quote\"\n\
         host all d 10.0.0.0/8 radius radiusservers=\"127.0.0.1,127.0.0.2\" radiussecrets=\"s1,Zplanted-second\"\n",
    );
    // What the server would not start with.
    let path = cluster.data_dir().join("pg_hba.conf");
    let rules = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        rules
            + "host all e 10.0.0.0/8 radius radiusservers=127.0.0.1 radiussecrets=Zplanted-wrong radiusnope=Zplanted-wrong\n\
               host all f 10.0.0.0/8 ldap ldapbindpasswdd=Zplanted-misspelt\n\
               host all h 10.0.0.0/8 ldap ldapserver=d ldapbindpasswd=a Zplanted-unquoted\n\
               host all g 10.0.0.0/8 ldap ldapurl=\"ldap://u:Zplanted@h/x\"\n",
    )
    .unwrap();
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    let leaks = leaks(&assessed);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn secrets_in_objects() {
    let cluster = server_with(&[("wal_level", "logical")], "");
    sql(
        &cluster,
        "postgres",
        "CREATE EXTENSION postgres_fdw; CREATE EXTENSION dblink; CREATE EXTENSION file_fdw;
         CREATE FOREIGN DATA WRAPPER plain OPTIONS (api_key 'Zplanted-wrapper');
         CREATE SERVER odd FOREIGN DATA WRAPPER plain OPTIONS (host 'u:Zplanted-host@h', credential 'Zplanted-server');
         CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h');
         CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'u', password 'Zplanted-mapping');
         CREATE USER MAPPING FOR PUBLIC SERVER odd OPTIONS (token 'Zplanted-token');
         CREATE FOREIGN TABLE ran (t text) SERVER files OPTIONS (program 'curl -u u:Zplanted-program h');
         CREATE TABLE doors (id int, t text DEFAULT 'Zplanted-default' CHECK (t <> 'Zplanted-check'));
         ALTER TABLE doors ENABLE ROW LEVEL SECURITY;
         CREATE POLICY one ON doors USING (current_setting('app.key', true) = 'Zplanted-policy');
         CREATE POLICY two ON doors USING ('Zplanted-reversed' = current_setting('app.key', true)) WITH CHECK (t = 'x' OR md5(current_setting('app.key', true)) = 'Zplanted-hash');
         CREATE INDEX ON doors ((t || 'Zplanted-index'));
         CREATE FUNCTION f(p text DEFAULT 'Zplanted-argument') RETURNS text LANGUAGE sql SECURITY DEFINER SET app.x = 'Zplanted-config' SET search_path = pg_catalog AS $$ SELECT 'Zplanted-body' $$;
         CREATE VIEW v WITH (security_barrier) AS SELECT 'Zplanted-view' AS c, * FROM doors;
         CREATE MATERIALIZED VIEW m AS SELECT 'Zplanted-matview'::text AS c;
         CREATE RULE r AS ON INSERT TO v DO INSTEAD SELECT 'Zplanted-rule';
         CREATE TYPE e AS ENUM ('Zplanted-enum');
         CREATE DOMAIN dom AS text DEFAULT 'Zplanted-domain';
         CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'begin return new; end';
         CREATE TRIGGER tr BEFORE INSERT ON doors FOR EACH ROW EXECUTE FUNCTION trg('Zplanted-trigger');
         CREATE PUBLICATION p FOR TABLE doors WHERE (t <> 'Zplanted-publication');
         CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password=Zplanted-subscription' PUBLICATION p WITH (connect = false);
         CREATE STATISTICS st ON t, id FROM doors; INSERT INTO doors VALUES (1, 'Zplanted-row'), (2, 'Zplanted-row'); ANALYZE doors;
         COMMENT ON TABLE doors IS 'Zplanted-comment'; COMMENT ON DATABASE postgres IS 'Zplanted-comment';
         COMMENT ON ROLE postgres IS 'Zplanted-comment'; COMMENT ON TABLESPACE pg_default IS 'Zplanted-comment';
         SELECT lo_from_bytea(0, 'Zplanted-large');
         CREATE ROLE md5ed LOGIN PASSWORD 'Zplanted-password';",
    );
    // A password of a role in a prepared transaction and in a statement that runs meanwhile.
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    let leaks = leaks(&assessed);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn secrets_given_to_the_tool_itself() {
    let cluster = server_with(&[], "");
    let workspace = Workspace::new();
    let uri = format!(
        "postgresql://postgres:Zplanted%20uri@127.0.0.1:{}/postgres?application_name=x",
        cluster.port()
    );
    let mut command = workspace.assess();
    let output = command
        .env("PGPASSWORD", "Zplanted-environment")
        .arg(&uri)
        .output()
        .unwrap();
    let assessed = Assessed::new(output);
    let found = leaks(&assessed);
    assert!(found.is_empty(), "{found:#?}");
    // Nothing answers there: the error must not repeat the string.
    let workspace = Workspace::new();
    let mut command = workspace.assess();
    let output = command
        .arg("postgresql://u:Zplanted-refused@127.0.0.1:1/x?password=Zplanted-again")
        .output()
        .unwrap();
    let assessed = Assessed::new(output);
    let found = leaks(&assessed);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_harmless_command_is_told_in_full_and_a_masked_one_that_does_not_run_is_noticed() {
    let harmless = "test ! -f /b/%f && cp %p /b/%f";
    let cluster = server_with(&[("archive_mode", "on"), ("archive_command", harmless)], "");
    sql(
        &cluster,
        "postgres",
        "ALTER SYSTEM SET restore_command = 'fetch Zplanted-one %p'",
    );
    cluster.reload().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let told = |rows: &str, name: &str| {
        let rows: Vec<serde_json::Value> = rows
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let row = rows.into_iter().find(|row| row["name"] == name).unwrap();
        (row["value"].clone(), row["in_effect"].clone())
    };
    let settings = |assessed: &Assessed| {
        let everything = files(&assessed.folder()).into_iter();
        let mut found = everything.filter(|(path, _)| path.ends_with("evidence/settings.ndjson"));
        text(&found.next().unwrap().1)
    };
    let workspace = Workspace::new();
    let before = settings(&workspace.assessed(&cluster.conninfo("postgres")));
    assert_eq!(told(&before, "archive_command"), (harmless.into(), true.into()));
    assert_eq!(
        told(&before, "restore_command"),
        ("fetch [withheld] %p".into(), true.into())
    );
    sql(
        &cluster,
        "postgres",
        "ALTER SYSTEM SET restore_command = 'fetch Zplanted-two %p'",
    );
    let workspace = Workspace::new();
    let after = settings(&workspace.assessed(&cluster.conninfo("postgres")));
    assert_eq!(
        told(&after, "restore_command"),
        ("fetch [withheld] %p".into(), false.into())
    );
}
