//! unzip: lists and extracts zip archives.

use crate::link::symlink;
use crate::moment::{Moment, set_modified};
use secure_exec_cli::{
    Args, Failure, Glob, Outcome, Syntax, bytes, fail, flag, os_string, required,
};
use secure_exec_sys::errno;
use secure_exec_sys::path::chmod;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use zip::ZipArchive;
use zip::read::ZipFile;

/// A member was skipped: its compression is not known.
const UNSUPPORTED: i32 = 81;
const WARNING: i32 = 1;
const BAD_ARCHIVE: i32 = 3;
const NO_ARCHIVE: i32 = 9;
const BAD_OPTION: i32 = 10;
const NOT_FOUND: i32 = 11;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('l', "list"),
        flag('v', "verbose"),
        flag('t', "test"),
        flag('p', "pipe"),
        flag('c', "stdout"),
        flag('o', "overwrite"),
        flag('n', "never"),
        flag('q', "quiet"),
        flag('j', "junk-paths"),
        flag('u', "update"),
        flag('f', "freshen"),
        flag('C', "ignore-case"),
        flag('X', "restore-owner"),
        flag('a', "text"),
        flag('b', "binary"),
        flag('L', "lower-case"),
        flag('Z', "zipinfo"),
        flag('1', "1"),
        required('d', "directory"),
    ],
    usage: "[-opts[modifiers]] file[.zip] [list] [-x xlist] [-d exdir]",
    usage_status: BAD_OPTION,
    operand_ends: false,
};

/// Shell patterns whose `*` also matches slashes.
pub struct Patterns(Vec<Vec<u8>>);

