//! What rules mean, case by case.

use super::*;

fn derive(rules: &[(&str, &str, &str, Option<&str>, &str)]) -> Vec<Row> {
    let rows = rules
        .iter()
        .enumerate()
        .map(|(index, (kind, databases, users, address, method))| {
            let (address, netmask) = match address.and_then(|a| a.split_once('/')) {
                Some((address, mask)) => (Some(address), Some(mask)),
                None => (*address, None),
            };
            json!({"rule_number": index + 1, "file_name": "pg_hba.conf", "line_number": index + 1, "type": kind,
                   "database": databases.split(',').collect::<Vec<_>>(),
                   "user_name": users.split(',').collect::<Vec<_>>(),
                   "address": address, "netmask": netmask, "auth_method": method, "options": null, "error": null})
            .as_object()
            .unwrap()
            .clone()
        })
        .collect();
    let table = |rows: Value| Table {
        columns: Vec::new(),
        rows: rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.as_object().unwrap().clone())
            .collect(),
    };
    let raw = BTreeMap::from([
        (
            "rules".to_owned(),
            Table {
                columns: names(RAW),
                rows,
            },
        ),
        (
            "superusers".to_owned(),
            table(json!([{"role": "postgres"}, {"role": "root"}])),
        ),
        (
            "memberships".to_owned(),
            table(
                json!([{"member": "bob", "group": "staff"}, {"member": "root", "group": "ops"}, {"member": "ops", "group": "staff"}]),
            ),
        ),
        (
            "keyword-names".to_owned(),
            table(json!([{"name": "all", "kind": "role"}])),
        ),
        (
            "patterns".to_owned(),
            table(
                json!([{"pattern": "/^po", "superusers": ["postgres"], "catch_all": false},
                         {"pattern": "/^b", "superusers": [], "catch_all": false},
                         {"pattern": "/.", "superusers": ["postgres", "root"], "catch_all": true}]),
            ),
        ),
    ]);
    let catalog = Catalog::embedded().unwrap();
    let period = crate::assessment::Period {
        label: "2026".into(),
        from: "2026-01-01".parse().unwrap(),
        to: "2026-12-31".parse().unwrap(),
    };
    let context = Deriving {
        arguments: &Value::Null,
        catalog: &catalog,
        as_of: "2026-11-23T00:00:00Z".parse().unwrap(),
        period: &period,
        site: None,
        inputs: &BTreeMap::new(),
    };
    Hba.derive(&raw, &context).unwrap().rows
}

fn column(rows: &[Row], name: &str) -> Vec<Value> {
    rows.iter().map(|row| row[name].clone()).collect()
}

