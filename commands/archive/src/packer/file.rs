//! Files on their way through bzip2, xz and zstd.

use super::options::Tool;
use super::stream::{Damage, Sizes};
use super::{Action, Packer};
use secure_exec_cli::{bytes, os_string};
use secure_exec_sys::errno;
use secure_exec_sys::path::{chmod, lstat, stat};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

impl Packer {
    pub(super) fn standard_input(&mut self) -> io::Result<()> {
        let shown = match self.tool {
            Tool::Zstd => "/*stdin*\\",
            _ => "(stdin)",
        };
        let input = io::stdin().lock();
        if self.action == Action::Test {
            return self.test(input, shown);
        }
        if let Some(target) = self.output.clone() {
            if !self.may_write(&target) {
                return Ok(());
            }
            let output = File::create(&target)?;
            return self.pump(input, output, shown).map(drop);
        }
        if self.action == Action::Compress && io::stdout().is_terminal() && !self.force {
            let text = match self.tool {
                Tool::Bzip2 => "I won't write compressed data to a terminal.",
                Tool::Xz => "Compressed data cannot be written to a terminal",
                Tool::Zstd => "stdout is a console, aborting",
            };
            self.complain(1, text);
            return Ok(());
        }
        self.pump(input, io::stdout().lock(), shown).map(drop)
    }

    /// Compresses or decompresses; nothing if that failed, which was said.
    fn pump(
        &mut self,
        input: impl io::Read,
        output: impl io::Write,
        shown: &str,
    ) -> io::Result<Option<Sizes>> {
        if self.action == Action::Compress {
            return self.compress(input, output).map(Some);
        }
        match self.decompress(input, output, shown)? {
            Ok(sizes) => Ok(Some(sizes)),
            Err(damage) => {
                self.damaged(damage, shown);
                Ok(None)
            }
        }
    }

    fn test(&mut self, input: impl io::Read, shown: &str) -> io::Result<()> {
        let stdout = std::mem::replace(&mut self.stdout, false);
        let result = self.decompress(input, io::sink(), shown);
        self.stdout = stdout;
        match (result?, self.tool) {
            (Err(Damage::Strange), Tool::Bzip2) => {
                let text = "bad magic number (file not created by bzip2)";
                self.complain(2, format_args!("{shown}: {text}"));
            }
            (Err(damage), _) => self.damaged(damage, shown),
            (Ok(_), Tool::Bzip2) if self.verbose => eprintln!("  {shown}: ok"),
            (Ok(sizes), Tool::Xz) if self.verbose => self.say_ratio(shown, sizes),
            (Ok(sizes), Tool::Zstd) if self.quiet == 0 => {
                self.totals.add(sizes.read, sizes.written);
                self.say_restored(shown, sizes);
            }
            _ => {}
        }
        Ok(())
    }

    fn damaged(&mut self, damage: Damage, shown: &str) {
        let text = match (self.tool, damage) {
            (Tool::Bzip2, Damage::Strange) => format!("{shown} is not a bzip2 file."),
            (Tool::Bzip2, Damage::Short) => {
                "Compressed file ends unexpectedly;\n\tperhaps it is corrupted?".to_owned()
            }
            (Tool::Bzip2, _) => "Data integrity error when decompressing.".to_owned(),
            (Tool::Xz, Damage::Strange) => format!("{shown}: File format not recognized"),
            (Tool::Xz, Damage::Short) => format!("{shown}: Unexpected end of input"),
            (Tool::Xz, Damage::TooBig) => format!("{shown}: Memory usage limit reached"),
            (Tool::Xz, Damage::Corrupt) => format!("{shown}: Compressed data is corrupt"),
            (Tool::Zstd, Damage::Strange) => format!("{shown}: unsupported format "),
            (Tool::Zstd, Damage::Short) => {
                format!("{shown} : Read error (39) : premature end ")
            }
            (Tool::Zstd, _) => {
                format!("{shown} : Decoding error (36) : Data corruption detected ")
            }
        };
        let status = if self.tool == Tool::Bzip2 { 2 } else { 1 };
        self.complain(status, text);
        if self.tool == Tool::Bzip2 && damage != Damage::Strange && self.quiet < 2 {
            eprintln!("\tInput file = {shown}");
        }
    }

