//! Compares the shell, compiled for the host, with the host's dash and bash, case by case. The format of the corpus
//! is described in `case/mod.rs`; `CASE=text` chooses cases.

mod case;

use case::{Case, Ending, run_on_host};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is wrong with a case; `None` when nothing is.
fn check(case: &Case, sh: &Path, bash: &Path) -> Option<String> {
    let fail = |why: &str, want: &Ending, got: &Ending| Some(case.difference(why, want, got));
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

/// Links to our shell under both names, in a directory that goes when this does.
struct Shells {
    dir: PathBuf,
    sh: PathBuf,
    bash: PathBuf,
}

impl Shells {
    fn new() -> Self {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let unique = format!("sh-corpus-bin-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(unique);
        let shells = Self {
            sh: dir.join("sh"),
            bash: dir.join("bash"),
            dir,
        };
        let _ = fs::create_dir_all(&shells.dir);
        for link in [&shells.sh, &shells.bash] {
            let _ = symlink(env!("CARGO_BIN_EXE_sh"), link);
        }
        shells
    }
}

impl Drop for Shells {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn run_all(cases: &[Case]) {
    let shells = Shells::new();
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Some(difference) = check(case, &shells.sh, &shells.bash) {
                differences
                    .lock()
                    .expect("no panic while locked")
                    .push(difference);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let differences = differences.into_inner().expect("no panic while locked");
    case::assert_none(&differences, cases);
}

#[test]
fn posix_cases_agree_with_dash_and_bash() {
    run_all(&case::posix());
}

#[test]
fn bash_cases_agree_with_bash() {
    run_all(&case::bash());
}

#[test]
fn whole_scripts_agree() {
    run_all(&case::scripts());
}
