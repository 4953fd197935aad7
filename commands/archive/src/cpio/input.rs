//! `cpio -i`: reads an archive.

use super::header::{self, Format, Member};
use super::listing::Names;
use super::place::{Attributes, Placer, Room};
use super::{BLOCK, Run, TROUBLE, cannot_open, damaged, path_of, stored_name};
use secure_exec_cli::{Failure, Glob};
use secure_exec_sys::stat::{S_IFDIR, S_IFLNK, S_IFREG, Time};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::PathBuf;

/// The longest target of a symbolic link, in bytes.
const LONGEST_TARGET: u64 = 1 << 16;

/// Adds bytes to the sum of a file in the `crc` format.
pub fn add_bytes(sum: u32, bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(sum, |sum, &byte| sum.wrapping_add(u32::from(byte)))
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count += length as u64;
        Ok(length)
    }
}

/// Where data goes, with its sum.
struct Summed<W> {
    inner: W,
    sum: u32,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.sum = add_bytes(self.sum, &bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Device and inode in the archive.
type FileKey = ((u32, u32), u64);
/// A name without data.
type Waiting = (Member, PathBuf);
type Input = Counted<BufReader<Box<dyn Read>>>;

struct Extractor {
    input: Input,
    format: Format,
    placer: Placer,
    names: Names,
    /// First names of files with several links, by device and inode of the archive.
    links: HashMap<FileKey, PathBuf>,
    /// Names without data that wait for the one that has it.
    waiting: HashMap<FileKey, Vec<Waiting>>,
}

pub fn extract(run: &mut Run) -> Result<(), Failure> {
    let mut raw: Box<dyn Read> = match run.options.archive.clone() {
        Some(path) => Box::new(File::open(&path).map_err(|error| cannot_open(&path, &error))?),
        None => Box::new(io::stdin()),
    };
    let mut start = Vec::new();
    raw.by_ref().take(512).read_to_end(&mut start)?;
    let format = Format::by_start(&start).ok_or_else(|| Failure {
        status: TROUBLE,
        message: "premature end of archive".to_owned(),
    })?;
    let rest: Box<dyn Read> = Box::new(Cursor::new(start).chain(raw));
    let mut extractor = Extractor {
        input: Counted {
            inner: BufReader::with_capacity(1 << 16, rest),
            count: 0,
        },
        format,
        placer: Placer::new(),
        names: Names::new(),
        links: HashMap::new(),
        waiting: HashMap::new(),
    };
    extractor.all(run)?;
    let unread = extractor.input.count % BLOCK;
    if unread > 0 {
        // What fills the last block up may be missing.
        io::copy(
            &mut (&mut extractor.input).take(BLOCK - unread),
            &mut io::sink(),
        )?;
    }
    run.blocks(extractor.input.count);
    Ok(())
}

impl Extractor {
    fn all(&mut self, run: &mut Run) -> Result<(), Failure> {
        loop {
            let member = header::read(&mut self.input, self.format);
            let Some(member) = member.map_err(|error| damaged(&error))? else {
                break;
            };
            if member.is_trailer() {
                break;
            }
            self.member(run, member)?;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for (_, group) in waiting {
            // Nothing had data: the file is empty.
            self.empty_group(run, group);
        }
        self.placer.finish(run);
        Ok(())
    }

    fn wanted(run: &Run, name: &[u8]) -> bool {
        let glob = Glob::default();
        let patterns = &run.options.patterns;
        patterns.is_empty()
            || patterns.iter().any(|pattern| glob.matches(pattern, name)) != run.options.nonmatching
    }

    fn member(&mut self, run: &mut Run, mut member: Member) -> Result<(), Failure> {
        let padding = self.format.padding(member.size);
        let size = member.size;
        if !Self::wanted(run, &member.name) {
            return self.skip(size + padding);
        }
        // A link's target is data, but for tar.
        let mut left = size;
        if member.kind() == S_IFLNK && member.target.is_none() {
            if size > LONGEST_TARGET {
                return Err(damaged(&io::Error::new(
                    io::ErrorKind::InvalidData,
                    "symbolic link too long",
                )));
            }
            let mut target = Vec::new();
            (&mut self.input).take(size).read_to_end(&mut target)?;
            member.target = Some(target);
            left = 0;
        }
        if run.options.list {
            self.list(run, &member)?;
        } else if run.options.only_verify {
            if self.format == Format::Crc && member.kind() == S_IFREG {
                self.copy(run, &member, io::sink())?;
                left = 0;
            }
        } else if run.options.to_stdout {
            if member.kind() == S_IFREG {
                self.copy(run, &member, io::stdout())?;
                left = 0;
            }
        } else if self.place(run, &member)? {
            left = 0;
        }
        if !run.options.list && !run.options.only_verify {
            run.progress(&member.name);
        }
        self.skip(left + padding)
    }

    fn skip(&mut self, length: u64) -> Result<(), Failure> {
        header::skip(&mut self.input, length).map_err(|error| damaged(&error))
    }

    fn list(&self, run: &Run, member: &Member) -> Result<(), Failure> {
        let mut shown = member.clone();
        if self.format.is_tar() && member.kind() == S_IFDIR {
            shown.name.push(b'/');
        }
        let mut line = if run.options.verbose {
            let target = member.target.as_deref().filter(|_| !member.is_hard_link);
            self.names.long_line(run, &shown, target)
        } else {
            shown.name
        };
        line.push(b'\n');
        io::stdout().write_all(&line)?;
        Ok(())
    }

    /// Copies data and compares its sum.
    fn copy(&mut self, run: &mut Run, member: &Member, output: impl Write) -> Result<(), Failure> {
        let mut summed = Summed {
            inner: output,
            sum: 0,
        };
        let copied = io::copy(&mut (&mut self.input).take(member.size), &mut summed)?;
        if copied < member.size {
            return Err(damaged(&io::ErrorKind::UnexpectedEof.into()));
        }
        if self.format == Format::Crc && summed.sum != member.check {
            run.warn(format_args!(
                "{}: checksum error (0x{:x}, should be 0x{:x})",
                String::from_utf8_lossy(&member.name),
                summed.sum,
                member.check
            ));
        }
        Ok(())
    }

    fn attributes(member: &Member) -> Attributes {
        Attributes {
            mode: member.mode,
            uid: member.uid,
            gid: member.gid,
            mtime: Time {
                seconds: i64::try_from(member.mtime).unwrap_or(0),
                nanoseconds: 0,
            },
        }
    }

    /// Makes the file. True if its data was read.
    fn place(&mut self, run: &mut Run, member: &Member) -> Result<bool, Failure> {
        let path = path_of(stored_name(&member.name, run.options.relative));
        let new = Self::attributes(member);
        match self.placer.make_room(run, &member.name, &path, &new) {
            Room::Taken => return Ok(false),
            Room::Directory => {
                self.placer.later(run, &path, &new);
                return Ok(false);
            }
            Room::Free => {}
        }
        if member.is_hard_link {
            let target = member.target.clone().unwrap_or_default();
            let target = path_of(stored_name(&target, run.options.relative));
            if let Err(error) = fs::hard_link(&target, &path) {
                run.cannot("link", &member.name, &error);
            }
            return Ok(false);
        }
        if member.kind() != S_IFREG {
            let target = member.target.as_deref();
            if let Err((what, error)) = self.placer.make(run, &path, &new, target) {
                run.cannot(what, &member.name, &error);
            }
            return Ok(false);
        }
        let key = (member.dev, member.ino);
        let linked = member.nlink > 1 && !self.format.is_tar();
        let late = matches!(self.format, Format::Newc | Format::Crc);
        if linked && late && member.size == 0 {
            self.waiting
                .entry(key)
                .or_default()
                .push((member.clone(), path));
            if self.waiting[&key].len() as u64 >= member.nlink
                && let Some(group) = self.waiting.remove(&key)
            {
                self.empty_group(run, group);
            }
            return Ok(false);
        }
        if linked && let Some(first) = self.links.get(&key) {
            match fs::hard_link(first, &path) {
                Ok(()) => super::pass::linked(run, first, &path),
                Err(error) => run.cannot("link", &member.name, &error),
            }
            return Ok(false);
        }
        let Some(file) = self.open(run, member, &path) else {
            return Ok(false);
        };
        if run.options.sparse {
            self.copy(run, member, crate::holes::Sparse::new(&file))?;
            file.set_len(member.size)?;
        } else {
            self.copy(run, member, &file)?;
        }
        drop(file);
        self.placer.dress(run, &path, &new);
        if linked {
            for (other, name) in self.waiting.remove(&key).unwrap_or_default().iter().rev() {
                match fs::hard_link(&path, name) {
                    Ok(()) => super::pass::linked(run, &path, name),
                    Err(error) => run.cannot("link", &other.name, &error),
                }
            }
            self.links.insert(key, path);
        }
        Ok(true)
    }

    fn open(&self, run: &mut Run, member: &Member, path: &PathBuf) -> Option<File> {
        match File::options().write(true).create_new(true).open(path) {
            Ok(file) => Some(file),
            Err(error) => {
                run.cannot("open", &member.name, &error);
                None
            }
        }
    }

    /// Several names of a file without data.
    fn empty_group(&mut self, run: &mut Run, group: Vec<(Member, PathBuf)>) {
        let mut first: Option<PathBuf> = None;
        for (member, path) in group {
            match &first {
                Some(first) => {
                    if let Err(error) = fs::hard_link(first, &path) {
                        run.cannot("link", &member.name, &error);
                    }
                }
                None => {
                    if self.open(run, &member, &path).is_some() {
                        self.placer.dress(run, &path, &Self::attributes(&member));
                        first = Some(path);
                    }
                }
            }
        }
    }
}
