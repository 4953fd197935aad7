//! `ls`, `dir` and `vdir`: lists directories, by the
//! [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/ls.html), with the GNU options.

mod color;
mod layout;
mod long;
mod options;
mod order;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secure_exec_cli::{Args, Outcome, bytes, shell_escape, warn_path};
use secure_exec_sys::path::{lstat, stat};
use secure_exec_sys::stat::Stat;

use options::{Format, Hidden, Links, Options, Quoting};

/// Trouble with something found inside a directory, and with an operand.
const MINOR: i32 = 1;
const SERIOUS: i32 = 2;

pub fn ls(args: &Args) -> Outcome {
    run(args, None)
}

/// `ls -C -b`.
pub fn dir(args: &Args) -> Outcome {
    run(args, Some(Format::Columns))
}

/// `ls -l -b`.
pub fn vdir(args: &Args) -> Outcome {
    run(args, Some(Format::Long))
}

/// A file as it is listed.
pub struct Entry {
    pub name: OsString,
    pub path: PathBuf,
    /// Of the link itself, unless links are followed. `None`: it cannot be had.
    pub stat: Option<Stat>,
    pub target: Option<Target>,
}

/// Where a symbolic link leads.
pub struct Target {
    pub path: PathBuf,
    /// `None`: nowhere.
    pub stat: Option<Stat>,
}

struct Lister<'a> {
    args: &'a Args,
    options: Options,
    out: io::BufWriter<io::Stdout>,
    status: i32,
    /// A blank line separates this listing from the one before.
    is_first: bool,
    /// The directories that are being listed, from the outermost on, by device and inode.
    ancestors: Vec<(u64, u64)>,
}

fn run(args: &Args, default: Option<Format>) -> Outcome {
    let (options, mut operands) = options::parse(args, default)?;
    if operands.is_empty() {
        operands.push(OsString::from("."));
    }
    let out = io::BufWriter::new(io::stdout());
    let mut lister = Lister {
        args,
        options,
        out,
        status: 0,
        is_first: true,
        ancestors: Vec::new(),
    };
    lister.operands(&operands)?;
    lister.out.flush()?;
    Ok(lister.status)
}

