//! What holds a VM process back, as the operating system says: a VM process is not asked about itself.

use std::fs;
use std::io;

use secure_exec_protocol::launch::CANNOT_CONFINE;

use crate::event::VmError;
use crate::handle::Isolation;

/// How well the outside is protected from a VM that has taken over its process. In order: each has all of the one
/// before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is this process.
    None,
    /// The process serves other VMs too, however well it is confined.
    Shared,
    /// A process of its own, with resource limits.
    Process,
    /// It has few system calls and cannot gain privileges.
    Partial,
    /// It has no capability, is not root, and reaches no file of the host.
    Sealed,
}

/// What holds for the process behind a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolationReport {
    /// All of it in one word.
    pub level: Level,
    /// Every thread has the filter of system calls.
    pub seccomp: bool,
    /// The version of Landlock that the kernel has, and the process is under; 0 for none. The kernel does not show it for
    /// another process: it is taken to hold where the filter does, which is put on later and by the same code.
    pub landlock: u32,
    /// No thread can gain privileges by executing a program.
    pub no_new_privs: bool,
    /// Bits of all capabilities that some thread has or could take (capabilities(7)).
    pub capabilities: u64,
    /// The user that the process is.
    pub uid: u32,
    /// What keeps the level from being the highest, for people.
    pub missing: Vec<&'static str>,
}

/// What the threads of a process have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    seccomp: bool,
    no_new_privs: bool,
    capabilities: u64,
    uid: u32,
}

const NOT_SEEN: &str = "/proc, where the VM process can be checked";

impl IsolationReport {
    /// Of a VM inside this process.
    pub(crate) fn none() -> IsolationReport {
        let own = own_facts();
        IsolationReport {
            level: Level::None,
            seccomp: false,
            landlock: 0,
            no_new_privs: own.as_ref().is_some_and(|own| own.no_new_privs),
            capabilities: own.as_ref().map_or(0, |own| own.capabilities),
            uid: own.map_or(0, |own| own.uid),
            missing: vec!["a process of its own"],
        }
    }

    /// Looks at every thread of a VM process that has confined itself.
    pub(crate) fn of(pid: i32) -> IsolationReport {
        match facts(pid) {
            Ok(facts) => IsolationReport::new(&facts, landlock_version()),
            Err(_) => IsolationReport {
                level: Level::Process,
                missing: vec![NOT_SEEN],
                ..IsolationReport::none()
            },
        }
    }

    fn new(facts: &Facts, landlock: u32) -> IsolationReport {
        let filtered = facts.seccomp && facts.no_new_privs;
        let landlock = if filtered { landlock } else { 0 };
        let mut missing = Vec::new();
        let mut require = |holds: bool, what| {
            if !holds {
                missing.push(what);
            }
            holds
        };
        let partial = [
            require(facts.seccomp, "a filter of system calls (seccomp)"),
            require(facts.no_new_privs, "no_new_privs"),
        ];
        let sealed = [
            require(facts.capabilities == 0, "an empty set of capabilities"),
            require(facts.uid != 0, "a user other than root"),
            require(landlock > 0, "Landlock"),
        ];
        let level = match (partial.contains(&false), sealed.contains(&false)) {
            (true, _) => Level::Process,
            (false, true) => Level::Partial,
            (false, false) => Level::Sealed,
        };
        IsolationReport {
            level,
            seccomp: facts.seccomp,
            landlock,
            no_new_privs: facts.no_new_privs,
            capabilities: facts.capabilities,
            uid: facts.uid,
            missing,
        }
    }

    /// For a VM that lives so.
    pub(crate) fn for_vm(mut self, isolation: Isolation) -> IsolationReport {
        if isolation == Isolation::Shared {
            self.level = Level::Shared;
            self.missing.push("a process of its own");
        }
        self
    }

    /// What is missing for a level, if it is.
    pub(crate) fn refuse(&self, required: Option<Level>) -> Option<VmError> {
        (self.level < required?).then(|| unavailable(&self.missing))
    }
}

/// Why a VM process ended before it served.
pub(crate) fn start_error(how: &str) -> VmError {
    if how != format!("exit status {CANNOT_CONFINE}") {
        return VmError::cannot_start(how);
    }
    let missing = if seccomp_available() {
        "the system's leave to confine the VM process"
    } else {
        "filters of system calls (seccomp)"
    };
    unavailable(&[missing])
}

fn unavailable(missing: &[&str]) -> VmError {
    VmError {
        code: "ERR_ISOLATION_UNAVAILABLE".into(),
        message: format!(
            "The VM cannot be isolated as required: this system lacks {}",
            missing.join(", ")
        ),
        ..VmError::default()
    }
}

/// The version of Landlock's interface, 0 for none.
#[must_use]
pub fn landlock_version() -> u32 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call takes no attributes and makes nothing.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0,
            VERSION,
        )
    };
    u32::try_from(version).unwrap_or(0)
}

/// Whether the kernel has filters that end a process.
#[must_use]
pub fn seccomp_available() -> bool {
    let action: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    // SAFETY: the action is valid for the call, which changes nothing.
    unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw const action,
        ) == 0
    }
}

fn own_facts() -> Option<Facts> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(Thread::parse(&status)?.facts(0))
}

