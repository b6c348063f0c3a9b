//! `host-firewall` against real rules of the kernel: a server in a network namespace of its own, and clients in another
//! one that really try to connect from several addresses, IPv4 and IPv6.
//!
//! Each test makes the namespaces and runs itself once more within the server's one, where it does its work.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub
)] // a test may stop on the first surprise

mod support;

#[path = "host_firewall/lab.rs"]
mod lab;
#[path = "host_firewall/random.rs"]
mod random;
#[path = "host_firewall/rulesets.rs"]
mod rulesets;

use lab::{Inside, run_inside};
use rulesets::{Expected, RULESETS};

#[test]
fn what_the_collector_says_is_what_the_kernel_does() {
    run_inside(
        "what_the_collector_says_is_what_the_kernel_does",
        inside::fixed_rulesets,
    );
}

#[test]
fn random_rules_are_decided_as_the_kernel_decides_them() {
    run_inside(
        "random_rules_are_decided_as_the_kernel_decides_them",
        inside::random_rulesets,
    );
}

#[test]
fn each_control_raises_its_exception_and_only_then() {
    run_inside(
        "each_control_raises_its_exception_and_only_then",
        inside::controls,
    );
}

#[test]
fn without_rights_or_programs_nothing_is_concluded() {
    run_inside("without_rights_or_programs_nothing_is_concluded", inside::unseen);
}

#[test]
fn ufw_is_read_from_the_kernel() {
    run_inside("ufw_is_read_from_the_kernel", inside::ufw);
}

mod inside {
    use super::*;

