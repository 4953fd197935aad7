//! `rm`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/rm.html), with the
//! GNU options.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::Path;

use secure_exec_cli::{Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, optional, quote};
use secure_exec_cli::{warn, warn_path};
use secure_exec_sys::errno::{self, ENOENT, ENOTDIR};
use secure_exec_sys::path::{W_OK, access, lstat, stat};
use secure_exec_sys::stat::Stat;
use secure_exec_sys::tty::isatty;

use crate::tree::sorted_entries;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('f', "force"),
        flag('i', "i"),
        flag('I', "I"),
        optional('\0', "interactive"),
        flag('\0', "one-file-system"),
        flag('\0', "no-preserve-root"),
        optional('\0', "preserve-root"),
        flag('r', "recursive"),
        flag('R', "R"),
        flag('d', "dir"),
        flag('v', "verbose"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

/// When to ask.
#[derive(Clone, Copy, PartialEq)]
enum Ask {
    Never,
    /// Before removing what is write-protected, if a person is there.
    Protected,
    /// Once, before removing much.
    Once,
    Always,
}

struct Rm<'a> {
    args: &'a Args,
    ask: Ask,
    recursive: bool,
    directories: bool,
    verbose: bool,
    force: bool,
    protects_root: bool,
    failed: bool,
}

pub fn rm(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let ask = ask(args, &parsed)?;
    let force = parsed.last_of(&["force", "i", "I", "interactive"]) == Some("force");
    if parsed.operands.is_empty() {
        return if parsed.has("force") {
            Ok(0)
        } else {
            Err(SYNTAX.missing_operand(args))
        };
    }
    let mut rm = Rm {
        args,
        ask,
        recursive: parsed.has("recursive") || parsed.has("R"),
        directories: parsed.has("dir"),
        verbose: parsed.has("verbose"),
        force,
        protects_root: parsed.last_of(&["no-preserve-root", "preserve-root"])
            != Some("no-preserve-root"),
        failed: false,
    };
    if ask == Ask::Once && (rm.recursive || parsed.operands.len() > 3) {
        let count = parsed.operands.len();
        let what = if count == 1 { "argument" } else { "arguments" };
        let how = if rm.recursive { " recursively" } else { "" };
        if !rm.confirm(&format!("remove {count} {what}{how}?"))? {
            return Ok(0);
        }
    }
    for operand in &parsed.operands {
        rm.operand(operand)?;
    }
    Ok(i32::from(rm.failed))
}

fn ask(args: &Args, parsed: &Parsed) -> Result<Ask, Failure> {
    Ok(match parsed.last_of(&["force", "i", "I", "interactive"]) {
        Some("force") => Ask::Never,
        Some("i") => Ask::Always,
        Some("I") => Ask::Once,
        Some(_) => {
            let value = parsed
                .value("interactive")
                .map(secure_exec_cli::Value::text)
                .unwrap_or_default();
            match value.as_str() {
                "never" | "no" | "none" => Ask::Never,
                "once" => Ask::Once,
                "" | "always" | "yes" => Ask::Always,
                _ => {
                    let text = format!("invalid argument {} for '--interactive'", quote(&value));
                    return Err(SYNTAX.wrong(args, &text));
                }
            }
        }
        None => Ask::Protected,
    })
}

