//! What the host sees of the processes of a VM.

use secure_exec_kernel::{ProcessState, Timespec};
use secure_exec_protocol::ProcessEntry;
use secure_exec_protocol::bounds::MAX_ARGUMENTS;

use super::Machine;

/// Arguments, and bytes of them, that are shown of a process, so that a list of many fits into a message.
const MOST_ARGUMENTS: usize = 1000;
const LONGEST_COMMAND_LINE: usize = 32 << 10;

impl Machine {
    /// Every process but init, ascending.
    pub(crate) fn processes(&self) -> Vec<ProcessEntry> {
        let clock = self.kernel.clock();
        let booted = milliseconds(clock.realtime()) - milliseconds(clock.monotonic());
        let mut left = MAX_ARGUMENTS;
        let infos = self.kernel.processes().into_iter();
        let entries = infos.filter(|info| info.ppid.raw() != 0).map(|info| {
            let process = self.kernel.process(info.pid);
            let cwd = process
                .as_ref()
                .and_then(|process| process.working_directory());
            let terminal = self.kernel.terminal_of_session(info.sid);
            let started = process
                .as_ref()
                .map_or(0, |process| milliseconds(process.started()));
            let cpu_ns = process.as_ref().map_or(0, |process| {
                let (own, _) = process.cpu_times();
                own.user_ns.saturating_add(own.system_ns)
            });
            ProcessEntry {
                pid: info.pid.raw(),
                ppid: info.ppid.raw(),
                pgid: info.pgid.raw(),
                sid: info.sid.raw(),
                uid: info.uid,
                state: match info.state {
                    ProcessState::Running => "running",
                    ProcessState::Stopped(_) => "stopped",
                    ProcessState::Zombie(_) => "zombie",
                }
                .into(),
                argv: command_line(&info.argv, &mut left),
                cwd: cwd.map_or_else(String::new, |cwd| text(&cwd)),
                terminal: terminal.map_or_else(String::new, |index| format!("/dev/pts/{index}")),
                started_ms: booted + started,
                fds: info.fds as u64,
                cpu_ms: cpu_ns / 1_000_000,
                memory_bytes: process.map_or(0, |process| process.memory_in_use()),
            }
        });
        entries.collect()
    }
}

/// The arguments, each with a zero byte behind it, as far as they fit. `left` is how many may come of all processes.
fn command_line(argv: &[Vec<u8>], left: &mut usize) -> String {
    let mut line = String::new();
    for argument in argv.iter().take(MOST_ARGUMENTS.min(*left)) {
        let argument = text(argument);
        if line.len() + argument.len() >= LONGEST_COMMAND_LINE {
            break;
        }
        line.push_str(&argument);
        line.push('\0');
        *left -= 1;
    }
    line
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn milliseconds(time: Timespec) -> i64 {
    time.sec * 1000 + i64::from(time.nsec / 1_000_000)
}
