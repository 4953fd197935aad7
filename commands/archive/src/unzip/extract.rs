//! Extracting, testing and printing members.

use super::options::{Action, Options, Overwrite};
use super::prompt::{Answer, ask};
use super::{DISK, ERROR, NO_PASSWORD, Selection, UNSUPPORTED, WARNING};
use crate::link::symlink;
use crate::zipfile::{self, Archive, Entry, UNIX, Unusable, method};
use secure_exec_cli::{Failure, Outcome, os_string};
use secure_exec_sys::path::{AT_SYMLINK_NOFOLLOW, chmod, chown, lstat};
use secure_exec_sys::stat::Time;
use secure_exec_sys::{errno, times};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

struct Extractor<'o> {
    options: &'o Options,
    overwrite: Overwrite,
    status: i32,
    tested: usize,
    skipped: usize,
    done: usize,
    bad: bool,
    /// Directories get their modes and times when all is in them.
    directories: Vec<(PathBuf, Entry)>,
    /// Links are made at the end, so that nothing is put through them.
    links: Vec<(PathBuf, Vec<u8>)>,
}

pub fn run(
    options: &Options,
    path: &Path,
    archive: &mut Archive<File>,
    selection: &mut Selection,
) -> Outcome {
    let mut extractor = Extractor {
        options,
        overwrite: options.overwrite,
        status: 0,
        tested: 0,
        skipped: 0,
        done: 0,
        bad: false,
        directories: Vec::new(),
        links: Vec::new(),
    };
    if options.action == Action::Extract
        && let Some(status) = extractor.make_top()
    {
        return Ok(status);
    }
    for entry in archive.entries.clone() {
        if selection.takes(&entry) {
            extractor.member(archive, &entry)?;
        }
    }
    extractor.finish()?;
    if options.action == Action::Test {
        extractor.tell_test(path, selection.is_all());
    }
    io::stdout().flush()?;
    Ok(extractor.status)
}

fn verb(entry: &Entry) -> &'static str {
    match entry.method {
        method::STORED => " extracting",
        method::BZIP2 => " bunzipping",
        method::LZMA => "   unLZMAing",
        _ => "  inflating",
    }
}

