//! Writing the new archive.

use super::found::{Finder, Found};
use super::lines::{Ends, Lines};
use super::options::{Action, Options};
use super::{BAD_ARCHIVE, CANNOT_CREATE, CANNOT_OPEN, nothing_to_do, warn};
use crate::moment::Moment;
use crate::unzip::Patterns;
use crate::zipfile::{Archive, Entry, Source, Stamp, UNIX, UNKNOWN, Unusable, Writer, method};
use secure_exec_cli::{Failure, Outcome, bytes};
use secure_exec_sys::errno;
use secure_exec_sys::stat::{S_IFREG, Stat, Time};
use secure_exec_sys::times;
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

/// What was written cannot be read.
pub const TEST_FAILED: i32 = 8;

/// What a run has done.
#[derive(Default)]
struct Totals {
    size: u64,
    packed: u64,
    changed: bool,
    newest: i64,
    unreadable: bool,
    added: Vec<Found>,
}

/// A place for the new archive beside the old one.
struct Temporary(PathBuf);

impl Temporary {
    fn beside(path: &Path) -> Self {
        Self(path.with_file_name(format!("zi{:06}", secure_exec_sys::process::getpid())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is gone where it has become the archive.
        let _ = fs::remove_file(&self.0);
    }
}

fn cannot_create(path: &Path, error: &io::Error) -> Failure {
    println!("zip I/O error: {}", errno::message(error));
    println!(
        "zip error: Could not create output file ({})",
        path.display()
    );
    Failure::silent(CANNOT_CREATE)
}

fn unusable(path: &Path, error: &Unusable) -> Failure {
    if let Unusable::Io(error) = error {
        return Failure::from(io::Error::new(error.kind(), error.to_string()));
    }
    println!(
        "\nzip error: Zip file structure invalid ({})",
        path.display()
    );
    Failure::silent(BAD_ARCHIVE)
}

fn create(path: &Path) -> Result<(Temporary, Writer<File>), Failure> {
    let temporary = Temporary::beside(path);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary.0)
        .map_err(|error| cannot_create(path, &error))?;
    Ok((temporary, Writer::new(file)))
}

/// `-sf`.
pub fn show(found: &[Found]) {
    println!("Would Add/Update:");
    let mut size = 0;
    for each in found {
        println!("  {}", String::from_utf8_lossy(&each.name));
        size += if each.stat.is_file() {
            each.stat.size
        } else {
            0
        };
    }
    println!("Total {} entries ({size} bytes)", found.len());
}

/// Adds files and takes the other members over.
pub fn update(
    options: &Options,
    path: &Path,
    mut old: Option<Archive<File>>,
    mut found: Vec<Found>,
) -> Outcome {
    let entries = old
        .as_ref()
        .map(|old| old.entries.clone())
        .unwrap_or_default();
    let sync = options.action == Action::Sync;
    if found.is_empty() && !options.latest && !options.archive_comment && !sync {
        return nothing_to_do(path);
    }
    let target = options.output.clone().unwrap_or_else(|| path.to_owned());
    let (temporary, mut writer) = create(&target)?;
    let mut totals = Totals::default();
    for mut entry in entries {
        let index = found.iter().position(|each| each.name == entry.name);
        let replaces = index.filter(|&index| is_newer(options, &found[index], &entry));
        if let Some(index) = replaces {
            let each = found.remove(index);
            let verb = match options.action {
                Action::Freshen => "freshening",
                _ => "updating",
            };
            add(
                options,
                &mut writer,
                &mut totals,
                each,
                verb,
                &entry.comment,
            )?;
            continue;
        }
        if let Some(index) = index {
            found.remove(index);
        } else if sync {
            tell(options, &format!("deleting: {}", entry.text_name()));
            totals.changed = true;
            continue;
        }
        if options.entry_comments {
            ask_comment(&mut entry)?;
            totals.changed = true;
        }
        totals.newest = totals.newest.max(entry.modified());
        if let Some(old) = &mut old {
            writer
                .copy(old, &entry)
                .map_err(|error| unusable(path, &error))?;
        }
    }
    if options.action != Action::Freshen {
        for each in found {
            add(options, &mut writer, &mut totals, each, "  adding", &[])?;
        }
    }
    let mut comment = old.map(|old| old.comment).unwrap_or_default();
    if options.archive_comment {
        comment = ask_archive_comment()?;
        totals.changed = true;
    }
    if !totals.changed && !options.latest && options.output.is_none() {
        // Everything was as new as the files.
        return Ok(if totals.unreadable {
            CANNOT_OPEN
        } else {
            super::NOTHING_TO_DO
        });
    }
    writer
        .finish(&comment)
        .map_err(|error| cannot_create(&target, &error))?;
    finish(options, &target, temporary, &totals)
}

fn finish(options: &Options, path: &Path, temporary: Temporary, totals: &Totals) -> Outcome {
    if let Ok(found) = secure_exec_sys::path::stat(path) {
        let _ = secure_exec_sys::path::chmod(&temporary.0, found.permissions());
    }
    fs::rename(&temporary.0, path).map_err(|error| cannot_create(path, &error))?;
    if options.verbose && !options.quiet {
        let percent = percentage(totals.size, totals.packed);
        println!(
            "total bytes={}, compressed={} -> {percent}% savings",
            totals.size, totals.packed
        );
    }
    if options.test && !test(options, path)? {
        return Ok(TEST_FAILED);
    }
    if options.latest && totals.newest > 0 {
        let time = Time {
            seconds: totals.newest,
            nanoseconds: 0,
        };
        times::set(path, time, time)?;
    }
    if options.moves {
        for found in totals.added.iter().rev() {
            // A directory that is not empty stays.
            let _ = if found.stat.is_dir() {
                fs::remove_dir(&found.path)
            } else {
                fs::remove_file(&found.path)
            };
        }
    }
    Ok(if totals.unreadable { CANNOT_OPEN } else { 0 })
}

/// `-T`: whether all members can be read.
pub fn test(options: &Options, path: &Path) -> Result<bool, Failure> {
    let shown = path.display();
    let mut archive = match Archive::open(File::open(path)?) {
        Ok(archive) => archive,
        Err(_) => return Ok(false),
    };
    for entry in archive.entries.clone() {
        let read = crate::zipfile::open(&mut archive, &entry)
            .is_ok_and(|mut data| io::copy(&mut data, &mut io::sink()).is_ok());
        if !read {
            println!("test of {shown} FAILED");
            println!(
                "\nzip error: Zip file invalid, could not spawn unzip, or wrong unzip (original files unmodified)"
            );
            return Ok(false);
        }
    }
    tell(options, &format!("test of {shown} OK"));
    Ok(true)
}

fn is_newer(options: &Options, found: &Found, entry: &Entry) -> bool {
    match options.action {
        Action::Update | Action::Freshen => {
            stamp(&found.stat) > entry.stamp || found.stat.mtime.seconds > entry.modified()
        }
        Action::Sync => {
            stamp(&found.stat) != entry.stamp
                || found.stat.is_file() && found.stat.size != entry.size
        }
        _ => true,
    }
}

fn stamp(found: &Stat) -> Stamp {
    // To the next even second, so that a member is never older than its file.
    Stamp::of(Moment::from_seconds(found.mtime.seconds))
}

/// Info-ZIP's fields of times and owners: in front of the data, and in the directory.
fn extra_fields(found: &Stat) -> (Vec<u8>, Vec<u8>) {
    let seconds = |time: i64| i32::try_from(time).unwrap_or(0).to_le_bytes();
    let owner = [
        &[0x75, 0x78, 11, 0, 1, 4][..],
        &found.uid.to_le_bytes(),
        &[4],
        &found.gid.to_le_bytes(),
    ]
    .concat();
    let modified = seconds(found.mtime.seconds);
    let local = [
        &[0x55, 0x54, 9, 0, 3][..],
        &modified,
        &seconds(found.atime.seconds),
        &owner,
    ]
    .concat();
    let central = [&[0x55, 0x54, 5, 0, 3][..], &modified, &owner].concat();
    (local, central)
}

fn percentage(size: u64, packed: u64) -> i64 {
    let (size, packed) = (i128::from(size), i128::from(packed));
    if size == 0 {
        return 0;
    }
    // Rounded to the nearest.
    let percent = (200 * (size - packed) / size + 1).div_euclid(2);
    i64::try_from(percent).unwrap_or(0)
}

fn tell(options: &Options, text: &str) {
    if options.quiet {
        return;
    }
    if options.archive.is_none() {
        eprintln!("{text}");
    } else {
        println!("{text}");
    }
}

fn add<W: crate::zipfile::Patch>(
    options: &Options,
    writer: &mut Writer<W>,
    totals: &mut Totals,
    found: Found,
    verb: &str,
    comment: &[u8],
) -> Result<(), Failure> {
    let mut found = found;
    if found.is_input {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        found.stat.mode = 0o010_600;
        found.stat.mtime.seconds = i64::try_from(now).unwrap_or(0);
        found.stat.atime = found.stat.mtime;
        found.stat.size = UNKNOWN;
    }
    let is_link = options.symlinks && found.stat.is_symlink();
    let mut data: Box<dyn Read> = if found.stat.is_dir() {
        Box::new(io::empty())
    } else if is_link {
        let target = fs::read_link(&found.path)?;
        Box::new(io::Cursor::new(bytes(&target).to_vec()))
    } else if found.is_input {
        Box::new(io::stdin())
    } else {
        match File::open(&found.path) {
            Ok(file) => Box::new(file),
            Err(error) => {
                let shown = found.path.display();
                warn(&format!("could not open for reading: {shown}"));
                eprintln!("zip I/O error: {}", errno::message(&error));
                totals.unreadable = true;
                return Ok(());
            }
        }
    };
    let mut size = if is_link { 0 } else { found.stat.size };
    if options.to_crlf || options.from_crlf {
        let ends = if options.to_crlf {
            Ends::Crlf
        } else {
            Ends::Lf
        };
        data = Box::new(Lines::new(data, ends));
        size = size.max(1);
    }
    let (local_extra, extra) = if options.no_extra || found.is_input {
        (Vec::new(), Vec::new())
    } else {
        extra_fields(&found.stat)
    };
    let stores = found.stat.is_dir()
        || is_link
        || options
            .suffixes
            .iter()
            .any(|suffix| found.name.ends_with(suffix));
    let level = if stores { 0 } else { options.level };
    // The quickest way of the compressor is one that hardly compresses.
    let level = if level == 1 { 2 } else { level };
    let flags = match level {
        1 | 2 => 4,
        8 | 9 => 2,
        _ => 0,
    };
    let mode = if found.stat.kind() == 0 {
        found.stat.mode | S_IFREG
    } else {
        found.stat.mode
    };
    let dos = u32::from(found.stat.is_dir()) << 4 | u32::from(found.stat.mode & 0o200 == 0);
    let entry = Entry {
        raw_name: found.name.clone(),
        name: found.name.clone(),
        version: 30,
        system: UNIX,
        flags,
        stamp: stamp(&found.stat),
        external: mode << 16 | dos,
        extra,
        comment: comment.to_vec(),
        ..Entry::default()
    };
    let method = if options.bzip2 {
        method::BZIP2
    } else {
        method::DEFLATED
    };
    let mut entry = entry;
    let source = Source {
        data: &mut *data,
        size,
        level,
        method,
        local_extra,
    };
    if options.entry_comments {
        ask_comment(&mut entry)?;
    }
    let written = writer.add(entry, source)?;
    totals.size += written.size;
    totals.packed += written.packed;
    totals.newest = totals.newest.max(found.stat.mtime.seconds);
    totals.changed = true;
    let how = match written.method {
        method::STORED => "stored 0%".to_owned(),
        method::BZIP2 => format!("bzipped {}%", percentage(written.size, written.packed)),
        _ => format!("deflated {}%", percentage(written.size, written.packed)),
    };
    let name = String::from_utf8_lossy(&found.name);
    let numbers = if options.verbose {
        format!("\t(in={}) (out={})", written.size, written.packed)
    } else {
        String::new()
    };
    tell(options, &format!("{verb}: {name}{numbers} ({how})"));
    totals.added.push(found);
    Ok(())
}

fn ask_comment(entry: &mut Entry) -> Result<(), Failure> {
    println!("Enter comment for {}:", entry.text_name());
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    while line.last().is_some_and(u8::is_ascii_control) {
        line.pop();
    }
    if !line.is_empty() {
        entry.comment = line;
    }
    Ok(())
}

/// The lines until one that is a dot; they end as those of DOS do.
fn ask_archive_comment() -> Result<Vec<u8>, Failure> {
    println!("enter new zip file comment (end with .):");
    let mut comment = Vec::new();
    for line in io::stdin().lock().split(b'\n') {
        let line = line?;
        if line == b"." {
            break;
        }
        if !comment.is_empty() {
            comment.extend_from_slice(b"\r\n");
        }
        comment.extend(line);
    }
    Ok(comment)
}

/// Writes an archive to a pipe.
pub fn stream(options: &Options, found: &[Found]) -> Outcome {
    let mut writer = Writer::new(io::stdout());
    let mut totals = Totals::default();
    for each in found {
        add(
            options,
            &mut writer,
            &mut totals,
            each.clone(),
            "  adding",
            &[],
        )?;
    }
    writer.finish(&[])?;
    Ok(if totals.unreadable { CANNOT_OPEN } else { 0 })
}

/// `-d` and `-U`: leaves members out, or takes only some.
pub fn select(options: &Options, path: &Path, old: Option<Archive<File>>) -> Outcome {
    let Some(mut old) = old else {
        return nothing_to_do(path);
    };
    let deletes = options.action == Action::Delete;
    let patterns = Patterns::new(&options.names);
    let finder = Finder::new(options);
    let target = options.output.clone().unwrap_or_else(|| path.to_owned());
    let (temporary, mut writer) = create(&target)?;
    let (mut deleted, mut kept) = (0, 0);
    let mut totals = Totals::default();
    for name in &options.names {
        let pattern = Patterns::new(std::slice::from_ref(name));
        if !options.quiet && !old.entries.iter().any(|entry| pattern.matches(&entry.name)) {
            warn(&format!(
                "name not matched: {}",
                String::from_utf8_lossy(name)
            ));
        }
    }
    for entry in old.entries.clone() {
        let chosen = patterns.matches(&entry.name) && finder.wanted(&entry.name);
        if chosen == deletes {
            deleted += 1;
            if deletes {
                tell(options, &format!("deleting: {}", entry.text_name()));
            }
            continue;
        }
        if !deletes {
            tell(options, &format!(" copying: {}", entry.text_name()));
        }
        kept += 1;
        totals.newest = totals.newest.max(entry.modified());
        writer
            .copy(&mut old, &entry)
            .map_err(|error| unusable(path, &error))?;
    }
    if deletes && deleted == 0 || !deletes && kept == 0 {
        return nothing_to_do(path);
    }
    writer
        .finish(&old.comment)
        .map_err(|error| cannot_create(&target, &error))?;
    if kept == 0 && options.output.is_none() {
        warn("zip file empty");
    }
    finish(options, &target, temporary, &totals)
}

#[cfg(test)]
mod tests {
    use super::percentage;

    #[test]
    fn percentages_are_rounded() {
        assert_eq!(percentage(1892, 887), 53);
        assert_eq!(percentage(0, 0), 0);
        assert_eq!(percentage(100, 100), 0);
        assert_eq!(percentage(1000, 5), 100);
    }
}
