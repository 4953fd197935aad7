//! `cp`.

use std::path::{Path, PathBuf};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, fail, flag, optional, quote, required,
};

use super::Targets;
use super::backup::Backup;
use super::copier::{Copier, Dereference, Make, Options, Overwrite};

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('a', "archive"),
        flag('\0', "attributes-only"),
        flag('b', "b"),
        optional('\0', "backup"),
        flag('\0', "copy-contents"),
        flag('d', "d"),
        flag('f', "force"),
        flag('H', "H"),
        flag('i', "interactive"),
        flag('l', "link"),
        flag('L', "dereference"),
        flag('n', "no-clobber"),
        flag('P', "no-dereference"),
        flag('p', "p"),
        optional('\0', "preserve"),
        required('\0', "no-preserve"),
        flag('\0', "parents"),
        flag('r', "recursive"),
        flag('R', "R"),
        optional('\0', "reflink"),
        flag('\0', "remove-destination"),
        required('\0', "sparse"),
        flag('\0', "strip-trailing-slashes"),
        flag('s', "symbolic-link"),
        required('S', "suffix"),
        required('t', "target-directory"),
        flag('T', "no-target-directory"),
        flag('u', "u"),
        optional('\0', "update"),
        flag('v', "verbose"),
        flag('x', "one-file-system"),
        flag('Z', "Z"),
    ],
    usage: "[OPTION]... SOURCE... DEST",
    usage_status: 1,
    operand_ends: false,
};

pub fn cp(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let options = options(args, &parsed)?;
    let targets = Targets::of(args, &SYNTAX, &parsed)?;
    let mut copier = Copier::new(args, options);
    for source in &targets.sources {
        let source = Path::new(source);
        let destination = if copier.options.parents {
            with_parents(&mut copier, &targets, source)
        } else {
            Some(targets.destination(source))
        };
        if let Some(destination) = destination {
            copier.copy(source, &destination, true);
        }
    }
    Ok(i32::from(copier.failed))
}

/// `--parents`: the directories of the source's path are made in the target.
fn with_parents(copier: &mut Copier<'_>, targets: &Targets, source: &Path) -> Option<PathBuf> {
    if !targets.is_directory {
        copier.complain("with --parents, the destination must be a directory");
        return None;
    }
    let inner: PathBuf = source
        .components()
        .filter(|each| matches!(each, std::path::Component::Normal(_)))
        .collect();
    let destination = targets.target.join(inner);
    if let Some(parent) = destination.parent()
        && let Err(error) = std::fs::create_dir_all(parent)
    {
        copier.complain(secure_exec_cli::report(
            "cannot make directory",
            parent,
            &error,
        ));
        return None;
    }
    Some(destination)
}

fn options(args: &Args, parsed: &Parsed) -> Result<Options, Failure> {
    let recursive = ["recursive", "R", "archive"]
        .iter()
        .any(|name| parsed.has(name));
    let links = match parsed.last_of(&["dereference", "no-dereference", "H", "archive", "d"]) {
        Some("dereference") => Dereference::Always,
        Some("H") => Dereference::Operands,
        Some(_) => Dereference::Never,
        None if recursive || parsed.has("link") => Dereference::Never,
        None => Dereference::Always,
    };
    let make = match parsed.last_of(&["link", "symbolic-link", "attributes-only"]) {
        Some("link") => Make::HardLink,
        Some("symbolic-link") => Make::SymbolicLink,
        Some(_) => Make::AttributesOnly,
        None => Make::Copy,
    };
    let mut options = Options {
        recursive,
        dereference: links,
        overwrite: overwrite(args, parsed)?,
        force: parsed.has("force"),
        remove_destination: parsed.has("remove-destination"),
        mode: false,
        ownership: false,
        timestamps: false,
        links: false,
        make,
        verbose: parsed.has("verbose"),
        backup: Backup::of(parsed)?,
        parents: parsed.has("parents"),
    };
    preserve(parsed, &mut options)?;
    Ok(options)
}

fn overwrite(args: &Args, parsed: &Parsed) -> Result<Overwrite, Failure> {
    Ok(
        match parsed.last_of(&["interactive", "no-clobber", "u", "update"]) {
            Some("interactive") => Overwrite::Ask,
            Some("no-clobber") => Overwrite::No,
            Some("u") => Overwrite::IfOlder,
            Some("update") => update(args, parsed)?,
            _ => Overwrite::Yes,
        },
    )
}

/// `--update[=all|none|none-fail|older]`.
pub fn update(args: &Args, parsed: &Parsed) -> Result<Overwrite, Failure> {
    match parsed
        .value("update")
        .map(secure_exec_cli::Value::text)
        .unwrap_or_default()
        .as_str()
    {
        "" | "older" => Ok(Overwrite::IfOlder),
        "all" => Ok(Overwrite::Yes),
        "none" => Ok(Overwrite::No),
        "none-fail" => Ok(Overwrite::NoWithFailure),
        other => Err(SYNTAX.wrong(
            args,
            &format!("invalid argument {} for '--update'", quote(other)),
        )),
    }
}

fn preserve(parsed: &Parsed, options: &mut Options) -> Result<(), Failure> {
    for (name, value) in &parsed.options {
        let list = value.text();
        match *name {
            "archive" => set(options, "all", true)?,
            "d" => options.links = true,
            "p" => set(options, "mode,ownership,timestamps", true)?,
            "preserve" if !value.is_given() => set(options, "mode,ownership,timestamps", true)?,
            "preserve" => set(options, &list, true)?,
            "no-preserve" => set(options, &list, false)?,
            _ => {}
        }
    }
    Ok(())
}

fn set(options: &mut Options, list: &str, on: bool) -> Result<(), Failure> {
    for name in list.split(',') {
        match name {
            "mode" => options.mode = on,
            "ownership" => options.ownership = on,
            "timestamps" => options.timestamps = on,
            "links" => options.links = on,
            // The filesystem has neither.
            "context" | "xattr" => {}
            "all" => {
                (options.mode, options.ownership) = (on, on);
                (options.timestamps, options.links) = (on, on);
            }
            other => {
                return Err(fail(format!(
                    "invalid argument {} for '--preserve'",
                    quote(other)
                )));
            }
        }
    }
    Ok(())
}
