//! What a command name means, and where its program is.

use std::rc::Rc;

use secure_exec_sys as sys;
use sys::process::Program;

use crate::builtins::{self, Builtin};
use crate::shell::Shell;
use crate::syntax::ast::Function;
use crate::text;

/// What a name runs.
#[derive(Clone)]
pub enum Target {
    Special(Builtin),
    Function(Rc<Function>),
    Builtin(Builtin),
    Program,
}

/// Where programs are when `command -p` asks or `PATH` is not set.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Shell {
    /// What `name` runs, in the order of XCU 2.9.1.4.
    pub fn target(&self, name: &str) -> Target {
        let builtin = if self.disabled_builtins.iter().any(|n| n == name) {
            None
        } else {
            builtins::find(name, self.bash)
        };
        let function = self.functions.get(name);
        match (builtin, function) {
            (Some((run, true)), _) if !self.bash || self.options.posix => Target::Special(run),
            (_, Some(function)) => Target::Function(Rc::clone(function)),
            (Some((run, true)), None) => Target::Special(run),
            (Some((run, false)), None) => Target::Builtin(run),
            (None, None) => Target::Program,
        }
    }

    /// The path of a program, remembered for the next time.
    pub fn find_program(&mut self, name: &str) -> Option<String> {
        if name.contains('/') {
            return Some(name.to_owned());
        }
        if let Some((path, hits)) = self.paths.get_mut(name) {
            *hits += 1;
            let path = path.clone();
            if path.starts_with('/') && !is_program(&path) {
                self.paths.remove(name);
            } else {
                // One in a directory that is relative is not looked for again, as other shells do.
                return Some(path);
            }
        }
        let path = self.var("PATH").unwrap_or_else(|| DEFAULT_PATH.to_owned());
        let found = search(name, &path)?;
        self.paths.insert(name.to_owned(), (found.clone(), 1));
        Some(found)
    }

    /// Where a script without a known format is run: by this shell.
    pub fn own_path(&self) -> std::path::PathBuf {
        if cfg!(target_os = "wasi") {
            return if self.bash {
                "/bin/bash".into()
            } else {
                "/bin/sh".into()
            };
        }
        std::env::current_exe().unwrap_or_else(|_| "/bin/sh".into())
    }

    /// The program that words name, with the exported variables. `Err` is the status, reported.
    pub fn program(&mut self, words: &[String]) -> Result<Program, i32> {
        let name = words.first().map_or("", String::as_str);
        let found = if name.is_empty() {
            None
        } else {
            self.find_program(name)
        };
        let Some(path) = found else {
            let message = if self.bash {
                format!("{name}: command not found")
            } else {
                format!("{name}: not found")
            };
            self.error(&message);
            return Err(127);
        };
        Ok(Program {
            file: text::path(&path),
            args: words.iter().map(|w| text::os(w)).collect(),
            env: self.environment(),
            ..Program::default()
        })
    }

    /// Reports why a program did not start; gives the status.
    pub fn exec_failed(&mut self, program: &Program, error: &std::io::Error) -> i32 {
        use sys::errno::{self, ENOENT, ENOTDIR};
        let name = program
            .args
            .first()
            .map(|a| text::from_os(a))
            .unwrap_or_default();
        let missing = errno::is(error, ENOENT) || errno::is(error, ENOTDIR);
        let is_dir = sys::path::stat(&program.file).is_ok_and(|s| s.is_dir());
        let reason = match () {
            () if missing && !self.bash => "not found".to_owned(),
            () if is_dir && self.bash => "Is a directory".to_owned(),
            () if is_dir => "Permission denied".to_owned(),
            () => errno::message(error),
        };
        if missing {
            // Where it was found before.
            self.paths.remove(&name);
        }
        self.error(&format!("{name}: {reason}"));
        if missing { 127 } else { 126 }
    }

    /// Runs a file of no known format as a script of this shell.
    pub fn as_script(&self, program: &Program) -> Program {
        let mut script = program.clone();
        let name = if self.bash { "bash" } else { "sh" };
        script
            .args
            .splice(0..1, [name.into(), program.file.clone().into_os_string()]);
        script.file = self.own_path();
        script
    }
}

/// Whether a path is a file that may be executed.
pub fn is_program(path: &str) -> bool {
    let path = text::path(path);
    sys::path::stat(&path).is_ok_and(|s| s.is_file() && s.mode & 0o111 != 0)
        && sys::path::access(&path, sys::path::X_OK).is_ok()
}

/// The first program of this name in the directories of `path`.
pub fn search(name: &str, path: &str) -> Option<String> {
    let candidates = path.split(':').map(|dir| match dir {
        "" => format!("./{name}"),
        dir if dir.ends_with('/') => format!("{dir}{name}"),
        dir => format!("{dir}/{name}"),
    });
    let mut fallback = None;
    for candidate in candidates {
        if is_program(&candidate) {
            return Some(candidate);
        }
        if fallback.is_none() && sys::path::stat(text::path(&candidate)).is_ok_and(|s| s.is_file())
        {
            fallback = Some(candidate);
        }
    }
    // A file without permission gives status 126 rather than 127.
    fallback
}
