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

/// Asks for more memory than there can be in a process of its own.
#[test]
fn in_the_hungry_child() {
    if let Some(name) = std::env::var_os(HUNGRY) {
        secure_exec_sys::report_panics(name.to_string_lossy());
        let bytes: Vec<u8> = Vec::with_capacity(isize::MAX as usize);
        panic!("there was memory for {}", bytes.capacity());
    }
}

/// Set to the name of a command in the process that asks for memory.
const HUNGRY: &str = "SECURE_EXEC_TEST_HUNGRY";

#[test]
fn a_command_without_memory_ends_as_the_gnu_tool_does() {
    for (name, status) in [
        ("grep", 2),
        ("awk", 2),
        ("sed", 4),
        ("sort", 2),
        ("uniq", 1),
        ("timeout", 125),
    ] {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "in_the_hungry_child", "--nocapture"])
            .env(HUNGRY, name)
            .output()
            .expect("the program runs");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(
            messages.contains(&format!("{name}: memory exhausted\n")),
            "{messages}"
        );
        assert_eq!(output.status.code(), Some(status), "{name}");
    }
}
