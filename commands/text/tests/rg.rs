//! What rg 13 of the host gets wrong over lines, and later releases get right: replacing, counting and ending there.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

const TEXT: &str = "one\nfoo\nbar foo\nbar\nfoo bar\nend foo\nbar\n";

/// Status and output of rg with `arguments` and [`TEXT`] as its input.
fn rg(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_text"))
        .arg0("rg")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(TEXT.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

#[test]
fn matches_over_lines_are_replaced() {
    let expected = "2:X X\n6:end X\n".to_owned();
    assert_eq!(rg(&["-Un", "-r", "X", "foo\\nbar"]), (Some(0), expected));
    let expected = "<foo>\n<foo>\n<foo>\n".to_owned();
    let arguments = ["-Uo", "-r", "<$1>", "(foo)\\nbar"];
    assert_eq!(rg(&arguments), (Some(0), expected));
    let expected = "one\nX X\nfoo bar\nend X\n".to_owned();
    let arguments = ["-U", "--passthru", "-r", "X", "foo\\nbar"];
    assert_eq!(rg(&arguments), (Some(0), expected));
}

#[test]
fn lines_without_a_match_are_counted() {
    assert_eq!(rg(&["-Uvc", "foo\\nbar"]), (Some(0), "3\n".to_owned()));
    let expected = "one\nbar\nfoo bar\n".to_owned();
    assert_eq!(rg(&["-Uv", "foo\\nbar"]), (Some(0), expected));
    let arguments = ["-Uv", "--count-matches", "-H", "foo\\nbar"];
    assert_eq!(rg(&arguments), (Some(0), "<stdin>:3\n".to_owned()));
    let arguments = ["-Uvc", "(?s).*"];
    assert_eq!(rg(&arguments), (Some(1), String::new()));
}

#[test]
fn the_number_of_matches_is_limited() {
    let expected = "foo\nbar foo\n".to_owned();
    assert_eq!(rg(&["-Um1", "foo\\nbar"]), (Some(0), expected));
}

#[test]
fn a_file_without_matches_counts_as_searched() {
    let (status, text) = rg(&["--json", "nosuch"]);
    assert_eq!(status, Some(1));
    assert!(text.contains("\"searches\":1,\"searches_with_match\":0"));
}