    pub(super) fn file(&mut self, path: &PathBuf) -> io::Result<()> {
        let shown = path.display().to_string();
        let found = match lstat(path) {
            Ok(found) => found,
            Err(error) => {
                self.missing(&shown, &error);
                return Ok(());
            }
        };
        let target = if found.is_symlink() {
            stat(path).unwrap_or(found)
        } else {
            found
        };
        let bz_or_xz_to_stdout = self.stdout || self.action == Action::Test;
        if target.is_dir() {
            let (status, text) = match self.tool {
                Tool::Bzip2 => (1, format!("Input file {shown} is a directory.")),
                Tool::Xz => (2, format!("{shown}: Is a directory, skipping")),
                Tool::Zstd => (1, format!("{shown} is a directory -- ignored ")),
            };
            self.complain(status, text);
            return Ok(());
        }
        let lax = self.force || (bz_or_xz_to_stdout && self.tool != Tool::Zstd);
        if !lax && found.is_symlink() {
            let (status, text) = match self.tool {
                Tool::Bzip2 => (1, format!("Input file {shown} is not a normal file.")),
                Tool::Xz if self.keep => (0, String::new()),
                Tool::Xz => (2, format!("{shown}: Is a symbolic link, skipping")),
                Tool::Zstd => (1, format!("{shown} is a symbolic link, ignoring ")),
            };
            if status != 0 {
                self.complain(status, text);
                return Ok(());
            }
        }
        if !lax && !target.is_file() && self.tool != Tool::Zstd {
            let (status, text) = match self.tool {
                Tool::Xz => (2, format!("{shown}: Not a regular file, skipping")),
                _ => (1, format!("Input file {shown} is not a normal file.")),
            };
            self.complain(status, text);
            return Ok(());
        }
        let spares_links = self.keep && self.tool != Tool::Bzip2;
        if !lax && !spares_links && target.nlink > 1 {
            let others = target.nlink - 1;
            let (status, text) = match self.tool {
                Tool::Bzip2 => {
                    let plural = if others > 1 { "s" } else { "" };
                    (
                        1,
                        format!("Input file {shown} has {others} other link{plural}."),
                    )
                }
                Tool::Xz => {
                    let text = "Input file has more than one hard link, skipping";
                    (2, format!("{shown}: {text}"))
                }
                Tool::Zstd => (0, String::new()),
            };
            if status != 0 {
                self.complain(status, text);
                return Ok(());
            }
        }
        if self.action == Action::Test {
            let Some(input) = self.opened(path, &shown) else {
                return Ok(());
            };
            return self.test(input, &shown);
        }
        if self.stdout {
            let Some(input) = self.opened(path, &shown) else {
                return Ok(());
            };
            return self.pump(input, io::stdout().lock(), &shown).map(drop);
        }
        self.replace(path, &shown)
    }

    fn missing(&mut self, shown: &str, error: &io::Error) {
        let why = errno::message(error);
        let text = match self.tool {
            Tool::Bzip2 => format!("Can't open input file {shown}: {why}."),
            Tool::Xz => format!("{shown}: {why}"),
            Tool::Zstd => format!("can't stat {shown} : {why} -- ignored "),
        };
        self.complain(1, text);
    }

    fn opened(&mut self, path: &Path, shown: &str) -> Option<File> {
        match File::open(path) {
            Ok(file) => Some(file),
            Err(error) => {
                let why = errno::message(&error);
                let text = match self.tool {
                    Tool::Bzip2 => format!("Can't open input file {shown}: {why}."),
                    _ => format!("{shown}: {why}"),
                };
                self.complain(1, text);
                None
            }
        }
    }

