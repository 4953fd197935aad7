//! gzip, gunzip and zcat: RFC 1952 files.

mod compress;
mod decompress;
mod replacement;
pub mod stream;

use decompress::list_line;
use replacement::with_suffix;
use secure_exec_cli::{Args, Failure, Outcome, Syntax, flag, required, warn};
use secure_exec_sys::errno;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, IsTerminal};
use std::path::Path;
use stream::ratio;

const ERROR: i32 = 1;
const WARNING: i32 = 2;

const SYNTAX: Syntax = Syntax {
    options: &[
        flag('c', "stdout"),
        flag('\0', "to-stdout"),
        flag('d', "decompress"),
        flag('\0', "uncompress"),
        flag('f', "force"),
        flag('k', "keep"),
        flag('l', "list"),
        flag('n', "no-name"),
        flag('N', "name"),
        flag('q', "quiet"),
        flag('r', "recursive"),
        required('S', "suffix"),
        flag('t', "test"),
        flag('v', "verbose"),
        flag('1', "fast"),
        flag('2', "2"),
        flag('3', "3"),
        flag('4', "4"),
        flag('5', "5"),
        flag('6', "6"),
        flag('7', "7"),
        flag('8', "8"),
        flag('9', "best"),
        flag('a', "ascii"),
        flag('\0', "rsyncable"),
    ],
    usage: "[OPTION]... [FILE]...",
    usage_status: 1,
    operand_ends: false,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Compress,
    Decompress,
    Test,
    List,
}

#[expect(clippy::struct_excessive_bools, reason = "each is an option of gzip")]
struct Gzip {
    name: String,
    action: Action,
    stdout: bool,
    force: bool,
    keep: bool,
    no_name: bool,
    restore_name: bool,
    quiet: bool,
    recursive: bool,
    verbose: bool,
    suffix: String,
    level: u32,
    /// The worst so far.
    status: i32,
    listed: bool,
    totals: (u64, u64, usize),
}

pub fn main(args: Args) -> Outcome {
    let parsed = SYNTAX.parse(&args)?;
    let mut gzip = Gzip {
        action: if args.name == "gzip" {
            Action::Compress
        } else {
            Action::Decompress
        },
        stdout: args.name == "zcat",
        name: args.name,
        force: false,
        keep: false,
        no_name: false,
        restore_name: false,
        quiet: false,
        recursive: false,
        verbose: false,
        suffix: ".gz".to_owned(),
        level: 6,
        status: 0,
        listed: false,
        totals: (0, 0, 0),
    };
    for (option, value) in &parsed.options {
        match *option {
            "stdout" | "to-stdout" => gzip.stdout = true,
            "decompress" | "uncompress" => gzip.action = Action::Decompress,
            "force" => gzip.force = true,
            "keep" => gzip.keep = true,
            "list" => gzip.action = Action::List,
            "no-name" => gzip.no_name = true,
            "name" => gzip.restore_name = true,
            "quiet" => gzip.quiet = true,
            "recursive" => gzip.recursive = true,
            "suffix" => gzip.suffix = value.text(),
            "test" => gzip.action = Action::Test,
            "verbose" => gzip.verbose = true,
            "fast" => gzip.level = 1,
            "best" => gzip.level = 9,
            digit => gzip.level = digit.parse().unwrap_or(gzip.level),
        }
    }
    if parsed.operands.is_empty() {
        gzip.standard_input()?;
    }
    for operand in &parsed.operands {
        if operand == "-" {
            gzip.standard_input()?;
        } else {
            gzip.operand(Path::new(operand))?;
        }
    }
    if gzip.action == Action::List && gzip.totals.2 > 1 {
        let (compressed, plain, _) = gzip.totals;
        list_line(compressed, plain, &ratio(compressed, plain), "(totals)")?;
    }
    Ok(gzip.status)
}

impl Gzip {
    fn note(&mut self, status: i32, text: &str) {
        if self.status != ERROR {
            self.status = status;
        }
        if status != WARNING || !self.quiet {
            warn(&self.name, text);
        }
    }

    fn standard_input(&mut self) -> Result<(), Failure> {
        let input = io::stdin().lock();
        match self.action {
            Action::Compress => {
                if io::stdout().is_terminal() && !self.force {
                    self.note(ERROR, "compressed data not written to a terminal.");
                    return Ok(());
                }
                self.compress(input, io::stdout().lock(), None)?;
            }
            Action::Decompress => {
                let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
                self.decompress_reporting(input, out, "stdin")?;
            }
            Action::Test => {
                self.decompress_reporting(input, io::sink(), "stdin")?;
            }
            Action::List => self.list(input, "stdout")?,
        }
        Ok(())
    }

    fn operand(&mut self, path: &Path) -> Result<(), Failure> {
        let shown = path.display().to_string();
        let stat = match fs::symlink_metadata(path) {
            Ok(stat) => stat,
            Err(error) => {
                let longer = with_suffix(path, &self.suffix);
                if self.action != Action::Compress && longer.exists() {
                    return self.operand(&longer);
                }
                self.note(ERROR, &format!("{shown}: {}", errno::message(&error)));
                return Ok(());
            }
        };
        if stat.is_dir() {
            if !self.recursive {
                self.note(WARNING, &format!("{shown} is a directory -- ignored"));
                return Ok(());
            }
            let mut names: Vec<_> = fs::read_dir(path)?
                .flatten()
                .map(|entry| entry.path())
                .collect();
            names.sort();
            return names.iter().try_for_each(|name| self.operand(name));
        }
        let plain = stat.is_file() || (self.stdout && !stat.is_dir());
        if !plain && !self.force {
            let text = format!("{shown} is not a directory or a regular file - ignored");
            self.note(WARNING, &text);
            return Ok(());
        }
        let result = match self.action {
            Action::Compress => self.compress_file(path),
            Action::Decompress => self.decompress_file(path),
            Action::Test => {
                let file = File::open(path)?;
                if self
                    .decompress_reporting(BufReader::new(file), io::sink(), &shown)?
                    .is_some()
                    && self.verbose
                {
                    eprintln!("{shown}:\t OK");
                }
                Ok(())
            }
            Action::List => {
                let file = BufReader::new(File::open(path)?);
                self.list(file, &shown)
            }
        };
        if let Err(failure) = result {
            if failure.message.contains("roken pipe") {
                return Err(failure);
            }
            self.note(ERROR, &format!("{shown}: {}", failure.message));
        }
        Ok(())
    }
}
