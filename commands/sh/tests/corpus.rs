//! Compares the shell, compiled for the host, with the host's dash and bash, case by case. The format of the corpus
//! is described in `case/mod.rs`; `CASE=text` chooses cases.

mod case;

use case::{Case, Ending, run_on_host};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is wrong with a case; `None` when nothing is.
fn check(case: &Case, sh: &Path, bash: &Path) -> Option<String> {
    let fail = |why: &str, want: &Ending, got: &Ending| {
        let Case { name, script, .. } = case;
        Some(format!(
            "=== {name}: {why}\n{script}--- wanted\n{want}\n--- got\n{got}\n"
        ))
    };
    if case.bash {
        let want = run_on_host(Path::new("bash"), &[], case);
        let got = run_on_host(bash, &[], case);
        return if want == got {
            None
        } else {
            fail("not as bash", &want, &got)
        };
    }
    let dash = run_on_host(Path::new("dash"), &[], case);
    let posix = run_on_host(Path::new("bash"), &["--posix"], case);
    let want = match (case.follow.as_deref(), dash == posix) {
        (None, true) | (Some("dash"), false) => &dash,
        (Some(_), false) => &posix,
        (Some(_), true) => {
            return fail("dash and bash agree: no reason needed", &dash, &posix);
        }
        (None, false) => return fail("dash and bash differ: say whom we follow", &dash, &posix),
    };
    let got = run_on_host(sh, &[], case);
    if *want == got {
        None
    } else {
        fail("ours differs", want, &got)
    }
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

fn run_all(cases: &[Case]) {
    let (sh, bash) = shells();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(failure) = check(case, &sh, &bash) {
                failures
                    .lock()
                    .expect("no panic while locked")
                    .push(failure);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no panic while locked");
    assert!(
        failures.is_empty(),
        "{}\n{} of {} cases failed",
        failures.join("\n"),
        failures.len(),
        cases.len()
    );
}

#[test]
fn posix_cases_agree_with_dash_and_bash() {
    run_all(&case::chosen(case::posix(), case::LEAST_POSIX));
}

#[test]
fn bash_cases_agree_with_bash() {
    run_all(&case::chosen(case::bash(), case::LEAST_BASH));
}

#[test]
fn whole_scripts_agree() {
    run_all(&case::chosen(case::scripts(), case::LEAST_SCRIPTS));
}