/// The weakest of all threads.
fn facts(pid: i32) -> io::Result<Facts> {
    let own = fs::read_to_string("/proc/self/status")?;
    let inherited = Thread::parse(&own).map_or(0, |own| own.filters);
    let mut weakest: Option<Facts> = None;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = match fs::read_to_string(task?.path().join("status")) {
            Ok(status) => status,
            // A thread that has ended.
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        };
        let thread = Thread::parse(&status).ok_or(io::ErrorKind::InvalidData)?;
        let facts = thread.facts(inherited);
        weakest = Some(match weakest {
            Some(weakest) => weakest.weaker(&facts),
            None => facts,
        });
    }
    weakest.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

impl Facts {
    fn weaker(self, other: &Facts) -> Facts {
        Facts {
            seccomp: self.seccomp && other.seccomp,
            no_new_privs: self.no_new_privs && other.no_new_privs,
            capabilities: self.capabilities | other.capabilities,
            uid: self.uid.min(other.uid),
        }
    }
}

/// What `/proc/<pid>/task/<tid>/status` says (proc_pid_status(5)).
struct Thread {
    mode: u32,
    /// Number of filters; Linux 5.9.
    filters: u32,
    counted: bool,
    no_new_privs: bool,
    capabilities: u64,
    /// The lowest of real, effective, saved and file system user.
    uid: u32,
}

/// `SECCOMP_MODE_FILTER`.
const FILTERED: u32 = 2;

impl Thread {
    fn parse(status: &str) -> Option<Thread> {
        let value = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            Some(line.get(name.len()..)?.trim())
        };
        let set = |name| u64::from_str_radix(value(name)?, 16).ok();
        let count = value("Seccomp_filters:").and_then(|count| count.parse().ok());
        let uids = value("Uid:")?.split_ascii_whitespace();
        Some(Thread {
            // Not there in a kernel without seccomp.
            mode: value("Seccomp:").map_or(Some(0), |mode| mode.parse().ok())?,
            filters: count.unwrap_or(0),
            counted: count.is_some(),
            no_new_privs: value("NoNewPrivs:")? == "1",
            capabilities: set("CapInh:")? | set("CapPrm:")? | set("CapEff:")? | set("CapAmb:")?,
            uid: uids.map(|uid| uid.parse().ok()).min()??,
        })
    }

    /// Where this process is filtered itself, its filters do not count for those of a VM process.
    fn facts(&self, inherited: u32) -> Facts {
        let own = !self.counted || self.filters > inherited;
        Facts {
            seccomp: self.mode == FILTERED && own,
            no_new_privs: self.no_new_privs,
            capabilities: self.capabilities,
            uid: self.uid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(mode: u32, filters: &str, capabilities: &str, uid: &str) -> String {
        format!(
            "Name:\tx\nUid:\t{uid}\nCapInh:\t0\nCapPrm:\t{capabilities}\nCapEff:\t0\nCapBnd:\tff\n\
             CapAmb:\t0\nNoNewPrivs:\t1\nSeccomp:\t{mode}\n{filters}"
        )
    }

    fn facts_of(status: &str, inherited: u32) -> Facts {
        Thread::parse(status).unwrap().facts(inherited)
    }

    #[test]
    fn filters_of_the_host_are_none_of_the_vm() {
        let two = status(2, "Seccomp_filters:\t2\n", "0", "7 7 7 7");
        assert!(facts_of(&two, 0).seccomp);
        assert!(facts_of(&two, 1).seccomp);
        assert!(!facts_of(&two, 2).seccomp);
        assert!(facts_of(&status(2, "", "0", "7 7 7 7"), 0).seccomp);
        assert!(!facts_of(&status(0, "", "0", "7 7 7 7"), 0).seccomp);
    }

    #[test]
    fn level_is_that_of_the_weakest_thread() {
        let strong = facts_of(&status(2, "", "0", "7 7 7 7"), 0);
        let weak = facts_of(&status(0, "", "80", "7 0 7 7"), 0);
        assert_eq!(IsolationReport::new(&strong, 3).level, Level::Sealed);
        let report = IsolationReport::new(&strong.clone().weaker(&weak), 3);
        assert_eq!(report.level, Level::Process);
        assert_eq!((report.capabilities, report.uid), (0x80, 0));
        assert_eq!(report.missing.len(), 4);
    }

    #[test]
    fn level_below_the_required_one_is_refused_by_name() {
        let facts = facts_of(&status(2, "", "0", "0 0 0 0"), 0);
        let report = IsolationReport::new(&facts, 0);
        assert_eq!(report.level, Level::Partial);
        assert_eq!(report.refuse(Some(Level::Partial)), None);
        assert_eq!(report.refuse(None), None);
        let error = report.refuse(Some(Level::Sealed)).unwrap();
        assert_eq!(error.code, "ERR_ISOLATION_UNAVAILABLE");
        assert!(error.message.ends_with("a user other than root, Landlock"));
        let shared = report.for_vm(Isolation::Shared);
        assert!(shared.refuse(Some(Level::Process)).is_some());
    }

    #[test]
    fn own_process_has_no_level() {
        let report = IsolationReport::none();
        assert_eq!(report.level, Level::None);
        assert!(report.refuse(Some(Level::Process)).is_some());
    }
}
