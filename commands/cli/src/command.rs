//! How a command starts, fails and ends.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use secure_exec_sys::errno;

use crate::quote::quote;

/// The name a command was called by and its arguments.
#[derive(Clone, Debug)]
pub struct Args {
    pub name: String,
    pub list: Vec<OsString>,
}

impl Args {
    /// Of all arguments; that of place 0 is left out.
    #[must_use]
    pub fn new(name: &str, arguments: Vec<OsString>) -> Self {
        Self {
            name: name.to_owned(),
            list: arguments.into_iter().skip(1).collect(),
        }
    }
}

/// The exit status of a command, or why it gave up.
pub type Outcome = Result<i32, Failure>;

/// Why a command gave up. The message is printed behind its name.
#[derive(Debug)]
pub struct Failure {
    pub status: i32,
    pub message: String,
}

impl Failure {
    /// A failure whose message was printed already.
    #[must_use]
    pub fn silent(status: i32) -> Self {
        Self {
            status,
            message: String::new(),
        }
    }
}

/// A failure with the status of most errors, 1.
pub fn fail(message: impl Into<String>) -> Failure {
    Failure {
        status: 1,
        message: message.into(),
    }
}

impl From<io::Error> for Failure {
    /// What is left without a path: trouble with the standard output.
    fn from(error: io::Error) -> Self {
        fail(format!("write error: {}", errno::message(&error)))
    }
}

/// Prints `name: message` on standard error.
pub fn warn(name: &str, message: impl Display) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{name}: {message}");
}

/// Prints `name: what 'path': why` on standard error.
pub fn warn_path(name: &str, what: &str, path: impl AsRef<Path>, error: &io::Error) {
    warn(name, report(what, path, error));
}

/// `what 'path': why`.
#[must_use]
pub fn report(what: &str, path: impl AsRef<Path>, error: &io::Error) -> String {
    format!("{what} {}: {}", quote(path.as_ref()), errno::message(error))
}

/// Prints why a command gave up and gives the exit status. A reader that went away is no news.
pub fn finish(name: &str, outcome: Outcome) -> i32 {
    let flushed = io::stdout().flush();
    match (outcome, flushed) {
        (Ok(0), Err(error)) => {
            warn(
                name,
                format_args!("write error: {}", errno::message(&error)),
            );
            1
        }
        (Ok(status), _) => status,
        (Err(failure), _) => {
            if !failure.message.is_empty() {
                warn(name, &failure.message);
            }
            failure.status
        }
    }
}
