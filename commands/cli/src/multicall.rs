//! Programs that are many commands: the name one is called by decides which it is.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::bytes::bytes;
use crate::command::warn;

/// The exit status for a name that is none of the program's, as of a shell that finds no command.
const NOT_FOUND: i32 = 127;

/// Runs the tool of the name that the program is called by. Called by its own name, the first argument is the
/// tool's; `--list` prints the names of all. `run` takes the tool, its name, and the arguments with that of place 0.
pub fn dispatch<T>(
    program: &str,
    tools: &[(&'static str, T)],
    run: impl FnOnce(&T, &'static str, Vec<OsString>) -> i32,
) -> ExitCode {
    secure_exec_sys::init();
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let mut called = base_name(arguments.first());
    if called == program && arguments.len() > 1 {
        arguments.remove(0);
        called = base_name(arguments.first());
    }
    secure_exec_sys::report_panics(called.clone());
    let status = match tools.iter().find(|(name, _)| *name == called) {
        Some((name, tool)) => run(tool, name, arguments),
        None if called == "--list" => list(tools),
        None => {
            warn(program, format_args!("{called}: not one of its commands"));
            NOT_FOUND
        }
    };
    ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1))
}

/// The last component, without the ending of the module's file.
fn base_name(argument: Option<&OsString>) -> String {
    let name = argument.map(bytes).unwrap_or_default();
    let base = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let base = base.strip_suffix(b".wasm").unwrap_or(base);
    String::from_utf8_lossy(base).into_owned()
}

fn list<T>(tools: &[(&'static str, T)]) -> i32 {
    let mut names: Vec<&str> = tools.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    for name in names {
        println!("{name}");
    }
    0
}