impl Patterns {
    pub fn new(patterns: &[Vec<u8>]) -> Self {
        Self(patterns.to_vec())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, name: &str) -> bool {
        let glob = Glob::default();
        self.0
            .iter()
            .any(|pattern| glob.matches(pattern, name.as_bytes()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Overwrite {
    Ask,
    Always,
    Never,
}

struct Unzip {
    quiet: usize,
    junk: bool,
    update: bool,
    freshen: bool,
    overwrite: Overwrite,
    directory: PathBuf,
    wanted: Patterns,
    excluded: Patterns,
    seen: bool,
    status: i32,
    /// Modes of directories, set at the end.
    modes: HashMap<PathBuf, u32>,
}

pub fn main(mut args: Args) -> Outcome {
    let mut excluded = Vec::new();
    if let Some(at) = args.list.iter().position(|argument| argument == "-x") {
        args.list.remove(at);
        while at < args.list.len() && !bytes(&args.list[at]).starts_with(b"-") {
            excluded.push(bytes(&args.list.remove(at)).to_vec());
        }
    }
    let parsed = SYNTAX.parse(&args)?;
    let Some(name) = parsed.operands.first() else {
        return Err(Failure {
            status: BAD_OPTION,
            message: "no archive given".to_owned(),
        });
    };
    let members: Vec<Vec<u8>> = parsed.operands[1..]
        .iter()
        .map(|name| bytes(name).to_vec())
        .collect();
    let mut unzip = Unzip {
        quiet: parsed
            .options
            .iter()
            .filter(|(name, _)| *name == "quiet")
            .count(),
        junk: parsed.has("junk-paths"),
        update: parsed.has("update"),
        freshen: parsed.has("freshen"),
        overwrite: match parsed.last_of(&["overwrite", "never"]) {
            Some("overwrite") => Overwrite::Always,
            Some(_) => Overwrite::Never,
            None => Overwrite::Ask,
        },
        directory: parsed
            .value("directory")
            .map(|value| value.os().into())
            .unwrap_or_default(),
        wanted: Patterns::new(&members),
        excluded: Patterns::new(&excluded),
        seen: false,
        status: 0,
        modes: HashMap::new(),
    };
    let (path, mut archive) = open(name)?;
    let pipe = parsed.has("pipe");
    let bare = parsed.has("zipinfo") && parsed.has("1");
    if !pipe && !bare && unzip.quiet == 0 {
        println!("Archive:  {}", path.display());
    }
    if bare {
        unzip.each(&mut archive, |_, entry| {
            println!("{}", member_name(entry));
            Ok(())
        })?;
    } else if parsed.has("list") || parsed.has("verbose") || parsed.has("zipinfo") {
        unzip.list(&mut archive, parsed.has("verbose"))?;
    } else if parsed.has("test") {
        unzip.test(&mut archive, &path)?;
    } else if pipe || parsed.has("stdout") {
        unzip.print(&mut archive, pipe)?;
    } else {
        unzip.each(&mut archive, Unzip::extract)?;
        for (path, mode) in &unzip.modes {
            chmod(path, *mode)?;
        }
    }
    if !unzip.wanted.is_empty() && !unzip.seen {
        for member in &members {
            let member = String::from_utf8_lossy(member);
            eprintln!("caution: filename not matched:  {member}");
        }
        return Ok(NOT_FOUND);
    }
    Ok(unzip.status)
}

fn open(name: &std::ffi::OsStr) -> Result<(PathBuf, ZipArchive<File>), Failure> {
    let mut path = PathBuf::from(name);
    let mut file = File::open(&path);
    if file.is_err() {
        for suffix in [".zip", ".ZIP"] {
            let mut longer = name.to_owned();
            longer.push(suffix);
            if let Ok(found) = File::open(&longer) {
                path = longer.into();
                file = Ok(found);
                break;
            }
        }
    }
    let file = file.map_err(|_| Failure {
        status: NO_ARCHIVE,
        message: format!(
            " cannot find or open {0}, {0}.zip or {0}.ZIP.",
            Path::new(name).display()
        ),
    })?;
    let archive = ZipArchive::new(file).map_err(|error| Failure {
        status: NO_ARCHIVE,
        message: format!(
            " cannot find zipfile directory in {} ({error})",
            path.display()
        ),
    })?;
    Ok((path, archive))
}

fn member_name<R: Read>(entry: &ZipFile<'_, R>) -> String {
    String::from_utf8_lossy(entry.name_raw()).into_owned()
}

/// When an entry was changed: in seconds if it has a Unix time, else as MS-DOS had it.
fn modified<R: Read>(entry: &ZipFile<'_, R>) -> i64 {
    for field in entry.extra_data_fields() {
        if let zip::ExtraField::ExtendedTimestamp(time) = field
            && let Some(seconds) = time.mod_time()
        {
            return i64::from(seconds);
        }
    }
    let time = entry.last_modified().unwrap_or_default();
    Moment {
        year: time.year().into(),
        month: time.month(),
        day: time.day(),
        hour: time.hour(),
        minute: time.minute(),
        second: time.second(),
    }
    .seconds()
}

fn damaged(error: impl std::fmt::Display) -> Failure {
    Failure {
        status: BAD_ARCHIVE,
        ..fail(format!("error: {error}"))
    }
}

impl Unzip {
    fn each(
        &mut self,
        archive: &mut ZipArchive<File>,
        mut action: impl FnMut(&mut Self, &mut ZipFile<'_, File>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).map_err(damaged)?;
            let name = member_name(&entry);
            if (!self.wanted.is_empty() && !self.wanted.matches(&name))
                || self.excluded.matches(&name)
            {
                continue;
            }
            self.seen = true;
            action(self, &mut entry)?;
        }
        Ok(())
    }

    fn list(&mut self, archive: &mut ZipArchive<File>, verbose: bool) -> Result<(), Failure> {
        let heads = self.quiet == 0;
        if verbose && heads {
            println!(" Length   Method    Size  Cmpr    Date    Time   CRC-32   Name");
            println!("--------  ------  ------- ---- ---------- ----- --------  ----");
        } else if heads {
            println!("  Length      Date    Time    Name");
            println!("---------  ---------- -----   ----");
        }
        let (mut count, mut total, mut packed) = (0, 0, 0);
        let ratio = |size: u64, packed: u64| {
            let saved = 100 * size.saturating_sub(packed) + size / 2;
            saved.checked_div(size).unwrap_or(0)
        };
        self.each(archive, |_, entry| {
            let name = member_name(entry);
            let time = Moment::from_seconds(modified(entry)).minute_text();
            let (size, small) = (entry.size(), entry.compressed_size());
            count += 1;
            total += size;
            packed += small;
            if verbose {
                let stored = entry.compression() == zip::CompressionMethod::Stored;
                let method = if stored { "Stored" } else { "Defl:N" };
                let ratio = ratio(size, small);
                let crc = entry.crc32();
                println!("{size:8}  {method:6} {small:8} {ratio:3}% {time} {crc:08x}  {name}");
            } else {
                println!("{size:9}  {time}   {name}");
            }
            Ok(())
        })?;
        let plural = if count == 1 { "file" } else { "files" };
        if verbose && heads {
            let ratio = ratio(total, packed);
            println!("--------          -------  ---                            -------");
            println!(
                "{total:8}         {packed:8} {ratio:3}%                            {count} {plural}"
            );
        } else if heads {
            println!("---------                     -------");
            println!("{total:9}                     {count} {plural}");
        }
        Ok(())
    }

    fn test(&mut self, archive: &mut ZipArchive<File>, path: &Path) -> Result<(), Failure> {
        let mut bad = false;
        let mut count = 0;
        self.each(archive, |unzip, entry| {
            count += 1;
            let name = member_name(entry);
            let result = io::copy(entry, &mut io::sink());
            let outcome = match &result {
                Ok(_) => "OK".to_owned(),
                Err(error) => error.to_string(),
            };
            bad |= result.is_err();
            if unzip.quiet == 0 {
                println!("    testing: {name:<22}   {outcome}");
            }
            Ok(())
        })?;
        if bad {
            self.status = 2;
            println!("At least one error was detected in {}.", path.display());
        } else if self.quiet < 2 && !self.wanted.is_empty() {
            let plural = if count == 1 { "file" } else { "files" };
            let path = path.display();
            println!("No errors detected in {path} for the {count} {plural} tested.");
        } else if self.quiet < 2 {
            println!(
                "No errors detected in compressed data of {}.",
                path.display()
            );
        }
        Ok(())
    }

    fn print(&mut self, archive: &mut ZipArchive<File>, bare: bool) -> Result<(), Failure> {
        self.each(archive, |unzip, entry| {
            if entry.is_dir() {
                return Ok(());
            }
            let mut out = io::stdout().lock();
            if !bare && unzip.quiet == 0 {
                let stored = entry.compression() == zip::CompressionMethod::Stored;
                let verb = if stored { " extracting" } else { "  inflating" };
                writeln!(out, "{verb}: {:<22}  ", member_name(entry))?;
            }
            io::copy(entry, &mut out)?;
            if !bare && unzip.quiet == 0 {
                writeln!(out)?;
            }
            Ok(())
        })
    }

    /// Where an entry goes. Nothing if it would go outside.
    fn target(&self, name: &str) -> Option<PathBuf> {
        let name = if self.junk {
            name.rsplit('/').next().unwrap_or(name)
        } else {
            name
        };
        let parts: Vec<&str> = name
            .split('/')
            .filter(|part| !matches!(*part, "" | "." | ".."))
            .collect();
        if parts.is_empty() {
            return None;
        }
        Some(self.directory.join(parts.join("/")))
    }

    fn extract(&mut self, entry: &mut ZipFile<'_, File>) -> Result<(), Failure> {
        let name = member_name(entry);
        if entry.is_dir() {
            if self.junk || self.freshen {
                return Ok(());
            }
            let Some(path) = self.target(&name) else {
                return Ok(());
            };
            if !path.is_dir() {
                if self.quiet == 0 {
                    println!("   creating: {}/", path.display());
                }
                fs::create_dir_all(&path)?;
                if let Some(mode) = entry.unix_mode() {
                    self.modes.insert(path, mode & 0o7777);
                }
            }
            return Ok(());
        }
        if name.split('/').any(|part| part == "..") {
            eprintln!("warning:  skipped \"../\" path component(s) in {name}");
            self.status = self.status.max(WARNING);
        }
        let Some(mut path) = self.target(&name) else {
            return Ok(());
        };
        // Before anything is made or replaced.
        if let Some(method) = unsupported(entry) {
            eprintln!("   skipping: {name:<22}  unsupported compression method {method}");
            self.status = UNSUPPORTED;
            return Ok(());
        }
        if !self.permits(entry, &mut path)? {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if let Err(error) = self.write(entry, &path) {
            let text = errno::message(&error);
            eprintln!("error:  cannot create {}\n        {text}", path.display());
            self.status = 50;
        }
        Ok(())
    }

    /// Whether what exists may be replaced.
    fn permits(&mut self, entry: &ZipFile<'_, File>, path: &mut PathBuf) -> Result<bool, Failure> {
        let Ok(found) = secure_exec_sys::path::lstat(&path) else {
            return Ok(!self.freshen);
        };
        if (self.update || self.freshen) && found.mtime.seconds >= modified(entry) {
            return Ok(false);
        }
        match self.overwrite {
            Overwrite::Always => Ok(true),
            Overwrite::Never => Ok(false),
            Overwrite::Ask => self.ask(path),
        }
    }

    fn ask(&mut self, path: &mut PathBuf) -> Result<bool, Failure> {
        loop {
            let mut stderr = io::stderr();
            let name = path.display();
            write!(
                stderr,
                "replace {name}? [y]es, [n]o, [A]ll, [N]one, [r]ename: "
            )?;
            let mut answer = String::new();
            if io::stdin().lock().read_line(&mut answer)? == 0 {
                eprintln!(" NULL\n(EOF or read error, treating as \"[N]one\" ...)");
                self.overwrite = Overwrite::Never;
                self.status = self.status.max(WARNING);
                return Ok(false);
            }
            match answer.trim() {
                "y" => return Ok(true),
                "n" => return Ok(false),
                "A" => {
                    self.overwrite = Overwrite::Always;
                    return Ok(true);
                }
                "N" => {
                    self.overwrite = Overwrite::Never;
                    return Ok(false);
                }
                "r" => {
                    write!(stderr, "new name: ")?;
                    let mut new = String::new();
                    io::stdin().lock().read_line(&mut new)?;
                    *path = PathBuf::from(os_string(new.trim().as_bytes()));
                    if !path.exists() {
                        return Ok(true);
                    }
                }
                other => eprintln!("error:  invalid response [{other}]"),
            }
        }
    }

    fn write(&mut self, entry: &mut ZipFile<'_, File>, path: &Path) -> io::Result<()> {
        let stored = entry.compression() == zip::CompressionMethod::Stored;
        let seconds = modified(entry);
        if fs::symlink_metadata(path).is_ok() {
            fs::remove_file(path)?;
        }
        if entry.is_symlink() {
            let mut target = Vec::new();
            entry.read_to_end(&mut target)?;
            if self.quiet == 0 {
                let target = String::from_utf8_lossy(&target);
                println!("    linking: {:<22}  -> {target} ", path.display());
            }
            return symlink(Path::new(&os_string(target)), path);
        }
        if self.quiet == 0 {
            let verb = if stored { " extracting" } else { "  inflating" };
            println!("{verb}: {:<22}  ", path.display());
        }
        let mut file = File::create(path)?;
        io::copy(entry, &mut file)?;
        drop(file);
        set_modified(
            path,
            UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        )?;
        if let Some(mode) = entry.unix_mode() {
            chmod(path, mode & 0o777)?;
        }
        Ok(())
    }
}

/// The number of a compression method that is not known here.
fn unsupported(entry: &ZipFile<'_, File>) -> Option<u16> {
    use zip::CompressionMethod::{Deflated, Stored};
    match entry.compression() {
        Stored | Deflated => None,
        #[expect(deprecated, reason = "the number is what is told")]
        other => Some(other.to_u16()),
    }
}