impl Rm<'_> {
    fn operand(&mut self, operand: &OsStr) -> Result<(), Failure> {
        let path = Path::new(operand);
        let trimmed = bytes(operand).strip_suffix(b"/").unwrap_or(bytes(operand));
        let last = trimmed
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or_default();
        if self.recursive && (last == b"." || last == b"..") {
            let text = format!(
                "refusing to remove '.' or '..' directory: skipping {}",
                quote(operand)
            );
            self.complain(&text);
            return Ok(());
        }
        let found = match lstat(path) {
            Ok(found) => found,
            Err(error)
                if self.force && (errno::is(&error, ENOENT) || errno::is(&error, ENOTDIR)) =>
            {
                return Ok(());
            }
            Err(error) => {
                self.cannot(path, &error);
                return Ok(());
            }
        };
        let is_root = || stat("/").is_ok_and(|root| root.same_file(&found));
        if self.recursive && self.protects_root && found.is_dir() && is_root() {
            self.complain("it is dangerous to operate recursively on '/'");
            self.complain("use --no-preserve-root to override this failsafe");
            return Ok(());
        }
        self.remove(path, &found).map(drop)
    }

    /// Removes one file or tree; tells whether it is gone.
    fn remove(&mut self, path: &Path, found: &Stat) -> Result<bool, Failure> {
        if !found.is_dir() {
            let kind = found.kind_words();
            if !self.confirm_file(
                path,
                found,
                &format!("remove {kind} {}?", quote(path)),
                kind,
            )? {
                return Ok(false);
            }
            return Ok(self.done(path, fs::remove_file(path), "removed"));
        }
        if !self.recursive {
            if self.directories {
                let question = format!("remove directory {}?", quote(path));
                if !self.confirm_file(path, found, &question, "directory")? {
                    return Ok(false);
                }
                return Ok(self.done(path, fs::remove_dir(path), "removed directory"));
            }
            self.complain(&format!("cannot remove {}: Is a directory", quote(path)));
            return Ok(false);
        }
        self.remove_tree(path, found)
    }

    fn remove_tree(&mut self, path: &Path, found: &Stat) -> Result<bool, Failure> {
        let entries = match sorted_entries(path) {
            Ok(entries) => entries,
            // What cannot be read may still be empty.
            Err(error) => {
                if fs::remove_dir(path).is_err() {
                    self.cannot(path, &error);
                    return Ok(false);
                }
                return Ok(true);
            }
        };
        if !entries.is_empty() {
            let question = format!("descend into directory {}?", quote(path));
            if !self.confirm_file(path, found, &question, "directory")? {
                return Ok(false);
            }
        }
        let mut is_empty = true;
        for entry in entries {
            match lstat(&entry) {
                Ok(inner) => is_empty &= self.remove(&entry, &inner)?,
                Err(error) if errno::is(&error, ENOENT) => {}
                Err(error) => {
                    self.cannot(&entry, &error);
                    is_empty = false;
                }
            }
        }
        if !is_empty {
            return Ok(false);
        }
        if self.ask == Ask::Always
            && !self.confirm(&format!("remove directory {}?", quote(path)))?
        {
            return Ok(false);
        }
        Ok(self.done(path, fs::remove_dir(path), "removed directory"))
    }

    fn done(&mut self, path: &Path, result: io::Result<()>, what: &str) -> bool {
        match result {
            Ok(()) => {
                if self.verbose {
                    println!("{what} {}", quote(path));
                }
                true
            }
            Err(error) if self.force && errno::is(&error, ENOENT) => true,
            Err(error) => {
                self.cannot(path, &error);
                false
            }
        }
    }

    fn confirm_file(
        &self,
        path: &Path,
        found: &Stat,
        question: &str,
        kind: &str,
    ) -> Result<bool, Failure> {
        let is_protected = !found.is_symlink() && access(path, W_OK).is_err();
        match self.ask {
            Ask::Never | Ask::Once => Ok(true),
            Ask::Always if !is_protected => self.confirm(question),
            Ask::Protected if !is_protected || !isatty(0) => Ok(true),
            _ => self.confirm(&question.replacen(kind, &format!("write-protected {kind}"), 1)),
        }
    }

    fn confirm(&self, question: &str) -> Result<bool, Failure> {
        io::stdout().flush()?;
        let _ = write!(io::stderr(), "{}: {question} ", self.args.name);
        let mut answer = Vec::new();
        io::stdin()
            .lock()
            .read_until(b'\n', &mut answer)
            .map_err(|error| fail(errno::message(&error)))?;
        Ok(matches!(answer.first(), Some(b'y' | b'Y')))
    }

    fn cannot(&mut self, path: &Path, error: &io::Error) {
        self.failed = true;
        warn_path(&self.args.name, "cannot remove", path, error);
    }

    fn complain(&mut self, text: &str) {
        self.failed = true;
        warn(&self.args.name, text);
    }
}
