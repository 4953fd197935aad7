//! Programs from their start to their end.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;

/// Writes a text of a memory to a descriptor, and ends.
const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\06\00\00\00")
    (data (i32.const 16) "hello\n")
    (func (export "_start")
        (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (call $exit (i32.const 1))))
        (call $exit (i32.load (i32.const 8)))))"#;

#[test]
fn executable_module_runs() {
    let machine = machine();
    let outcome = machine.run_text(HELLO);
    let expected = Outcome {
        status: exited(6),
        stdout: "hello\n".into(),
        stderr: String::new(),
    };
    assert_eq!(outcome, expected);
}

#[test]
fn program_that_returns_exits_with_zero() {
    let machine = machine();
    let outcome =
        machine.run_text(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    assert_eq!(outcome.status, exited(0));
}

fn fault(body: &str) -> Outcome {
    let machine = machine();
    machine.run_text(&format!(
        r#"(module (memory (export "memory") 1) (table 1 funcref) (type $void (func))
            (func $deep (call $deep)) (func (export "_start") {body}))"#
    ))
}

#[test]
fn trap_ends_the_process_like_a_signal_with_one_line() {
    let cases = [
        ("unreachable", Signal::SIGABRT, "aborted"),
        (
            "(drop (i32.load (i32.const 65536)))",
            Signal::SIGSEGV,
            "segmentation fault",
        ),
        (
            "(drop (i32.load (i32.const -4)))",
            Signal::SIGSEGV,
            "segmentation fault",
        ),
        (
            "(call $deep)",
            Signal::SIGSEGV,
            "segmentation fault (stack overflow)",
        ),
        (
            "(call_indirect (type $void) (i32.const 0))",
            Signal::SIGSEGV,
            "segmentation fault",
        ),
        (
            "(call_indirect (type $void) (i32.const 7))",
            Signal::SIGSEGV,
            "segmentation fault",
        ),
        (
            "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
            Signal::SIGFPE,
            "floating point exception",
        ),
        (
            "(drop (i32.trunc_f32_s (f32.const nan)))",
            Signal::SIGFPE,
            "floating point exception",
        ),
    ];
    for (body, signal, text) in cases {
        let outcome = fault(body);
        assert_eq!(
            outcome.status,
            ExitStatus::Signaled(signal, false),
            "{body}"
        );
        assert_eq!(outcome.stderr, format!("program: {text}\n"), "{body}");
        assert_eq!(outcome.stdout, "");
    }
}
