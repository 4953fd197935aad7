//! The line editor gives what the host's gives.

#[path = "../../cli/tests/harness/mod.rs"]
mod harness;

use harness::{Harness, assert_manifest_names_all};

const PROGRAM: &str = env!("CARGO_BIN_EXE_text");

const SETUP: &str = "printf 'one\\ntwo\\nthree\\n' >f; printf 'part' >partial; seq 12 >n";

#[test]
fn ed_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("cases/ed.txt"), SETUP);
}

#[test]
fn the_manifest_names_all_commands() {
    assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}
