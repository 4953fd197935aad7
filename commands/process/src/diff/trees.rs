//! Comparison of directories.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use secure_exec_cli::{Failure, Glob, Outcome, bytes, warn};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;
use secure_exec_sys::stat::{S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, Stat};

use super::options::{Absent, Options};
use super::{DIFFERENT, SAME, TROUBLE, compare as compare_files, look, trouble};

/// A name on both sides; where names are compared whatever their case, the two may differ.
type Pair = [Option<OsString>; 2];

/// Compares the entries of two directories by name.
pub fn compare(out: &mut impl Write, left: &Path, right: &Path, options: &Options) -> Outcome {
    // The same directory by both names has nothing to compare.
    let both = stat(left).ok().zip(stat(right).ok());
    if both.is_some_and(|(old, new)| old.same_file(&new)) {
        return Ok(SAME);
    }
    let old = entries(left, options)?;
    let new = entries(right, options)?;
    let mut status = SAME;
    for pair in paired(old, new, options) {
        let one = entry(out, [left, right], &pair, options)?;
        status = status.max(one);
    }
    Ok(status)
}

/// Names of both directories, in order; only from the starting file on.
fn paired(old: Vec<OsString>, new: Vec<OsString>, options: &Options) -> Vec<Pair> {
    let fold = |name: &OsString| {
        if options.folds_names {
            bytes(name).to_ascii_lowercase()
        } else {
            bytes(name).to_vec()
        }
    };
    let mut pairs: BTreeMap<Vec<u8>, Vec<Pair>> = BTreeMap::new();
    for name in old {
        pairs
            .entry(fold(&name))
            .or_default()
            .push([Some(name), None]);
    }
    for name in new {
        let known = pairs.entry(fold(&name)).or_default();
        // The very same name first, then any that is free.
        let exact = known
            .iter()
            .position(|pair| pair[1].is_none() && pair[0].as_ref() == Some(&name));
        match exact.or_else(|| known.iter().position(|pair| pair[1].is_none())) {
            Some(at) => known[at][1] = Some(name),
            None => known.push([None, Some(name)]),
        }
    }
    let start = options.starting_file.as_ref().map(fold);
    pairs
        .into_iter()
        .filter(|(key, _)| start.as_ref().is_none_or(|start| key >= start))
        .flat_map(|(_, pairs)| pairs)
        .collect()
}

fn entries(directory: &Path, options: &Options) -> Result<Vec<OsString>, Failure> {
    let found = match std::fs::read_dir(directory) {
        Ok(found) => found,
        Err(error) if options.absent != Absent::Told && errno::is(&error, errno::ENOENT) => {
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
        let glob = Glob {
            ignores_case: options.folds_names,
            ..Glob::default()
        };
        let patterns = &mut options.excluded.iter();
        patterns.any(|pattern| glob.matches(pattern.as_bytes(), bytes(name)))
    };
    Ok(names.filter(|name| !is_excluded(name)).collect())
}

fn entry(out: &mut impl Write, directories: [&Path; 2], pair: &Pair, options: &Options) -> Outcome {
    let is_on_both_sides = pair.iter().all(Option::is_some);
    let counts_as_empty = match options.absent {
        Absent::Told => false,
        Absent::FirstEmpty => pair[0].is_none(),
        Absent::Empty => true,
    };
    let is_told = !is_on_both_sides && !counts_as_empty;
    let [old_name, new_name] = pair;
    let Some(name) = old_name.as_ref().or(new_name.as_ref()) else {
        return Ok(SAME);
    };
    if is_told {
        let directory = directories[usize::from(old_name.is_none())];
        let name = name.to_string_lossy();
        writeln!(out, "Only in {}: {name}", directory.display())?;
        return Ok(DIFFERENT);
    }
    let place = |at: usize| -> PathBuf { directories[at].join(pair[at].as_ref().unwrap_or(name)) };
    let [left, right] = [place(0), place(1)];
    let (mut old, mut new) = (None, None);
    let mut failed = false;
    for (at, path, found) in [(0, &left, &mut old), (1, &right, &mut new)] {
        match look(path, options) {
            Ok(known) => *found = Some(known),
            Err(_) if pair[at].is_none() => {}
            Err(error) => {
                out.flush()?;
                warn(
                    "diff",
                    format_args!("{}: {}", path.display(), errno::message(&error)),
                );
                failed = true;
            }
        }
    }
    if failed {
        return Ok(TROUBLE);
    }
    pair_of(out, [&left, &right], [&old, &new], options)
}

/// Compares what is at two places, of which one may be empty.
fn pair_of(
    out: &mut impl Write,
    [left, right]: [&Path; 2],
    [old, new]: [&Option<Stat>; 2],
    options: &Options,
) -> Outcome {
    let is_directory = |found: &Option<Stat>| found.is_some_and(|found| found.is_dir());
    let both = |check: &dyn Fn(&Option<Stat>) -> bool| {
        (check(old) || old.is_none()) && (check(new) || new.is_none())
    };
    if both(&is_directory) {
        if options.recursive {
            return compare(out, left, right, options);
        }
        let (left, right) = (left.display(), right.display());
        writeln!(out, "Common subdirectories: {left} and {right}")?;
        return Ok(SAME);
    }
    if let (Some(old), Some(new)) = (old, new)
        && old.is_symlink()
        && new.is_symlink()
    {
        return links(out, [left, right], [old, new]);
    }
    // What is no file is not opened: a FIFO would wait for a writer.
    let is_special =
        |found: &Option<Stat>| found.is_some_and(|found| !found.is_file() && !found.is_dir());
    let is_one = old.zip(*new).is_some_and(|(old, new)| old.same_file(&new));
    if (is_special(old) || is_special(new)) && is_one {
        return Ok(SAME);
    }
    if is_directory(old) || is_directory(new) || is_special(old) || is_special(new) {
        return kinds(out, [left, right], [old.as_ref(), new.as_ref()]);
    }
    let title = options.title([left, right].map(bytes));
    match compare_files(out, left, right, options, Some(&title)) {
        Ok(status) => Ok(status),
        Err(failure) => {
            out.flush()?;
            warn("diff", failure.message);
            Ok(TROUBLE)
        }
    }
}

/// Compares where two links lead, or says that one is none.
pub fn links(out: &mut impl Write, paths: [&Path; 2], found: [&Stat; 2]) -> Outcome {
    if !found.iter().all(|each| each.is_symlink()) {
        return kinds(out, paths, found.map(Some));
    }
    let target = |path: &Path| {
        std::fs::read_link(path)
            .map_err(|error| trouble(format!("{}: {}", path.display(), errno::message(&error))))
    };
    if target(paths[0])? == target(paths[1])? {
        return Ok(SAME);
    }
    let (left, right) = (paths[0].display(), paths[1].display());
    writeln!(out, "Symbolic links {left} and {right} differ")?;
    Ok(DIFFERENT)
}

/// Says that two are not of one kind.
fn kinds(out: &mut impl Write, paths: [&Path; 2], found: [Option<&Stat>; 2]) -> Outcome {
    let describe = |at: usize| found[at].map_or("regular empty file", kind);
    writeln!(
        out,
        "File {} is a {} while file {} is a {}",
        paths[0].display(),
        describe(0),
        paths[1].display(),
        describe(1)
    )?;
    Ok(DIFFERENT)
}

fn kind(found: &Stat) -> &'static str {
    match found.kind() {
        S_IFDIR => "directory",
        S_IFIFO => "fifo",
        S_IFLNK => "symbolic link",
        S_IFREG if found.size == 0 => "regular empty file",
        S_IFREG => "regular file",
        _ => "special file",
    }
}
