//! `split`: a file in pieces of a size (POSIX.1-2024, `split`; the manual of the GNU coreutils, version 9.1).

mod chunks;
mod options;
mod output;
mod source;
mod stream;
mod suffix;

use std::ffi::OsString;

use secure_exec_cli::{Args, Failure, Outcome, fail};
use secure_exec_sys::errno;

use options::{Division, Options};
use output::Output;
use source::Source;

pub fn main(args: &Args) -> Outcome {
    let options = Options::parse(args)?;
    let made = divide(&options);
    match made {
        // The command that got a piece decides how split ends; it was told already.
        Err(Failure { status, message }) if message.is_empty() => Ok(status),
        made => made.map(|()| 0),
    }
}

fn divide(options: &Options) -> Result<(), Failure> {
    let mut source = Source::open(&options.file)?;
    let mut output = Output::new(options, source.identity());
    match options.division {
        Division::Bytes(size) => stream::bytes(&mut source, &mut output, size),
        Division::Lines(count) => stream::lines(&mut source, &mut output, count),
        Division::LineBytes(size) => stream::line_bytes(&mut source, &mut output, size),
        Division::Chunks(chunks) => chunks::chunks(&mut source, &mut output, &chunks),
    }
}

/// Trouble with a file that has a name.
fn trouble(name: &OsString, error: &std::io::Error) -> Failure {
    fail(format!(
        "{}: {}",
        name.to_string_lossy(),
        errno::message(error)
    ))
}
