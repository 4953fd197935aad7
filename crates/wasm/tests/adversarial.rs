//! The attacks on WebAssembly commands: groups 103 to 110 of the catalogue.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use secure_exec_wasm::*;
use std::time::Instant;

fn refused(machine: &Machine, module: &[u8]) -> String {
    machine.install("/usr/bin/program", module);
    let outcome = machine.run(&["program"]);
    assert_eq!(outcome.status, exited(126), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert!(
        outcome.stderr.starts_with("program: cannot execute: "),
        "{}",
        outcome.stderr
    );
    outcome.stderr
}

const FINE: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;

/// 103: what is no module, or damaged.
#[test]
fn damaged_modules_are_refused() {
    let machine = machine();
    let module = wat::parse_str(FINE).unwrap();
    refused(&machine, b"\0asm");
    refused(&machine, b"\0asm\x02\0\0\0");
    refused(&machine, b"\0asm\x0d\0\x01\0");
    for length in 9..module.len() {
        machine.install("/usr/bin/program", &module[..length]);
        let status = machine.run(&["program"]).status;
        assert!(
            matches!(status, ExitStatus::Exited(126)),
            "{length}: {status:?}"
        );
    }
    // Bytes changed one by one never do more than end the process.
    for index in 8..module.len() {
        for value in [0, 0x7f, 0xff] {
            let mut damaged = module.clone();
            damaged[index] = value;
            machine.install("/usr/bin/program", &damaged);
            machine.run(&["program"]);
        }
    }
    assert_eq!(machine.run_text(FINE).status, exited(0));
}

/// 103: modules that are too large in one way or another.
#[test]
fn large_modules_are_refused_within_the_budget() {
    let options = WasmOptions {
        max_module_bytes: 4 << 20,
        ..WasmOptions::default()
    };
    let machine = machine_with(options, Vec::new());
    let start = Instant::now();
    let mut long = wat::parse_str(FINE).unwrap();
    // A custom section.
    long.extend_from_slice(&[0, 0x80, 0x80, 0x80, 0x02, 1, b'x']);
    long.resize(long.len() - 2 + (4 << 20), 0);
    assert!(refused(&machine, &long).contains("module of size"));
    let many = "(func)".repeat(100_001);
    assert!(
        refused(
            &machine,
            &wat::parse_str(format!("(module {many})")).unwrap()
        )
        .contains("exceeds")
    );
    let body = "i32.const 1 drop ".repeat(400_000);
    assert!(
        refused(
            &machine,
            &wat::parse_str(format!("(module (func {body}))")).unwrap()
        )
        .contains("function")
    );
    let locals = "(local i32) ".repeat(50_001);
    refused(
        &machine,
        &wat::parse_str(format!("(module (func {locals}))")).unwrap(),
    );
    assert!(start.elapsed().as_secs() < 60, "took {:?}", start.elapsed());
}

/// 104: loops are in `process.rs`; here a start function.
#[test]
fn start_function_that_loops_is_killed() {
    let machine = machine();
    machine.install_text(
        "/usr/bin/program",
        r#"(module (memory (export "memory") 1) (func $l (loop $l (br $l))) (start $l) (func (export "_start")))"#,
    );
    // At whatever point of the start the signal comes.
    for _ in 0..200 {
        let running = machine.spawn(&["program"]);
        running.kill(Signal::SIGTERM);
        let pid = running.process.pid();
        assert_eq!(
            running.finish().status,
            ExitStatus::Signaled(Signal::SIGTERM, false)
        );
        machine.ended(pid);
    }
}

/// Ends with the result of a function.
fn result_of(body: &str) -> ExitStatus {
    let machine = machine_with(
        WasmOptions {
            max_memory_bytes: 1 << 20,
            ..WasmOptions::default()
        },
        Vec::new(),
    );
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1) (table $t 1 funcref)
        (func $f (result i32) (local $n i32) {body})
        (func (export "_start") (call $exit (call $f))))"#
    );
    machine.run_text(&text).status
}

