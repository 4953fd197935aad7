//! Runs each line of `cases/*.txt` as a shell command twice, with the host's tool and with ours of the same
//! name, in equal directories, and compares standard output, exit status and the files left behind.
//!
//! A line that begins with `!` is run before every case of its file; `#` is a comment. `␤` stands for a newline
//! within a case.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../../../cli/tests/harness/skipped.rs"]
mod skipped;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(PartialEq)]
struct Outcome {
    stdout: Vec<u8>,
    status: Option<i32>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn collect(directory: &Path, base: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(base).unwrap().to_owned();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            files.insert(name, Vec::new());
            collect(&path, base, files);
        } else if kind.is_file() {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

fn run(script: &str, directory: &Path, path: &str) -> Outcome {
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let mut files = BTreeMap::new();
    collect(directory, directory, &mut files);
    Outcome {
        stdout: output.stdout,
        status: output.status.code(),
        files,
    }
}

fn installed(tool: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_case(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(['#', '!'])
}

/// Runs the cases of one file with `program`. `tools` are the names that it uses; `host` gives other host programs for
/// them. Where the host lacks one of those the file is skipped, and its cases are counted as such.
pub fn compare(program: &str, file: &str, tools: &[&str], host: &[(&str, &str)]) {
    let text = fs::read_to_string(Path::new("tests/cases").join(format!("{file}.txt"))).unwrap();
    for tool in tools {
        let program = host
            .iter()
            .find(|(name, _)| name == tool)
            .map_or(*tool, |found| found.1);
        if !installed(program) {
            let cases = text.lines().filter(|line| is_case(line)).count();
            return skipped::note(program, cases);
        }
    }
    let base = scratch(file);
    let ours = base.join("ours-bin");
    let theirs = base.join("theirs-bin");
    fs::create_dir_all(&ours).unwrap();
    fs::create_dir_all(&theirs).unwrap();
    for tool in tools {
        symlink(program, ours.join(tool)).unwrap();
    }
    for (tool, theirs_name) in host {
        let script = format!("ln -s \"$(command -v {theirs_name})\" {tool}");
        assert!(
            Command::new("sh")
                .args(["-c", &script])
                .current_dir(&theirs)
                .status()
                .unwrap()
                .success()
        );
    }
    let rest = std::env::var("PATH").unwrap();
    let setup: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let setup = setup.join("\n");
    let mut failures = Vec::new();
    let mut count = 0;
    for case in text.lines().filter(|line| is_case(line)) {
        count += 1;
        let case = &case.replace('␤', "\n");
        let outcome = |bin: &Path, name: &str| {
            let directory = base.join(name);
            let _ = fs::remove_dir_all(&directory);
            fs::create_dir_all(&directory).unwrap();
            run(&setup, &directory, &rest);
            run(case, &directory, &format!("{}:{rest}", bin.display()))
        };
        let expected = outcome(&theirs, "work");
        let actual = outcome(&ours, "work");
        if expected != actual {
            failures.push(format!(
                "{case}\n  host {:?}: {}\n  ours {:?}: {}\n  files equal: {}",
                expected.status,
                String::from_utf8_lossy(&expected.stdout).escape_debug(),
                actual.status,
                String::from_utf8_lossy(&actual.stdout).escape_debug(),
                expected.files == actual.files,
            ));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} cases of {file} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
