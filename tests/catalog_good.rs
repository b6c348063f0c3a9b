//! What is in order is never raised: no false alarm on a real server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod catalog;
mod support;

use catalog::{Block, blocks_in};
use support::{Assessed, Workspace};

fn nothing_good_is_raised(server: &str, major: u32) {
    let all = blocks_in("good", "never");
    let here: Vec<&Block> = all
        .iter()
        .filter(|block| block.one("server").unwrap_or("new") == server)
        .collect();
    let cluster = catalog::start(major, &[], &here);
    let workspace = Workspace::new();
    let assessed = Assessed::new(
        workspace
            .assess()
            .args(["--profile", "strict", &cluster.conninfo("postgres")])
            .output()
            .unwrap(),
    );
    let mut raised = Vec::new();
    for block in here {
        let control = block.one("never").unwrap();
        let finding = assessed.finding(control);
        assert_ne!(finding["status"], "not-evaluated", "{finding}");
        let about = block.one("about").unwrap_or("");
        for exception in finding["exceptions"].as_array().unwrap() {
            let text = exception["text"].as_str().unwrap();
            if text.contains(about) {
                raised.push(format!("{control}: {text}"));
            }
        }
    }
    assert!(raised.is_empty(), "{}", raised.join("\n"));
}

#[test]
fn on_postgresql_17() {
    nothing_good_is_raised("new", 17);
}

#[test]
fn on_postgresql_13() {
    nothing_good_is_raised("old", 13);
}

#[test]
fn on_a_server_without_tcp() {
    nothing_good_is_raised("silent", 17);
}

#[test]
fn on_a_strict_server() {
    nothing_good_is_raised("strict", 18);
}
