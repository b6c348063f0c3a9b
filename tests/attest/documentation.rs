//! The page about attestations, run as a new user would.

use crate::support::{only_report, tried};

#[test]
fn every_command_of_the_page_works() {
    let (workspace, said) = tried("attestations.md", &[]);
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
    let report = only_report(&workspace);
    for expected in [
        "Ines Marten",
        "Signed by",
        "visit-2026-11.txt",
        "Which racks or cages hold our hardware",
    ] {
        assert!(report.contains(expected), "{expected}");
    }
}
