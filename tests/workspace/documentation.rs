//! The page about workspaces, run as a new user would.

use crate::AUTUMN;
use crate::support::{names, page, server, text};

#[test]
fn every_command_of_the_page_works() {
    let page = page::read("workspace.md");
    let cluster = server(&[]);
    let example = "host=db1.example.com dbname=postgres user=pgdossier sslmode=verify-full";
    assert!(
        page.matches(example).count() >= 2,
        "the page's example has changed"
    );
    let folder = tempfile::tempdir().unwrap();
    let page = page.replace(example, &cluster.tcp_conninfo("postgres"));
    let output = page::run(&page, folder.path(), AUTUMN, &[]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "physical-locked-racks              physical-locked-racks",
        "exit code 3",
        "attestor  valid by Ines Marten",
        "continuing the series after bundles/2026-Q4-example-ag-20261123T090000Z",
        "13. requirements of the policy: ok",
        "cloud-soc2-2026",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    assert_eq!(said.matches("\nvalid; time not proven").count(), 3, "{said}");
    let report = |workspace: &str, period: &str| {
        let bundles = folder.path().join(workspace).join("bundles");
        let named = names(&bundles);
        let found = named
            .iter()
            .find(|name| name.starts_with(period) && !name.ends_with(".zip"));
        std::fs::read_to_string(bundles.join(found.unwrap()).join("report/report.md")).unwrap()
    };
    let colocation = report("shop", "2027-Q1");
    assert!(
        colocation.contains("Ines Marten") && colocation.contains("rack 14"),
        "{colocation}"
    );
    let cloud = report("cloud", "2026-Q4");
    assert!(
        cloud.contains("Example Cloud") && cloud.contains("on a cloud provider"),
        "{cloud}"
    );
}