    /// Where the other form of a file goes. Nothing if that is not to be made, which was said.
    fn target(&mut self, path: &PathBuf, shown: &str) -> Option<PathBuf> {
        if let Some(output) = &self.output {
            return Some(output.clone());
        }
        let target = if self.action == Action::Compress {
            let ending = self.ending();
            let has_one = match self.tool {
                // Each has endings of its own that it does not pack again.
                Tool::Zstd => false,
                _ => self.plain_name(path).is_some(),
            };
            if has_one && (!self.force || self.tool == Tool::Bzip2) {
                let found = bytes(path);
                let endings = self.endings();
                let known = endings.iter().find(|(each, _)| found.ends_with(each));
                let known = known.map_or(String::new(), |(each, _)| {
                    String::from_utf8_lossy(each).into_owned()
                });
                let (status, text) = match self.tool {
                    Tool::Bzip2 => (1, format!("Input file {shown} already has {known} suffix.")),
                    _ => (
                        2,
                        format!("{shown}: File already has `{known}' suffix, skipping"),
                    ),
                };
                self.complain(status, text);
                return None;
            }
            os_string([bytes(path), &ending].concat()).into()
        } else if let Some(plain) = self.plain_name(path) {
            plain
        } else {
            match self.tool {
                Tool::Bzip2 => {
                    let guess = format!("{shown}.out");
                    if self.quiet == 0 {
                        let text =
                            format!("Can't guess original name for {shown} -- using {guess}");
                        secure_exec_cli::warn(&self.name, text);
                    }
                    os_string([bytes(path), b".out"].concat()).into()
                }
                Tool::Xz => {
                    // What is in it is looked at first.
                    if self.is_readable(path) {
                        let text = "Filename has an unknown suffix, skipping";
                        self.complain(2, format_args!("{shown}: {text}"));
                    } else {
                        self.damaged(Damage::Strange, shown);
                    }
                    return None;
                }
                Tool::Zstd => {
                    let text = "unknown suffix (.zst/.tzst/.gz/.tgz/.lzma/.xz/.txz/.tlz expected). Can't derive \
                                the output file name. Specify it with -o dstFileName. Ignoring.";
                    self.complain(1, format_args!("{shown}: {text}"));
                    return None;
                }
            }
        };
        match &self.output_directory {
            Some(directory) => Some(directory.join(target.file_name().unwrap_or_default())),
            None => Some(target),
        }
    }

    /// Whether a file begins as one of a format that this program reads.
    fn is_readable(&self, path: &Path) -> bool {
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(6).read_to_end(&mut start));
        read.is_ok() && self.reads(&start).is_some()
    }

    /// Whether a file may be written, which one that is there may not unless forced.
    fn may_write(&mut self, target: &Path) -> bool {
        if self.force || lstat(target).is_err() {
            return true;
        }
        let shown = target.display();
        let text = match self.tool {
            Tool::Bzip2 => format!("Output file {shown} already exists."),
            Tool::Xz => format!("{shown}: File exists"),
            Tool::Zstd => format!("{shown} already exists; not overwritten"),
        };
        self.complain(1, text);
        false
    }

    fn replace(&mut self, path: &PathBuf, shown: &str) -> io::Result<()> {
        let Some(input) = self.opened(path, shown) else {
            return Ok(());
        };
        // Before it is read, which changes its times.
        let found = stat(path)?;
        let Some(target) = self.target(path, shown) else {
            return Ok(());
        };
        if !self.may_write(&target) {
            return Ok(());
        }
        if lstat(&target).is_ok_and(|found| !found.is_dir()) {
            fs::remove_file(&target)?;
        }
        let output = File::options().write(true).create_new(true).open(&target)?;
        let sizes = match self.pump(input, output, shown) {
            Ok(Some(sizes)) => sizes,
            other => {
                fs::remove_file(&target)?;
                return other.map(drop);
            }
        };
        secure_exec_sys::times::set(&target, found.atime, found.mtime)?;
        chmod(&target, found.permissions())?;
        if !self.keep {
            fs::remove_file(path)?;
        }
        self.tell(shown, &target, sizes);
        Ok(())
    }

    fn tell(&mut self, shown: &str, target: &Path, sizes: Sizes) {
        match (self.tool, self.action) {
            (Tool::Bzip2, Action::Compress) if self.verbose => {
                let (plain, packed) = (sizes.read as f64, sizes.written as f64);
                if sizes.read == 0 {
                    eprintln!("  {shown}:  no data compressed.");
                    return;
                }
                eprintln!(
                    "  {shown}:  {:6.3}:1, {:6.3} bits/byte, {:5.2}% saved, {} in, {} out.",
                    plain / packed,
                    8.0 * packed / plain,
                    100.0 * (1.0 - packed / plain),
                    sizes.read,
                    sizes.written
                );
            }
            (Tool::Bzip2, _) if self.verbose => eprintln!("  {shown}: done"),
            (Tool::Xz, Action::Compress) if self.verbose => self.say_ratio(
                shown,
                Sizes {
                    read: sizes.written,
                    written: sizes.read,
                },
            ),
            (Tool::Xz, _) if self.verbose => self.say_ratio(shown, sizes),
            (Tool::Zstd, Action::Compress) if self.quiet == 0 => {
                self.totals.add(sizes.read, sizes.written);
                self.say_packed(shown, target, sizes);
            }
            (Tool::Zstd, _) if self.quiet == 0 => {
                self.totals.add(sizes.read, sizes.written);
                self.say_restored(shown, sizes);
            }
            _ => {}
        }
    }
}