#[test]
fn addresses_reach_as_far_as_they_say() {
    for (address, reach) in [
        (Some("127.0.0.1/255.255.255.255"), "loopback"),
        (Some("::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "loopback"),
        (Some("10.1.0.0/255.255.0.0"), "private"),
        (Some("fd00::/ffff::"), "private"),
        (Some("fe80::1%eth0/ffff:ffff:ffff:ffff::"), "private"),
        (
            Some("::ffff:192.168.0.0/ffff:ffff:ffff:ffff:ffff:ffff:ffff:0"),
            "private",
        ),
        (Some("8.0.0.0/255.0.0.0"), "public"),
        (Some("10.0.0.0/254.0.0.0"), "public"),
        (Some("10.0.0.1/255.0.0.255"), "private"),
        (Some("0.0.0.0/0.0.0.0"), "any"),
        (Some("::/::"), "any"),
        (Some("all"), "any"),
        (Some("samehost"), "loopback"),
        (Some("samenet"), "private"),
        (Some("localhost"), "loopback"),
        (Some("db.example.com"), "unknown"),
        (Some(".example.com"), "unknown"),
    ] {
        let rows = derive(&[("host", "all", "all", address, "scram-sha-256")]);
        assert_eq!(rows[0]["reach"], json!(reach), "{address:?}");
    }
    let rows = derive(&[("local", "all", "all", None, "peer")]);
    assert_eq!(
        (&rows[0]["reach"], &rows[0]["remote"]),
        (&json!("none"), &json!(false))
    );
}

#[test]
fn tls_is_enforced_by_hostssl_alone() {
    let address = Some("10.0.0.0/255.0.0.0");
    let kinds = ["host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"];
    let rules: Vec<_> = kinds
        .iter()
        .map(|kind| (*kind, "all", "all", address, "scram-sha-256"))
        .collect();
    let rows = derive(&rules);
    assert_eq!(
        column(&rows, "tls_enforced"),
        [false, true, false, false, false].map(Value::from)
    );
    assert_eq!(
        column(&rows, "encrypted"),
        [false, true, false, true, false].map(Value::from)
    );
}

#[test]
fn a_rule_behind_a_wider_one_is_shadowed() {
    let net = Some("10.0.0.0/255.0.0.0");
    let part = Some("10.1.0.0/255.255.0.0");
    let shadow = |rules: &[_]| derive(rules).last().unwrap()["shadowed_by"].clone();
    let by_first = json!("pg_hba.conf:1");
    assert_eq!(
        shadow(&[
            ("host", "all", "all", net, "md5"),
            ("hostssl", "app", "bob", part, "cert")
        ]),
        by_first
    );
    assert_eq!(
        shadow(&[
            ("host", "all", "+staff", net, "md5"),
            ("host", "app", "bob", part, "cert")
        ]),
        by_first
    );
    assert_eq!(
        shadow(&[
            ("host", "all", "+staff", net, "md5"),
            ("host", "app", "+ops", part, "cert")
        ]),
        by_first
    );
    assert_eq!(
        shadow(&[
            ("host", "all", "all", Some("all"), "md5"),
            ("host", "all", "all", Some("db.x"), "cert")
        ]),
        by_first
    );
    for rules in [
        [
            ("hostssl", "all", "all", net, "md5"),
            ("host", "all", "all", net, "md5"),
        ],
        [
            ("host", "all", "all", part, "md5"),
            ("host", "all", "all", net, "md5"),
        ],
        [
            ("host", "all", "all", net, "md5"),
            ("host", "replication", "all", net, "md5"),
        ],
        [
            ("host", "all", "+staff", net, "md5"),
            ("host", "all", "/^b", net, "md5"),
        ],
        [
            ("host", "all", "/^b", net, "md5"),
            ("host", "all", "bob", net, "md5"),
        ],
        [
            ("local", "all", "all", None, "peer"),
            ("host", "all", "all", net, "md5"),
        ],
    ] {
        assert_eq!(shadow(&rules), Value::Null, "{rules:?}");
    }
}

#[test]
fn superusers_are_those_whom_earlier_rules_leave() {
    let net = Some("10.0.0.0/255.0.0.0");
    let rows = derive(&[
        ("host", "all", "postgres", net, "reject"),
        ("host", "all", "all", net, "scram-sha-256"),
        (
            "host",
            "all",
            "+staff",
            Some("192.168.0.0/255.255.0.0"),
            "scram-sha-256",
        ),
        (
            "host",
            "all",
            "/^po",
            Some("192.168.0.0/255.255.0.0"),
            "scram-sha-256",
        ),
    ]);
    assert_eq!(rows[0]["superusers"], json!([]));
    assert_eq!(rows[1]["superusers"], json!(["root"]));
    assert_eq!(
        rows[2]["superusers"],
        json!(["root"]),
        "root is in ops, and ops in staff"
    );
    assert_eq!(
        rows[3]["superusers"],
        json!(["postgres"]),
        "the server says whom a pattern matches"
    );
    let rows = derive(&[
        ("host", "all", "/^b", net, "md5"),
        ("host", "all", "/^po", net, "reject"),
        ("host", "all", "/.", net, "md5"),
    ]);
    assert_eq!(
        column(&rows, "superusers"),
        [json!([]), json!([]), json!(["root"])],
        "a rejection by a pattern takes whom it matches"
    );
    assert_eq!(column(&rows, "catch_all"), [json!([]), json!([]), json!(["/."])]);
}

#[test]
fn a_role_named_like_a_keyword_makes_rules_ambiguous() {
    let rows = derive(&[
        ("local", "all", "all", None, "peer"),
        ("local", "all", "bob", None, "peer"),
    ]);
    assert_eq!(column(&rows, "ambiguous"), [true, false].map(Value::from));
}