impl Extractor<'_> {
    /// The directory of `-d`. A status if it cannot be made.
    fn make_top(&self) -> Option<i32> {
        let directory = self.options.directory.as_ref()?;
        if directory.is_dir() {
            return None;
        }
        let error = fs::create_dir(directory).err()?;
        eprintln!(
            "checkdir:  cannot create extraction directory: {}\n           {}",
            directory.display(),
            errno::message(&error)
        );
        Some(ERROR)
    }

    fn raise(&mut self, status: i32) {
        self.status = self.status.max(status);
    }

    fn member(&mut self, archive: &mut Archive<File>, entry: &Entry) -> Result<(), Failure> {
        match self.options.action {
            Action::Test => self.test(archive, entry),
            Action::Pipe | Action::Print => self.print(archive, entry),
            _ => self.extract(archive, entry),
        }
    }

    /// Tells that a member cannot be dealt with.
    fn skip(&mut self, entry: &Entry, why: &Unusable) {
        let _ = io::stdout().flush();
        let name = entry.text_name();
        let (text, status) = match why {
            Unusable::Encrypted => ("unable to get password".to_owned(), NO_PASSWORD),
            Unusable::Method(number) => (
                format!("unsupported compression method {number}"),
                UNSUPPORTED,
            ),
            Unusable::NoHeader => {
                eprintln!(
                    "file {name}:  bad zipfile offset (local header sig):  {}",
                    entry.offset
                );
                return self.raise(super::BAD_ARCHIVE);
            }
            Unusable::Io(error) => {
                eprintln!("error:  {name}: {error}");
                return self.raise(ERROR);
            }
        };
        self.skipped += 1;
        eprintln!("   skipping: {name:<22}  {text}");
        self.raise(status);
    }

    fn test(&mut self, archive: &mut Archive<File>, entry: &Entry) -> Result<(), Failure> {
        let name = entry.text_name();
        let mut data = match zipfile::open(archive, entry) {
            Ok(data) => data,
            Err(why) => {
                self.skip(entry, &why);
                return Ok(());
            }
        };
        self.tested += 1;
        let result = io::copy(&mut data, &mut io::sink());
        let result = result.and_then(|_| complete(entry, data.sum().1));
        let outcome = match &result {
            Ok(()) => "OK".to_owned(),
            Err(error) => describe(error),
        };
        if result.is_err() {
            self.bad = true;
            self.raise(ERROR);
        }
        if self.options.quiet == 0 || result.is_err() {
            println!("    testing: {name:<22}   {outcome}");
        }
        Ok(())
    }

    fn tell_test(&self, path: &Path, all: bool) {
        let path = path.display();
        if self.options.quiet > 1 {
            return;
        }
        if self.bad {
            println!("At least one error was detected in {path}.");
        } else if self.skipped > 0 {
            let plural = if self.skipped == 1 { "file" } else { "files" };
            println!("Caution:  zero files tested in {path}.");
            println!(
                "{} {plural} skipped because of unsupported compression or encoding.",
                self.skipped
            );
        } else if all {
            println!("No errors detected in compressed data of {path}.");
        } else if self.tested == 0 {
            println!("Caution:  zero files tested in {path}.");
        } else {
            let plural = if self.tested == 1 { "file" } else { "files" };
            println!(
                "No errors detected in {path} for the {} {plural} tested.",
                self.tested
            );
        }
    }

    fn print(&mut self, archive: &mut Archive<File>, entry: &Entry) -> Result<(), Failure> {
        if entry.is_dir() {
            return Ok(());
        }
        let shows = self.options.action == Action::Print && self.options.quiet == 0;
        let data = match zipfile::open(archive, entry) {
            Ok(data) => data,
            Err(why) => {
                self.skip(entry, &why);
                return Ok(());
            }
        };
        let mut out = io::stdout().lock();
        if shows {
            writeln!(out, "{}: {:<22}  ", verb(entry), entry.text_name())?;
        }
        let result = copy(data, entry, &mut out, self.is_text(entry));
        if shows {
            writeln!(out)?;
        }
        drop(out);
        if let Err(Trouble::Read(error)) = result {
            io::stdout().flush()?;
            eprintln!(" {}", describe(&error));
            self.raise(ERROR);
        } else if let Err(Trouble::Write(error)) = result {
            return Err(Failure::from(error));
        }
        Ok(())
    }

    fn is_text(&self, entry: &Entry) -> bool {
        match self.options.text {
            0 => false,
            1 => entry.is_text(),
            _ => true,
        }
    }

    /// Where a member goes, in parts that are safe. Nothing if no part is left.
    fn target(&mut self, entry: &Entry) -> Option<PathBuf> {
        let mut name = entry.name.clone();
        let lower = match self.options.lower_case {
            0 => false,
            1 => entry.system != UNIX,
            _ => true,
        };
        if lower {
            name.make_ascii_lowercase();
        }
        let shown = entry.text_name();
        if name.starts_with(b"/") {
            let _ = io::stdout().flush();
            eprintln!("warning:  stripped absolute path spec from {shown}");
            self.raise(WARNING);
        }
        let parts = |name: &[u8], climbs: bool| -> Vec<Vec<u8>> {
            name.split(|&byte| byte == b'/')
                .filter(|part| !matches!(*part, b"" | b"."))
                .filter(|part| climbs || *part != b"..")
                .map(<[u8]>::to_vec)
                .collect()
        };
        let kept = parts(&name, self.options.climbs);
        if !self.options.climbs && kept.len() < parts(&name, true).len() {
            let _ = io::stdout().flush();
            eprintln!("warning:  skipped \"../\" path component(s) in {shown}");
            self.raise(WARNING);
        }
        let parts = if self.options.junk {
            kept.last().cloned().into_iter().collect()
        } else {
            kept
        };
        if parts.is_empty() {
            return None;
        }
        let below = PathBuf::from(os_string(parts.join(&b'/')));
        Some(match &self.options.directory {
            Some(directory) => directory.join(below),
            None => below,
        })
    }

    fn extract(&mut self, archive: &mut Archive<File>, entry: &Entry) -> Result<(), Failure> {
        if entry.is_dir() && (self.options.junk || self.options.freshen) {
            return Ok(());
        }
        let Some(mut path) = self.target(entry) else {
            return Ok(());
        };
        if entry.is_dir() {
            return self.directory(&path, entry);
        }
        // Before anything is made or replaced.
        if let Err(why) = zipfile::open(archive, entry) {
            self.skip(entry, &why);
            return Ok(());
        }
        if !self.permits(entry, &mut path)? {
            return Ok(());
        }
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            && let Err(error) = fs::create_dir_all(parent)
        {
            io::stdout().flush()?;
            eprintln!(
                "checkdir error:  cannot create {}\n                 {}\n                 unable to process {}.",
                parent.display(),
                errno::message(&error),
                entry.text_name()
            );
            self.raise(ERROR);
            return Ok(());
        }
        match zipfile::open(archive, entry) {
            Ok(data) => self.write(data, entry, &path),
            Err(why) => {
                self.skip(entry, &why);
                Ok(())
            }
        }
    }

    fn directory(&mut self, path: &Path, entry: &Entry) -> Result<(), Failure> {
        if path.is_dir() {
            return Ok(());
        }
        if self.options.quiet == 0 {
            println!("   creating: {}/", path.display());
        }
        if let Err(error) = fs::create_dir_all(path) {
            io::stdout().flush()?;
            eprintln!(
                "checkdir error:  cannot create {}\n                 {}\n                 unable to process {}.",
                path.display(),
                errno::message(&error),
                entry.text_name()
            );
            self.raise(ERROR);
            return Ok(());
        }
        self.done += 1;
        self.directories.push((path.to_owned(), entry.clone()));
        Ok(())
    }

    /// Whether what exists may be replaced.
    fn permits(&mut self, entry: &Entry, path: &mut PathBuf) -> Result<bool, Failure> {
        loop {
            let Ok(found) = lstat(&path) else {
                return Ok(!self.options.freshen);
            };
            let dated = self.options.update || self.options.freshen;
            if dated && found.mtime.seconds >= entry.modified() {
                return Ok(false);
            }
            match self.overwrite {
                Overwrite::Always => return Ok(true),
                Overwrite::Never => return Ok(false),
                Overwrite::Ask => {
                    let shown = path.display().to_string();
                    match ask(&shown, &mut self.overwrite)? {
                        Answer::Yes => return Ok(true),
                        Answer::No => return Ok(false),
                        Answer::End => {
                            self.raise(WARNING);
                            return Ok(false);
                        }
                        Answer::Rename(name) => {
                            *path = match &self.options.directory {
                                Some(directory) => directory.join(name),
                                None => name,
                            };
                            if lstat(&path).is_err() {
                                return Ok(true);
                            }
                        }
                    }
                }
            }
        }
    }

    fn write(
        &mut self,
        mut data: zipfile::Checked<Box<dyn Read + '_>>,
        entry: &Entry,
        path: &Path,
    ) -> Result<(), Failure> {
        let cannot = |error: &io::Error| {
            let _ = io::stdout().flush();
            eprintln!(
                "error:  cannot create {}\n        {}",
                path.display(),
                errno::message(error)
            );
        };
        if let Ok(found) = lstat(path) {
            let cleared = if found.is_dir() {
                Err(io::Error::from_raw_os_error(libc::EISDIR))
            } else if self.options.backups {
                let mut name = path.as_os_str().to_owned();
                name.push("~");
                fs::rename(path, name)
            } else {
                fs::remove_file(path)
            };
            if let Err(error) = cleared {
                cannot(&error);
                self.raise(DISK);
                return Ok(());
            }
        }
        let shown = path.display();
        if entry.is_symlink() {
            let mut target = Vec::new();
            if let Err(error) = data.read_to_end(&mut target) {
                eprintln!(" {}", describe(&error));
                self.raise(ERROR);
                return Ok(());
            }
            if self.options.quiet == 0 {
                println!(
                    "    linking: {:<22}  -> {} ",
                    shown.to_string(),
                    String::from_utf8_lossy(&target)
                );
            }
            self.links.push((path.to_owned(), target));
            return Ok(());
        }
        let mut file = match File::create(path) {
            Ok(file) => file,
            Err(error) => {
                cannot(&error);
                self.raise(DISK);
                return Ok(());
            }
        };
        if self.options.quiet == 0 {
            let kind = match (self.options.text, self.is_text(entry)) {
                (0 | 2.., _) => "",
                _ if entry.size == 0 => "[empty] ",
                (_, true) => "[text]  ",
                (_, false) => "[binary]",
            };
            println!("{}: {:<22}  {kind}", verb(entry), shown.to_string());
        }
        let result = copy(data, entry, &mut file, self.is_text(entry));
        drop(file);
        self.done += 1;
        match result {
            Ok(()) => {}
            Err(Trouble::Read(error)) => {
                io::stdout().flush()?;
                eprintln!(" {}", describe(&error));
                self.raise(ERROR);
            }
            Err(Trouble::Write(error)) => {
                io::stdout().flush()?;
                eprintln!("{}:  write error ({}).", shown, errno::message(&error));
                self.raise(DISK);
                return Ok(());
            }
        }
        self.dress(path, entry)
    }

    fn dress(&self, path: &Path, entry: &Entry) -> Result<(), Failure> {
        if self.options.owners
            && let Some((uid, gid)) = Entry::owner(&entry.extra)
        {
            // Only root may.
            let _ = chown(path, uid, gid, AT_SYMLINK_NOFOLLOW);
        }
        if entry.system == UNIX
            && let Some(mode) = entry.mode()
        {
            let mask = if self.options.set_id { 0o7777 } else { 0o777 };
            chmod(path, mode & mask)?;
        }
        let keeps = if entry.is_dir() { 1 } else { 2 };
        if self.options.no_times < keeps {
            let time = Time {
                seconds: entry.modified(),
                nanoseconds: 0,
            };
            times::set(path, time, time)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let links = std::mem::take(&mut self.links);
        if !links.is_empty() && self.options.quiet == 0 {
            println!("finishing deferred symbolic links:");
        }
        for (path, target) in links {
            let shown = path.display().to_string();
            if self.options.quiet == 0 {
                println!("  {shown:<22} -> {}", String::from_utf8_lossy(&target));
            }
            if let Err(error) = symlink(Path::new(&os_string(target)), &path) {
                io::stdout().flush()?;
                eprintln!("symlink error: {}", errno::message(&error));
                self.raise(WARNING);
            }
        }
        for (path, entry) in std::mem::take(&mut self.directories).into_iter().rev() {
            self.dress(&path, &entry)?;
        }
        Ok(())
    }
}

