//! Runs command lines with the commands of this project and with the host's, and compares.
//!
//! A case is a line for `sh`. It runs twice in a fresh directory that `setup` filled: once with this project's
//! commands first on `PATH`, once with the host's alone. Output and status must be the same; messages too,
//! unless the line begins with `~`. Lines with `#` are comments. `env NAME` reaches a command that is also a
//! builtin of the shell. A line that begins with `needs NAME: ` is skipped, and counted as such, where the host has no
//! such command.

mod manifest;
mod skipped;

pub use manifest::assert_manifest_names_all;

use manifest::names;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What a run gave.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    output: String,
    messages: String,
    status: Option<i32>,
}

pub struct Harness {
    folder: PathBuf,
    host_path: String,
    own_path: String,
}

impl Harness {
    /// Makes links to the program for all names that it lists.
    pub fn new(program: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = Path::new(program).file_name().expect("a name").display();
        let unique = format!("{name}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(format!("secure-exec-commands-{unique}"));
        let _ = fs::remove_dir_all(&folder);
        let own = folder.join("own");
        fs::create_dir_all(&own).expect("a directory for links");
        for name in names(program) {
            symlink(program, own.join(name)).expect("a link");
        }
        let host_path = "/usr/local/bin:/usr/bin:/bin".to_owned();
        let own_path = format!("{}:{host_path}", own.display());
        Self {
            folder,
            host_path,
            own_path,
        }
    }

    /// Whether the host has a command.
    fn host_has(&self, name: &str) -> bool {
        self.host_path
            .split(':')
            .any(|folder| Path::new(folder).join(name).exists())
    }

    fn run(&self, line: &str, path: &str, setup: &str) -> Outcome {
        let work = self.folder.join("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).expect("a working directory");
        let shell = |script: &str, path: &str| {
            Command::new("/bin/sh")
                .args(["-c", script])
                .current_dir(&work)
                .env_clear()
                .envs([
                    ("PATH", path),
                    ("LC_ALL", "C"),
                    ("TZ", "UTC"),
                    ("HOME", "/root"),
                    ("TERM", "dumb"),
                ])
                .stdin(std::process::Stdio::null())
                .output()
                .expect("a shell")
        };
        let prepared = shell(&format!("umask 022\n{setup}"), &self.host_path);
        assert!(
            prepared.status.success(),
            "setup: {}",
            String::from_utf8_lossy(&prepared.stderr)
        );
        let output = shell(&format!("umask 022\n{line}"), path);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome {
            output: text(&output.stdout),
            messages: normalize(&text(&output.stderr)),
            status: output.status.code(),
        }
    }

    /// Runs all cases of a text; fails with all that differ.
    pub fn compare(&self, cases: &str, setup: &str) {
        let mut differing = Vec::new();
        let mut count = 0;
        let mut absent: BTreeMap<&str, usize> = BTreeMap::new();
        for line in cases
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        {
            let (line, with_messages) = match line.strip_prefix('~') {
                Some(rest) => (rest.trim(), false),
                None => (line.trim(), true),
            };
            let (needs, line) = match line
                .strip_prefix("needs ")
                .and_then(|rest| rest.split_once(": "))
            {
                Some((needs, line)) => (Some(needs), line),
                None => (None, line),
            };
            if let Some(name) = needs.filter(|name| !self.host_has(name)) {
                *absent.entry(name).or_default() += 1;
                continue;
            }
            let mut wanted = self.run(line, &self.host_path, setup);
            let mut found = self.run(line, &self.own_path, setup);
            count += 1;
            if !with_messages {
                wanted.messages.clear();
                found.messages.clear();
            }
            if wanted != found {
                differing.push(format!("{line}\n  host: {wanted:?}\n  ours: {found:?}"));
            }
        }
        for (tool, cases) in absent {
            skipped::note(tool, cases);
        }
        assert!(count > 0, "there are no cases");
        assert!(
            differing.is_empty(),
            "{} of {count} differ:\n{}",
            differing.len(),
            differing.join("\n")
        );
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The path a command was called by is no difference.
fn normalize(messages: &str) -> String {
    let mut out = String::new();
    for line in messages.lines() {
        let line = line.replace('`', "'");
        let name = line.split(':').next().unwrap_or_default();
        let bare = name.rsplit('/').next().unwrap_or(name);
        let line = if name.contains('/') && !name.contains(' ') {
            line.replacen(name, bare, 1)
        } else {
            line
        };
        // `Try '/usr/bin/ls --help'` as well.
        out.push_str(&line.replace("Try '/usr/bin/", "Try '"));
        out.push('\n');
    }
    out
}
