//! bzip2, xz, lzma and zstd with their other names: one file at a time is put in place of another, as each of the three
//! programs does and says it.

mod file;
mod list;
mod options;
mod stream;

use crate::codec::Codec;
use options::Tool;
use secure_exec_cli::{Args, Failure, Outcome, bytes, os_string, warn};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Compress,
    Decompress,
    Test,
    List,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
struct Packer {
    name: String,
    tool: Tool,
    /// What is written; what is read says itself what it is.
    codec: Codec,
    /// Only this format is read.
    only: bool,
    action: Action,
    stdout: bool,
    force: bool,
    keep: bool,
    recursive: bool,
    verbose: bool,
    /// How often `-q` was given.
    quiet: usize,
    robot: bool,
    level: u32,
    suffix: Option<Vec<u8>>,
    /// `zstd -o`.
    output: Option<PathBuf>,
    /// `zstd --output-dir-flat`.
    output_directory: Option<PathBuf>,
    /// Several files were named.
    several: bool,
    status: i32,
    totals: list::Totals,
}

pub fn main(args: Args) -> Outcome {
    let (mut packer, operands) = options::parse(&args)?;
    if packer.action == Action::List {
        return packer.list(&operands);
    }
    if operands.is_empty() {
        packer.report(None, Packer::standard_input)?;
    }
    for operand in &operands {
        if operand == "-" {
            packer.report(None, Packer::standard_input)?;
        } else {
            packer.operand(operand)?;
        }
    }
    packer.summary(operands.len());
    Ok(packer.status)
}

impl Packer {
    /// Notes a status; the worst of all stays. To xz a warning (2) is less than an error (1).
    fn note(&mut self, status: i32) {
        let error_stays = self.tool == Tool::Xz && self.status == 1;
        if !error_stays && (status > self.status || self.tool == Tool::Xz) {
            self.status = status;
        }
    }

    /// Complains about a file and goes on.
    fn complain(&mut self, status: i32, text: impl std::fmt::Display) {
        self.note(status);
        if self.quiet < 2 && (status != 2 || self.tool != Tool::Xz || self.quiet < 1) {
            warn(&self.name, text);
        }
    }

    /// Does something with a file, and says why that failed. A reader that went away ends it all.
    fn report(
        &mut self,
        path: Option<&PathBuf>,
        act: impl FnOnce(&mut Self) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        match act(self) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::silent(1)),
            Err(error) => {
                let shown = path.map_or("(stdout)".into(), |path| path.display().to_string());
                let why = secure_exec_sys::errno::message(&error);
                self.complain(1, format_args!("{shown}: {why}"));
                Ok(())
            }
        }
    }

    fn operand(&mut self, operand: &OsString) -> Result<(), Failure> {
        let path = PathBuf::from(operand);
        if self.recursive && std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            let mut names: Vec<OsString> = std::fs::read_dir(&path)?
                .flatten()
                .map(|entry| entry.path().into_os_string())
                .collect();
            names.sort();
            return names.iter().try_for_each(|name| self.operand(name));
        }
        self.report(Some(&path), |packer| packer.file(&path))
    }

    /// The endings of compressed files, and what takes their place.
    fn endings(&self) -> Vec<(Vec<u8>, &'static str)> {
        let known: &[(&str, &str)] = match self.tool {
            Tool::Bzip2 => &[
                (".bz2", ""),
                (".bz", ""),
                (".tbz2", ".tar"),
                (".tbz", ".tar"),
            ],
            Tool::Xz => &[
                (".xz", ""),
                (".lzma", ""),
                (".txz", ".tar"),
                (".tlz", ".tar"),
            ],
            Tool::Zstd => &[
                (".zst", ""),
                (".tzst", ".tar"),
                (".gz", ""),
                (".tgz", ".tar"),
                (".xz", ""),
                (".txz", ".tar"),
                (".lzma", ""),
                (".tlz", ".tar"),
            ],
        };
        let own = self.suffix.iter().map(|suffix| (suffix.clone(), ""));
        own.chain(
            known
                .iter()
                .map(|(ending, instead)| (ending.as_bytes().to_vec(), *instead)),
        )
        .collect()
    }

    /// The name of what comes out of a compressed file.
    fn plain_name(&self, path: &PathBuf) -> Option<PathBuf> {
        let name = bytes(path);
        self.endings().into_iter().find_map(|(ending, instead)| {
            let stem = name.strip_suffix(ending.as_slice())?;
            if stem.is_empty() || stem.ends_with(b"/") {
                return None;
            }
            Some(os_string([stem, instead.as_bytes()].concat()).into())
        })
    }

    /// The ending of what is written.
    fn ending(&self) -> Vec<u8> {
        self.suffix.clone().unwrap_or_else(|| {
            match self.codec {
                Codec::Gzip => ".gz",
                Codec::Bzip2 => ".bz2",
                Codec::Xz => ".xz",
                Codec::Lzma => ".lzma",
                Codec::Zstd => ".zst",
            }
            .as_bytes()
            .to_vec()
        })
    }
}
