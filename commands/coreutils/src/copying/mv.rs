//! `mv`.

use std::fs;
use std::io;
use std::path::Path;

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, flag, optional, quote, report, required, warn,
};
use secure_exec_sys::errno::{self, EXDEV};
use secure_exec_sys::path::{W_OK, access, lstat, stat};
use secure_exec_sys::stat::mode_string;
use secure_exec_sys::tty::isatty;

use super::Targets;
use super::backup::Backup;
use super::copier::{Copier, Dereference, Make, Options, Overwrite};
use super::cp::update;
use super::prompt::confirm;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "b"),
        optional('\0', "backup"),
        flag('f', "force"),
        flag('i', "interactive"),
        flag('n', "no-clobber"),
        flag('\0', "no-copy"),
        flag('\0', "strip-trailing-slashes"),
        required('S', "suffix"),
        required('t', "target-directory"),
        flag('T', "no-target-directory"),
        flag('u', "u"),
        optional('\0', "update"),
        flag('v', "verbose"),
        flag('Z', "Z"),
    ],
    usage: "[OPTION]... SOURCE... DEST",
    usage_status: 1,
    operand_ends: false,
};

struct Mover<'a> {
    args: &'a Args,
    overwrite: Option<Overwrite>,
    force: bool,
    verbose: bool,
    copies: bool,
    backup: Backup,
    failed: bool,
}

pub fn mv(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let targets = Targets::of(args, &SYNTAX, &parsed)?;
    let mut mover = Mover {
        args,
        overwrite: overwrite(args, &parsed)?,
        force: parsed.last_of(&["force", "interactive", "no-clobber"]) == Some("force"),
        verbose: parsed.has("verbose"),
        copies: !parsed.has("no-copy"),
        backup: Backup::of(&parsed)?,
        failed: false,
    };
    for source in &targets.sources {
        let source = Path::new(source);
        mover.move_one(source, &targets.destination(source));
    }
    Ok(i32::from(mover.failed))
}

fn overwrite(args: &Args, parsed: &Parsed) -> Result<Option<Overwrite>, Failure> {
    Ok(
        match parsed.last_of(&["force", "interactive", "no-clobber", "u", "update"]) {
            Some("interactive") => Some(Overwrite::Ask),
            Some("no-clobber") => Some(Overwrite::No),
            Some("u") => Some(Overwrite::IfOlder),
            Some("update") => Some(update(args, parsed)?),
            Some(_) => Some(Overwrite::Yes),
            None => None,
        },
    )
}

impl Mover<'_> {
    fn complain(&mut self, text: impl std::fmt::Display) {
        self.failed = true;
        warn(&self.args.name, text);
    }

    fn move_one(&mut self, source: &Path, destination: &Path) {
        let found = match lstat(source) {
            Ok(found) => found,
            Err(error) => return self.complain(report("cannot stat", source, &error)),
        };
        if let Ok(existing) = lstat(destination) {
            if existing.same_file(&found) && source.file_name() == destination.file_name() {
                return self.complain(format_args!(
                    "{} and {} are the same file",
                    quote(source),
                    quote(destination)
                ));
            }
            let is_directory = existing.is_dir();
            if is_directory && !found.is_dir() {
                let text = format!(
                    "cannot overwrite directory {} with non-directory",
                    quote(destination)
                );
                return self.complain(text);
            }
            if !is_directory && found.is_dir() {
                let text = format!(
                    "cannot overwrite non-directory {} with directory {}",
                    quote(destination),
                    quote(source)
                );
                return self.complain(text);
            }
            if !self.may_replace(&found, destination) {
                return;
            }
            if let Err(error) = self.backup.make(destination) {
                return self.complain(report("cannot backup", destination, &error));
            }
        }
        match fs::rename(source, destination) {
            Ok(()) => self.tell(source, destination),
            Err(error) if errno::is(&error, EXDEV) && self.copies => {
                self.copy_and_remove(source, destination)
            }
            Err(error) => self.rename_failed(source, destination, &error),
        }
    }

    fn rename_failed(&mut self, source: &Path, destination: &Path, error: &io::Error) {
        if errno::is(error, errno::EINVAL) {
            let text = format!(
                "cannot move {} to a subdirectory of itself, {}",
                quote(source),
                quote(destination)
            );
            return self.complain(text);
        }
        let text = format!(
            "cannot move {} to {}: {}",
            quote(source),
            quote(destination),
            errno::message(error)
        );
        self.complain(text);
    }

    fn may_replace(&mut self, found: &secure_exec_sys::stat::Stat, destination: &Path) -> bool {
        match self.overwrite {
            Some(Overwrite::No) => false,
            Some(Overwrite::NoWithFailure) => {
                self.complain(format_args!("not replacing {}", quote(destination)));
                false
            }
            Some(Overwrite::IfOlder) => {
                lstat(destination).is_ok_and(|existing| existing.mtime < found.mtime)
            }
            Some(Overwrite::Ask) => {
                confirm(self.args, &format!("overwrite {}?", quote(destination)))
            }
            Some(Overwrite::Yes) => true,
            None => {
                // Without an option, a person is asked before what is write-protected goes.
                let Ok(existing) = stat(destination) else {
                    return true;
                };
                if self.force || !isatty(0) || access(destination, W_OK).is_ok() {
                    return true;
                }
                let mode = existing.permissions();
                let text = &mode_string(existing.mode)[1..];
                confirm(
                    self.args,
                    &format!(
                        "replace {}, overriding mode {mode:04o} ({text})?",
                        quote(destination)
                    ),
                )
            }
        }
    }

    /// Another filesystem: a faithful copy, then the source goes.
    fn copy_and_remove(&mut self, source: &Path, destination: &Path) {
        let options = Options {
            recursive: true,
            dereference: Dereference::Never,
            overwrite: Overwrite::Yes,
            force: true,
            remove_destination: true,
            mode: true,
            ownership: true,
            timestamps: true,
            links: true,
            make: Make::Copy,
            verbose: self.verbose,
            backup: Backup::None,
            parents: false,
        };
        let mut copier = Copier::new(self.args, options);
        if !copier.copy(source, destination, true) || copier.failed {
            self.failed = true;
            return;
        }
        let is_directory = lstat(source).is_ok_and(|found| found.is_dir());
        let removed = if is_directory {
            fs::remove_dir_all(source)
        } else {
            fs::remove_file(source)
        };
        if let Err(error) = removed {
            self.complain(report("cannot remove", source, &error));
        }
    }

    fn tell(&self, source: &Path, destination: &Path) {
        if self.verbose {
            println!("renamed {} -> {}", quote(source), quote(destination));
        }
    }
}
