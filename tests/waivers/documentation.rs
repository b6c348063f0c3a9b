//! The page about waivers and profiles, run as a new user would.

use crate::support::{only_report, server, tried};

#[test]
fn every_command_of_the_page_works() {
    let cluster = server(&[]);
    let (workspace, said) = tried("waivers.md", &[("SERVER", &cluster.conninfo("postgres"))]);
    for expected in [
        "1 waivers are good",
        "signed by Ann Stone",
        "exit code 3",
        "0 of 1 waivers need somebody",
        "profile ours, for a target with the tags pci",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    let report = only_report(&workspace);
    for expected in ["Two named people have a shell", "by Ann Stone", "SEC"] {
        assert!(report.contains(expected), "{expected}");
    }
}
