//! `csplit`: a file in pieces that lines and patterns delimit (POSIX.1-2024, `csplit`; the manual of the GNU coreutils).

mod control;
mod naming;
mod pieces;

use std::io::Read;

use secure_exec_cli::{
    Args, Failure, Outcome, Parsed, Syntax, bytes, fail, flag, quote, report, required,
};
use secure_exec_sys::errno;

use crate::input;
use control::Control;
use naming::Naming;
use pieces::Pieces;

const SYNTAX: Syntax = Syntax {
    options: &[
        required('b', "suffix-format"),
        required('f', "prefix"),
        flag('k', "keep-files"),
        required('n', "digits"),
        flag('q', "quiet"),
        flag('s', "silent"),
        flag('z', "elide-empty-files"),
        flag('\0', "suppress-matched"),
    ],
    usage: "[OPTION]... FILE PATTERN...",
    usage_status: 1,
    operand_ends: false,
};

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    let naming = naming(&parsed)?;
    let (file, patterns) = match &parsed.operands[..] {
        [] => return Err(SYNTAX.missing_operand(args)),
        [file] => {
            let text = format!("missing operand after {}", quote(file));
            return Err(SYNTAX.wrong(args, &text));
        }
        [file, patterns @ ..] => (file, patterns),
    };
    let opened = input::open(file);
    let mut text = Vec::new();
    match opened {
        Ok(mut opened) => {
            let controls = control::parse(&args.name, patterns)?;
            opened
                .read_to_end(&mut text)
                .map_err(|error| fail(format!("read error: {}", errno::message(&error))))?;
            split(&parsed, naming, &text, &controls)
        }
        Err(error) if errno::is(&error, errno::EISDIR) => {
            control::parse(&args.name, patterns)?;
            Err(fail(format!("read error: {}", errno::message(&error))))
        }
        Err(error) => {
            let what = report("cannot open", file, &error);
            Err(fail(what.replacen("': ", "' for reading: ", 1)))
        }
    }
}

fn naming(parsed: &Parsed) -> Result<Naming, Failure> {
    let mut digits = 2;
    if let Some(value) = parsed.value("digits") {
        let value = value.os();
        let count = input::integer(&value, 0..=i64::MAX)
            .and_then(|count| i32::try_from(count).map_err(|_| input::TOO_LARGE));
        let count = count.map_err(|why| fail(format!("invalid number: {}{why}", quote(&value))))?;
        digits = usize::try_from(count).unwrap_or(0);
    }
    let prefix = parsed
        .value("prefix")
        .map_or_else(|| b"xx".to_vec(), |value| bytes(&value.os()).to_vec());
    match parsed.value("suffix-format") {
        Some(format) => Naming::formatted(prefix, bytes(&format.os())).map_err(fail),
        None => Ok(Naming::digits(prefix, digits)),
    }
}

/// Makes the pieces. What was written is removed on an error, unless it is to be kept.
fn split(parsed: &Parsed, naming: Naming, text: &[u8], controls: &[Control]) -> Outcome {
    let mut pieces = Pieces::new(naming, text);
    pieces.is_quiet = parsed.has("quiet") || parsed.has("silent");
    pieces.elides = parsed.has("elide-empty-files");
    pieces.suppresses = parsed.has("suppress-matched");
    let made = pieces.make(controls);
    if made.is_err() && !parsed.has("keep-files") {
        pieces.remove();
    }
    made.map(|()| 0)
}
