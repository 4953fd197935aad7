//! `chmod`: changes modes, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/chmod.html), with the GNU options.

use std::ffi::OsString;
use std::path::Path;

use secure_exec_cli::{Args, ModeChange, Outcome, Syntax, bytes, fail, flag, parse_mode, quote};
use secure_exec_cli::{report, required, warn_path};
use secure_exec_sys::path::{chmod, lstat, stat};
use secure_exec_sys::process::umask;
use secure_exec_sys::stat::mode_string;

use crate::tree::{Follow, sorted_entries};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('c', "changes"),
        flag('f', "silent"),
        flag('\0', "quiet"),
        flag('v', "verbose"),
        flag('R', "recursive"),
        required('\0', "reference"),
        flag('\0', "preserve-root"),
        flag('\0', "no-preserve-root"),
    ],
    usage: "[OPTION]... MODE[,MODE]... FILE...",
    usage_status: 1,
    operand_ends: false,
};

struct Chmod<'a> {
    args: &'a Args,
    change: ModeChange,
    umask: u32,
    quiet: bool,
    recursive: bool,
    /// What is told: nothing, changes, everything.
    verbosity: Verbosity,
    failed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Verbosity {
    Nothing,
    Changes,
    Everything,
}

pub fn main(args: &Args) -> Outcome {
    let (args, mode) = take_mode(args);
    let parsed = SYNTAX.parse(&args)?;
    let mut operands = parsed.operands.clone();
    let change = if let Some(reference) = parsed.value("reference") {
        let path = reference.os();
        let found = stat(&path).map_err(|error| {
            fail(report(
                "failed to get attributes of",
                Path::new(&path),
                &error,
            ))
        })?;
        ModeChange::Octal {
            mode: found.permissions(),
            digits: 5,
        }
    } else {
        let text = mode.or_else(|| (!operands.is_empty()).then(|| operands.remove(0)));
        let text = text.ok_or_else(|| SYNTAX.missing_operand(&args))?;
        if operands.is_empty() {
            return Err(SYNTAX.wrong(&args, &format!("missing operand after {}", quote(&text))));
        }
        parse(&text)
            .ok_or_else(|| SYNTAX.wrong(&args, &format!("invalid mode: {}", quote(&text))))?
    };
    if operands.is_empty() {
        return Err(SYNTAX.missing_operand(&args));
    }
    let mask = umask(0);
    let _ = umask(mask);
    let verbosity = match parsed.last_of(&["changes", "verbose"]) {
        Some("changes") => Verbosity::Changes,
        Some(_) => Verbosity::Everything,
        None => Verbosity::Nothing,
    };
    let mut chmod = Chmod {
        args: &args,
        change,
        umask: mask,
        quiet: parsed.has("silent") || parsed.has("quiet"),
        recursive: parsed.has("recursive"),
        verbosity,
        failed: false,
    };
    for path in &operands {
        chmod.visit(Path::new(path), Follow::Yes);
    }
    Ok(i32::from(chmod.failed))
}

fn parse(text: &OsString) -> Option<ModeChange> {
    parse_mode(text.to_str()?)
}

/// Takes out a mode that looks like an option: `-w`, `-rwx`.
fn take_mode(args: &Args) -> (Args, Option<OsString>) {
    let mut args = args.clone();
    let end = args
        .list
        .iter()
        .position(|arg| arg == "--")
        .unwrap_or(args.list.len());
    let is_mode = |arg: &OsString| match bytes(arg) {
        [b'-', rest @ ..] => {
            !rest.is_empty()
                && rest
                    .iter()
                    .all(|byte| b"rwxXstugo,=+-01234567".contains(byte))
        }
        _ => false,
    };
    let found = args.list[..end]
        .iter()
        .position(|arg| is_mode(arg) && parse(arg).is_some());
    let mode = found.map(|at| args.list.remove(at));
    (args, mode)
}

impl Chmod<'_> {
    fn visit(&mut self, path: &Path, follow: Follow) {
        let found = if follow == Follow::Yes {
            stat(path)
        } else {
            lstat(path)
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                self.complain("cannot access", path, &error);
                return;
            }
        };
        if found.is_symlink() {
            return;
        }
        let old = found.permissions();
        let new = self.change.apply(old, found.is_dir(), self.umask);
        match chmod(path, new) {
            Ok(()) => self.tell(path, old, new),
            Err(error) => self.complain("changing permissions of", path, &error),
        }
        if self.recursive && found.is_dir() {
            match sorted_entries(path) {
                Ok(entries) => {
                    for entry in entries {
                        self.visit(&entry, Follow::No);
                    }
                }
                Err(error) => self.complain("cannot read directory", path, &error),
            }
        }
    }

    fn complain(&mut self, what: &str, path: &Path, error: &std::io::Error) {
        self.failed = true;
        if !self.quiet {
            warn_path(&self.args.name, what, path, error);
        }
    }

    fn tell(&mut self, path: &Path, old: u32, new: u32) {
        let describe = |mode: u32| format!("{mode:04o} ({})", &mode_string(mode)[1..]);
        if old != new && self.verbosity != Verbosity::Nothing {
            println!(
                "mode of {} changed from {} to {}",
                quote(path),
                describe(old),
                describe(new)
            );
        } else if self.verbosity == Verbosity::Everything {
            println!("mode of {} retained as {}", quote(path), describe(old));
        }
    }
}
