//! zip: makes and changes zip archives.

use crate::moment::modified_moment;
use crate::unzip::Patterns;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use secure_exec_cli::{
    Args, Failure, Outcome, Syntax, bytes, fail, flag, os_string, required, warn,
};
use secure_exec_sys::errno;
use secure_exec_sys::path::{lstat, stat};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use zip::result::ZipError;
use zip::write::FullFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

const NOTHING_TO_DO: i32 = 12;
const CANNOT_OPEN: i32 = 18;
const BAD_OPTION: i32 = 16;
const CANNOT_CREATE: i32 = 15;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('r', "recurse-paths"),
        flag('q', "quiet"),
        flag('j', "junk-paths"),
        flag('m', "move"),
        flag('d', "delete"),
        flag('u', "update"),
        flag('f', "freshen"),
        flag('y', "symlinks"),
        flag('D', "no-dir-entries"),
        flag('X', "no-extra"),
        flag('v', "verbose"),
        flag('@', "names-stdin"),
        flag('g', "grow"),
        flag('o', "latest-time"),
        flag('T', "test"),
        flag('0', "0"),
        flag('1', "1"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "9"),
        required('b', "temp-path"),
    ],
    usage: "[-options] zipfile files",
    usage_status: BAD_OPTION,
    operand_ends: false,
};

#[expect(clippy::struct_excessive_bools, reason = "each is an option of zip")]
struct Zip {
    recurse: bool,
    quiet: bool,
    junk: bool,
    moves: bool,
    update: bool,
    freshen: bool,
    symlinks: bool,
    no_directories: bool,
    no_extra: bool,
    level: u32,
    include: Patterns,
    exclude: Patterns,
    /// What is to be added: its name in the archive, and where it is.
    found: Vec<(String, PathBuf)>,
    missing: bool,
}

/// Takes `-x` and `-i` with their lists of patterns out of the command line.
fn take_patterns(list: &mut Vec<std::ffi::OsString>, letter: u8) -> Vec<Vec<u8>> {
    let mut patterns = Vec::new();
    let mut index = 0;
    while index < list.len() {
        let text = bytes(&list[index]).to_vec();
        if text.len() < 2 || text[..2] != [b'-', letter] || text.starts_with(b"--") {
            index += 1;
            continue;
        }
        list.remove(index);
        if text.len() > 2 {
            patterns.push(text[2..].to_vec());
            continue;
        }
        while index < list.len() {
            let next = bytes(&list[index]).to_vec();
            if next.starts_with(b"-") && next.len() > 1 {
                break;
            }
            list.remove(index);
            if next == b"@" {
                break;
            }
            patterns.push(next);
        }
    }
    patterns
}

pub fn main(mut args: Args) -> Outcome {
    let exclude = take_patterns(&mut args.list, b'x');
    let include = take_patterns(&mut args.list, b'i');
    let parsed = SYNTAX.parse(&args)?;
    let mut operands = parsed.operands.iter();
    let Some(archive) = operands.next() else {
        return Err(Failure {
            status: BAD_OPTION,
            message: "error: nothing to do".to_owned(),
        });
    };
    let level = parsed
        .options
        .iter()
        .filter_map(|(name, _)| name.parse().ok())
        .next_back();
    let mut zip = Zip {
        recurse: parsed.has("recurse-paths"),
        quiet: parsed.has("quiet"),
        junk: parsed.has("junk-paths"),
        moves: parsed.has("move"),
        update: parsed.has("update"),
        freshen: parsed.has("freshen"),
        symlinks: parsed.has("symlinks"),
        no_directories: parsed.has("no-dir-entries"),
        no_extra: parsed.has("no-extra"),
        level: level.unwrap_or(6),
        include: Patterns::new(&include),
        exclude: Patterns::new(&exclude),
        found: Vec::new(),
        missing: false,
    };
    let mut names: Vec<PathBuf> = operands.map(PathBuf::from).collect();
    if parsed.has("names-stdin") {
        for line in io::stdin().lock().split(b'\n') {
            names.push(os_string(line?).into());
        }
    }
    let to_stdout = archive == "-";
    let path = archive_path(archive);
    if parsed.has("delete") {
        return zip.delete(&path, &names);
    }
    for name in &names {
        zip.find(name)?;
    }
    let old = if to_stdout { None } else { open_old(&path)? };
    if to_stdout {
        let mut writer = ZipWriter::new_stream(BufWriter::new(io::stdout()));
        zip.quiet = true;
        zip.write_all(&mut writer, None)?;
        writer.finish().map_err(failed)?.flush()?;
        return Ok(zip.status());
    }
    zip.write_archive(&path, old)
}

fn failed(error: ZipError) -> Failure {
    match error {
        ZipError::Io(error) => Failure {
            status: CANNOT_CREATE,
            ..Failure::from(error)
        },
        other => Failure {
            status: 3,
            ..fail(format!("error: {other}"))
        },
    }
}

