//! `expr`: POSIX, "expr", with `length`, `substr`, `index`, `match`, `+` and integers of any size of the GNU tool.

mod characters;
mod parser;
mod value;

use std::io::{self, Write};

use secure_exec_cli::{Args, Failure, Outcome, bytes};
use secure_exec_sys::errno;

use parser::Parser;

/// The value is null or 0.
const NULL: i32 = 1;
/// The expression is none.
const INVALID: i32 = 2;
/// The value cannot be written, or the expression is too deep.
const TROUBLE: i32 = 3;

const USAGE: &str = "EXPRESSION";

pub fn main(args: &Args) -> Outcome {
    let mut tokens: Vec<&[u8]> = args.list.iter().map(bytes).collect();
    if let [only] = tokens[..]
        && let Some(text) = option(only)
    {
        println!("{}", text.replace("NAME", &args.name));
        return Ok(0);
    }
    if tokens.first() == Some(&b"--".as_slice()) {
        tokens.remove(0);
    }
    if tokens.is_empty() {
        return Err(Failure {
            status: INVALID,
            message: format!(
                "missing operand\nTry '{} --help' for more information.",
                args.name
            ),
        });
    }
    let value = Parser::new(&tokens).whole()?;
    let mut text = value.text();
    text.push(b'\n');
    let mut out = io::stdout();
    let written = out.write_all(&text).and_then(|()| out.flush());
    written.map_err(|error| Failure {
        status: TROUBLE,
        message: format!("write error: {}", errno::message(&error)),
    })?;
    Ok(if value.is_null() { NULL } else { 0 })
}

/// What `--help` or `--version`, which may be shortened, prints. Anything else is an operand.
fn option(word: &[u8]) -> Option<String> {
    let name = word.strip_prefix(b"--").filter(|name| !name.is_empty())?;
    if b"help".starts_with(name) {
        return Some(format!("Usage: NAME {USAGE}"));
    }
    b"version"
        .starts_with(name)
        .then(|| format!("NAME (secure-exec) {}", env!("CARGO_PKG_VERSION")))
}

/// A failure of a wrong expression.
fn invalid(message: impl Into<String>) -> Failure {
    Failure {
        status: INVALID,
        message: message.into(),
    }
}
