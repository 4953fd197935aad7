//! Programs that serve and connect, with the waits of both.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;

/// Imports and helpers of the programs here; 127.0.0.1:4000 is at 32. `$fail` ends with the error number it is given,
/// unless it is 0.
fn program(body: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "secure_exec" "sock_open" (func $open (param i32 i32 i32 i32) (result i32)))
        (import "secure_exec" "sock_bind" (func $bind (param i32 i32 i32) (result i32)))
        (import "secure_exec" "sock_listen" (func $listen (param i32 i32) (result i32)))
        (import "secure_exec" "sock_connect" (func $connect (param i32 i32 i32) (result i32)))
        (import "secure_exec" "sock_sendto"
            (func $send (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 32) "\02\00\0f\a0\7f\00\00\01\00\00\00\00\00\00\00\00")
        (data (i32.const 64) "ready\n")
        (data (i32.const 80) "over the network\n")
        (func $fail (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
        (func $print (param i32 i32)
            (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1))
            (call $fail (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
        (func $socket (result i32)
            (call $fail (call $open (i32.const 2) (i32.const 1) (i32.const 0) (i32.const 16)))
            (i32.load (i32.const 16)))
        (func $wait (param i32)
            (i32.store8 (i32.const 208) (i32.const 1)) (i32.store (i32.const 216) (local.get 0))
            (call $fail (call $poll (i32.const 200) (i32.const 300) (i32.const 1) (i32.const 16))))
        (func (export "_start") (local $one i32) (local $two i32) {body}))"#
    )
}

/// Serves one connection, and prints what comes over it.
const SERVER: &str = "
    (local.set $one (call $socket))
    (call $fail (call $bind (local.get $one) (i32.const 32) (i32.const 16)))
    (call $fail (call $listen (local.get $one) (i32.const 1)))
    (call $print (i32.const 64) (i32.const 6))
    (call $wait (local.get $one))
    (call $fail (call $accept (local.get $one) (i32.const 0) (i32.const 16)))
    (local.set $two (i32.load (i32.const 16)))
    (call $wait (local.get $two))
    (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (i32.const 64))
    (call $fail (call $fd_read (local.get $two) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $print (i32.const 1000) (i32.load (i32.const 8)))";

const CLIENT: &str = "
    (local.set $one (call $socket))
    (call $fail (call $connect (local.get $one) (i32.const 32) (i32.const 16)))
    (call $fail (call $send (local.get $one) (i32.const 80) (i32.const 17) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 16)))";

/// Waits in `sock_accept` for ever.
const WAITER: &str = "
    (local.set $one (call $socket))
    (call $fail (call $bind (local.get $one) (i32.const 32) (i32.const 16)))
    (call $fail (call $listen (local.get $one) (i32.const 1)))
    (call $print (i32.const 64) (i32.const 6))
    (call $fail (call $accept (local.get $one) (i32.const 0) (i32.const 16)))";

#[test]
fn one_program_serves_another() {
    let machine = machine();
    machine.install_text("/usr/bin/server", &program(SERVER));
    machine.install_text("/usr/bin/client", &program(CLIENT));
    // Nobody listens: `ECONNREFUSED` of preview 1.
    assert_eq!(machine.run(&["client"]).status, exited(14));
    let server = machine.spawn(&["server"]);
    assert_eq!(server.line(), "ready");
    assert_eq!(machine.run(&["client"]).status, exited(0));
    let outcome = server.finish();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.status),
        ("over the network\n", exited(0))
    );
}

#[test]
fn program_that_accepts_is_killed() {
    let machine = machine();
    machine.install_text("/usr/bin/waiter", &program(WAITER));
    let waiter = machine.spawn(&["waiter"]);
    assert_eq!(waiter.line(), "ready");
    waiter.kill(Signal::SIGKILL);
    assert_eq!(
        waiter.finish().status,
        ExitStatus::Signaled(Signal::SIGKILL, false)
    );
}
