//! sed: POSIX.1-2024's, with the extensions that scripts rely on (`-i`, `-E`, `-z`, `first~step`, one-line
//! `a`, `i` and `c`, `\U` in replacements, ...).

mod execute;
mod input;
mod output;
mod parse;
mod replace;
mod script;
mod substitute;

use crate::getopt::Argument::{No, Optional, Required};
use crate::getopt::{Grammar, Long};
use crate::pattern::bytes_locale;
use crate::{bytes, message};
use execute::{Machine, Settings};
use input::Input;
use output::Output;
use parse::Flavour;
pub use replace::character;
use std::io::{self, Read};

const USAGE_ERROR: u8 = 1;
const IO_ERROR: u8 = 4;

const LONG: &[Long] = &[
    ("quiet", No, 'n'),
    ("silent", No, 'n'),
    ("expression", Required, 'e'),
    ("file", Required, 'f'),
    ("regexp-extended", No, 'E'),
    ("in-place", Optional, 'i'),
    ("line-length", Required, 'l'),
    ("separate", No, 's'),
    ("unbuffered", No, 'u'),
    ("null-data", No, 'z'),
    ("zero-terminated", No, 'z'),
    ("posix", No, 'p'),
    ("debug", No, 'D'),
    ("sandbox", No, 'S'),
    ("follow-symlinks", No, 'F'),
    ("help", No, 'h'),
    ("version", No, 'V'),
];

const GRAMMAR: Grammar = Grammar {
    short: "ne:f:Eri::l:suzb",
    long: LONG,
    in_order: false,
};

struct Options {
    settings: Settings,
    script: Vec<u8>,
    files: Vec<Vec<u8>>,
    extended: bool,
    separate: bool,
    unbuffered: bool,
    sandbox: bool,
}

fn add_script(script: &mut Option<Vec<u8>>, text: &[u8]) {
    match script {
        Some(script) => {
            script.push(b'\n');
            script.extend_from_slice(text);
        }
        None => *script = Some(text.to_vec()),
    }
}

/// Reads the command line, or gives the exit status.
fn options(arguments: Vec<Vec<u8>>) -> Result<Options, u8> {
    let parsed = GRAMMAR.parse(arguments).map_err(|text| {
        message::warn("sed", &text);
        usage();
        USAGE_ERROR
    })?;
    let mut script = None;
    let mut options = Options {
        settings: Settings {
            quiet: false,
            terminator: b'\n',
            in_place: None,
            line_length: 70,
            posix: false,
        },
        script: Vec::new(),
        files: parsed.operands,
        extended: false,
        separate: false,
        unbuffered: false,
        sandbox: false,
    };
    for (letter, value) in parsed.options {
        let value = value.unwrap_or_default();
        match letter {
            'n' => options.settings.quiet = true,
            'e' => add_script(&mut script, &value),
            'f' => {
                let text = read_script(&value).map_err(|error| {
                    let name = String::from_utf8_lossy(&value);
                    let reason = message::reason(&error);
                    message::warn("sed", &format!("couldn't open file {name}: {reason}"));
                    USAGE_ERROR
                })?;
                add_script(&mut script, text.strip_suffix(b"\n").unwrap_or(&text));
            }
            'E' | 'r' => options.extended = true,
            'i' => {
                options.settings.in_place = Some(value);
                options.separate = true;
            }
            'l' => {
                let text = String::from_utf8_lossy(&value).into_owned();
                options.settings.line_length = text.parse().map_err(|_| {
                    message::warn("sed", &format!("invalid line length: {text}"));
                    USAGE_ERROR
                })?;
            }
            's' => options.separate = true,
            'u' => options.unbuffered = true,
            'z' => options.settings.terminator = 0,
            'p' => options.settings.posix = true,
            'S' => options.sandbox = true,
            'D' => {
                message::warn("sed", "--debug is not supported");
                return Err(USAGE_ERROR);
            }
            'h' => {
                println!(
                    "Usage: sed [OPTION]... {{script-only-if-no-other-script}} [input-file]..."
                );
                return Err(0);
            }
            'V' => {
                println!(
                    "sed (secure-exec) {}, like GNU sed 4.9",
                    env!("CARGO_PKG_VERSION")
                );
                return Err(0);
            }
            _ => {}
        }
    }
    options.script = match script {
        Some(script) => script,
        None if options.files.is_empty() => {
            usage();
            return Err(USAGE_ERROR);
        }
        None => options.files.remove(0),
    };
    Ok(options)
}

fn usage() {
    eprintln!("Usage: sed [OPTION]... {{script-only-if-no-other-script}} [input-file]...");
}

fn read_script(name: &[u8]) -> io::Result<Vec<u8>> {
    if name == b"-" {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text)?;
        return Ok(text);
    }
    std::fs::read(bytes::path(name))
}

pub fn main(_: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let mut options = match options(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let flavour = Flavour {
        extended: options.extended,
        unicode: !bytes_locale(),
        null_data: options.settings.terminator == 0,
        posix: options.settings.posix,
        sandbox: options.sandbox,
    };
    let script = match parse::parse(&options.script, flavour) {
        Ok(script) => script,
        Err(error) => {
            // GNU's finds labels when all is read, and ends as for a failure of its own.
            let Some(at) = error.at else {
                message::warn("sed", &error.text);
                return IO_ERROR;
            };
            let text = format!("-e expression #1, char {at}: {}", error.text);
            message::warn("sed", &text);
            return USAGE_ERROR;
        }
    };
    if options.files.is_empty() {
        if options.settings.in_place.is_some() {
            message::warn("sed", "no input files");
            return USAGE_ERROR;
        }
        options.files.push(b"-".to_vec());
    }
    let terminator = options.settings.terminator;
    let result = Output::new(&script.files, terminator, options.unbuffered).and_then(|output| {
        let input = Input::new(
            options.files,
            terminator,
            options.separate,
            options.settings.in_place.is_some(),
        );
        Machine::new(&script, input, output, options.settings).run()
    });
    match result {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => IO_ERROR,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            message::warn("sed", &message::reason(&error));
            USAGE_ERROR
        }
        Err(error) => {
            message::warn("sed", &message::reason(&error));
            IO_ERROR
        }
    }
}
