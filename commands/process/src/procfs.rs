//! Processes as `/proc` shows them, by `proc(5)`.

use std::fs;

use secure_exec_sys::Pid;
use secure_exec_sys::path::stat;

/// Ticks a second in the fields of `stat`: fixed on Linux for all programs.
pub const TICKS: u64 = 100;
const PAGE_KIB: u64 = 4;

/// A process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    pub pid: Pid,
    pub ppid: Pid,
    pub pgid: Pid,
    pub sid: Pid,
    pub uid: u32,
    pub state: char,
    /// The name of the program, shortened.
    pub comm: String,
    /// The arguments; none for one that has ended.
    pub args: Vec<String>,
    /// The number of the terminal's device, 0 for none.
    pub tty: u64,
    /// The process group in the foreground of the terminal.
    pub foreground: Pid,
    pub threads: u64,
    pub nice: i64,
    /// Time used, in ticks.
    pub time: u64,
    /// When it was started, in ticks after the machine.
    pub start: u64,
    pub virtual_kib: u64,
    pub resident_kib: u64,
}

impl Process {
    /// The command line, or the name in brackets where there is none.
    #[must_use]
    pub fn command_line(&self) -> String {
        if self.args.is_empty() {
            let mark = if self.state == 'Z' { " <defunct>" } else { "" };
            return format!("[{}]{mark}", printable(&self.comm));
        }
        printable(&self.args.join(" "))
    }

    #[must_use]
    pub fn tty_name(&self) -> String {
        let (major, minor) = (
            (self.tty >> 8) & 0xfff,
            (self.tty & 0xff) | ((self.tty >> 12) & 0xfff00),
        );
        match (self.tty, major) {
            (0, _) => "?".to_owned(),
            (_, 136..=143) => format!("pts/{}", (major - 136) * 256 + minor),
            (_, 4) => format!("tty{minor}"),
            _ => "?".to_owned(),
        }
    }
}

/// A name or a command line on a line of its own: whatever a process calls itself, a terminal obeys nothing of it. Ends of
/// lines are blanks, other control characters `?`, as with `ps`.
#[must_use]
pub fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => ' ',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// All processes in the order of their ids.
#[must_use]
pub fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pids: Vec<Pid> = names.filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    // A process may end while it is looked at.
    pids.into_iter().filter_map(process).collect()
}

/// One process.
#[must_use]
pub fn process(pid: Pid) -> Option<Process> {
    let folder = format!("/proc/{pid}");
    let text = String::from_utf8_lossy(&fs::read(format!("{folder}/stat")).ok()?).into_owned();
    // The name may contain anything, parentheses too.
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text.get(close + 2..)?.split_whitespace().collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<i64>().ok())
            .unwrap_or(0)
    };
    let unsigned = |index: usize| u64::try_from(number(index)).unwrap_or(0);
    let id = |index: usize| Pid::try_from(number(index)).unwrap_or(0);
    let arguments = fs::read(format!("{folder}/cmdline")).unwrap_or_default();
    let arguments = arguments.strip_suffix(b"\0").unwrap_or(&arguments);
    let args = arguments
        .split(|&byte| byte == 0)
        .map(|part| String::from_utf8_lossy(part).into_owned());
    Some(Process {
        pid,
        comm: text.get(open + 1..close)?.to_owned(),
        args: if arguments.is_empty() {
            Vec::new()
        } else {
            args.collect()
        },
        uid: owner(&folder),
        state: fields.first()?.chars().next()?,
        ppid: id(1),
        pgid: id(2),
        sid: id(3),
        tty: unsigned(4),
        foreground: id(5),
        time: unsigned(11) + unsigned(12),
        nice: number(16),
        threads: unsigned(17),
        start: unsigned(19),
        virtual_kib: unsigned(20) / 1024,
        resident_kib: unsigned(21) * PAGE_KIB,
    })
}

/// The effective user, who owns the directory unless the program may not be looked into.
fn owner(folder: &str) -> u32 {
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let effective = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    effective
        .or_else(|| stat(folder).ok().map(|found| found.uid))
        .unwrap_or(0)
}

/// Seconds that the machine has been up.
#[must_use]
pub fn uptime() -> f64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0.0)
}

/// When the machine was started, in seconds since 1970.
#[must_use]
pub fn boot_time() -> i64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Digits of the largest process id, five at least, as procps counts them.
#[must_use]
pub fn pid_digits() -> usize {
    let text = fs::read_to_string("/proc/sys/kernel/pid_max").unwrap_or_default();
    let most = text.trim().parse().unwrap_or(1_u64).saturating_sub(1);
    most.to_string().len().max(5)
}

/// The memory of the machine in KiB.
#[must_use]
pub fn memory_kib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
