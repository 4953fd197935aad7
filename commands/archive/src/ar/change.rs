//! What changes an archive: `r`, `q`, `d` and `m`.

use super::members::{self, Member};
use super::options::{Action, Options, Place};
use super::{open, selected, stored_name};
use secure_exec_cli::{Failure, Outcome, fail, os_string};
use secure_exec_sys::errno;
use secure_exec_sys::path::stat;
use std::fs;
use std::path::PathBuf;

/// Writes the new archive beside the old one and puts it in its place.
fn save(options: &Options, members: &[Member]) -> Result<(), Failure> {
    let archive = &options.archive;
    let cannot =
        |error: std::io::Error| fail(format!("{}: {}", archive.display(), errno::message(&error)));
    let mode = stat(archive).ok().map(|found| found.permissions());
    let mut temporary = archive.clone().into_os_string();
    temporary.push(format!(".{}", secure_exec_sys::process::getpid()));
    let temporary = PathBuf::from(temporary);
    fs::write(&temporary, members::write(members)).map_err(cannot)?;
    if let Some(mode) = mode {
        secure_exec_sys::path::chmod(&temporary, mode).map_err(cannot)?;
    }
    fs::rename(&temporary, archive).map_err(cannot)
}

fn tell(options: &Options, letter: char, name: &[u8]) {
    if options.verbose {
        println!("{letter} - {}", String::from_utf8_lossy(name));
    }
}

/// The place where members go.
fn place(options: &Options, members: &[Member]) -> usize {
    let find = |name: &[u8]| members.iter().position(|member| member.name == name);
    match &options.place {
        Place::End => None,
        Place::Before(name) => find(name),
        Place::After(name) => find(name).map(|at| at + 1),
    }
    .unwrap_or(members.len())
}

fn member_of(options: &Options, file: &[u8]) -> Result<Member, Failure> {
    let path = PathBuf::from(os_string(file));
    let cannot =
        |error: std::io::Error| fail(format!("{}: {}", path.display(), errno::message(&error)));
    let found = stat(&path).map_err(cannot)?;
    let data = fs::read(&path).map_err(cannot)?;
    let name = stored_name(options, file);
    Ok(if options.plain {
        Member {
            name,
            mode: 0o644,
            data,
            ..Member::default()
        }
    } else {
        Member {
            name,
            mtime: u64::try_from(found.mtime.seconds).unwrap_or(0),
            uid: found.uid,
            gid: found.gid,
            mode: found.mode,
            data,
            offset: 0,
        }
    })
}

/// `r` and `q`.
pub fn insert(program: &str, options: &Options) -> Outcome {
    let exists = options.archive.exists();
    let mut members = if exists { open(options)? } else { Vec::new() };
    if !exists && !options.quiet {
        secure_exec_cli::warn(
            program,
            format_args!("creating {}", options.archive.display()),
        );
    }
    let mut at = place(options, &members);
    for file in &options.files {
        let name = stored_name(options, file);
        let old = members
            .iter()
            .position(|member| member.name == name)
            .filter(|_| options.action == Action::Replace);
        if let Some(old) = old {
            let path = PathBuf::from(os_string(file.as_slice()));
            let newer = |time: u64| {
                stat(&path)
                    .is_ok_and(|found| found.mtime.seconds > i64::try_from(time).unwrap_or(0))
            };
            if options.newer && !newer(members[old].mtime) {
                continue;
            }
            let new = member_of(options, file)?;
            tell(options, 'r', &name);
            if options.place == Place::End {
                members[old] = new;
            } else {
                // A member that is replaced goes to the place that was named.
                members.remove(old);
                at = place(options, &members);
                members.insert(at, new);
            }
            continue;
        }
        let new = member_of(options, file)?;
        tell(options, 'a', &name);
        members.insert(at.min(members.len()), new);
        at += 1;
    }
    save(options, &members)?;
    Ok(0)
}

/// `d`.
pub fn delete(options: &Options) -> Outcome {
    let mut members = open(options)?;
    if options.files.is_empty() {
        return Ok(0);
    }
    let (indexes, missing) = selected(options, &members);
    for index in &indexes {
        tell(options, 'd', &members[*index].name);
    }
    if options.verbose {
        for name in &missing {
            println!("No member named `{}'", String::from_utf8_lossy(name));
        }
    }
    remove(&mut members, indexes);
    save(options, &members)?;
    Ok(0)
}

/// Takes the members at these places out, each once.
fn remove(members: &mut Vec<Member>, mut indexes: Vec<usize>) {
    indexes.sort_unstable();
    indexes.dedup();
    for index in indexes.into_iter().rev() {
        members.remove(index);
    }
}

/// `m`.
pub fn shift(options: &Options) -> Outcome {
    let mut members = open(options)?;
    if options.files.is_empty() {
        return Ok(0);
    }
    let (indexes, missing) = selected(options, &members);
    if let Some(name) = missing.first() {
        let (name, archive) = (String::from_utf8_lossy(name), options.archive.display());
        return Err(fail(format!("no entry {name} in archive {archive}!")));
    }
    for index in &indexes {
        tell(options, 'm', &members[*index].name);
    }
    let moved: Vec<Member> = indexes
        .iter()
        .map(|&index| members[index].clone())
        .collect();
    remove(&mut members, indexes);
    let at = place(options, &members);
    members.splice(at..at, moved);
    save(options, &members)?;
    Ok(0)
}