/// 105: memories and tables stay within their bounds, and growing beyond fails.
#[test]
fn growing_is_bounded() {
    let memory = "(loop $l
        (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
            (then (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $l))))
        (local.get $n)";
    assert_eq!(result_of(memory), exited(15), "16 pages in all");
    assert_eq!(result_of("(memory.grow (i32.const 65535))"), exited(255));
    let table = "(loop $l
        (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 65536)) (i32.const -1))))
        (i32.shr_u (table.size $t) (i32.const 16))";
    assert_eq!(result_of(table), exited(15));
}

/// 105: bounds at the start, and more memories than one.
#[test]
fn instances_that_begin_too_large_are_refused() {
    let machine = machine();
    let outcome =
        machine.run_text(r#"(module (memory (export "memory") 5000) (func (export "_start")))"#);
    assert_eq!(outcome.status, exited(126));
    assert_eq!(outcome.stderr.lines().count(), 1);
    let memories = "(memory 1)".repeat(100);
    refused(
        &machine,
        &wat::parse_str(format!(r#"(module {memories} (func (export "_start")))"#)).unwrap(),
    );
    let tables = "(table 1 funcref)".repeat(100);
    let text =
        format!(r#"(module {tables} (memory (export "memory") 1) (func (export "_start")))"#);
    assert_ne!(machine.run_text(&text).status, exited(0));
}

/// 106: in `program.rs`; here through an import and back is not possible, so only depth with large frames.
#[test]
fn deep_recursion_with_many_locals_traps() {
    let machine = machine();
    let locals = "(local i64) ".repeat(2000);
    let text = format!(
        r#"(module (memory (export "memory") 1)
        (func $deep (param i64) (result i64) {locals}
            (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
        (func (export "_start") (drop (call $deep (i64.const 0)))))"#
    );
    for _ in 0..20 {
        let outcome = machine.run_text(&text);
        assert_eq!(outcome.status, ExitStatus::Signaled(Signal::SIGSEGV, false));
    }
}

/// 107: imports that do not exist or have another type, and exports that are missing.
#[test]
fn imports_must_match() {
    let machine = machine();
    let cases = [
        r#"(import "env" "f" (func))"#,
        r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#,
        r#"(import "wasi_snapshot_preview1" "fd_everything" (func))"#,
        r#"(import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
        r#"(import "secure_exec" "proc_getpid" (global i32))"#,
        r#"(import "env" "memory" (memory 1))"#,
    ];
    for import in cases {
        let text = format!(r#"(module {import} (func (export "_start")))"#);
        let line = refused(&machine, &wat::parse_str(&text).unwrap());
        assert!(line.contains("import"), "{line}");
    }
    assert!(refused(&machine, &wat::parse_str("(module)").unwrap()).contains("_start"));
    refused(
        &machine,
        &wat::parse_str(r#"(module (func (export "_start") (param i32)))"#).unwrap(),
    );
}

/// 107: a module without memory traps when an import would need it.
#[test]
fn import_without_memory_traps() {
    let machine = machine();
    let outcome = machine.run_text(
        r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "_start") (drop (call $yield))))"#,
    );
    assert_eq!(outcome.status, ExitStatus::Signaled(Signal::SIGSEGV, false));
}

/// 108: every import of preview 1 and of ours with the worst numbers ends the process at most.
#[test]
fn every_import_survives_hostile_arguments() {
    let machine = machine();
    let values = [
        0u32,
        1,
        3,
        65_535,
        65_536,
        0x7fff_ffff,
        0x8000_0000,
        u32::MAX,
    ];
    for (module, name, parameters, result) in IMPORTS {
        for value in values {
            let types: String = parameters
                .chars()
                .map(|kind| if kind == 'l' { "i64 " } else { "i32 " })
                .collect();
            let arguments: String = parameters
                .chars()
                .map(|kind| match kind {
                    'l' => format!("(i64.const {})", i64::from(value.cast_signed())),
                    _ => format!("(i32.const {})", value.cast_signed()),
                })
                .collect();
            let (returns, end) = if *result {
                ("(result i32)", "drop")
            } else {
                ("", "")
            };
            let text = format!(
                r#"(module (import "{module}" "{name}" (func $f (param {types}) {returns}))
                (memory (export "memory") 1) (func (export "_start") {arguments} (call $f) {end}))"#
            );
            machine.install_text("/usr/bin/program", &text);
            let running = machine.spawn_with(&["program"], |options| options.setsid = true);
            // Some of them wait, which is what they are for.
            let process = running.process.clone();
            let waiter = std::thread::spawn(move || running.finish());
            let patience = Instant::now() + std::time::Duration::from_millis(500);
            while process.is_alive() && Instant::now() < patience {
                std::thread::yield_now();
            }
            if process.is_alive() {
                machine
                    .kernel
                    .init()
                    .kill(process.pid().raw(), Signal::SIGKILL)
                    .unwrap();
            }
            let outcome = waiter.join().unwrap();
            assert!(
                !outcome.stderr.contains("internal"),
                "{name}({value:#x}): {}",
                outcome.stderr
            );
            assert!(
                !outcome.stderr.contains("cannot execute"),
                "{name}: {}",
                outcome.stderr
            );
        }
    }
    assert_eq!(machine.run_text(FINE).status, exited(0));
}

const WASI: &str = "wasi_snapshot_preview1";
const OURS: &str = "secure_exec";

/// Module, name, parameters (`i` 32 bits, `l` 64 bits), whether there is a result. Only the system call that gives up
/// the processor for ever, waiting, is left to the kill.
const IMPORTS: &[(&str, &str, &str, bool)] = &[
    (WASI, "args_get", "ii", true),
    (WASI, "args_sizes_get", "ii", true),
    (WASI, "environ_get", "ii", true),
    (WASI, "environ_sizes_get", "ii", true),
    (WASI, "clock_res_get", "ii", true),
    (WASI, "clock_time_get", "ili", true),
    (WASI, "fd_advise", "illi", true),
    (WASI, "fd_allocate", "ill", true),
    (WASI, "fd_close", "i", true),
    (WASI, "fd_datasync", "i", true),
    (WASI, "fd_fdstat_get", "ii", true),
    (WASI, "fd_fdstat_set_flags", "ii", true),
    (WASI, "fd_fdstat_set_rights", "ill", true),
    (WASI, "fd_filestat_get", "ii", true),
    (WASI, "fd_filestat_set_size", "il", true),
    (WASI, "fd_filestat_set_times", "illi", true),
    (WASI, "fd_pread", "iiili", true),
    (WASI, "fd_prestat_get", "ii", true),
    (WASI, "fd_prestat_dir_name", "iii", true),
    (WASI, "fd_pwrite", "iiili", true),
    (WASI, "fd_read", "iiii", true),
    (WASI, "fd_readdir", "iiili", true),
    (WASI, "fd_renumber", "ii", true),
    (WASI, "fd_seek", "ilii", true),
    (WASI, "fd_sync", "i", true),
    (WASI, "fd_tell", "ii", true),
    (WASI, "fd_write", "iiii", true),
    (WASI, "path_create_directory", "iii", true),
    (WASI, "path_filestat_get", "iiiii", true),
    (WASI, "path_filestat_set_times", "iiiilli", true),
    (WASI, "path_link", "iiiiiii", true),
    (WASI, "path_open", "iiiiillii", true),
    (WASI, "path_readlink", "iiiiii", true),
    (WASI, "path_remove_directory", "iii", true),
    (WASI, "path_rename", "iiiiii", true),
    (WASI, "path_symlink", "iiiii", true),
    (WASI, "path_unlink_file", "iii", true),
    (WASI, "poll_oneoff", "iiii", true),
    (WASI, "proc_exit", "i", false),
    (WASI, "proc_raise", "i", true),
    (WASI, "random_get", "ii", true),
    (WASI, "sched_yield", "", true),
    (WASI, "sock_accept", "iii", true),
    (WASI, "sock_recv", "iiiiii", true),
    (WASI, "sock_send", "iiiii", true),
    (WASI, "sock_shutdown", "ii", true),
    (OURS, "proc_spawn", "iii", true),
    (OURS, "proc_exec", "ii", true),
    (OURS, "proc_fork_call", "iii", true),
    (OURS, "proc_wait", "iiii", true),
    (OURS, "proc_kill", "ii", true),
    (OURS, "proc_getpid", "", true),
    (OURS, "proc_getppid", "", true),
    (OURS, "proc_getpgid", "ii", true),
    (OURS, "proc_setpgid", "ii", true),
    (OURS, "proc_getsid", "ii", true),
    (OURS, "proc_setsid", "i", true),
    (OURS, "proc_times", "i", true),
    (OURS, "proc_getrlimit", "ii", true),
    (OURS, "proc_setrlimit", "ii", true),
    (OURS, "proc_ids", "i", true),
    (OURS, "proc_umask", "i", true),
    (OURS, "sig_action", "iii", true),
    (OURS, "sig_take", "", true),
    (OURS, "sig_wait", "ii", true),
    (OURS, "fd_pipe", "ii", true),
    (OURS, "fd_dup", "iiii", true),
    (OURS, "fd_dup2", "iii", true),
    (OURS, "fd_cloexec", "ii", true),
    (OURS, "fd_stat", "ii", true),
    (OURS, "fd_chdir", "i", true),
    (OURS, "fd_chmod", "ii", true),
    (OURS, "path_chdir", "ii", true),
    (OURS, "path_getcwd", "iii", true),
    (OURS, "path_openat", "iiiiii", true),
    (OURS, "path_stat", "iiiii", true),
    (OURS, "path_access", "iii", true),
    (OURS, "path_chmod", "iii", true),
    (OURS, "path_chown", "iiiii", true),
    (OURS, "path_mkfifo", "iii", true),
    (OURS, "path_mkdir", "iii", true),
    (OURS, "path_statfs", "iii", true),
    (OURS, "tty_isatty", "i", true),
    (OURS, "tty_winsize", "ii", true),
    (OURS, "tty_set_winsize", "ii", true),
    (OURS, "tty_getattr", "ii", true),
    (OURS, "tty_setattr", "iii", true),
    (OURS, "tty_getpgrp", "ii", true),
    (OURS, "tty_setpgrp", "ii", true),
    (OURS, "tty_acquire", "i", true),
    (OURS, "sys_uname", "iii", true),
];

/// 109: many faults at the same time.
#[test]
fn storm_of_traps_leaves_the_machine_whole() {
    let machine = machine();
    for (index, body) in [
        "unreachable",
        "(drop (i32.load (i32.const -1)))",
        "(call $d)",
        "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
    ]
    .iter()
    .enumerate()
    {
        let text = format!(
            r#"(module (memory (export "memory") 1) (func $d (call $d)) (func (export "_start") {body}))"#
        );
        machine.install_text(&format!("/usr/bin/bad{index}"), &text);
    }
    let before = machine.kernel.resource_counts();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let machine = &machine;
            scope.spawn(move || {
                for round in 0..100 {
                    let outcome = machine.run(&[&format!("bad{}", (thread + round) % 4)]);
                    assert!(matches!(outcome.status, ExitStatus::Signaled(_, false)));
                    assert_eq!(outcome.stderr.lines().count(), 1);
                }
            });
        }
    });
    assert_eq!(machine.kernel.resource_counts(), before);
}

