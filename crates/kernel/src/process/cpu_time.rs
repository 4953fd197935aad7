//! Processor time, told by the runtimes (`times(2)`).

use super::Process;
use core::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds of processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Spent in the program.
    pub user_ns: u64,
    /// Spent in the kernel on behalf of the program.
    pub system_ns: u64,
}

/// A sum that several threads add to.
#[derive(Debug, Default)]
pub(crate) struct CpuClock {
    user_ns: AtomicU64,
    system_ns: AtomicU64,
}

impl CpuClock {
    pub fn add(&self, time: CpuTime) {
        self.user_ns.fetch_add(time.user_ns, Ordering::Relaxed);
        self.system_ns.fetch_add(time.system_ns, Ordering::Relaxed);
    }

    pub fn read(&self) -> CpuTime {
        CpuTime {
            user_ns: self.user_ns.load(Ordering::Relaxed),
            system_ns: self.system_ns.load(Ordering::Relaxed),
        }
    }
}

impl Process {
    /// Notes processor time that this process has used. The runtime calls it before it reports the end.
    pub fn charge_cpu(&self, time: CpuTime) {
        self.cpu.add(time);
        self.account().charge_cpu(time);
    }

    /// Processor time noted so far: of this process, and of its children that have been waited for.
    pub fn cpu_times(&self) -> (CpuTime, CpuTime) {
        (self.cpu.read(), self.children_cpu.read())
    }

    /// Takes over the processor time of a child that has been waited for.
    pub(crate) fn inherit_cpu(&self, child: &Process) {
        let (own, children) = child.cpu_times();
        self.children_cpu.add(own);
        self.children_cpu.add(children);
    }
}
