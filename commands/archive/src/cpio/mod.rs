//! `cpio`: archives of the files that standard input names, as POSIX had it and `cpio(1)` describes it.

mod header;
mod input;
mod listing;
mod options;
mod output;
mod pass;
mod place;

use header::Format;
use options::{Mode, Options};
use secure_exec_cli::{Args, Failure, Outcome, os_string, warn};
use secure_exec_sys::errno;
use std::io::{self, BufRead, Write};

/// Something failed.
const TROUBLE: i32 = 2;
/// What archives are counted in, in bytes.
const BLOCK: u64 = 512;

/// What a run keeps beside its options.
struct Run {
    name: String,
    options: Options,
    trouble: bool,
    dots: bool,
}

impl Run {
    fn warn(&self, text: impl std::fmt::Display) {
        warn(&self.name, text);
    }

    /// Complains and goes on; the status will tell.
    fn complain(&mut self, text: impl std::fmt::Display) {
        self.trouble = true;
        self.warn(text);
    }

    fn cannot(&mut self, what: &str, name: &[u8], error: &io::Error) {
        let name = String::from_utf8_lossy(name);
        self.complain(format_args!(
            "{name}: Cannot {what}: {}",
            errno::message(error)
        ));
    }

    /// Tells of a file that was dealt with: by its name or by a dot.
    fn progress(&mut self, name: &[u8]) {
        let mut stderr = io::stderr();
        // With stderr gone there is nobody left to tell.
        if self.options.verbose {
            let _ = stderr
                .write_all(name)
                .and_then(|()| stderr.write_all(b"\n"));
        } else if self.options.dot {
            self.dots = true;
            let _ = stderr.write_all(b".");
        }
    }

    fn blocks(&self, bytes: u64) {
        if self.dots {
            eprintln!();
        }
        if !self.options.quiet {
            let unit = self.options.block_size;
            let count = bytes.div_ceil(unit);
            let plural = if count == 1 { "" } else { "s" };
            eprintln!("{count} block{plural}");
        }
    }
}

/// The names on standard input, without what ends them.
fn names(options: &Options) -> impl Iterator<Item = io::Result<Vec<u8>>> + use<> {
    let separator = if options.null { 0 } else { b'\n' };
    io::stdin()
        .lock()
        .split(separator)
        .filter(|name| !name.as_ref().is_ok_and(Vec::is_empty))
}

/// A name as it is stored: without `./` in front of it, or slashes where those are unwanted.
fn stored_name(name: &[u8], relative: bool) -> &[u8] {
    let mut rest = name;
    loop {
        if relative && rest.starts_with(b"/") {
            rest = &rest[1..];
        } else if rest.starts_with(b"./") && rest.len() > 2 {
            rest = &rest[2..];
            while rest.starts_with(b"/") {
                rest = &rest[1..];
            }
        } else {
            break;
        }
    }
    if rest.is_empty() { b"." } else { rest }
}

pub fn main(args: Args) -> Outcome {
    let options = Options::parse(&args)?;
    if let Some(directory) = &options.directory
        && options.mode != Mode::PassThrough
    {
        secure_exec_sys::path::chdir(directory).map_err(|error| Failure {
            status: TROUBLE,
            message: format!(
                "cannot change to directory `{}': {}",
                directory.display(),
                errno::message(&error)
            ),
        })?;
    }
    let mut run = Run {
        name: args.name,
        options,
        trouble: false,
        dots: false,
    };
    match run.options.mode {
        Mode::Create => output::create(&mut run)?,
        Mode::Extract => input::extract(&mut run)?,
        Mode::PassThrough => pass::pass_through(&mut run)?,
    }
    Ok(if run.trouble { TROUBLE } else { 0 })
}

/// The failure of reading an archive.
fn damaged(error: &io::Error) -> Failure {
    Failure {
        status: TROUBLE,
        message: match error.kind() {
            io::ErrorKind::UnexpectedEof => "premature end of file".to_owned(),
            io::ErrorKind::InvalidData => error.to_string(),
            _ => format!("read error: {}", errno::message(error)),
        },
    }
}

fn cannot_open(name: &std::path::Path, error: &io::Error) -> Failure {
    Failure {
        status: TROUBLE,
        message: format!("Cannot open {}: {}", name.display(), errno::message(error)),
    }
}

fn path_of(name: &[u8]) -> std::path::PathBuf {
    os_string(name).into()
}

#[cfg(test)]
mod tests {
    use super::stored_name;

    #[test]
    fn names_lose_what_says_nothing() {
        assert_eq!(stored_name(b"./a/./b", false), b"a/./b");
        assert_eq!(stored_name(b".//a", false), b"a");
        assert_eq!(stored_name(b".", false), b".");
        assert_eq!(stored_name(b"./", false), b"./");
        assert_eq!(stored_name(b"/etc/x", false), b"/etc/x");
        assert_eq!(stored_name(b"//etc/x", true), b"etc/x");
        assert_eq!(stored_name(b"/", true), b".");
    }
}
