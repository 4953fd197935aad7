//! Makefiles that lead to themselves end make with a message, not with its stack.

use std::io::Write;
use std::process::{Command, Stdio};

fn make(makefile: &str) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tools"))
        .args(["make", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("make starts");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(makefile.as_bytes()).expect("make reads");
    drop(input);
    let output = child.wait_with_output().expect("make ends");
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), messages)
}

#[test]
fn what_leads_too_deep_is_refused() {
    let nested = format!(
        "X = {}a{}\nall:;@echo $(X)\n",
        "$(".repeat(3000),
        ")".repeat(3000)
    );
    let chain: String = (1..3000)
        .map(|at| format!("t{at}: t{}\n", at + 1))
        .collect();
    for makefile in [
        "f = $(call f,x)\nall:;@echo $(call f,1)\n",
        "define R\n$(eval $(value R))\nendef\n$(eval $(value R))\n",
        &nested,
        &chain,
    ] {
        let (status, messages) = make(makefile);
        assert_eq!(status, Some(2), "{messages}");
        assert!(messages.contains(" too deep"), "{messages}");
    }
}
