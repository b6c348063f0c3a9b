//! The page about attestations, run as a new user would.

use crate::support::{Workspace, page, text};

#[test]
fn every_command_of_the_page_works() {
    let workspace = Workspace::new();
    // 2026-11-23T09:00:00Z
    let output = page::run(
        &page::read("attestations.md"),
        workspace.folder.path(),
        "1795424400",
    );
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "missing       physical-server-room-access",
        "exit code 3",
        "statements are good",
        "attestor  valid by Ines Marten",
        "reviewer  valid by Tomas Reyes",
        "bundle ",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    let named: Vec<_> = crate::support::names(&workspace.path("bundles"));
    let folder = named.iter().find(|name| !name.ends_with(".zip")).unwrap();
    let report =
        std::fs::read_to_string(workspace.path(&format!("bundles/{folder}/report/report.md"))).unwrap();
    for expected in [
        "Ines Marten",
        "Signed by",
        "visit-2026-11.txt",
        "Which racks or cages hold our hardware",
    ] {
        assert!(report.contains(expected), "{expected}");
    }
}
