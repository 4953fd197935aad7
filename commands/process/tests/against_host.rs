//! Every command gives what the host's gives.

#[path = "../../cli/tests/harness/mod.rs"]
mod harness;

use harness::{Harness, assert_manifest_names_all};

const PROGRAM: &str = env!("CARGO_BIN_EXE_process");

const SETUP: &str = "
    mkdir -p src/deep lib empty; printf 'a\\nb\\nc\\nd\\ne\\nf\\ng\\nh\\ni\\nj\\nk\\n' >old
    printf 'a\\nB\\nc\\nd\\ne\\nf\\ng\\nh\\ni\\nx\\nj\\nk\\nl\\n' >new; printf 'a b\\n' >sp1; printf 'a  b \\n' >sp2
    echo 1 >src/one.js; echo 22 >src/two.js; echo 333 >src/deep/three.JS; echo x >lib/four.txt
    : >src/nothing; ln -s src/one.js link; ln -s nowhere dangling; chmod 755 src/one.js; chmod 600 lib/four.txt
    printf 'one two\\nthree' >words; printf 'x\\0y z\\0' >nul; head -c 2000 /dev/zero >zeros; printf 'no end' >noend
    cp -r src src2; echo changed >src2/two.js; echo more >src2/extra; rm src2/nothing
    mkdir tree; mkdir tree/a tree/b; touch tree/a/1 tree/a/2 tree/b/3
    touch -d '2024-03-01 12:34:56 UTC' old new sp1 sp2 words; touch -d '2020-01-01 UTC' lib/four.txt
    touch -d '2024-02-01 00:00:00 UTC' src/one.js src/two.js src/deep/three.JS src2/two.js src2/extra src2/one.js
";

#[test]
fn the_manifest_names_all_commands() {
    assert_manifest_names_all(PROGRAM, include_str!("../Cargo.toml"));
}

#[test]
fn find_and_xargs_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/find.txt"), SETUP);
}

#[test]
fn diff_and_cmp_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/diff.txt"), SETUP);
}

#[test]
fn process_commands_do_what_the_hosts_do() {
    Harness::new(PROGRAM).compare(include_str!("cases/process.txt"), SETUP);
}

#[test]
fn parallel_does_what_gnu_parallel_does() {
    let setup = "seq 3 >lines";
    Harness::new(PROGRAM).compare(include_str!("cases/parallel.txt"), setup);
}
