//! Every sslmode against every kind of server.

use std::path::Path;

use super::certificates::Authority;
use super::{agrees, at_home, execute, local, server, write};

const MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// One row for each mode, with and without a file of roots: `-` no connection, `p` plain, `t` TLS.
fn table(conninfo: &str, home: &Path, root: &str) -> String {
    let environment = at_home(home);
    let outcome =
        |mode: &str, root: &str| match agrees(&format!("{conninfo} sslmode={mode}{root}"), &environment) {
            Ok((true, _)) => 't',
            Ok((false, _)) => 'p',
            Err(_) => '-',
        };
    let with = MODES.map(|mode| outcome(mode, &format!(" sslrootcert={root}")));
    let without = MODES.map(|mode| outcome(mode, ""));
    format!("{} {}", String::from_iter(with), String::from_iter(without))
}

#[test]
fn a_server_with_a_good_certificate() {
    let home = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(), Authority::new());
    let root = write(home.path(), "ca.crt", &authority.pem, 0o644);
    let unknown = write(home.path(), "other.crt", &other.pem, 0o644);
    let rules = "hostssl all secure all trust\nhostnossl all plain all trust\nhost all postgres all trust";
    let cluster = server(rules, Some(&authority.issue("server", &["localhost"])), None);
    execute(&cluster, "CREATE ROLE secure LOGIN; CREATE ROLE plain LOGIN");
    let good = local(&cluster);
    let wrong_name = good.replace("host=localhost", "host=other.example");
    let (secure, plain) = (format!("{good} user=secure"), format!("{good} user=plain"));

    assert_eq!(table(&good, home.path(), &root), "pptttt pptt--", "good");
    assert_eq!(
        table(&wrong_name, home.path(), &root),
        "ppttt- pptt--",
        "wrong name"
    );
    assert_eq!(
        table(&good, home.path(), &unknown),
        "ppp--- pptt--",
        "unknown issuer"
    );
    assert_eq!(table(&secure, home.path(), &root), "-ttttt -ttt--", "hostssl");
    assert_eq!(
        table(&secure, home.path(), &unknown),
        "------ -ttt--",
        "hostssl, unknown issuer"
    );
    assert_eq!(table(&plain, home.path(), &root), "ppp--- ppp---", "hostnossl");

    // The default file of roots counts as much as a named one.
    let directory = home.path().join(".postgresql");
    std::fs::create_dir(&directory).unwrap();
    write(&directory, "root.crt", &other.pem, 0o644);
    assert_eq!(
        table(&secure, home.path(), &root),
        "-ttttt ------",
        "default roots"
    );

    let (encrypted, warnings) = agrees(&format!("{plain} sslmode=prefer"), &at_home(home.path())).unwrap();
    assert!(
        !encrypted && warnings.iter().any(|warning| warning.contains("not encrypted")),
        "{warnings:?}"
    );
}

#[test]
fn a_server_with_an_expired_certificate() {
    let home = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let root = write(home.path(), "ca.crt", &authority.pem, 0o644);
    let certificate = authority.issue_expired("server", &["localhost"]);
    let cluster = server("host all all all trust", Some(&certificate), None);
    assert_eq!(table(&local(&cluster), home.path(), &root), "ppp--- pptt--");
    let conninfo = format!("{} sslmode=verify-ca sslrootcert={root}", local(&cluster));
    let error = agrees(&conninfo, &at_home(home.path())).unwrap_err().to_string();
    assert!(error.contains("has expired"), "{error}");
}

#[test]
fn a_server_without_tls() {
    let home = tempfile::tempdir().unwrap();
    let root = write(home.path(), "ca.crt", &Authority::new().pem, 0o644);
    let cluster = server("host all all all trust", None, None);
    assert_eq!(table(&local(&cluster), home.path(), &root), "ppp--- ppp---");
    let error = agrees(
        &format!("{} sslmode=require", local(&cluster)),
        &at_home(home.path()),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("does not offer TLS"), "{error}");
    let (_, warnings) = agrees(&local(&cluster), &at_home(home.path())).unwrap();
    assert!(
        warnings.iter().any(|warning| warning.contains("not encrypted")),
        "{warnings:?}"
    );
}
