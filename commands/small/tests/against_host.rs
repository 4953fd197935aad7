//! Every command gives what the host's gives.

#[path = "../../cli/tests/harness/mod.rs"]
mod harness;

use harness::{Harness, assert_manifest_names_all};

const PROGRAM: &str = env!("CARGO_BIN_EXE_small");

const SETUP: &str = "
    printf 'one\\ntwo\\nthree\\n' >lines; printf 'no newline' >partial; : >empty
    head -c 70 /dev/zero >zeros; seq 40 >numbers; printf '\\001\\002text here\\000ab\\000more text\\377x' >binary
    printf 'name:age:city\\nann:3:Oslo\\nbartholomew:41:Rome\\n:7:\\n' >table
";

#[test]
fn the_manifest_names_all_commands() {
    assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}

#[test]
fn filters_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/filters.txt"), SETUP);
}

#[test]
fn dc_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("cases/dc.txt"), SETUP);
}

#[test]
fn bc_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("cases/bc.txt"), SETUP);
}
