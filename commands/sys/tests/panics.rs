//! What a command says of a fault of its own.

use std::process::Command;

/// Set in the process that panics.
const CHILD: &str = "SECURE_EXEC_TEST_PANIC";

/// Panics in a process of its own; in the test run itself it does nothing.
#[test]
fn in_the_child() {
    if std::env::var_os(CHILD).is_some() {
        secure_exec_sys::report_panics("demo");
        panic!("what {} wrong", "went");
    }
}

#[test]
fn a_panic_is_reported_without_its_place() {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "in_the_child", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .expect("the program runs");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(
        messages.contains("demo: internal error: what went wrong\n"),
        "{messages}"
    );
    assert!(!messages.contains("panics.rs"), "{messages}");
    assert!(!output.status.success());
}
