//! Every command gives what the host's gives.

#[path = "../../cli/tests/harness.rs"]
mod harness;

use std::process::Command;

use harness::Harness;

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

fn names() -> Vec<String> {
    let output = Command::new(PROGRAM)
        .arg("--list")
        .output()
        .expect("the list of commands");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_manifest_names_all_commands() {
    let manifest = include_str!("../Cargo.toml");
    let list = manifest
        .split_once("names = [")
        .and_then(|(_, rest)| rest.split_once("\n]"))
        .expect("a list")
        .0;
    let mut listed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    listed.sort_unstable();
    assert_eq!(listed, names());
}

#[test]
fn find_and_xargs_do_what_the_hosts_do() {
    Harness::new(PROGRAM, &names()).compare(include_str!("cases/find.txt"), SETUP);
}

#[test]
fn diff_and_cmp_do_what_the_hosts_do() {
    Harness::new(PROGRAM, &names()).compare(include_str!("cases/diff.txt"), SETUP);
}

#[test]
fn process_commands_do_what_the_hosts_do() {
    Harness::new(PROGRAM, &names()).compare(include_str!("cases/process.txt"), SETUP);
}
