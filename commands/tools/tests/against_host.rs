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

#[test]
fn yq_reads_yaml_as_the_hosts_does() {
    Harness::new(PROGRAM).compare(include_str!("cases/yq.txt"), YAML);
}

const YAML: &str = r#"
cat >all.yaml <<'END'
# A comment.
name: some name   # and another
a: {b: [1, 2.5, -3e2], 'c d': "x\ty"}
list:
- one
-   two: 2
    three: [3]
- - nested
  - list
- |
  literal
    text
- >-
  folded
  text

  here
- null
- ~
-
map:
  true: yes or no
  x: .5
  5: number
anchors:
  base: &base {p: 1, q: [2]}
  copy: *base
merge:
  <<: {p: 0, q: 2}
  p: 1
text: "\u00e9 \x41 \
  joined"
flow: [a, {b: c}, [], {}, "d, e"]
quoted: ['it''s', "say \"x\"", '1', "true"]
number: 12345678901234567890
END
printf -- 'n: 1\n---\nn: 2\n...\n---\nn: [3]\n' >two.yaml
printf '{"a": {"b": [1, "x\\u00e9"]}, "c": null}\n' >json.json
printf 'a:\n  b: x\n  c: 2\nlist:\n  - 1\n  - text: long one\n' >plain.yaml
printf 'a: [1\nb: }\n' >bad.yaml
"#;
