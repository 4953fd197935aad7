//! Compares the shell with dash and bash on the host, case by case.
//!
//! `corpus/posix/*.txt` is run by `dash`, `bash --posix` and ours as `sh`; `corpus/bash/*.txt` by `bash` and ours
//! as `bash`. Cases begin with `#### name`. `#= follow dash: reason` (or `bash`) says whom we follow where those two
//! differ. What follows `#< stdin` is the standard input. Standard output and the exit status are compared, in a
//! fresh directory per case. `corpus/scripts/*.sh` are whole scripts; a first line `#!/bin/bash` makes them bash's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

struct Case {
    name: String,
    script: String,
    stdin: String,
    follow: Option<String>,
    bash: bool,
}

fn parse(path: &Path, bash: bool) -> Vec<Case> {
    let text = fs::read_to_string(path).expect("a corpus file");
    let stem = path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("")
        .to_owned();
    let mut cases: Vec<Case> = Vec::new();
    let mut in_stdin = false;
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("#### ") {
            in_stdin = false;
            let name = format!("{stem}: {}", name.trim_end());
            cases.push(Case {
                name,
                script: String::new(),
                stdin: String::new(),
                follow: None,
                bash,
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        if let Some(follow) = line.strip_prefix("#= follow ") {
            case.follow = follow.split(':').next().map(|s| s.trim().to_owned());
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

static COUNTER: AtomicUsize = AtomicUsize::new(0);

fn run(shell: &Path, args: &[&str], case: &Case) -> (String, Option<i32>, String) {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("sh-corpus-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir).expect("a directory");
    let script = dir.join("script");
    fs::write(&script, &case.script).expect("the script is written");
    fs::write(dir.join("stdin"), &case.stdin).expect("the input is written");
    let stdin = fs::File::open(dir.join("stdin")).expect("the input is there");
    let work = dir.join("work");
    fs::create_dir(&work).expect("a directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new("timeout");
    command
        .arg("10")
        .arg(shell)
        .args(args)
        .arg("../script")
        .current_dir(&work)
        .stdin(stdin);
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", "/home/tester")
        .env("LC_ALL", "C.UTF-8")
        .env("TMPDIR", &dir);
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the shell runs");
    let _ = fs::remove_dir_all(&dir);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        text(&output.stdout),
        output.status.code(),
        text(&output.stderr),
    )
}

/// What is wrong with a case; `None` when nothing is.
fn check(case: &Case, sh: &Path, bash: &Path) -> Option<String> {
    let show = |r: &(String, Option<i32>, String)| {
        format!("status {:?}\n--- stdout\n{}--- stderr\n{}", r.1, r.0, r.2)
    };
    let same = |a: &(String, Option<i32>, String), b: &(String, Option<i32>, String)| {
        a.0 == b.0 && a.1 == b.1
    };
    let fail = |why: &str, want: &str, got: &str| {
        Some(format!(
            "=== {}: {why}\n{}--- wanted\n{want}\n--- got\n{got}\n",
            case.name, case.script
        ))
    };
    if case.bash {
        let want = run(Path::new("bash"), &[], case);
        let got = run(bash, &[], case);
        return if same(&want, &got) {
            None
        } else {
            fail("not as bash", &show(&want), &show(&got))
        };
    }
    let dash = run(Path::new("dash"), &[], case);
    let posix = run(Path::new("bash"), &["--posix"], case);
    let got = run(sh, &[], case);
    let agree = same(&dash, &posix);
    let want = match (&case.follow, agree) {
        (None, true) => &dash,
        (Some(_), true) => {
            return fail(
                "dash and bash agree: no reason needed",
                &show(&dash),
                &show(&posix),
            );
        }
        (None, false) => {
            return fail(
                "dash and bash differ: say whom we follow",
                &show(&dash),
                &show(&posix),
            );
        }
        (Some(who), false) => {
            if who == "dash" {
                &dash
            } else {
                &posix
            }
        }
    };
    if same(want, &got) {
        None
    } else {
        fail("ours differs", &show(want), &show(&got))
    }
}

fn files(dir: &str, extension: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(dir);
    let mut list: Vec<PathBuf> = fs::read_dir(dir)
        .map(|entries| entries.filter_map(Result::ok).map(|e| e.path()).collect())
        .unwrap_or_default();
    list.retain(|p| p.extension().is_some_and(|e| e == extension));
    list.sort();
    list
}

/// Our shell under both names.
fn shells() -> (PathBuf, PathBuf) {
    let dir = std::env::temp_dir().join(format!("sh-corpus-bin-{}", std::process::id()));
    let _ = fs::create_dir_all(&dir);
    for name in ["sh", "bash"] {
        let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sh"), dir.join(name));
    }
    (dir.join("sh"), dir.join("bash"))
}

fn run_all(cases: Vec<Case>, least: usize) {
    let only = std::env::var("CASE").unwrap_or_default();
    let cases: Vec<Case> = cases
        .into_iter()
        .filter(|c| c.name.contains(&only))
        .collect();
    assert!(
        cases.len() >= least || !only.is_empty(),
        "only {} cases",
        cases.len()
    );
    let (sh, bash) = shells();
    let total = cases.len();
    let cases = Arc::new(cases);
    let next = Arc::new(AtomicUsize::new(0));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let (cases, next, failures) =
                (Arc::clone(&cases), Arc::clone(&next), Arc::clone(&failures));
            let (sh, bash) = (sh.clone(), bash.clone());
            std::thread::spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(failure) = check(case, &sh, &bash) {
                        failures
                            .lock()
                            .expect("no panic while locked")
                            .push(failure);
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("no panic");
    }
    let failures = failures.lock().expect("no panic while locked");
    assert!(
        failures.is_empty(),
        "{}\n{} of {total} cases failed",
        failures.join("\n"),
        failures.len()
    );
}

#[test]
fn posix_cases_agree_with_dash_and_bash() {
    run_all(
        files("posix", "txt")
            .iter()
            .flat_map(|f| parse(f, false))
            .collect(),
        300,
    );
}

#[test]
fn bash_cases_agree_with_bash() {
    run_all(
        files("bash", "txt")
            .iter()
            .flat_map(|f| parse(f, true))
            .collect(),
        100,
    );
}

#[test]
fn whole_scripts_agree() {
    let cases = files("scripts", "sh")
        .into_iter()
        .map(|path| {
            let script = fs::read_to_string(&path).expect("a script");
            let bash = script.starts_with("#!/bin/bash");
            let name = path
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or("")
                .to_owned();
            Case {
                name,
                script,
                stdin: String::new(),
                follow: None,
                bash,
            }
        })
        .collect();
    run_all(cases, 5);
}
