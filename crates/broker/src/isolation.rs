//! What holds a VM process back, as the operating system says: a VM process is not asked about itself.

use std::fs;
use std::os::unix::fs::MetadataExt;

use secure_exec_protocol::launch::CANNOT_CONFINE;

use crate::event::VmError;
use crate::task_status::{Facts, facts, own_facts};

/// Where a VM lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// In a VM process of its own.
    Process,
    /// In one VM process with the other shared VMs of this host process.
    Shared,
    /// In one VM process with the other VMs of this group.
    Group(u64),
    /// On threads of this process: for trusted code only.
    InProcess,
}

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
    /// Namespaces of its own: of users, of the network, of processes.
    pub namespaces: Namespaces,
    /// How the processor may guess across stores in the weakest thread, as the kernel puts it; empty if it does not say.
    pub store_bypass: String,
    /// And across indirect branches.
    pub indirect_branch: String,
    /// What keeps the level from being the highest, for people.
    pub missing: Vec<&'static str>,
}

/// Which namespaces of a VM process are not those of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// Users.
    pub userns: bool,
    /// The network.
    pub netns: bool,
    /// Processes.
    pub pidns: bool,
}

impl Namespaces {
    /// What is not to be seen is the same: a VM process is started in this process's namespaces.
    fn of(pid: i32) -> Namespaces {
        let link = |process: &str, name: &str| fs::read_link(format!("/proc/{process}/ns/{name}"));
        // Each network has files of its own about it.
        let network =
            |process: &str| Some(fs::metadata(format!("/proc/{process}/net/dev")).ok()?.ino());
        // Who is mapped to whom: a namespace that is not set up maps nobody.
        let users = |process: &str| fs::read_to_string(format!("/proc/{process}/uid_map")).ok();
        Namespaces {
            userns: differs(pid, |of| link(of, "user").ok())
                .or_else(|| differs(pid, users))
                .unwrap_or(false),
            netns: differs(pid, |of| link(of, "net").ok())
                .or_else(|| differs(pid, network))
                .unwrap_or(false),
            pidns: differs(pid, |of| link(of, "pid").ok()).unwrap_or(false),
        }
    }
}

/// Whether something is another for a process than for this one. Links to namespaces are only seen by who may trace the
/// process.
fn differs<T: PartialEq>(pid: i32, look: impl Fn(&str) -> Option<T>) -> Option<bool> {
    Some(look(&pid.to_string())? != look("self")?)
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
            uid: own.as_ref().map_or(0, |own| own.uid),
            namespaces: Namespaces::default(),
            store_bypass: own
                .as_ref()
                .map_or_else(String::new, |own| own.store_bypass.clone()),
            indirect_branch: own.map_or_else(String::new, |own| own.indirect_branch),
            missing: vec!["a process of its own"],
        }
    }

    /// Looks at every thread of a VM process that has confined itself.
    pub(crate) fn of(pid: i32) -> IsolationReport {
        match facts(pid) {
            Ok(facts) => IsolationReport {
                namespaces: Namespaces::of(pid),
                ..IsolationReport::new(facts, landlock_version())
            },
            Err(_) => IsolationReport {
                level: Level::Process,
                missing: vec![NOT_SEEN],
                ..IsolationReport::none()
            },
        }
    }

    fn new(facts: Facts, landlock: u32) -> IsolationReport {
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
            namespaces: Namespaces::default(),
            store_bypass: facts.store_bypass,
            indirect_branch: facts.indirect_branch,
            missing,
        }
    }

    /// For a VM that lives so.
    pub(crate) fn for_vm(mut self, isolation: Isolation) -> IsolationReport {
        if matches!(isolation, Isolation::Shared | Isolation::Group(_)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(seccomp: bool, capabilities: u64, uid: u32) -> Facts {
        Facts {
            seccomp,
            no_new_privs: true,
            capabilities,
            uid,
            store_bypass: String::new(),
            indirect_branch: String::new(),
        }
    }

    #[test]
    fn level_is_that_of_the_weakest_thread() {
        let (strong, weak) = (facts(true, 0, 7), facts(false, 0x80, 0));
        assert_eq!(IsolationReport::new(strong.clone(), 3).level, Level::Sealed);
        let report = IsolationReport::new(strong.weaker(&weak), 3);
        assert_eq!(report.level, Level::Process);
        assert_eq!((report.capabilities, report.uid), (0x80, 0));
        assert_eq!(report.missing.len(), 4);
    }

    #[test]
    fn level_below_the_required_one_is_refused_by_name() {
        let report = IsolationReport::new(facts(true, 0, 0), 0);
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
    fn process_that_cannot_confine_itself_is_told_from_one_that_cannot_start() {
        let refused = start_error("exit status 71");
        assert_eq!(refused.code, "ERR_ISOLATION_UNAVAILABLE");
        assert_eq!(start_error("exit status 126").code, "ERR_VM_START");
        assert_eq!(start_error("signal SIGKILL").code, "ERR_VM_START");
    }

    #[test]
    fn own_process_has_no_level() {
        let report = IsolationReport::none();
        assert_eq!(report.level, Level::None);
        assert!(report.refuse(Some(Level::Process)).is_some());
    }
}
