//! `ar`: archives of object files and others, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/ar.html) with what `ar(1)` of the GNU tools adds.
//!
//! There is no linker here that would want a table of symbols: none is written, and one that was there is left out when the
//! archive is changed, as its places would be wrong.

mod change;
mod members;
mod options;

use members::Member;
use options::{Action, Options};
use secure_exec_cli::{Args, Failure, Outcome, bytes, fail, os_string};
use secure_exec_sys::errno;
use secure_exec_sys::stat::{Time, mode_string};
use secure_exec_sys::{path::chmod, times};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// No archive is there.
const NO_ARCHIVE: i32 = 9;

pub fn main(args: Args) -> Outcome {
    let options = Options::parse(&args)?;
    match options.action {
        Action::Replace | Action::Append => change::insert(&args.name, &options),
        Action::Delete => change::delete(&options),
        Action::Move => change::shift(&options),
        Action::Index => {
            open(&options)?;
            Ok(0)
        }
        Action::List | Action::Print | Action::Extract => read_only(&options),
    }
}

/// The members of an archive that must be there.
fn open(options: &Options) -> Result<Vec<Member>, Failure> {
    let shown = options.archive.display();
    let content = fs::read(&options.archive).map_err(|error| Failure {
        status: NO_ARCHIVE,
        message: format!("{shown}: {}", errno::message(&error)),
    })?;
    members::read(&content).map_err(|error| fail(format!("{shown}: {error}")))
}

/// The name that a file has in an archive.
fn stored_name(options: &Options, file: &[u8]) -> Vec<u8> {
    let base = if options.full_names {
        file
    } else {
        file.rsplit(|&byte| byte == b'/').next().unwrap_or(file)
    };
    let end = if options.truncates {
        base.len().min(members::SHORT_NAME)
    } else {
        base.len()
    };
    base[..end].to_vec()
}

/// Which members the operands name, and operands that name none. With `N` the place among those of equal names counts.
fn selected(options: &Options, members: &[Member]) -> (Vec<usize>, Vec<Vec<u8>>) {
    if options.files.is_empty() {
        return ((0..members.len()).collect(), Vec::new());
    }
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for file in &options.files {
        let name = stored_name(options, file);
        let mut equal = (0..members.len()).filter(|&index| members[index].name == name);
        match equal.nth(options.instance.unwrap_or(1) - 1) {
            Some(index) => found.push(index),
            None => missing.push(file.clone()),
        }
    }
    (found, missing)
}

fn tell_missing(missing: &[Vec<u8>]) {
    for name in missing {
        let name = String::from_utf8_lossy(name);
        eprintln!("no entry {name} in archive");
    }
}

fn read_only(options: &Options) -> Outcome {
    let members = open(options)?;
    let (indexes, missing) = selected(options, &members);
    tell_missing(&missing);
    let mut out = io::BufWriter::new(io::stdout());
    let mut status = 0;
    for index in indexes {
        let member = &members[index];
        match options.action {
            Action::List => list(options, member, &mut out)?,
            Action::Print => {
                if options.verbose {
                    out.write_all(b"\n<")?;
                    out.write_all(&member.name)?;
                    out.write_all(b">\n\n")?;
                }
                out.write_all(&member.data)?;
            }
            _ => {
                if options.verbose {
                    out.write_all(b"x - ")?;
                    out.write_all(&member.name)?;
                    out.write_all(b"\n")?;
                }
                if let Err(text) = extract(options, member) {
                    out.flush()?;
                    eprintln!("ar: {text}");
                    status = 1;
                }
            }
        }
    }
    out.flush()?;
    Ok(status)
}

fn list(options: &Options, member: &Member, out: &mut impl Write) -> io::Result<()> {
    if options.verbose {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let seconds = i64::try_from(member.mtime).unwrap_or(0);
        let time = crate::moment::Moment::from_seconds(seconds);
        let month = MONTHS[usize::from(time.month).saturating_sub(1).min(11)];
        let mode = mode_string(member.mode);
        write!(
            out,
            "{} {}/{} {:6} {month} {:2} {:02}:{:02} {:4} ",
            &mode[1..],
            member.uid,
            member.gid,
            member.data.len(),
            time.day,
            time.hour,
            time.minute,
            time.year
        )?;
    }
    out.write_all(&member.name)?;
    if options.offsets {
        write!(out, " 0x{:x}", member.offset)?;
    }
    out.write_all(b"\n")
}

fn extract(options: &Options, member: &Member) -> Result<(), String> {
    let name = PathBuf::from(os_string(member.name.as_slice()));
    let leaves = name.is_absolute()
        || name
            .components()
            .any(|part| part == std::path::Component::ParentDir);
    if leaves || bytes(&name).is_empty() {
        return Err(format!(
            "illegal output pathname for archive member: {}",
            name.display()
        ));
    }
    let path = match &options.output {
        Some(directory) => directory.join(&name),
        None => name,
    };
    let text = |error: io::Error| format!("{}: {}", path.display(), errno::message(&error));
    place(&path, member, options.keeps_dates).map_err(text)
}

fn place(path: &Path, member: &Member, keeps_dates: bool) -> io::Result<()> {
    if secure_exec_sys::path::lstat(path).is_ok_and(|found| found.is_symlink()) {
        fs::remove_file(path)?;
    }
    fs::write(path, &member.data)?;
    let mask = secure_exec_sys::process::umask(0o022);
    let _ = secure_exec_sys::process::umask(mask);
    chmod(path, member.mode & 0o777 & !mask)?;
    if keeps_dates {
        let time = Time {
            seconds: i64::try_from(member.mtime).unwrap_or(0),
            nanoseconds: 0,
        };
        times::set(path, time, time)?;
    }
    Ok(())
}
