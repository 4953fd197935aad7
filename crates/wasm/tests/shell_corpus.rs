//! The shell's corpus inside the machine: what `commands/sh` prints there, with the compiled commands, must be what
//! the host's shells print.
//!
//! Needs `dash` and `bash` on the host and the compiled commands: those of the build in `npm/<platform>/commands`, or
//! of `SECURE_EXEC_WASM_COMMANDS_DIR`. `CASE=text` chooses cases.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(clippy::print_stderr, reason = "`times` prints them")]

#[path = "../../../commands/sh/tests/case/mod.rs"]
mod case;
mod common;

use case::{Case, Ending, PATIENCE_SECONDS, run_on_host};
use common::*;
use secure_exec_kernel::*;
use secure_exec_wasm::*;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

fn commands_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("SECURE_EXEC_WASM_COMMANDS_DIR") {
        return dir.into();
    }
    let platforms = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../npm");
    let mut found = std::fs::read_dir(platforms)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("commands"));
    found.find(|dir| dir.join("commands.json").exists()).expect(
        "there are no compiled commands in npm/*/commands: run `node scripts/build.mjs` first",
    )
}

/// Time that passes, for scripts that wait for it.
struct HostClock(Instant);

impl Clock for HostClock {
    fn realtime(&self) -> Timespec {
        timespec(SystemTime::UNIX_EPOCH.elapsed().unwrap())
    }

    fn monotonic(&self) -> Timespec {
        timespec(self.0.elapsed())
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec::new(time.as_secs().try_into().unwrap(), time.subsec_nanos())
}

fn commands() -> Machine {
    let commands = CommandDir::read(&commands_dir(), true).unwrap();
    let config = KernelConfig {
        clock: Arc::new(HostClock(Instant::now())),
        ..KernelConfig::default()
    };
    machine_of(config, WasmOptions::default(), commands)
}

/// Runs `body` and kills the session of `root` if that takes too long; whether it did.
fn in_time<T>(machine: &Machine, root: Pid, body: impl FnOnce() -> T) -> (T, bool) {
    let (done, is_done) = mpsc::channel();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            let late = is_done.recv_timeout(Duration::from_secs(PATIENCE_SECONDS));
            if late.is_err() {
                machine.kernel.kill_session(root);
            }
            late.is_err()
        });
        let value = body();
        // The watcher may be gone already.
        let _ = done.send(());
        (value, watcher.join().unwrap())
    })
}

fn in_machine(machine: &Machine, shell: &str, case: &Case, number: usize) -> Ending {
    let dir = format!("/workspace/case{number}");
    let init = machine.kernel.init();
    for dir in [dir.clone(), format!("{dir}/work")] {
        init.mkdir(dir.as_bytes(), 0o777).unwrap();
        init.chmod(dir.as_bytes(), 0o777).unwrap();
    }
    machine.install(&format!("{dir}/script"), case.script.as_bytes());
    let running = machine.spawn_with(&[shell, "../script"], |options| {
        options.cwd = Some(format!("{dir}/work").into_bytes());
        options.setsid = true;
        for (name, value) in [
            ("HOME", "/home/tester"),
            ("LC_ALL", "C.UTF-8"),
            ("TMPDIR", &dir),
        ] {
            options.envp.push((name.into(), value.into()));
        }
    });
    let root = running.process.pid();
    let (outcome, is_late) = in_time(machine, root, || {
        if let Some(stdin) = &running.stdin {
            let mut rest = case.stdin.as_bytes();
            // A script that reads nothing and has ended is no failure.
            while !rest.is_empty()
                && let Ok(count) = wait(|cx| stdin.poll_write(rest, cx))
            {
                rest = &rest[count..];
            }
        }
        running.finish()
    });
    let mut stderr = outcome.stderr;
    if is_late {
        stderr.push_str("killed: it did not end in time\n");
    }
    let status = match outcome.status {
        ExitStatus::Exited(code) => Some(i32::from(code)),
        _ => None,
    };
    Ending {
        stdout: outcome.stdout,
        status,
        stderr,
    }
}

fn run_all(cases: &[Case]) {
    let machine = commands();
    let mut differences = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let (host, options, ours): (_, &[&str], _) = match (case.bash, case.follow.as_deref()) {
            (true, _) => ("bash", &[], "bash"),
            (false, Some("bash")) => ("bash", &["--posix"], "sh"),
            (false, _) => ("dash", &[], "sh"),
        };
        let want = run_on_host(Path::new(host), options, case);
        let got = in_machine(&machine, ours, case, number);
        if want != got {
            differences.push(case.difference("ours differs", &want, &got));
        }
    }
    machine.kernel.shutdown();
    case::assert_none(&differences, cases);
}

#[test]
fn posix_cases_agree_with_the_host() {
    run_all(&case::posix());
}

#[test]
fn bash_cases_agree_with_the_host() {
    run_all(&case::bash());
}

#[test]
fn whole_scripts_agree_with_the_host() {
    run_all(&case::scripts());
}

/// How long commands take once their modules are loaded.
#[test]
#[ignore = "prints times"]
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