/// A name without a suffix gets `.zip`.
fn archive_path(name: &std::ffi::OsStr) -> PathBuf {
    let path = PathBuf::from(name);
    let base = path.file_name().map(bytes).unwrap_or_default();
    if base.contains(&b'.') || path.exists() {
        path
    } else {
        path.with_extension("zip")
    }
}

fn open_old(path: &Path) -> Result<Option<ZipArchive<File>>, Failure> {
    match File::open(path) {
        Ok(file) => ZipArchive::new(file).map(Some).map_err(|_| Failure {
            status: 3,
            message: format!("error: Zip file structure invalid ({})", path.display()),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure {
            status: CANNOT_OPEN,
            message: format!("error: {}: {}", path.display(), errno::message(&error)),
        }),
    }
}

impl Zip {
    fn status(&self) -> i32 {
        if self.missing { CANNOT_OPEN } else { 0 }
    }

    /// The name of a file in the archive.
    fn stored(&self, path: &Path) -> String {
        let text = path.to_string_lossy();
        let mut name = text.trim_start_matches('/');
        while let Some(rest) = name.strip_prefix("./") {
            name = rest.trim_start_matches('/');
        }
        let name = name.trim_end_matches('/');
        if self.junk {
            name.rsplit('/').next().unwrap_or(name).to_owned()
        } else {
            name.to_owned()
        }
    }

    fn wanted(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.matches(name)) && !self.exclude.matches(name)
    }

    fn find(&mut self, path: &Path) -> Result<(), Failure> {
        let found = if self.symlinks {
            lstat(path)
        } else {
            stat(path)
        };
        let Ok(found) = found else {
            let shown = path.display();
            println!("\tzip warning: name not matched: {shown}");
            self.missing = self.found.is_empty();
            return Ok(());
        };
        let name = self.stored(path);
        if !found.is_dir() {
            if self.wanted(&name) {
                self.found.push((name, path.to_owned()));
            }
            return Ok(());
        }
        let directory = format!("{name}/");
        let hidden = name.is_empty() || name == "." || self.junk || self.no_directories;
        if !hidden && self.wanted(&directory) {
            self.found.push((directory, path.to_owned()));
        }
        if !self.recurse {
            return Ok(());
        }
        let mut below: Vec<PathBuf> = fs::read_dir(path)?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        below.sort();
        below.iter().try_for_each(|path| self.find(path))
    }

    /// Writes a new archive beside the old one and puts it in its place.
    fn write_archive(&mut self, path: &Path, old: Option<ZipArchive<File>>) -> Outcome {
        // The archive itself is not put into it.
        if let Ok(archive) = stat(path) {
            self.found
                .retain(|(_, path)| !stat(path).is_ok_and(|found| found.same_file(&archive)));
        }
        if self.found.is_empty() {
            println!("\nzip error: Nothing to do! ({})", path.display());
            return Ok(NOTHING_TO_DO);
        }
        let temporary = path.with_file_name(format!("zi{:06}", secure_exec_sys::process::getpid()));
        let cannot = |error: io::Error| Failure {
            status: CANNOT_CREATE,
            message: format!("I/O error: {}: {}", path.display(), errno::message(&error)),
        };
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .map_err(cannot)?;
        let mut writer = ZipWriter::new(BufWriter::new(file));
        let result = self.write_all(&mut writer, old).and_then(|()| {
            writer
                .finish()
                .map_err(failed)?
                .flush()
                .map_err(Failure::from)
        });
        if let Err(failure) = result {
            fs::remove_file(&temporary)?;
            return Err(failure);
        }
        fs::rename(&temporary, path).map_err(cannot)?;
        if self.moves {
            for (_, path) in self.found.iter().rev() {
                // A directory that is not empty stays.
                let _ = if path.is_dir() {
                    fs::remove_dir(path)
                } else {
                    fs::remove_file(path)
                };
            }
        }
        Ok(self.status())
    }

    fn write_all<W: Write + Seek>(
        &mut self,
        writer: &mut ZipWriter<W>,
        old: Option<ZipArchive<File>>,
    ) -> Result<(), Failure> {
        let mut replaced = HashSet::new();
        if let Some(mut old) = old {
            for index in 0..old.len() {
                let entry = old.by_index_raw(index).map_err(failed)?;
                let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
                let new = self.found.iter().find(|(known, _)| *known == name);
                let newer = new.is_some_and(|(_, path)| {
                    let kept = entry.last_modified().unwrap_or_default();
                    !(self.update || self.freshen)
                        || dos_time(path) > (kept.datepart(), kept.timepart())
                });
                if let Some((_, path)) = new.filter(|_| newer) {
                    let path = path.clone();
                    drop(entry);
                    let verb = if self.freshen {
                        "freshening"
                    } else {
                        "updating"
                    };
                    self.add(writer, &name, &path, verb)?;
                } else {
                    writer.raw_copy_file(entry).map_err(failed)?;
                }
                replaced.insert(name);
            }
        }
        if self.freshen {
            return Ok(());
        }
        for (name, path) in self.found.clone() {
            if replaced.insert(name.clone()) {
                self.add(writer, &name, &path, "  adding")?;
            }
        }
        Ok(())
    }

    fn options(&self, path: &Path) -> Result<FullFileOptions<'static, 'static>, Failure> {
        let found = if self.symlinks {
            lstat(path)?
        } else {
            stat(path)?
        };
        let moment = modified_moment(path);
        let year = u16::try_from(moment.year).unwrap_or(1980);
        let time = DateTime::from_date_and_time(
            year,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second & !1,
        )
        .unwrap_or_default();
        let options = FullFileOptions::default()
            .last_modified_time(time)
            .unix_permissions(found.mode)
            .large_file(found.size > 0xf000_0000);
        if self.no_extra {
            return Ok(options);
        }
        let modified = u32::try_from(found.mtime.seconds).ok();
        options
            .with_extended_timestamp(modified, None, None)
            .map_err(failed)
    }

    fn add<W: Write + Seek>(
        &mut self,
        writer: &mut ZipWriter<W>,
        name: &str,
        path: &Path,
        verb: &str,
    ) -> Result<(), Failure> {
        let options = self.options(path)?;
        if name.ends_with('/') {
            let options = options.compression_method(CompressionMethod::Stored);
            writer.add_directory(name, options).map_err(failed)?;
            self.tell(verb, name, "stored 0%");
            return Ok(());
        }
        if self.symlinks && lstat(path)?.is_symlink() {
            let target = fs::read_link(path)?;
            let options = options.compression_method(CompressionMethod::Stored);
            writer
                .add_symlink(name, target.to_string_lossy(), options)
                .map_err(failed)?;
            self.tell(verb, name, "stored 0%");
            return Ok(());
        }
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                warn(
                    "zip",
                    format_args!("warning: {}: {}", path.display(), errno::message(&error)),
                );
                self.missing = true;
                return Ok(());
            }
        };
        let (size, packed) = self.measure(&mut file)?;
        file.rewind()?;
        let store = packed >= size || self.level == 0;
        let options = if store {
            options.compression_method(CompressionMethod::Stored)
        } else {
            options
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(self.level.into()))
        };
        writer.start_file(name, options).map_err(failed)?;
        io::copy(&mut file, writer)?;
        if store {
            self.tell(verb, name, "stored 0%");
        } else {
            // Rounded to the nearest.
            let saved = (200 * (size - packed) / size).div_ceil(2);
            self.tell(verb, name, &format!("deflated {saved}%"));
        }
        Ok(())
    }

    /// The size of a file, and what it would be compressed.
    fn measure(&self, file: &mut File) -> Result<(u64, u64), Failure> {
        let mut encoder = DeflateEncoder::new(Sink(0), Compression::new(self.level));
        let size = io::copy(&mut Read::by_ref(file), &mut encoder)?;
        Ok((size, encoder.finish()?.0))
    }

    fn tell(&self, verb: &str, name: &str, how: &str) {
        if !self.quiet {
            println!("{verb}: {name} ({how})");
        }
    }

    fn delete(&mut self, path: &Path, names: &[PathBuf]) -> Outcome {
        let Some(mut old) = open_old(path)? else {
            return Err(Failure {
                status: 13,
                message: format!("error: {} not found", path.display()),
            });
        };
        let names: Vec<Vec<u8>> = names.iter().map(|name| bytes(name).to_vec()).collect();
        let patterns = Patterns::new(&names);
        let temporary = path.with_file_name(format!("zi{:06}", secure_exec_sys::process::getpid()));
        let mut writer = ZipWriter::new(BufWriter::new(File::create(&temporary)?));
        let (mut deleted, mut kept) = (0, 0);
        for index in 0..old.len() {
            let entry = old.by_index_raw(index).map_err(failed)?;
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            if patterns.matches(&name) {
                deleted += 1;
                if !self.quiet {
                    println!("deleting: {name}");
                }
            } else {
                kept += 1;
                writer.raw_copy_file(entry).map_err(failed)?;
            }
        }
        writer.finish().map_err(failed)?.flush()?;
        if deleted == 0 {
            fs::remove_file(&temporary)?;
            println!("\nzip error: Nothing to do! ({})", path.display());
            return Ok(NOTHING_TO_DO);
        }
        if kept == 0 {
            println!("\tzip warning: zip file empty");
            fs::remove_file(&temporary)?;
            fs::remove_file(path)?;
        } else {
            fs::rename(&temporary, path)?;
        }
        Ok(0)
    }
}

fn dos_time(path: &Path) -> (u16, u16) {
    let moment = modified_moment(path);
    let year = u16::try_from(moment.year).unwrap_or(1980);
    DateTime::from_date_and_time(
        year,
        moment.month,
        moment.day,
        moment.hour,
        moment.minute,
        moment.second,
    )
    .map_or((0, 0), |time| (time.datepart(), time.timepart()))
}

/// Counts.
struct Sink(u64);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
