//! From `posix_spawn` to the exit status, copying, and pipes, without a VM process around them.
//!
//! `cargo bench -p secure-exec-wasm [module.wasm]`: a module is started with `--version`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the benchmark")]
#![allow(clippy::print_stdout, reason = "the result")]

#[path = "../tests/common/mod.rs"]
mod common;
use common::*;
use secure_exec_wasm::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TRUE: &str = r#"(module (memory (export "memory") 17) (func (export "_start")))"#;

/// Writes or reads 64 KiB at a time, 256 MiB in all.
const PUMP: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 0) "\10\00\00\00\00\00\01\00")
    (func (export "_start") (local $n i32)
        (loop $l BODY)))"#;
const WRITE: &str = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4096)))";
const READ: &str = "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (br_if $l (i32.load (i32.const 8)))";

/// Copies itself and waits, 1000 times, with 1 MiB of its memory in use.
const FORK: &str = r#"(module
    (import "secure_exec" "proc_fork_call" (func $fork (param i32 i32 i32) (result i32)))
    (import "secure_exec" "proc_wait" (func $wait (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 32)
    (global $stack (mut i32) (i32.const 0))
    (func (export "secure_exec_fork_entry") (param i32 i32) (result i32) (i32.const 0))
    (func (export "_start") (local $n i32)
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 1048576))
        (loop $l
            (drop (call $fork (i32.const 0) (i32.const 0) (i32.const 0)))
            (drop (call $wait (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 4)))
            (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))))"#;

fn report(what: &str, count: u32, elapsed: Duration) {
    println!(
        "{what}: {:.1} us",
        elapsed.as_secs_f64() * 1e6 / f64::from(count)
    );
}

fn time(what: &str, count: u32, mut run: impl FnMut()) {
    run();
    let start = Instant::now();
    for _ in 0..count {
        run();
    }
    report(what, count, start.elapsed());
}

/// A directory with one precompiled command.
fn command_dir(module: &[u8]) -> std::path::PathBuf {
    use sha2::{Digest, Sha256};
    let dir = std::env::temp_dir().join(format!("secure-exec-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let compiled = precompile(module).unwrap();
    let sum: String = Sha256::digest(&compiled)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::write(dir.join("c.wasm"), module).unwrap();
    std::fs::write(dir.join("c.cwasm"), compiled).unwrap();
    let manifest = format!(
        r#"{{"modules":[{{"file":"c.wasm","precompiled":"c.cwasm","sha256":{{"precompiled":"{sum}"}},"commands":["c"]}}]}}"#
    );
    std::fs::write(dir.join("commands.json"), manifest).unwrap();
    dir
}

fn main() {
    time("engine made", 20, || {
        drop(Engine::new(WasmOptions::default(), Arc::new(NoEvents)).unwrap())
    });
    let machine = machine();
    machine.install_text("/usr/bin/true", TRUE);
    time("compiled true, spawn to exit", 2000, || {
        drop(machine.run(&["true"]))
    });
    machine.install_text("/usr/bin/forks", FORK);
    let start = Instant::now();
    machine.run(&["forks"]);
    report(
        "fork to wait, 2 MiB of memory, half of it in use",
        1000,
        start.elapsed(),
    );
    machine.install_text("/usr/bin/writes", &PUMP.replace("BODY", WRITE));
    machine.install_text("/usr/bin/reads", &PUMP.replace("BODY", READ));
    let (read, write) = machine.kernel.pipe().unwrap();
    let start = Instant::now();
    let reader = machine.spawn_with(&["reads"], |options| options.fds[0].1 = read);
    let writer = machine.spawn_with(&["writes"], |options| options.fds[1].1 = write);
    writer.finish();
    reader.finish();
    println!(
        "pipe: {:.0} MB/s",
        f64::from(4096 * 65_536) / 1e6 / start.elapsed().as_secs_f64()
    );
    let module = std::env::args()
        .skip(1)
        .find(|argument| argument.ends_with(".wasm"));
    let module = match module {
        Some(path) => std::fs::read(path).unwrap(),
        None => wat::parse_str(TRUE).unwrap(),
    };
    let dir = command_dir(&module);
    let commands = || CommandDir::read(&dir, true).unwrap();
    let mapped = machine_with(WasmOptions::default(), commands());
    let start = Instant::now();
    mapped.run(&["c", "--version"]);
    report("precompiled command, first time", 1, start.elapsed());
    time("precompiled command, spawn to exit", 2000, || {
        drop(mapped.run(&["c", "--version"]))
    });
    std::fs::remove_dir_all(dir).unwrap();
}
