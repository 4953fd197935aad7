//! Every command gives what the host's gives.

#[path = "../../cli/tests/harness/mod.rs"]
mod harness;
mod layout;

use harness::{Harness, assert_manifest_names_all};

const PROGRAM: &str = env!("CARGO_BIN_EXE_coreutils");

const SETUP: &str = "
    printf 'one\\ntwo\\nthree\\nfour\\n' >lines
    printf 'b 2\\na 10\\nc 1\\n' >table
    printf 'banana\\napple\\ncherry\\napple\\n' >fruit
    printf 'no newline' >partial
    printf 'a\\tb\\tc\\n1\\t2\\t3\\n' >tabs
    : >empty; mkdir -p dir/sub; echo inner >dir/inner; echo deep >dir/sub/deep; echo hidden >.hidden
    ln -s lines link; ln -s nowhere dangling; ln -s dir dirlink; mkfifo fifo; ln lines hard
    echo '#!/bin/sh' >script; chmod 755 script; chmod 4755 fruit; chmod 600 partial; mkdir -m 1777 sticky
    head -c 3000 /dev/zero >zeros; echo 'with space' >'a b'
    touch -d '2024-03-01 12:34:56 UTC' lines table fruit partial tabs empty zeros script 'a b' .hidden
    touch -d '2024-02-01 00:00:00 UTC' dir dir/inner dir/sub dir/sub/deep sticky fifo
    touch -h -d '2024-01-01 00:00:00 UTC' link dangling dirlink
";

#[test]
fn the_manifest_names_all_commands() {
    assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}

#[test]
fn text_commands_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/text.txt"), SETUP);
}

#[test]
fn file_commands_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/files.txt"), SETUP);
}

#[test]
fn other_commands_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/system.txt"), SETUP);
}
