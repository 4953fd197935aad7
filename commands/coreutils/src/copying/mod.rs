//! `cp`, `mv` and `install`: copies and moves, by the standard
//! ([cp](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/cp.html),
//! [mv](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/mv.html)), with the GNU options.

mod backup;
mod copier;
mod cp;
mod install;
mod mv;
mod prompt;

pub use cp::cp;
pub use install::install;
pub use mv::mv;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use secure_exec_cli::{Args, Failure, Parsed, Syntax, bytes, fail, quote};
use secure_exec_sys::path::stat;

/// What goes where.
pub struct Targets {
    pub sources: Vec<OsString>,
    pub target: PathBuf,
    /// Sources go into the target.
    pub is_directory: bool,
}

impl Targets {
    /// Tells from operands, `-t` and `-T` what goes where.
    pub fn of(args: &Args, syntax: &Syntax, parsed: &Parsed) -> Result<Self, Failure> {
        let mut sources = parsed.operands.clone();
        let into = parsed
            .value("target-directory")
            .map(secure_exec_cli::Value::os);
        let only_file = parsed.has("no-target-directory");
        if sources.is_empty() {
            return Err(syntax.wrong(args, "missing file operand"));
        }
        if let Some(target) = into {
            if only_file {
                return Err(fail(
                    "cannot combine --target-directory (-t) and --no-target-directory (-T)",
                ));
            }
            if !stat(&target).is_ok_and(|found| found.is_dir()) {
                return Err(fail(format!(
                    "target directory {}: No such file or directory",
                    quote(&target)
                )));
            }
            return Ok(Self {
                sources,
                target: target.into(),
                is_directory: true,
            });
        }
        let Some(target) = sources.pop().filter(|_| !sources.is_empty()) else {
            let only = &parsed.operands[0];
            let text = format!("missing destination file operand after {}", quote(only));
            return Err(syntax.wrong(args, &text));
        };
        let found = stat(&target);
        let is_directory = !only_file
            && found
                .as_ref()
                .is_ok_and(secure_exec_sys::stat::Stat::is_dir);
        if only_file && sources.len() > 1 {
            return Err(syntax.wrong(args, &format!("extra operand {}", quote(&sources[1]))));
        }
        if sources.len() > 1 && !is_directory {
            let why = if found.is_ok() {
                "Not a directory"
            } else {
                "No such file or directory"
            };
            return Err(fail(format!("target {}: {why}", quote(&target))));
        }
        Ok(Self {
            sources,
            target: target.into(),
            is_directory,
        })
    }

    /// Where a source goes.
    pub fn destination(&self, source: &Path) -> PathBuf {
        if !self.is_directory {
            return self.target.clone();
        }
        let raw = bytes(source);
        let trimmed = raw
            .iter()
            .rposition(|&byte| byte != b'/')
            .map_or(raw, |end| &raw[..=end]);
        let name = trimmed
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or(trimmed);
        if name == b".." || name == b"." {
            return self.target.join(".");
        }
        self.target.join(secure_exec_cli::path(name))
    }
}