    /// For each ruleset: the decision for each source is what a connection attempt shows, and it is a decision.
    pub fn fixed_rulesets() {
        let Some(mut inside) = Inside::enter("*", lab::OPEN_HBA) else {
            return;
        };
        assert!(RULESETS.len() >= 25);
        let mut problems = Vec::new();
        for ruleset in RULESETS {
            inside.load(ruleset.program, ruleset.rules);
            let rows = inside.rows();
            let reached = inside.reached(&rows);
            let undecided = match ruleset.expected {
                Expected::Reached(_) => false,
                Expected::Undecided => true,
                Expected::Perhaps(_) => lab::any_undecided(&rows),
            };
            let mut found = lab::compare(&rows, &reached, undecided);
            let named: Vec<&str> = reached
                .iter()
                .filter(|one| one.1)
                .map(|one| one.0.as_str())
                .collect();
            if let Expected::Reached(expected) | Expected::Perhaps(expected) = ruleset.expected
                && named != expected
            {
                found.push(format!("{named:?} connect, {expected:?} should"));
            }
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{}: {problem}", ruleset.name)),
            );
            inside.flush();
        }
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    pub fn random_rulesets() {
        let Some(mut inside) = Inside::enter("*", lab::OPEN_HBA) else {
            return;
        };
        let number = |name: &str, default| {
            std::env::var(name)
                .ok()
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        let (count, seed) = (number("FIREWALL_CASES", 60), number("FIREWALL_SEED", 1));
        let (mut loaded, mut decided) = (0, 0);
        for case in seed * 1_000_000..seed * 1_000_000 + count {
            let ruleset = random::ruleset(case);
            if !inside.try_load(&ruleset) {
                inside.flush();
                continue;
            }
            loaded += 1;
            let rows = inside.rows();
            let open = lab::any_undecided(&rows);
            decided += u64::from(!open);
            let reached = inside.reached(&rows);
            let found = lab::compare(&rows, &reached, open);
            assert!(
                found.is_empty(),
                "case {case}:
{ruleset}{}",
                found.join(
                    "
"
                )
            );
            inside.flush();
        }
        assert!(loaded * 10 >= count * 9, "{loaded} of {count} are rules at all");
        assert!(decided * 10 >= loaded * 8, "{decided} of {loaded} are decided");
    }

    pub fn controls() {
        let hba = "local all all trust\nhost all all 10.77.0.0/24 scram-sha-256\nhost all all fd77::/64 scram-sha-256\n";
        let Some(mut inside) = Inside::enter("*", hba) else {
            return;
        };
        let strict = "table inet f { chain i { type filter hook input priority 0; policy drop;\n iif lo accept\n\
                      ct state established,related accept\n icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n\
                      ip saddr 10.77.0.0/24 tcp dport $P accept\n ip6 saddr fd77::/64 tcp dport $P accept\n } }";
        let all = [
            "firewall-restricts-port",
            "firewall-no-wider-than-hba",
            "firewall-no-public-reach",
            "firewall-covers-ipv6",
        ];
        for (rules, expected) in [
            (strict.to_owned(), vec![]),
            (String::new(), vec![all[0], all[1], all[2]]),
            (strict.replace("10.77.0.0/24", "10.0.0.0/8"), vec![all[1]]),
            (
                strict.replace("10.77.0.0/24", "{ 10.77.0.0/24, 192.0.2.0/24 }"),
                vec![all[1], all[2]],
            ),
            (
                strict.replace("ip6 saddr fd77::/64 tcp", "meta nfproto ipv6 tcp"),
                all.to_vec(),
            ),
            (
                strict.replace(
                    "ip6 saddr fd77::/64 tcp",
                    "ip6 saddr { fd77::/64, fd88::/64 } tcp",
                ),
                vec![all[1]],
            ),
        ] {
            inside.load("nft", &rules);
            let findings = inside.findings();
            for control in all {
                let status = findings[control]["status"].as_str().unwrap();
                let raised = status == "not-satisfied";
                assert!(
                    raised || ["satisfied", "not-applicable"].contains(&status),
                    "{control}: {status}"
                );
                assert_eq!(
                    raised,
                    expected.contains(&control),
                    "{control} with\n{rules}\n{}",
                    findings[control]
                );
            }
            inside.flush();
        }
        // Loopback alone is no matter of a packet filter.
        drop(inside);
        let mut inside = Inside::enter("localhost", hba).unwrap();
        let findings = inside.findings();
        for control in all {
            let status = findings[control]["status"].as_str().unwrap();
            assert!(
                ["satisfied", "not-applicable"].contains(&status),
                "{control}: {status}"
            );
        }
        drop(inside);
        // A name in pg_hba.conf stands for nobody knows whom.
        let mut inside =
            Inside::enter("*", &format!("{hba}host all all db.example.com scram-sha-256\n")).unwrap();
        inside.load("nft", strict);
        let findings = inside.findings();
        assert_eq!(findings[all[1]]["status"], "not-evaluated");
        assert!(
            findings[all[1]]["reason"]
                .as_str()
                .unwrap()
                .contains("db.example.com")
        );
        assert_eq!(findings[all[0]]["status"], "satisfied");
    }

    /// Rules that cannot be read are never taken for none.
    pub fn unseen() {
        let Some(mut inside) = Inside::enter("*", lab::OPEN_HBA) else {
            return;
        };
        for (who, remedy) in [
            (
                lab::Who::Nobody,
                "run pgdossier as root there, or add what `pgdossier commands --sudoers` prints",
            ),
            (lab::Who::Without("nft"), "install nftables on the host"),
            (lab::Who::Without("ss"), "install the package iproute2"),
            (lab::Who::Elsewhere, "nsenter --net --target"),
        ] {
            let findings = inside.findings_as(who);
            let finding = &findings["firewall-restricts-port"];
            assert_eq!(finding["status"], "not-evaluated", "{who:?} {finding}");
            assert!(
                finding["missing"].to_string().contains(remedy),
                "{who:?} {finding}"
            );
        }
        // Old rules that nothing on the host can print.
        inside.load("iptables-legacy", "-A INPUT -p tcp --dport $P -j DROP");
        let findings = inside.findings_as(lab::Who::Without("iptables-legacy-save"));
        let finding = &findings["firewall-restricts-port"];
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
        assert!(
            finding["missing"].to_string().contains("iptables-legacy-save"),
            "{finding}"
        );
    }

    pub fn ufw() {
        let Some(mut inside) = Inside::enter("*", lab::OPEN_HBA) else {
            return;
        };
        let Some(_active) = lab::Ufw::enable(inside.port()) else {
            panic!("ufw is not installed: scripts/install-test-needs installs it");
        };
        let rows = inside.rows();
        let found = lab::compare(&rows, &inside.reached(&rows), false);
        assert!(
            found.is_empty(),
            "{}",
            found.join(
                "
"
            )
        );
        for row in &rows {
            assert_eq!(row["manager"], "ufw", "{row}");
            assert_eq!(row["policy"], "drop", "{row}");
        }
        inside.flush();
    }
}
