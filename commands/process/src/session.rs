//! `setsid`, as util-linux has it.

use std::ffi::OsString;
use std::io;

use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag, warn};
use secure_exec_sys::errno;
use secure_exec_sys::{process, tty};

use crate::run::failure_status;
use secure_exec_sys::child::{program, wait_for};

const SETSID: Syntax = Syntax {
    options: &[flag('c', "ctty"), flag('f', "fork"), flag('w', "wait")],
    usage: "[options] <program> [arguments ...]",
    usage_status: 1,
    operand_ends: true,
};

/// Runs a program in a session of its own: in this process, or, where that leads a group and so cannot leave it, in a
/// child.
pub fn setsid(args: &Args) -> Outcome {
    let parsed = SETSID.parse(args)?;
    if parsed.operands.is_empty() {
        return Err(SETSID.wrong(args, "no command specified"));
    }
    let terminal = parsed.has("ctty");
    let leads = process::getpgid(0)? == process::getpid();
    if !leads && !parsed.has("fork") {
        return Err(start(&parsed.operands, terminal));
    }
    let child = process::fork_call(|| {
        let failure = start(&parsed.operands, terminal);
        warn(&args.name, &failure.message);
        failure.status
    })
    .map_err(|error| cannot("fork", &error))?;
    if !parsed.has("wait") {
        return Ok(0);
    }
    let status = wait_for(child).map_err(|error| cannot("wait", &error))?;
    status.exited().ok_or_else(|| Failure {
        status: status.0 & 0xff,
        message: format!("child {child} did not exit normally"),
    })
}

fn cannot(what: &str, error: &io::Error) -> Failure {
    fail(format!("{what}: {}", errno::message(error)))
}

/// Becomes the program, as the leader of a session. Returns only to say why not.
fn start(command: &[OsString], terminal: bool) -> Failure {
    if let Err(error) = process::setsid() {
        return cannot("setsid failed", &error);
    }
    if terminal && let Err(error) = tty::acquire(0) {
        return cannot("failed to set the controlling terminal", &error);
    }
    let error = process::exec(&program(command));
    Failure {
        status: failure_status(&error),
        message: format!(
            "failed to execute {}: {}",
            command[0].to_string_lossy(),
            errno::message(&error)
        ),
    }
}
