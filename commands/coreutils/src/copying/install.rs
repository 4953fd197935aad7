//! `install`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, fail, flag, optional, parse_mode, quote, report,
};
use secure_exec_cli::{required, warn};
use secure_exec_sys::path::{chmod, chown, lstat, stat};
use secure_exec_sys::users;

use super::Targets;
use super::backup::Backup;
use super::copier::{Copier, Dereference, Make, Options, Overwrite};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('b', "b"),
        optional('\0', "backup"),
        flag('c', "c"),
        flag('C', "compare"),
        flag('d', "directory"),
        flag('D', "D"),
        required('g', "group"),
        required('m', "mode"),
        required('o', "owner"),
        flag('p', "preserve-timestamps"),
        flag('s', "strip"),
        required('S', "suffix"),
        required('t', "target-directory"),
        flag('T', "no-target-directory"),
        flag('v', "verbose"),
        flag('Z', "Z"),
    ],
    usage: "[OPTION]... SOURCE... DEST",
    usage_status: 1,
    operand_ends: false,
};

/// Leaves the owner or the group as it is.
const UNCHANGED: u32 = u32::MAX;

struct Attributes {
    mode: u32,
    uid: u32,
    gid: u32,
}

pub fn install(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let attributes = attributes(&parsed)?;
    if parsed.has("strip") {
        return Err(fail("--strip: there are no native programs to strip"));
    }
    if parsed.has("directory") {
        return directories(args, &parsed, &attributes);
    }
    make_leading(&parsed)?;
    let targets = Targets::of(args, &SYNTAX, &parsed)?;
    let mut copier = Copier::new(args, options(&parsed)?);
    for source in &targets.sources {
        let source = Path::new(source);
        let destination = targets.destination(source);
        if stat(source).is_ok_and(|found| found.is_dir()) {
            copier.complain(format_args!("omitting directory {}", quote(source)));
            continue;
        }
        if parsed.has("compare") && is_same(source, &destination, &attributes) {
            continue;
        }
        if copier.copy(source, &destination, true) {
            apply(&mut copier, &destination, &attributes);
        }
    }
    Ok(i32::from(copier.failed))
}

fn apply(copier: &mut Copier<'_>, path: &Path, attributes: &Attributes) {
    if (attributes.uid, attributes.gid) != (UNCHANGED, UNCHANGED)
        && let Err(error) = chown(path, attributes.uid, attributes.gid, 0)
    {
        copier.complain(report("cannot change ownership of", path, &error));
    }
    if let Err(error) = chmod(path, attributes.mode) {
        copier.complain(report("cannot change permissions of", path, &error));
    }
}

fn attributes(parsed: &Parsed) -> Result<Attributes, Failure> {
    let text = parsed
        .value("mode")
        .map_or_else(|| "755".to_owned(), secure_exec_cli::Value::text);
    let change =
        parse_mode(&text).ok_or_else(|| fail(format!("invalid mode: {}", quote(&text))))?;
    let mode = change.apply(0, parsed.has("directory"), 0);
    let uid = match parsed.value("owner").map(secure_exec_cli::Value::text) {
        None => UNCHANGED,
        Some(name) => {
            let found = users::user_by_name(&name)
                .map(|user| user.uid)
                .or_else(|| name.parse().ok());
            found.ok_or_else(|| fail(format!("invalid user: {}", quote(&name))))?
        }
    };
    let gid = match parsed.value("group").map(secure_exec_cli::Value::text) {
        None => UNCHANGED,
        Some(name) => {
            let found = users::group_by_name(&name)
                .map(|group| group.gid)
                .or_else(|| name.parse().ok());
            found.ok_or_else(|| fail(format!("invalid group: {}", quote(&name))))?
        }
    };
    Ok(Attributes { mode, uid, gid })
}

fn options(parsed: &Parsed) -> Result<Options, Failure> {
    Ok(Options {
        recursive: false,
        dereference: Dereference::Always,
        overwrite: Overwrite::Yes,
        force: true,
        remove_destination: true,
        mode: false,
        ownership: false,
        timestamps: parsed.has("preserve-timestamps"),
        links: false,
        make: Make::Copy,
        verbose: parsed.has("verbose"),
        backup: Backup::of(parsed)?,
        parents: false,
    })
}

/// `-D`: the directories above the destination.
fn make_leading(parsed: &Parsed) -> Result<(), Failure> {
    if !parsed.has("D") {
        return Ok(());
    }
    let into = parsed
        .value("target-directory")
        .map(secure_exec_cli::Value::os);
    let directory = match (&into, parsed.operands.last()) {
        (Some(directory), _) => Path::new(directory),
        (None, Some(last)) if parsed.operands.len() > 1 => match Path::new(last).parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    fs::create_dir_all(directory)
        .map_err(|error| fail(report("cannot create directory", directory, &error)))
}

fn directories(args: &Args, parsed: &Parsed, attributes: &Attributes) -> Outcome {
    if parsed.operands.is_empty() {
        return Err(SYNTAX.wrong(args, "missing file operand"));
    }
    let mut status = 0;
    for operand in &parsed.operands {
        if let Err(text) = one_directory(args, parsed, operand, attributes) {
            warn(&args.name, text);
            status = 1;
        }
    }
    Ok(status)
}

fn one_directory(
    args: &Args,
    parsed: &Parsed,
    path: &OsString,
    attributes: &Attributes,
) -> Result<(), String> {
    let existed = lstat(path).is_ok();
    fs::create_dir_all(path).map_err(|error| report("cannot create directory", path, &error))?;
    if parsed.has("verbose") && !existed {
        println!("{}: creating directory {}", args.name, quote(path));
    }
    chmod(path, attributes.mode)
        .map_err(|error| report("cannot change permissions of", path, &error))?;
    if (attributes.uid, attributes.gid) != (UNCHANGED, UNCHANGED) {
        let changed = chown(path, attributes.uid, attributes.gid, 0);
        changed.map_err(|error| report("cannot change ownership of", path, &error))?;
    }
    Ok(())
}

fn is_same(source: &Path, destination: &Path, attributes: &Attributes) -> bool {
    let Ok(existing) = lstat(destination) else {
        return false;
    };
    let same_attributes = existing.is_file()
        && existing.permissions() == attributes.mode
        && (attributes.uid == UNCHANGED || attributes.uid == existing.uid)
        && (attributes.gid == UNCHANGED || attributes.gid == existing.gid);
    same_attributes && matches!((fs::read(source), fs::read(destination)), (Ok(a), Ok(b)) if a == b)
}