/// What a copy fails by.
enum Trouble {
    Read(io::Error),
    Write(io::Error),
}

fn complete(entry: &Entry, count: u64) -> io::Result<()> {
    if count == entry.size {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "invalid compressed data to inflate",
    ))
}

/// Why the data of a member is not what it should be.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    if text.starts_with("bad CRC") {
        text
    } else {
        "error:  invalid compressed data to inflate".to_owned()
    }
}

/// Copies a member; with `text`, lines end as Unix has them.
fn copy(
    mut data: zipfile::Checked<Box<dyn Read + '_>>,
    entry: &Entry,
    output: &mut impl Write,
    text: bool,
) -> Result<(), Trouble> {
    let mut buffer = vec![0; 1 << 15];
    let mut held = false;
    loop {
        let length = data.read(&mut buffer).map_err(Trouble::Read)?;
        if length == 0 {
            break;
        }
        let read = &buffer[..length];
        if !text {
            output.write_all(read).map_err(Trouble::Write)?;
            continue;
        }
        let mut plain = Vec::with_capacity(length + 1);
        for &byte in read {
            if std::mem::take(&mut held) && byte != b'\n' {
                plain.push(b'\n');
            }
            match byte {
                b'\r' => held = true,
                // MS-DOS ends texts so.
                0x1a => {}
                _ => plain.push(byte),
            }
        }
        output.write_all(&plain).map_err(Trouble::Write)?;
    }
    if held {
        output.write_all(b"\n").map_err(Trouble::Write)?;
    }
    complete(entry, data.sum().1).map_err(Trouble::Read)
}
