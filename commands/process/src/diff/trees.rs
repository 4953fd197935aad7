//! Comparison of directories.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use secure_exec_cli::{Failure, Glob, Outcome, bytes, warn};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;
use secure_exec_sys::stat::{S_IFDIR, S_IFIFO, S_IFREG, Stat};

use super::options::Options;
use super::{DIFFERENT, SAME, TROUBLE, compare as compare_files, trouble};

/// Compares the entries of two directories by name.
pub fn compare(out: &mut impl Write, left: &Path, right: &Path, options: &Options) -> Outcome {
    let names: BTreeSet<OsString> = entries(left, options)?
        .into_iter()
        .chain(entries(right, options)?)
        .collect();
    let mut status = SAME;
    for name in names {
        let one = entry(out, [left, right], &name, options)?;
        status = status.max(one);
    }
    Ok(status)
}

fn entries(directory: &Path, options: &Options) -> Result<Vec<OsString>, Failure> {
    let found = match std::fs::read_dir(directory) {
        Ok(found) => found,
        Err(error) if options.absent_is_empty && errno::is(&error, errno::ENOENT) => {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(trouble(format!(
                "{}: {}",
                directory.display(),
                errno::message(&error)
            )));
        }
    };
    let names = found.filter_map(|entry| Some(entry.ok()?.file_name()));
    let is_excluded = |name: &OsString| {
        options
            .excluded
            .iter()
            .any(|pattern| Glob::default().matches(pattern.as_bytes(), bytes(name)))
    };
    Ok(names.filter(|name| !is_excluded(name)).collect())
}

fn entry(
    out: &mut impl Write,
    directories: [&Path; 2],
    name: &OsString,
    options: &Options,
) -> Outcome {
    let [left, right] = directories.map(|directory| directory.join(name));
    let (old, new) = (stat(&left).ok(), stat(&right).ok());
    let is_directory = |found: &Option<Stat>| found.is_some_and(|found| found.is_dir());
    if (old.is_none() || new.is_none()) && !options.absent_is_empty {
        let directory = if old.is_none() {
            directories[1]
        } else {
            directories[0]
        };
        writeln!(
            out,
            "Only in {}: {}",
            directory.display(),
            name.to_string_lossy()
        )?;
        return Ok(DIFFERENT);
    }
    let both = |check: &dyn Fn(&Option<Stat>) -> bool| {
        (check(&old) || old.is_none()) && (check(&new) || new.is_none())
    };
    if both(&is_directory) {
        if !options.recursive {
            if !(old.is_none() || new.is_none()) {
                writeln!(
                    out,
                    "Common subdirectories: {} and {}",
                    left.display(),
                    right.display()
                )?;
            }
            return Ok(SAME);
        }
        return compare(out, &left, &right, options);
    }
    // What is no file is not opened: a FIFO would wait for a writer.
    let is_special =
        |found: &Option<Stat>| found.is_some_and(|found| !found.is_file() && !found.is_dir());
    let is_one = old.zip(new).is_some_and(|(old, new)| old.same_file(&new));
    if (is_special(&old) || is_special(&new)) && is_one {
        return Ok(SAME);
    }
    if is_directory(&old) || is_directory(&new) || is_special(&old) || is_special(&new) {
        let describe = |found: &Option<Stat>| found.as_ref().map_or("regular empty file", kind);
        writeln!(
            out,
            "File {} is a {} while file {} is a {}",
            left.display(),
            describe(&old),
            right.display(),
            describe(&new)
        )?;
        return Ok(DIFFERENT);
    }
    let title = format!(
        "diff{} {} {}",
        options.repeated,
        left.display(),
        right.display()
    );
    match compare_files(out, &left, &right, options, Some(&title)) {
        Ok(status) => Ok(status),
        Err(failure) => {
            out.flush()?;
            warn("diff", failure.message);
            Ok(TROUBLE)
        }
    }
}

fn kind(found: &Stat) -> &'static str {
    match found.kind() {
        S_IFDIR => "directory",
        S_IFIFO => "fifo",
        S_IFREG if found.size == 0 => "regular empty file",
        S_IFREG => "regular file",
        _ => "special file",
    }
}
