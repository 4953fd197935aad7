//! Directories of commands, and modules compiled ahead of time.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;
use common::*;
use secure_exec_kernel::*;
use secure_exec_wasm::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Prints `argv[0]`.
const NAME: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 65000) "text")
    (func (export "_start") (local $n i32)
        (drop (call $sizes (i32.const 100) (i32.const 104)))
        (drop (call $args (i32.const 200) (i32.const 1000)))
        (loop $l (br_if $l (i32.load8_u
            (i32.add (i32.const 1000) (local.tee $n (i32.add (local.get $n) (i32.const 1)))))))
        (i32.store (i32.const 0) (i32.const 1000)) (i32.store (i32.const 4) (local.get $n))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (if (i32.ne (i32.load (i32.const 65000)) (i32.const 0x74786574)) (then unreachable))
        (i32.store (i32.const 65000) (i32.const 0))))"#;

/// A directory that is removed at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("secure-exec-wasm-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn machine(&self) -> Machine {
        machine_with(
            WasmOptions::default(),
            CommandDir::read(&self.0, true).unwrap(),
        )
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn manifest(wasm: &str, compiled: &str) -> String {
    format!(
        r#"{{ "modules": [{{ "file": "box.wasm", "precompiled": "box.cwasm",
            "sha256": {{ "file": "{wasm}", "precompiled": "{compiled}" }}, "commands": ["one", "two"] }}] }}"#
    )
}

/// A directory with a precompiled module of two commands.
fn precompiled() -> (Dir, Vec<u8>, Vec<u8>) {
    let dir = Dir::new();
    let module = wat::parse_str(NAME).unwrap();
    let compiled = precompile(&module).unwrap();
    dir.write("box.wasm", &module);
    dir.write("box.cwasm", &compiled);
    dir.write(
        "commands.json",
        manifest(&sum(&module), &sum(&compiled)).as_bytes(),
    );
    (dir, module, compiled)
}

#[test]
fn precompiled_module_runs_without_being_compiled() {
    let (dir, _, _) = precompiled();
    // Nothing to compile from.
    dir.write("box.wasm", b"");
    let machine = dir.machine();
    for _ in 0..3 {
        let outcome = machine.run(&["one"]);
        assert_eq!(
            (outcome.status, outcome.stdout.as_str()),
            (exited(0), "one"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn precompiled_module_of_another_directory_is_not_used() {
    let (dir, module, _) = precompiled();
    let run = || {
        let commands = CommandDir::read(dir.path(), false).unwrap();
        machine_with(WasmOptions::default(), commands).run(&["one"])
    };
    // Compiled from what the manifest says.
    assert_eq!(run().stdout, "one");
    dir.write("box.wasm", b"");
    assert_eq!(run().status, exited(126));
    drop(module);
}

#[test]
fn module_of_several_commands_finds_its_name_in_argv0() {
    let (dir, _, _) = precompiled();
    let machine = dir.machine();
    let name_of = |argv0: &str| {
        let argv0 = argv0.as_bytes().to_vec();
        machine
            .spawn_with(&["two"], |options| options.argv = vec![argv0])
            .finish()
            .stdout
    };
    assert_eq!(name_of("two"), "two");
    assert_eq!(name_of("/usr/bin/two"), "/usr/bin/two");
    assert_eq!(name_of("-two"), "-two");
    assert_eq!(name_of("anything"), "two");
    assert_eq!(name_of(""), "two");
}

#[test]
fn file_that_is_not_the_manifests_is_not_mapped() {
    let (dir, _, compiled) = precompiled();
    let mut damaged = compiled;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    dir.write("box.cwasm", &damaged);
    // Compiled from the module instead.
    assert_eq!(dir.machine().run(&["one"]).status, exited(0));
    dir.write("box.wasm", &wat::parse_str("(module)").unwrap());
    let outcome = dir.machine().run(&["one"]);
    assert_eq!(outcome.status, exited(126));
    assert!(outcome.stderr.contains("SHA-256"), "{}", outcome.stderr);
}

#[test]
fn directory_without_a_manifest_has_a_command_per_module() {
    let dir = Dir::new();
    dir.write("a.wasm", &wat::parse_str(NAME).unwrap());
    dir.write("b", &wat::parse_str(NAME).unwrap());
    dir.write("notes.txt", b"\0asm");
    dir.write("script", b"#!/bin/sh\n");
    let names: Vec<String> = CommandDir::read(dir.path(), true)
        .unwrap()
        .iter()
        .map(|command| command.name().into())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(dir.machine().run(&["b"]).stdout, "b");
}

#[test]
fn directories_without_commands_are_errors() {
    let read = |dir: &Dir| CommandDir::read(dir.path(), true).map(|commands| commands.len());
    let dir = Dir::new();
    assert_eq!(read(&dir), Err(CommandError::Empty));
    dir.write("commands.json", br#"{ "modules": [] }"#);
    assert_eq!(read(&dir), Err(CommandError::Empty));
    for text in [
        "{",
        r#"{ "modules": [{ "file": "../x", "commands": ["a"] }] }"#,
        r#"{ "modules": [{ "file": "x", "commands": ["a", "a"] }] }"#,
    ] {
        dir.write("commands.json", text.as_bytes());
        assert!(
            matches!(read(&dir), Err(CommandError::Manifest(_))),
            "{text}"
        );
    }
    let missing = CommandDir::read(&dir.path().join("missing"), true);
    assert!(matches!(missing, Err(CommandError::Unreadable(_))));
}

#[test]
fn guests_cannot_bring_compiled_code() {
    let machine = machine();
    let compiled = precompile(&wat::parse_str(NAME).unwrap()).unwrap();
    machine.install("/usr/bin/program", &compiled);
    let spawned = machine.kernel.spawn(SpawnOptions {
        file: b"/usr/bin/program".to_vec(),
        argv: vec![b"program".to_vec()],
        ..SpawnOptions::default()
    });
    assert_eq!(spawned.map(|process| process.pid()), Err(Errno::ENOEXEC));
}

#[test]
fn file_that_may_only_be_executed_runs() {
    let machine = machine();
    machine.install_text("/usr/bin/program", NAME);
    machine
        .kernel
        .init()
        .chmod(b"/usr/bin/program", 0o711)
        .unwrap();
    assert_eq!(machine.run(&["program"]).stdout, "program");
}
