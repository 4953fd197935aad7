//! What comes out as YAML, in the style of mikefarah's yq; what of that program's language jq has not. The host's `jq` runs it.

use std::io::Write;
use std::process::{Command, Stdio};

fn yq(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tools"))
        .arg("yq")
        .args(arguments)
        .env("SECURE_EXEC_YQ", "12")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("yq starts");
    let mut stdin = child.stdin.take().expect("an input");
    // Not all of what is tested reads it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("yq ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn has_jq() -> bool {
    let found = Command::new("jq").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: jq is not there");
    }
    found
}

const YAML: &str =
    "a:\n  b: text\n  c-d: [1, '2', yes, null, 0644, 1.10]\nlist:\n- x: 1\n  y: {}\n- - p\n  - q\n";

#[test]
fn yaml_is_written_as_mikefarahs_yq_does() {
    if !has_jq() {
        return;
    }
    for (arguments, wanted) in [
        (
            &["."][..],
            "a:\n  b: text\n  c-d:\n    - 1\n    - \"2\"\n    - \"yes\"\n    - null\n    - 0644\n    - 1.10\nlist:\n  - x: 1\n    y: {}\n  - - p\n    - q\n",
        ),
        (&[".a.b"], "text\n"),
        (&["e", ".a.c-d[1]", "-"], "2\n"),
        (&["--unwrapScalar=false", ".a.c-d[1]"], "\"2\"\n"),
        (
            &["-o", "json", ".list[0]"],
            "{\n  \"x\": 1,\n  \"y\": {}\n}\n",
        ),
        (&["-o=json", "-I", "0", ".list[0]"], "{\"x\":1,\"y\":{}}\n"),
        (&["-j", "-r", ".a.b"], "text\n"),
        (&[".list[]"], "x: 1\ny: {}\n- p\n- q\n"),
        (&[".list[] | select(.x? == 1) | .x"], "1\n"),
        (&[".a.b = \"m: n\" | .a.b"], "m: n\n"),
        (
            &[".z.new[1] = strenv(SECURE_EXEC_YQ) | .z"],
            "new:\n  - null\n  - \"12\"\n",
        ),
        (&["env(SECURE_EXEC_YQ) + 1"], "13\n"),
        (
            &[
                "-P",
                ".a | {\"k\": \"line\\nmore\\n\", \"e\": \"\", \"s\": \" x\", \"h\": \"a #b\", \"d\": \"- x\"}",
            ],
            "k: |\n  line\n  more\ne: \"\"\ns: ' x'\nh: 'a #b'\nd: '- x'\n",
        ),
        (
            &["[.a.b | upcase, tag] | sort_keys(.)"],
            "- TEXT\n- '!!str'\n",
        ),
    ] {
        // jq 1.6, which a host may have, gives `1.10` another form.
        let (status, output, errors) = yq(arguments, YAML);
        assert_eq!(
            (
                status,
                output.replace("    - 1.1\n", "    - 1.10\n").as_str()
            ),
            (Some(0), wanted),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn documents_are_told_apart_and_merged() {
    if !has_jq() {
        return;
    }
    let two = "a: {x: 1}\n---\na: {y: 2}\n";
    for (arguments, wanted) in [
        (&[".a"][..], "x: 1\n---\ny: 2\n"),
        (&["-N", ".a"], "x: 1\ny: 2\n"),
        (
            &["ea", "select(fi == 0) * select(fileIndex == 1)"],
            "a:\n  x: 1\n  y: 2\n",
        ),
        (
            &["eval-all", ". as $item ireduce ({}; . * $item)"],
            "a:\n  x: 1\n  y: 2\n",
        ),
        (&["ea", ".a"], "x: 1\n---\ny: 2\n"),
        (&["-p", "json", "-o", "yaml", "."], "a:\n  b: 1\n"),
    ] {
        let input = if arguments[0] == "-p" {
            "{\"a\": {\"b\": 1}}"
        } else {
            two
        };
        let (status, output, errors) = yq(arguments, input);
        assert_eq!(
            (status, output.as_str()),
            (Some(0), wanted),
            "{arguments:?}: {errors}"
        );
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    if !has_jq() {
        return;
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(0..8).fold(String::new(), |text, at| {
            let (name, of) = (char::from(b'b' + at), char::from(b'a' + at));
            let alias = format!("*{of},").repeat(10);
            text + &format!("{name}: &{name} [{alias}]\n")
        });
    let deep = "[".repeat(5000);
    for (arguments, input, message) in [
        (&["."][..], bomb.as_str(), "aliases make more than"),
        (&["."], deep.as_str(), "bad file '-'"),
        (&["-o", "xml", "."], "a: 1", "is not supported"),
        (&["."], "a: [1\nb: }", "bad file '-'"),
        (&["."], "? {a: 1}\n: 2\n", "a key that is no scalar"),
        (&["."], "a: &x [*x]\n", ""),
        (&["-i", ".", "-"], "a: 1", "inplace"),
        (&["load(\"nosuch\")"], "a: 1", "nosuch"),
    ] {
        let (status, output, errors) = yq(arguments, input);
        assert_ne!(status, Some(0), "{arguments:?}: {output}");
        assert!(
            errors.contains(message) && !errors.contains("panicked"),
            "{arguments:?}: {errors}"
        );
    }
    let (status, output, errors) = yq(&["."], "a: !Ref x\n");
    assert_eq!((status, output.as_str()), (Some(0), "a: x\n"));
    assert!(errors.contains("the tag !Ref is not kept"), "{errors}");
}
