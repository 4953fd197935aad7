//! `mkdir` and `mkfifo`, by the standard
//! ([mkdir](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/mkdir.html)), with the GNU options.

use std::io;
use std::path::{Component, Path, PathBuf};

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, optional, parse_mode, path,
};
use secure_exec_cli::{quote, required, warn_path};
use secure_exec_sys::errno::{self, EEXIST, ENOTDIR};
use secure_exec_sys::path::{chmod, mkdir as make, mkfifo as make_fifo, stat};
use secure_exec_sys::process::umask;

const MKDIR: Syntax = Syntax {
    options: &[
        required('m', "mode"),
        flag('p', "parents"),
        flag('v', "verbose"),
        flag('Z', "Z"),
        optional('\0', "context"),
    ],
    usage: "[OPTION]... DIRECTORY...",
    usage_status: 1,
    operand_ends: false,
};

const MKFIFO: Syntax = Syntax {
    options: &[
        required('m', "mode"),
        flag('Z', "Z"),
        optional('\0', "context"),
    ],
    usage: "[OPTION]... NAME...",
    usage_status: 1,
    operand_ends: false,
};

/// The mask of modes; asking for it means setting it twice.
fn current_umask() -> u32 {
    let mask = umask(0);
    let _ = umask(mask);
    mask
}

/// The mode of `-m`, from `all` permissions by the umask.
fn wanted_mode(parsed: &Parsed, all: u32, is_dir: bool) -> Result<Option<u32>, Failure> {
    let Some(value) = parsed.value("mode") else {
        return Ok(None);
    };
    let text = value.text();
    let change = parse_mode(&text).ok_or_else(|| fail(format!("invalid mode {}", quote(&text))))?;
    Ok(Some(change.apply(all, is_dir, current_umask())))
}

pub fn mkdir(args: &Args) -> Outcome {
    let parsed = MKDIR.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(MKDIR.missing_operand(args));
    }
    let mode = wanted_mode(&parsed, 0o777, true)?;
    let mut status = 0;
    for operand in &parsed.operands {
        let target = Path::new(operand);
        let made = if parsed.has("parents") {
            make_parents(args, &parsed, target).and_then(|()| {
                match make_one(args, &parsed, target, mode) {
                    Err((_, error))
                        if errno::is(&error, EEXIST)
                            && stat(target).is_ok_and(|found| found.is_dir()) =>
                    {
                        Ok(())
                    }
                    made => made,
                }
            })
        } else {
            make_one(args, &parsed, target, mode)
        };
        if let Err((path, error)) = made {
            warn_path(&args.name, "cannot create directory", path, &error);
            status = 1;
        }
    }
    Ok(status)
}

type Made = Result<(), (PathBuf, io::Error)>;

fn make_one(args: &Args, parsed: &Parsed, target: &Path, mode: Option<u32>) -> Made {
    let failed = |error| (target.to_path_buf(), error);
    make(target, mode.unwrap_or(0o777)).map_err(failed)?;
    if let Some(mode) = mode {
        // The umask does not apply to a mode that was asked for.
        chmod(target, mode).map_err(failed)?;
    }
    if parsed.has("verbose") {
        println!("{}: created directory {}", args.name, quote(target));
    }
    Ok(())
}

/// The directories above, which get write and search permission for the user so that one can go on.
fn make_parents(args: &Args, parsed: &Parsed, target: &Path) -> Made {
    let mut parent = PathBuf::new();
    let components: Vec<Component> = target.components().collect();
    for component in components.iter().take(components.len().saturating_sub(1)) {
        parent.push(component);
        match stat(&parent) {
            Ok(found) if found.is_dir() => continue,
            Ok(_) => return Err((parent, errno::error(ENOTDIR))),
            Err(_) => {}
        }
        make(&parent, 0o777).map_err(|error| (parent.clone(), error))?;
        let mask = current_umask();
        if mask & 0o300 != 0 {
            chmod(&parent, (0o777 & !mask) | 0o300).map_err(|error| (parent.clone(), error))?;
        }
        if parsed.has("verbose") {
            println!("{}: created directory {}", args.name, quote(&parent));
        }
    }
    Ok(())
}

pub fn mkfifo(args: &Args) -> Outcome {
    let parsed = MKFIFO.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(MKFIFO.missing_operand(args));
    }
    let mode = wanted_mode(&parsed, 0o666, false)?;
    let mut status = 0;
    for operand in &parsed.operands {
        let target = path(bytes(operand));
        let made = make_fifo(&target, mode.unwrap_or(0o666))
            .and_then(|()| mode.map_or(Ok(()), |mode| chmod(&target, mode)));
        if let Err(error) = made {
            warn_path(&args.name, "cannot create fifo", &target, &error);
            status = 1;
        }
    }
    Ok(status)
}
