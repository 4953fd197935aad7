//! What the parts of a message may be, whatever was asked for.

use std::collections::BTreeSet;

use secure_exec_protocol::bounds::MAX_ARGUMENTS;
use secure_exec_protocol::connection::MAX_LISTENER_PATHS;
use secure_exec_protocol::{
    Failure, Limit, Listener, ListenerAddress, ProcessEntry, VmLimits, limits,
};

use crate::call::{Call, Rule};

/// Longest name of a tool, as the API has it, several times over.
const MAX_TOOL_NAME: usize = 1024;

/// Processes that do not count for the limit: init, and what acts for the host.
const PROCESSES_OF_THE_VM: u64 = 64;

/// Smallest number that is an errno (`errno(3)`, Linux).
const LAST_ERRNO: i32 = -4095;

/// Why a request failed: an errno, or what a VM process can say of itself. That a VM is disposed of or has crashed is
/// for the broker to say.
pub(crate) fn failure(failure: &Failure, kind: &Call) -> Result<(), Rule> {
    let known = match failure.code.as_str() {
        "ERR_OUT_OF_RANGE" | "ERR_RESOURCE_LIMIT" => true,
        "ERR_VM_START" => matches!(kind, Call::Setup { .. }),
        code => is_errno(code),
    };
    let fails = !matches!(kind, Call::Destroy { .. });
    if known && fails && (LAST_ERRNO..=0).contains(&failure.errno) {
        Ok(())
    } else {
        Err("a failure that is none")
    }
}

/// `ENOENT`, `E2BIG`: capital letters and digits behind an E.
fn is_errno(code: &str) -> bool {
    let rest = code.strip_prefix('E').unwrap_or_default().as_bytes();
    let letter = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (2..=15).contains(&rest.len()) && rest.iter().all(letter)
}

/// Limits of which it has been told that most is in use.
#[derive(Debug, Default)]
pub(crate) struct Warned(BTreeSet<&'static str>);

impl Warned {
    /// Takes a warning, which comes once for each limit.
    pub(crate) fn take(&mut self, limit: &Limit) -> Result<(), Rule> {
        let known = limits::WARNED.iter().find(|path| **path == limit.name);
        let path = known.ok_or("a warning of a limit that is none")?;
        if !limits::is_most(limit.bound, limit.used) || limit.used > limit.bound {
            return Err("a warning without a reason");
        }
        if !self.0.insert(path) {
            return Err("a warning that was given before");
        }
        Ok(())
    }
}

pub(crate) fn tool_call(pid: i32, tool: &str) -> Result<(), Rule> {
    if pid <= 0 {
        return Err("a process has no such number");
    }
    if tool.len() > MAX_TOOL_NAME {
        return Err("a name that is none");
    }
    Ok(())
}

/// What listens, and where.
pub(crate) fn listeners(listeners: &[Listener]) -> Result<(), Rule> {
    let paths = listeners.iter().map(|one| one.address.path_bytes());
    if paths.sum::<usize>() > MAX_LISTENER_PATHS {
        return Err("paths of listeners that are too long");
    }
    let is_listener = |one: &Listener| match &one.address {
        ListenerAddress::Inet { port, .. } => one.pid > 0 && *port > 0,
        ListenerAddress::Path(path) => one.pid > 0 && path.starts_with(b"/"),
    };
    if listeners.iter().all(is_listener) {
        Ok(())
    } else {
        Err("a listener that is none")
    }
}

/// A list that becomes objects on the embedder's main thread.
pub(crate) fn processes(entries: &[ProcessEntry], limits: &VmLimits) -> Result<(), Rule> {
    if entries.len() as u64 > limits.max_processes.saturating_add(PROCESSES_OF_THE_VM) {
        return Err("more processes than limits.resources.maxProcesses");
    }
    let zeros = |argv: &str| argv.bytes().filter(|byte| *byte == 0).count();
    let arguments: usize = entries.iter().map(|entry| zeros(&entry.argv)).sum();
    if arguments > MAX_ARGUMENTS {
        return Err("more arguments than a list of processes has");
    }
    let states = ["running", "stopped", "zombie"];
    let is_process = |entry: &ProcessEntry| {
        entry.pid > 0 && states.contains(&&*entry.state) && entry.terminal.len() <= 64
    };
    if entries.iter().all(is_process) {
        Ok(())
    } else {
        Err("a process that is none")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, errno: i32) -> Failure {
        Failure {
            code: code.into(),
            errno,
            ..Failure::default()
        }
    }

    #[test]
    fn a_failure_is_an_errno_or_one_of_a_few_codes() {
        for code in ["ENOENT", "E2BIG", "EIO", "ERR_RESOURCE_LIMIT"] {
            assert_eq!(failure(&of(code, -2), &Call::Done), Ok(()), "{code}");
        }
        for code in [
            "ERR_VM_DISPOSED",
            "ERR_VM_CRASHED",
            "ERR_VM_START",
            "",
            "E",
            "enoent",
        ] {
            assert!(failure(&of(code, -2), &Call::Done).is_err(), "{code}");
        }
        assert!(failure(&of("ENOENT", 2), &Call::Done).is_err());
        assert!(failure(&of("ENOENT", i32::MIN), &Call::Done).is_err());
    }
}
