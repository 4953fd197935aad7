//! The cases of the corpus, and what the host's shells make of them.
//!
//! `corpus/posix/*.txt` is for `sh`, `corpus/bash/*.txt` for `bash`. Cases begin with `#### name`.
//! `#= follow dash: reason` (or `bash`) says whom we follow where `dash` and `bash --posix` differ. What follows
//! `#< stdin` is the standard input. `corpus/scripts/*.sh` are whole scripts; a first line `#!/bin/bash` makes
//! them bash's.
//!
//! Used by `commands/sh/tests/corpus.rs`, which runs the shell natively, and by
//! `crates/wasm/tests/shell_corpus.rs`, which runs it inside the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Seconds that a case may take before it counts as one that hangs.
pub const PATIENCE_SECONDS: u64 = 10;

/// The fewest cases there may be: a corpus that is not found must not pass.
const LEAST_POSIX: usize = 300;
const LEAST_BASH: usize = 100;
const LEAST_SCRIPTS: usize = 5;

#[derive(Default)]
pub struct Case {
    pub name: String,
    pub script: String,
    pub stdin: String,
    /// Whom the case follows where the host's shells differ.
    pub follow: Option<String>,
    /// Whether it is for `bash`, not for `sh`.
    pub bash: bool,
}

impl Case {
    /// What to print of a case whose endings differ.
    pub fn difference(&self, why: &str, want: &Ending, got: &Ending) -> String {
        let Case { name, script, .. } = self;
        format!("=== {name}: {why}\n{script}--- wanted\n{want}\n--- got\n{got}\n")
    }
}

/// What a shell did with a case. Compared are standard output and the exit status.
pub struct Ending {
    pub stdout: String,
    pub status: Option<i32>,
    pub stderr: String,
}

impl PartialEq for Ending {
    fn eq(&self, other: &Ending) -> bool {
        self.stdout == other.stdout && self.status == other.status
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Ending {
            stdout,
            status,
            stderr,
        } = self;
        write!(
            f,
            "status {status:?}\n--- stdout\n{stdout}--- stderr\n{stderr}"
        )
    }
}

/// The chosen cases for `sh`.
pub fn posix() -> Vec<Case> {
    chosen(of_files("posix", false), LEAST_POSIX)
}

/// The chosen cases for `bash`.
pub fn bash() -> Vec<Case> {
    chosen(of_files("bash", true), LEAST_BASH)
}

/// The chosen whole scripts.
pub fn scripts() -> Vec<Case> {
    let scripts = files("scripts", "sh")
        .iter()
        .map(|path| {
            let script = fs::read_to_string(path).expect("a script");
            Case {
                name: name_of(path),
                bash: script.starts_with("#!/bin/bash"),
                script,
                ..Case::default()
            }
        })
        .collect();
    chosen(scripts, LEAST_SCRIPTS)
}

/// Those of the cases that the variable `CASE` chooses, all if there is none.
fn chosen(mut cases: Vec<Case>, least: usize) -> Vec<Case> {
    assert!(cases.len() >= least, "only {} cases", cases.len());
    if let Ok(only) = std::env::var("CASE") {
        cases.retain(|case| case.name.contains(&only));
    }
    cases
}

/// Fails with all differences there are.
pub fn assert_none(differences: &[String], cases: &[Case]) {
    assert!(
        differences.is_empty(),
        "{}\n{} of {} cases failed",
        differences.join("\n"),
        differences.len(),
        cases.len()
    );
}

fn of_files(dir: &str, bash: bool) -> Vec<Case> {
    let files = files(dir, "txt");
    files.iter().flat_map(|path| parse(path, bash)).collect()
}

fn files(dir: &str, extension: &str) -> Vec<PathBuf> {
    // The folder of the crate that includes this file: commands/sh or crates/wasm.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = manifest.join("../../commands/sh/tests/corpus").join(dir);
    let entries = fs::read_dir(corpus).expect("a directory of the corpus");
    let mut list: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    list.retain(|path| path.extension().is_some_and(|e| e == extension));
    list.sort();
    list
}

fn name_of(path: &Path) -> String {
    path.file_stem()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn parse(path: &Path, bash: bool) -> Vec<Case> {
    let text = fs::read_to_string(path).expect("a file of the corpus");
    let mut cases: Vec<Case> = Vec::new();
    let mut in_stdin = false;
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("#### ") {
            in_stdin = false;
            cases.push(Case {
                name: format!("{}: {}", name_of(path), name.trim_end()),
                bash,
                ..Case::default()
            });
            continue;
        }
        let Some(case) = cases.last_mut() else {
            continue;
        };
        if let Some(follow) = line.strip_prefix("#= follow ") {
            case.follow = follow.split(':').next().map(|who| who.trim().to_owned());
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

/// Runs a case with a shell of the host in a fresh directory.
pub fn run_on_host(shell: &Path, args: &[&str], case: &Case) -> Ending {
    static COUNTER: AtomicUsize = AtomicUsize::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("sh-corpus-{}-{number}", std::process::id()));
    let work = dir.join("work");
    fs::create_dir_all(&work).expect("a directory");
    fs::write(dir.join("script"), &case.script).expect("the script is written");
    fs::write(dir.join("stdin"), &case.stdin).expect("the input is written");
    let output = Command::new("timeout")
        .arg(PATIENCE_SECONDS.to_string())
        .arg(shell)
        .args(args)
        .arg("../script")
        .current_dir(&work)
        .stdin(fs::File::open(dir.join("stdin")).expect("the input is there"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/home/tester")
        .env("LC_ALL", "C.UTF-8")
        .env("TMPDIR", &dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .expect("the shell runs: `timeout`, `dash` and `bash` must be installed");
    let _ = fs::remove_dir_all(&dir);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ending = Ending {
        stdout: text(&output.stdout),
        status: output.status.code(),
        stderr: text(&output.stderr),
    };
    // How env(1) and timeout(1) say that there is no such program.
    let is_absent = ending.status == Some(127) && ending.stderr.starts_with("timeout: ");
    assert!(!is_absent, "{}", ending.stderr);
    ending
}
