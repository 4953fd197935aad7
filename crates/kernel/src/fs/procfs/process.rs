//! Files of one process: `/proc/<pid>/*`.

use super::{Jump, ProcEntry, ProcSource, ProcState, SignalMasks, Standing};
use crate::abi::Pid;
use crate::errno::{Errno, Result};
use core::fmt::Write;

/// Name, permissions and contents of one file.
pub(super) struct Entry {
    pub name: &'static str,
    pub mode: u32,
    contents: Contents,
}

/// Makes the text of a file.
type Produce = fn(&dyn ProcEntry, &dyn ProcSource) -> Result<Vec<u8>>;

enum Contents {
    Text(Produce),
    Link(Produce, fn(&dyn ProcEntry) -> Jump),
}

const fn text(name: &'static str, mode: u32, produce: Produce) -> Entry {
    Entry {
        name,
        mode,
        contents: Contents::Text(produce),
    }
}

const fn link(name: &'static str, read: Produce, jump: fn(&dyn ProcEntry) -> Jump) -> Entry {
    Entry {
        name,
        mode: 0o777,
        contents: Contents::Link(read, jump),
    }
}

/// Everything but `fd`, which is a directory.
pub(super) const ENTRIES: &[Entry] = &[
    text("cmdline", 0o444, cmdline),
    text("comm", 0o444, comm),
    link("cwd", cwd, |process| Some(process.directories().1)),
    text("environ", 0o400, environ),
    link("exe", |process, _| Ok(process.exe()), |_| None),
    text("limits", 0o444, limits),
    text("mounts", 0o444, |_, machine| super::system::mounts(machine)),
    link(
        "root",
        |_, _| Ok(b"/".to_vec()),
        |process| Some(process.directories().0),
    ),
    text("stat", 0o444, stat),
    text("statm", 0o444, |_, _| Ok(b"0 0 0 0 0 0 0\n".to_vec())),
    text("status", 0o444, status),
];

impl Entry {
    pub fn is_link(&self) -> bool {
        matches!(self.contents, Contents::Link(..))
    }

    pub fn text(&self, process: &dyn ProcEntry, machine: &dyn ProcSource) -> Result<Vec<u8>> {
        match self.contents {
            Contents::Text(produce) => produce(process, machine),
            Contents::Link(..) => Err(Errno::EINVAL),
        }
    }

    pub fn read_link(&self, process: &dyn ProcEntry, machine: &dyn ProcSource) -> Result<Vec<u8>> {
        match self.contents {
            Contents::Link(read, _) => read(process, machine),
            Contents::Text(_) => Err(Errno::EINVAL),
        }
    }

    pub fn jump(&self, process: &dyn ProcEntry) -> Jump {
        match self.contents {
            Contents::Link(_, jump) => jump(process),
            Contents::Text(_) => None,
        }
    }
}

fn cmdline(process: &dyn ProcEntry, _machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for argument in process.argv() {
        bytes.extend_from_slice(&argument);
        bytes.push(0);
    }
    Ok(bytes)
}

fn environ(process: &dyn ProcEntry, _machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (name, value) in process.envp() {
        bytes.extend_from_slice(&name);
        bytes.push(b'=');
        bytes.extend_from_slice(&value);
        bytes.push(0);
    }
    Ok(bytes)
}

fn comm(process: &dyn ProcEntry, _machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let mut name = process.comm();
    name.push(b'\n');
    Ok(name)
}

fn cwd(process: &dyn ProcEntry, machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let (root, cwd) = process.directories();
    machine.vfs().path_of_dir(&root, &cwd)
}

/// State letter and word.
fn state(state: ProcState) -> (char, &'static str) {
    match state {
        ProcState::Alive => ('S', "sleeping"),
        ProcState::Stopped => ('T', "stopped"),
        ProcState::Zombie => ('Z', "zombie"),
    }
}

fn stat(process: &dyn ProcEntry, _machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let standing = process.standing()?;
    let Standing {
        ppid,
        pgid,
        sid,
        tty,
        ..
    } = standing;
    let letter = state(standing.state).0;
    let tpgid = standing.foreground.map_or(-1, Pid::raw);
    let name = String::from_utf8_lossy(&process.comm()).into_owned();
    let started = process.started();
    let ticks = started.sec * 100 + i64::from(started.nsec / 10_000_000);
    // Fields 7 to 52 of proc_pid_stat(5); what the kernel does not account for is zero.
    let mut line = format!(
        "{} ({name}) {letter} {ppid} {pgid} {sid} {tty} {tpgid} 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks}",
        process.pid()
    );
    for _ in 23..=52 {
        line.push_str(" 0");
    }
    line.push('\n');
    Ok(line.into_bytes())
}

fn status(process: &dyn ProcEntry, _machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let standing = process.standing()?;
    let (ppid, (letter, word)) = (standing.ppid, state(standing.state));
    let credentials = process.credentials();
    let SignalMasks {
        pending,
        ignored,
        caught,
    } = process.signal_masks();
    let name = String::from_utf8_lossy(&process.comm()).into_owned();
    let umask = process.umask();
    let groups: Vec<String> = credentials.groups.iter().map(ToString::to_string).collect();
    let (uid, euid, gid, egid) = (
        credentials.uid,
        credentials.euid,
        credentials.gid,
        credentials.egid,
    );
    let open = process.fds().len();
    let mut text = String::new();
    let written = write!(
        text,
        "Name:\t{name}\nUmask:\t{umask:04o}\nState:\t{letter} ({word})\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{ppid}\n\
         TracerPid:\t0\nUid:\t{uid}\t{euid}\t{euid}\t{euid}\nGid:\t{gid}\t{egid}\t{egid}\t{egid}\nFDSize:\t{open}\n\
         Groups:\t{} \nThreads:\t1\nShdPnd:\t{pending:016x}\nSigBlk:\t{:016x}\nSigIgn:\t{ignored:016x}\n\
         SigCgt:\t{caught:016x}\n",
        groups.join(" "),
        0,
        pid = process.pid(),
    );
    debug_assert!(written.is_ok(), "writing to a string succeeds");
    Ok(text.into_bytes())
}

fn limits(process: &dyn ProcEntry, _machine: &dyn ProcSource) -> Result<Vec<u8>> {
    const ROWS: [(&str, usize, &str); 16] = [
        ("Max cpu time", 0, "seconds"),
        ("Max file size", 1, "bytes"),
        ("Max data size", 2, "bytes"),
        ("Max stack size", 3, "bytes"),
        ("Max core file size", 4, "bytes"),
        ("Max resident set", 5, "bytes"),
        ("Max processes", 6, "processes"),
        ("Max open files", 7, "files"),
        ("Max locked memory", 8, "bytes"),
        ("Max address space", 9, "bytes"),
        ("Max file locks", 10, "locks"),
        ("Max pending signals", 11, "signals"),
        ("Max msgqueue size", 12, "bytes"),
        ("Max nice priority", 13, ""),
        ("Max realtime priority", 14, ""),
        ("Max realtime timeout", 15, "us"),
    ];
    let limits = process.rlimits();
    let shown = |value: u64| {
        if value == u64::MAX {
            "unlimited".to_owned()
        } else {
            value.to_string()
        }
    };
    let mut text = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    for (label, index, unit) in ROWS {
        let Some(limit) = limits.get(index) else {
            continue;
        };
        text.push_str(&format!(
            "{label:<25} {:<20} {:<20} {unit:<10}\n",
            shown(limit.soft),
            shown(limit.hard)
        ));
    }
    Ok(text.into_bytes())
}
