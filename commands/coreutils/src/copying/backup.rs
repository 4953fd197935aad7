//! Backups of what would be overwritten.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secure_exec_cli::{Failure, Parsed, bytes, fail, os_string, quote};
use secure_exec_sys::path::lstat;

/// How backups are named.
#[derive(Clone, Debug)]
pub enum Backup {
    None,
    /// The suffix is appended.
    Simple(OsString),
    /// `file.~1~`, `file.~2~`, ...; only where there are some already, if not always.
    Numbered {
        always: bool,
        suffix: OsString,
    },
}

impl Backup {
    /// From `-b`, `--backup` and `-S`.
    pub fn of(parsed: &Parsed) -> Result<Self, Failure> {
        let given = parsed.value("suffix").map(secure_exec_cli::Value::os);
        let wanted = parsed.has("b") || parsed.has("backup") || given.is_some();
        if !wanted {
            return Ok(Self::None);
        }
        let suffix = given.or_else(|| std::env::var_os("SIMPLE_BACKUP_SUFFIX"));
        let suffix = suffix.unwrap_or_else(|| "~".into());
        let control = parsed
            .value("backup")
            .filter(|value| value.is_given())
            .map(secure_exec_cli::Value::text);
        let control = control
            .or_else(|| std::env::var("VERSION_CONTROL").ok())
            .unwrap_or_default();
        match control.as_str() {
            "none" | "off" => Ok(Self::None),
            "simple" | "never" => Ok(Self::Simple(suffix)),
            "numbered" | "t" => Ok(Self::Numbered {
                always: true,
                suffix,
            }),
            "" | "existing" | "nil" => Ok(Self::Numbered {
                always: false,
                suffix,
            }),
            other => Err(fail(format!(
                "invalid argument {} for 'backup type'",
                quote(other)
            ))),
        }
    }

    /// Moves `path` away; gives the name of the backup.
    pub fn make(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let backup = match self {
            Self::None => return Ok(None),
            Self::Simple(suffix) => append(path, suffix),
            Self::Numbered { always, suffix } => {
                let mut number = 1_u32;
                let numbered = |number: u32| append(path, &os_string(format!(".~{number}~")));
                while lstat(numbered(number)).is_ok() {
                    number += 1;
                }
                if *always || number > 1 {
                    numbered(number)
                } else {
                    append(path, suffix)
                }
            }
        };
        fs::rename(path, &backup)?;
        Ok(Some(backup))
    }
}

fn append(path: &Path, suffix: &OsString) -> PathBuf {
    let mut name = bytes(path).to_vec();
    name.extend(bytes(suffix));
    secure_exec_cli::path(name)
}
