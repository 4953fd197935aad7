//! The shell's corpus inside the machine: what `commands/sh` prints there must be what the host's shells print.
//!
//! Needs the compiled commands: `SECURE_EXEC_WASM_COMMANDS_DIR=npm/linux-x64-gnu/commands cargo test --release
//! -p secure-exec-wasm --test shell_corpus -- --ignored`. `CASE=text` chooses cases. The format of the corpus is
//! described in `commands/sh/tests/corpus.rs`.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(clippy::print_stderr, reason = "names the case that hangs, should one")]

mod common;
use common::*;
use secure_exec_kernel::*;
use secure_exec_wasm::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

#[derive(Default)]
struct Case {
    name: String,
    script: String,
    stdin: String,
    follow: String,
}

fn parse(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let mut cases: Vec<Case> = Vec::new();
    let mut in_stdin = false;
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("#### ") {
            in_stdin = false;
            let name = format!("{stem}: {}", name.trim_end());
            cases.push(Case {
                name,
                ..Case::default()
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        if let Some(follow) = line.strip_prefix("#= follow ") {
            case.follow = follow.split(':').next().unwrap().trim().to_owned();
        } else if line.trim_end() == "#< stdin" {
            in_stdin = true;
        } else if in_stdin {
            case.stdin.push_str(line);
        } else {
            case.script.push_str(line);
        }
    }
    cases
}

fn corpus(dir: &str, extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../commands/sh/tests/corpus");
    let entries = std::fs::read_dir(root.join(dir))
        .unwrap()
        .map(|e| e.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

/// What the host's shell prints, with the exit status a shell would see.
fn on_host(shell: &[&str], case: &Case, number: usize) -> (String, i32) {
    let dir = std::env::temp_dir().join(format!("shell-corpus-{}-{number}", std::process::id()));
    let work = dir.join("work");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(dir.join("script"), &case.script).unwrap();
    std::fs::write(dir.join("stdin"), &case.stdin).unwrap();
    let output = std::process::Command::new("timeout")
        .arg("10")
        .args(shell)
        .arg("../script")
        .current_dir(&work)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/home/tester")
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::fs::File::open(dir.join("stdin")).unwrap())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&dir);
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code().unwrap_or(-1),
    )
}

fn write(machine: &Machine, path: &str, text: &str) {
    machine.install(path, text.as_bytes());
}

fn in_machine(machine: &Machine, shell: &str, case: &Case, number: usize) -> (String, i32, String) {
    let dir = format!("/workspace/case{number}");
    let init = machine.kernel.init();
    init.mkdir(dir.as_bytes(), 0o777).unwrap();
    init.mkdir(format!("{dir}/work").as_bytes(), 0o777).unwrap();
    for dir in [dir.clone(), format!("{dir}/work")] {
        init.chmod(dir.as_bytes(), 0o777).unwrap();
    }
    write(machine, &format!("{dir}/script"), &case.script);
    let running = machine.spawn_with(&[shell, "../script"], |options| {
        options.cwd = Some(format!("{dir}/work").into_bytes());
        options
            .envp
            .push((b"HOME".to_vec(), b"/home/tester".to_vec()));
        options.envp.push((b"LC_ALL".to_vec(), b"C.UTF-8".to_vec()));
    });
    if let Some(stdin) = &running.stdin {
        let mut rest = case.stdin.as_bytes();
        while !rest.is_empty() {
            let count = wait(|cx| stdin.poll_write(rest, cx)).unwrap();
            rest = &rest[count..];
        }
    }
    let outcome = running.finish();
    let status = match outcome.status {
        ExitStatus::Exited(code) => i32::from(code),
        other => {
            eprintln!("{}: {other:?}", case.name);
            -1
        }
    };
    (outcome.stdout, status, outcome.stderr)
}

fn commands() -> Machine {
    let dir = std::env::var("SECURE_EXEC_WASM_COMMANDS_DIR").unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(dir);
    let commands = CommandDir::read(&dir).unwrap();
    machine_with(WasmOptions::default(), commands)
}

fn run_all(cases: &[Case], bash: bool) {
    let only = std::env::var("CASE").unwrap_or_default();
    let machine = commands();
    let mut failures = String::new();
    let mut failed = 0;
    let mut total = 0;
    for (number, case) in cases
        .iter()
        .enumerate()
        .filter(|(_, c)| c.name.contains(&only))
    {
        total += 1;
        // The last name printed is the case that hangs, should one.
        eprintln!("{}", case.name);
        let shell: &[&str] = match (bash, case.follow.as_str()) {
            (true, _) => &["bash"],
            (false, "bash") => &["bash", "--posix"],
            (false, _) => &["dash"],
        };
        let want = on_host(shell, case, number);
        let got = in_machine(&machine, if bash { "bash" } else { "sh" }, case, number);
        if (want.0.as_str(), want.1) != (got.0.as_str(), got.1) {
            failed += 1;
            let Case { name, script, .. } = case;
            writeln!(
                failures,
                "=== {name}\n{script}--- wanted {}\n{}--- got {}\n{}--- stderr\n{}",
                want.1, want.0, got.1, got.0, got.2
            )
            .unwrap();
        }
    }
    assert!(failed == 0, "{failures}\n{failed} of {total} cases failed");
}

#[test]
#[ignore = "needs the compiled commands"]
fn posix_cases_agree_with_the_host() {
    let cases: Vec<_> = corpus("posix", "txt")
        .iter()
        .flat_map(|f| parse(f))
        .collect();
    run_all(&cases, false);
}

#[test]
#[ignore = "needs the compiled commands"]
fn bash_cases_agree_with_the_host() {
    let cases: Vec<_> = corpus("bash", "txt")
        .iter()
        .flat_map(|f| parse(f))
        .collect();
    run_all(&cases, true);
}

#[test]
#[ignore = "needs the compiled commands"]
fn whole_scripts_agree_with_the_host() {
    let script = |path: &PathBuf| Case {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        script: std::fs::read_to_string(path).unwrap(),
        ..Case::default()
    };
    let cases: Vec<_> = corpus("scripts", "sh").iter().map(script).collect();
    run_all(&cases, false);
}

/// How long commands take once their modules are loaded.
#[test]
#[ignore = "needs the compiled commands; prints times"]
fn times() {
    let machine = commands();
    let scripts = [
        "true",
        ":",
        "ls / | wc -l",
        "x=$(ls /)",
        "x=$(echo a; echo b)",
        "(:); :",
        "ls / >/dev/null; :",
    ];
    for script in scripts {
        let mut times: Vec<_> = (0..40)
            .map(|_| {
                let start = std::time::Instant::now();
                let outcome = machine.run(&["sh", "-c", script]);
                assert_eq!(outcome.stderr, "");
                start.elapsed()
            })
            .collect();
        times.sort_unstable();
        eprintln!(
            "{script}: least {:?}, median {:?}, most {:?}",
            times[0], times[20], times[39]
        );
    }
}

/// Scripts that nest without end are told so; the shell does not run out of stack.
#[test]
#[ignore = "needs the compiled commands"]
fn endless_nesting_is_an_error_of_the_script() {
    let machine = commands();
    let many = |text: &str| text.repeat(8_000);
    let scripts = [
        "f() { f; }; f".to_owned(),
        "f() { if :; then while :; do { case x in x) f;; esac; }; done; fi; }; f".to_owned(),
        "f() { eval 'f'; }; f".to_owned(),
        "f() { x=${y:-${z:-$((1 + $((2))))}}; f \"$x\"; }; f".to_owned(),
        "e='eval \"$e\"'; eval \"$e\"".to_owned(),
        many("("),
        many("$("),
        many("{ "),
        many("if "),
        format!("echo $(({}1{}))", many("("), many(")")),
        format!("echo {}", many("${a:-")),
        format!("[ {} x ]", many("! ")),
    ];
    for script in scripts {
        for shell in ["sh", "bash"] {
            machine.install("/tmp/nesting", script.as_bytes());
            let outcome = machine.run(&[shell, "/tmp/nesting"]);
            let start: String = script.chars().take(60).collect();
            let ended = matches!(outcome.status, ExitStatus::Exited(1 | 2 | 127));
            assert!(
                ended,
                "{shell} {start}: {:?} {}",
                outcome.status, outcome.stderr
            );
        }
    }
}
