//! What the operating system says of the threads of a process.

use std::fs;
use std::io;

/// Threads that are looked at, at most. A VM process that has just confined itself has about ten.
const MAX_THREADS: usize = 64;

/// What the threads of a process have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) seccomp: bool,
    pub(crate) no_new_privs: bool,
    pub(crate) capabilities: u64,
    pub(crate) uid: u32,
    pub(crate) store_bypass: String,
    pub(crate) indirect_branch: String,
}

/// Of this process.
pub(crate) fn own_facts() -> Option<Facts> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some(Thread::parse(&status)?.facts(0))
}

/// The weakest of all threads.
pub(crate) fn facts(pid: i32) -> io::Result<Facts> {
    let own = fs::read_to_string("/proc/self/status")?;
    let inherited = Thread::parse(&own).map_or(0, |own| own.filters);
    let mut weakest: Option<Facts> = None;
    for (index, task) in fs::read_dir(format!("/proc/{pid}/task"))?.enumerate() {
        if index == MAX_THREADS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
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
    /// Of both the worse.
    pub(crate) fn weaker(self, other: &Facts) -> Facts {
        Facts {
            seccomp: self.seccomp && other.seccomp,
            no_new_privs: self.no_new_privs && other.no_new_privs,
            capabilities: self.capabilities | other.capabilities,
            uid: self.uid.min(other.uid),
            store_bypass: self.store_bypass,
            indirect_branch: self.indirect_branch,
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
    store_bypass: String,
    indirect_branch: String,
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
        let text = |name| value(name).unwrap_or_default().to_owned();
        let uids = value("Uid:")?.split_ascii_whitespace();
        Some(Thread {
            // Not there in a kernel without seccomp.
            mode: value("Seccomp:").map_or(Some(0), |mode| mode.parse().ok())?,
            filters: count.unwrap_or(0),
            counted: count.is_some(),
            no_new_privs: value("NoNewPrivs:")? == "1",
            capabilities: set("CapInh:")? | set("CapPrm:")? | set("CapEff:")? | set("CapAmb:")?,
            uid: uids.map(|uid| uid.parse().ok()).min()??,
            store_bypass: text("Speculation_Store_Bypass:"),
            indirect_branch: text("SpeculationIndirectBranch:"),
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
            store_bypass: self.store_bypass.clone(),
            indirect_branch: self.indirect_branch.clone(),
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
}
