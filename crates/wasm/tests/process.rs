//! Programs that start, copy, replace, kill and wait for others.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use secure_exec_wasm::*;
use std::time::Duration;

/// Imports and helpers of the programs here. `$fail` ends with the error number it is given, unless it is 0.
fn ours(body: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "secure_exec" "proc_fork_call" (func $fork (param i32 i32 i32) (result i32)))
        (import "secure_exec" "proc_wait" (func $wait (param i32 i32 i32 i32) (result i32)))
        (import "secure_exec" "proc_exec" (func $exec (param i32 i32) (result i32)))
        (import "secure_exec" "proc_spawn" (func $spawn (param i32 i32 i32) (result i32)))
        (import "secure_exec" "proc_getpid" (func $getpid (result i32)))
        (import "secure_exec" "proc_kill" (func $kill (param i32 i32) (result i32)))
        (import "secure_exec" "fd_pipe" (func $pipe (param i32 i32) (result i32)))
        (import "secure_exec" "sig_action" (func $sig_action (param i32 i32 i32) (result i32)))
        (import "secure_exec" "sig_take" (func $sig_take (result i32)))
        (memory (export "memory") 4)
        (table (export "__indirect_function_table") 4 funcref)
        (type $entry (func (param i32) (result i32)))
        (global $stack (mut i32) (i32.const 1111))
        (global $wide (mut i64) (i64.const 0))
        (func (export "secure_exec_fork_entry") (param i32 i32) (result i32)
            (call_indirect (type $entry) (local.get 1) (local.get 0)))
        (func $fail (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
        (func $print (param i32 i32)
            (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
            (call $fail (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func $read_one (param i32) (result i32)
            (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1))
            (call $fd_read (local.get 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        {body})"#
    )
}

#[test]
fn forked_child_has_a_copy_of_memory_globals_and_descriptors() {
    let machine = machine();
    let text = ours(
        r#"(data (i32.const 100) "child\n")
        (elem (i32.const 1) $child)
        (func $child (param i32) (result i32)
            (if (i32.ne (i32.load (i32.const 70000)) (i32.const 5)) (then (return (i32.const 91))))
            (if (i32.ne (global.get $stack) (i32.const 2222)) (then (return (i32.const 92))))
            (if (i64.ne (global.get $wide) (i64.const -7)) (then (return (i32.const 93))))
            (if (i32.ne (memory.size) (i32.const 6)) (then (return (i32.const 94))))
            (if (i32.load (i32.const 300000)) (then (return (i32.const 95))))
            (i32.store (i32.const 70000) (i32.const 6))
            (global.set $stack (i32.const 3333))
            (call $print (i32.const 100) (i32.const 6))
            (local.get 0))
        (func (export "_start")
            (drop (memory.grow (i32.const 2)))
            (i32.store (i32.const 70000) (i32.const 5))
            (global.set $stack (i32.const 2222))
            (global.set $wide (i64.const -7))
            (call $fail (call $fork (i32.const 1) (i32.const 42) (i32.const 20)))
            (call $fail (call $wait (i32.load (i32.const 20)) (i32.const 0) (i32.const 24) (i32.const 28)))
            (if (i32.ne (i32.load (i32.const 20)) (i32.load (i32.const 24))) (then (call $exit (i32.const 81))))
            (if (i32.ne (i32.load (i32.const 70000)) (i32.const 5)) (then (call $exit (i32.const 82))))
            (if (i32.ne (global.get $stack) (i32.const 2222)) (then (call $exit (i32.const 83))))
            (call $exit (i32.shr_u (i32.load (i32.const 28)) (i32.const 8))))"#,
    );
    let outcome = machine.run_text(&text);
    assert_eq!(
        (outcome.status, outcome.stdout.as_str()),
        (exited(42), "child\n")
    );
}

#[test]
fn child_that_traps_does_not_harm_its_parent() {
    let machine = machine();
    let text = ours(
        r#"(elem (i32.const 1) $child)
        (func $child (param i32) (result i32) unreachable)
        (func (export "_start")
            (call $fail (call $fork (i32.const 1) (i32.const 0) (i32.const 20)))
            (call $fail (call $wait (i32.const -1) (i32.const 0) (i32.const 24) (i32.const 28)))
            (call $exit (i32.load (i32.const 28))))"#,
    );
    let outcome = machine.run_text(&text);
    assert_eq!(outcome.status, exited(6), "aborted, without a core");
    assert_eq!(outcome.stderr, "program: aborted\n");
}

#[test]
fn module_without_an_entry_for_copies_cannot_fork() {
    let machine = machine();
    let outcome = machine.run_text(
        r#"(module
        (import "secure_exec" "proc_fork_call" (func $fork (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start") (call $exit (call $fork (i32.const 0) (i32.const 0) (i32.const 0)))))"#,
    );
    assert_eq!(outcome.status, exited(52), "nosys");
}

/// A request to run `/usr/bin/other` with the argument `x`.
const OTHER: &str = r#"(data (i32.const 200) "\00\00\00\00\00\00\00\00\0e\00\00\00/usr/bin/other\02\00\00\00\05\00\00\00other\01\00\00\00x\00\00\00\00\00\00\00\00\00\00\00\00")"#;
const OTHER_LENGTH: u32 = 12 + 14 + 4 + 9 + 5 + 12;

/// A program that prints its arguments' size and exits with 3.
const COUNTER: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (call $exit (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.load (i32.const 4))))))"#;

#[test]
fn exec_goes_on_with_another_program() {
    let machine = machine();
    machine.install_text("/usr/bin/other", COUNTER);
    let body = format!(
        r#"{OTHER} (func (export "_start")
            (call $fail (call $exec (i32.const 200) (i32.const {OTHER_LENGTH})))
            (call $exit (i32.const 99)))"#
    );
    machine.install_text("/usr/bin/program", &ours(&body));
    let running = machine.spawn(&["program"]);
    let pid = running.process.pid();
    let outcome = running.finish();
    assert_eq!(outcome.status, exited(28));
    machine.ended(pid);
    assert_eq!(
        *machine.events.ended.lock(),
        [pid],
        "one end for both programs"
    );
}

#[test]
fn spawned_program_is_waited_for() {
    let machine = machine();
    machine.install_text("/usr/bin/other", COUNTER);
    let body = format!(
        r#"{OTHER} (func (export "_start")
            (call $fail (call $spawn (i32.const 200) (i32.const {OTHER_LENGTH}) (i32.const 20)))
            (call $fail (call $wait (i32.load (i32.const 20)) (i32.const 0) (i32.const 24) (i32.const 28)))
            (call $exit (i32.shr_u (i32.load (i32.const 28)) (i32.const 8))))"#
    );
    assert_eq!(machine.run_text(&ours(&body)).status, exited(28));
}

/// Prints a line and then runs `body`.
fn announced(body: &str) -> String {
    ours(&format!(
        r#"(data (i32.const 100) "ready\n")
        (func (export "_start")
            (call $fail (call $sig_action (i32.const 10) (i32.const 2) (i32.const 20)))
            (call $print (i32.const 100) (i32.const 6))
            {body})"#
    ))
}

#[test]
fn kill_ends_a_loop_and_a_wait() {
    let machine = machine();
    let bodies = [
        "(loop $l (br $l))",
        "(loop $l (drop (call $getpid)) (br $l))",
        "(drop (call $read_one (i32.const 0)))",
    ];
    for body in bodies {
        machine.install_text("/usr/bin/program", &announced(body));
        let running = machine.spawn(&["program"]);
        assert_eq!(running.line(), "ready");
        let pid = running.process.pid();
        running.kill(Signal::SIGKILL);
        machine.ended(pid);
        assert_eq!(
            running.finish().status,
            ExitStatus::Signaled(Signal::SIGKILL, false)
        );
    }
}

#[test]
fn caught_signal_interrupts_a_read() {
    let machine = machine();
    let body = r#"(if (i32.ne (call $read_one (i32.const 0)) (i32.const 27)) (then (call $exit (i32.const 1))))
        (call $exit (call $sig_take))"#;
    machine.install_text("/usr/bin/program", &announced(body));
    let running = machine.spawn(&["program"]);
    // Kept open, so that the read has nothing to return but the signal.
    let stdin = running.stdin.clone();
    assert_eq!(running.line(), "ready");
    running.kill(Signal::SIGUSR1);
    assert_eq!(running.finish().status, exited(10));
    drop(stdin);
}

#[test]
fn stopped_process_goes_on_when_it_is_continued() {
    let machine = machine();
    // Counts in a loop until a caught signal arrives.
    let body = r#"(loop $l (br_if $l (i32.eqz (call $sig_take)))) (call $exit (i32.const 4))"#;
    machine.install_text("/usr/bin/program", &announced(body));
    let running = machine.spawn(&["program"]);
    assert_eq!(running.line(), "ready");
    running.kill(Signal::SIGSTOP);
    running.kill(Signal::SIGUSR1);
    assert!(running.process.is_stopped());
    assert_eq!(running.process.exit_status(), None);
    running.kill(Signal::SIGCONT);
    assert_eq!(running.finish().status, exited(4));
}

#[test]
fn pure_loop_stops_consuming_time_while_stopped() {
    let machine = machine_with(
        WasmOptions {
            cpu_time_limit: Some(Duration::from_millis(300)),
            ..WasmOptions::default()
        },
        Vec::new(),
    );
    machine.install_text("/usr/bin/program", &announced("(loop $l (br $l))"));
    let running = machine.spawn(&["program"]);
    assert_eq!(running.line(), "ready");
    running.kill(Signal::SIGSTOP);
    // Longer than the limit: a loop that went on would be ended by it.
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(running.process.exit_status(), None);
    running.kill(Signal::SIGKILL);
    running.finish();
}

#[test]
fn processor_time_is_bounded_and_reported() {
    let machine = machine_with(
        WasmOptions {
            cpu_time_limit: Some(Duration::from_millis(50)),
            ..WasmOptions::default()
        },
        Vec::new(),
    );
    for body in [
        "(loop $l (br $l))",
        "(loop $l (drop (call $getpid)) (br $l))",
    ] {
        machine.install_text("/usr/bin/program", &announced(body));
        let outcome = machine.run(&["program"]);
        assert_eq!(outcome.status, ExitStatus::Signaled(Signal::SIGXCPU, false));
        assert_eq!(
            outcome.stderr,
            "program: CPU time limit of 50 ms exceeded\n"
        );
    }
    let breaches = machine.events.breaches.lock().clone();
    assert_eq!(breaches.len(), 2);
    assert_eq!(
        (breaches[0].limit, breaches[0].bound),
        ("limits.jsRuntime.cpuTimeLimitMs", 50)
    );
}

#[test]
fn pipe_between_parent_and_child() {
    let machine = machine();
    let text = ours(
        r#"(elem (i32.const 1) $child)
        (func $child (param i32) (result i32)
            (local $sum i32)
            (drop (call $fd_close (i32.load (i32.const 44))))
            (loop $l
                (drop (call $read_one (i32.load (i32.const 40))))
                (if (i32.load (i32.const 8)) (then
                    (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.const 16))))
                    (br $l))))
            (local.get $sum))
        (func (export "_start")
            (call $fail (call $pipe (i32.const 40) (i32.const 0)))
            (call $fail (call $fork (i32.const 1) (i32.const 0) (i32.const 20)))
            (i32.store (i32.const 0) (i32.const 48)) (i32.store (i32.const 4) (i32.const 3))
            (i32.store (i32.const 48) (i32.const 0x030201))
            (call $fail (call $fd_write (i32.load (i32.const 44)) (i32.const 0) (i32.const 1) (i32.const 8)))
            (call $fail (call $fd_close (i32.load (i32.const 44))))
            (call $fail (call $wait (i32.const -1) (i32.const 0) (i32.const 24) (i32.const 28)))
            (call $exit (i32.shr_u (i32.load (i32.const 28)) (i32.const 8))))"#,
    );
    assert_eq!(machine.run_text(&text).status, exited(6));
}

#[test]
fn counts_return_to_the_start_after_a_thousand_processes() {
    let machine = machine();
    machine.install_text("/usr/bin/other", COUNTER);
    let before = machine.kernel.resource_counts();
    for _ in 0..1000 {
        let running = machine.spawn(&["other"]);
        assert_eq!(running.finish().status, exited(16));
    }
    assert_eq!(machine.kernel.resource_counts(), before);
    assert!(
        *machine.events.threads.lock() <= 9,
        "threads are used again"
    );
}