impl Lister<'_> {
    fn operands(&mut self, operands: &[OsString]) -> io::Result<()> {
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for operand in operands {
            let path = PathBuf::from(operand);
            match self.read_operand(operand.clone(), path.clone()) {
                Ok(entry) if self.is_listed_inside(&entry) => directories.push(entry),
                Ok(entry) => files.push(entry),
                Err(error) => self.complain("cannot access", &path, &error, SERIOUS),
            }
        }
        order::sort(&mut files, &self.options);
        order::sort(&mut directories, &self.options);
        let has_titles = operands.len() > 1 || self.options.recursive;
        if !files.is_empty() {
            self.print(&files, &directories, None)?;
            self.is_first = false;
        }
        for entry in directories {
            self.directory(
                &entry.path,
                entry.name.as_os_str().as_ref(),
                has_titles,
                true,
            )?;
        }
        Ok(())
    }

    fn is_listed_inside(&self, entry: &Entry) -> bool {
        !self.options.directories_themselves && entry.stat.is_some_and(|found| found.is_dir())
    }

    /// A link given as operand is followed to a directory unless it is to be described itself.
    fn read_operand(&self, name: OsString, path: PathBuf) -> io::Result<Entry> {
        let itself = lstat(&path)?;
        let follows = match self.options.links {
            Links::Never => false,
            Links::Always | Links::Operands => true,
            Links::DirectoryOperands => {
                itself.is_symlink() && stat(&path).is_ok_and(|found| found.is_dir())
            }
        };
        // A link that leads nowhere is listed as the link it is.
        let followed = if follows { stat(&path).ok() } else { None };
        let found = followed.unwrap_or(itself);
        Ok(Entry {
            target: self.target_of(&path, &found),
            name,
            path,
            stat: Some(found),
        })
    }

    fn target_of(&self, path: &Path, found: &Stat) -> Option<Target> {
        if !found.is_symlink() || !self.options.wants_targets() {
            return None;
        }
        let target = std::fs::read_link(path).ok()?;
        Some(Target {
            path: target,
            stat: stat(path).ok(),
        })
    }

    fn directory(
        &mut self,
        path: &Path,
        title: &Path,
        has_title: bool,
        is_operand: bool,
    ) -> io::Result<()> {
        let mut entries = match self.read_directory(path) {
            Ok(entries) => entries,
            Err(error) => {
                let severity = if is_operand { SERIOUS } else { MINOR };
                self.complain("cannot open directory", path, &error, severity);
                return Ok(());
            }
        };
        order::sort(&mut entries, &self.options);
        if !self.is_first {
            writeln!(self.out)?;
        }
        self.is_first = false;
        if has_title {
            let raw = bytes(title);
            let shown = match self.options.quoting {
                Quoting::Literal => raw.to_vec(),
                _ => self.shown_name(raw).into_bytes(),
            };
            self.out.write_all(&shown)?;
            writeln!(self.out, ":")?;
        }
        let total = entries
            .iter()
            .filter_map(|entry| entry.stat)
            .map(|found| found.blocks)
            .sum();
        self.print(&entries, &[], Some(total))?;
        if self.options.recursive {
            let found = stat(path).map_or((0, 0), |found| (found.dev, found.ino));
            self.ancestors.push(found);
            let listed = self.subdirectories(&entries, title);
            self.ancestors.pop();
            listed?;
        }
        Ok(())
    }

    fn subdirectories(&mut self, entries: &[Entry], title: &Path) -> io::Result<()> {
        for entry in entries {
            let is_directory = entry.stat.is_some_and(|found| found.is_dir());
            if is_directory && entry.name != "." && entry.name != ".." {
                let inner = title.join(&entry.name);
                let identity = entry.stat.map(|found| (found.dev, found.ino));
                if identity.is_some_and(|identity| self.ancestors.contains(&identity)) {
                    self.out.flush()?;
                    let shown = inner.display();
                    let text = format!("{shown}: not listing already-listed directory");
                    secure_exec_cli::warn(&self.args.name, text);
                    self.status = SERIOUS;
                    continue;
                }
                self.directory(&entry.path, &inner, true, false)?;
            }
        }
        Ok(())
    }

    fn read_directory(&mut self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        if self.options.hidden == Hidden::All {
            for name in [".", ".."] {
                entries.push(self.read_entry(path, OsString::from(name)));
            }
        }
        for found in std::fs::read_dir(path)? {
            let name = found?.file_name();
            if self.options.shows(bytes(&name)) {
                let entry = self.read_entry(path, name);
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    fn read_entry(&mut self, directory: &Path, name: OsString) -> Entry {
        let path = directory.join(&name);
        let follows = self.options.links == Links::Always;
        let found = if follows {
            stat(&path).or_else(|_| lstat(&path))
        } else {
            lstat(&path)
        };
        match found {
            Ok(found) => Entry {
                target: self.target_of(&path, &found),
                name,
                path,
                stat: Some(found),
            },
            Err(error) => {
                self.complain("cannot access", &path, &error, MINOR);
                Entry {
                    name,
                    path,
                    stat: None,
                    target: None,
                }
            }
        }
    }

    /// `also` only makes columns wide enough for what is listed later.
    fn print(&mut self, entries: &[Entry], also: &[Entry], total: Option<u64>) -> io::Result<()> {
        if let Some(total) = total
            && (self.options.format == Format::Long || self.options.blocks)
        {
            writeln!(self.out, "total {}", self.options.block_count(total))?;
        }
        if self.options.format == Format::Long {
            return long::print(&mut self.out, entries, also, &self.options);
        }
        let cells = entries
            .iter()
            .map(|entry| layout::Cell::new(entry, entries, &self.options))
            .collect();
        layout::print(&mut self.out, cells, &self.options)
    }

    fn shown_name(&self, raw: &[u8]) -> String {
        self.options.shown_name(raw)
    }

    fn complain(&mut self, what: &str, path: &Path, error: &io::Error, severity: i32) {
        // What was listed so far comes before the complaint.
        let _ = self.out.flush();
        warn_path(&self.args.name, what, path, error);
        self.status = self.status.max(severity);
    }
}

impl Options {
    /// A name as it is printed, without color.
    pub fn shown_name(&self, raw: &[u8]) -> String {
        match self.quoting {
            Quoting::Literal => match self.hides_control {
                true => printable(raw),
                // Names need not be Unicode; `layout` and `long` write those as they are.
                false => String::from_utf8_lossy(raw).into_owned(),
            },
            Quoting::Shell => shell_escape(raw, false),
            Quoting::ShellAlways => shell_escape(raw, true),
            Quoting::C => format!("\"{}\"", c_escape(raw, b'"')),
            Quoting::Escape => c_escape(raw, b' '),
        }
    }
}

fn printable(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    text.chars()
        .map(|c| {
            if c.is_control() || c == '\u{fffd}' {
                '?'
            } else {
                c
            }
        })
        .collect()
}

/// As in a string literal of C; `special` is escaped with a backslash, too.
fn c_escape(raw: &[u8], special: u8) -> String {
    let mut out = String::new();
    for chunk in raw.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\x07' => out.push_str("\\a"),
                '\x08' => out.push_str("\\b"),
                '\x0b' => out.push_str("\\v"),
                '\x0c' => out.push_str("\\f"),
                '\\' => out.push_str("\\\\"),
                c if u32::from(c) == u32::from(special) => {
                    out.push('\\');
                    out.push(c);
                }
                c if c.is_ascii_control() => out.push_str(&format!("\\{:03o}", u32::from(c))),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\{byte:03o}"));
        }
    }
    out
}
