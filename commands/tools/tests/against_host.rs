//! Every command gives what the host's gives.

#[path = "../../cli/tests/harness/mod.rs"]
mod harness;

use harness::{Harness, assert_manifest_names_all};

const PROGRAM: &str = env!("CARGO_BIN_EXE_tools");

const SETUP: &str = "
    printf 'one\\ntwo\\nthree\\n' >lines; printf 'no newline' >partial; : >empty; seq 40 >numbers
    printf 'ein Stra\\303\\237enschild \\342\\202\\254\\n' >utf8
    mkdir -p src lib; echo 'int a;' >src/a.c; echo 'int b;' >src/b.c; echo x >in.txt
    touch -d '1 hour ago' src/* in.txt numbers lines
";

#[test]
fn the_manifest_names_all_commands() {
    assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}

#[test]
fn make_does_what_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("cases/make.txt"), SETUP);
}

#[test]
fn filters_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/filters.txt"), SETUP);
}
