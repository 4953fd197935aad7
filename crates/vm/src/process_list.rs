//! What the host sees of the processes of a VM.

use secure_exec_kernel::{ProcessState, Timespec};
use secure_exec_protocol::ProcessEntry;

use crate::machine::Machine;

impl Machine {
    /// Every process but init, ascending.
    pub(crate) fn processes(&self) -> Vec<ProcessEntry> {
        let clock = self.kernel.clock();
        let booted = milliseconds(clock.realtime()) - milliseconds(clock.monotonic());
        let infos = self.kernel.processes().into_iter();
        let entries = infos.filter(|info| info.ppid.raw() != 0).map(|info| {
            let process = self.kernel.process(info.pid);
            let cwd = process
                .as_ref()
                .and_then(|process| process.working_directory());
            let terminal = self.kernel.terminal_of_session(info.sid);
            let started = process.map_or(0, |process| milliseconds(process.started()));
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
                argv: info.argv.iter().map(|argument| text(argument)).collect(),
                cwd: cwd.map_or_else(String::new, |cwd| text(&cwd)),
                terminal: terminal.map_or_else(String::new, |index| format!("/dev/pts/{index}")),
                started_ms: booted + started,
                fds: info.fds as u64,
            }
        });
        entries.collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn milliseconds(time: Timespec) -> i64 {
    time.sec * 1000 + i64::from(time.nsec / 1_000_000)
}