/// 110: proposals that nothing needs.
#[test]
fn unneeded_proposals_are_off() {
    let machine = machine();
    let cases = [
        r#"(memory 1 1 shared) (func (export "_start") (drop (i32.atomic.load (i32.const 0))))"#,
        r#"(memory i64 1) (func (export "_start"))"#,
        r#"(memory 1) (memory 1) (func (export "_start"))"#,
        r#"(type (struct (field i32))) (func (export "_start"))"#,
        r#"(tag) (func (export "_start"))"#,
        r#"(func $f (return_call $f)) (func (export "_start"))"#,
        r#"(func (export "_start") (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))"#,
        r#"(table 1 externref) (func (export "_start") (drop (ref.null extern)))"#,
    ];
    for case in cases {
        refused(
            &machine,
            &wat::parse_str(format!("(module {case})")).unwrap(),
        );
    }
    let wanted = r#"(module (memory (export "memory") 1) (global (export "g") (mut i32) (i32.const 0))
        (func $two (result i32 i32) (i32.const 1) (i32.const 2))
        (func (export "_start")
            (call $two) drop drop
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 9))
            (drop (i32.extend8_s (i32.const 200)))
            (drop (i32.trunc_sat_f32_s (f32.const nan)))
            (drop (i32x4.add (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))"#;
    assert_eq!(machine.run_text(wanted).status, exited(0));
}
