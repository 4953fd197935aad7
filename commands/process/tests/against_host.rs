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

#[test]
fn file_says_what_libmagic_says() {
    let texts = include_str!("cases/file-setup.sh");
    Harness::new(PROGRAM).compare(include_str!("cases/file.txt"), texts);
    Harness::new(PROGRAM).compare(include_str!("cases/file-options.txt"), texts);
    let others = include_str!("cases/file-binary.sh");
    Harness::new(PROGRAM).compare(include_str!("cases/file.txt"), others);
}

#[test]
fn diff3_and_sdiff_do_what_gnus_do() {
    let setup = "
        printf 'a\\nb\\nc\\nd\\ne\\nf\\ng\\nh\\n' >older; printf 'a\\nB\\nc\\nd\\ne\\nf\\ng\\nh\\ni\\n' >mine
        printf 'a\\nX\\nY\\nc\\nd\\nE\\n.\\nf\\nh\\n' >yours; printf 'a\\nb\\nc\\nd\\ne\\nF\\ng\\nh' >open; : >nothing
        printf 'a\\n.x\\n.\\nz\\nc\\nd\\ne\\n' >periods; printf 'a\\nb\\nc\\n.\\ne\\nf\\ng\\nh\\n' >period
        printf 'a\\r\\nB\\r\\nc\\r\\nd\\re\\n' >cr; printf 'a\\n\\nB\\n\\nc\\nd  e\\nf\\n' >spaced; printf 'a\\0\\nb\\n' >binary
        cat >make-random <<'END'
BEGIN {
    srand(s); n = int(rand() * 14)
    for (i = 0; i < n; i++) base[i] = substr(\"abcde.\", 1 + int(rand() * 6), 1)
    for (f = 1; f <= 3; f++) {
        out = \"r\" f; printf \"\" >out
        for (i = 0; i < n; i++) {
            r = rand()
            if (r < 0.15) print \"x\" int(rand() * 2) >out
            if (r < 0.85 || f == 2) printf \"%s%s\", base[i], (i == n - 1 && rand() < 0.2) ? \"\" : \"\\n\" >out
        }
        close(out)
    }
}
END
    ";
    Harness::new(PROGRAM).compare(include_str!("cases/diff3.txt"), setup);
}
