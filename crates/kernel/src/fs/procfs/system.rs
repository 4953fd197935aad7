//! Files about the machine: `/proc/meminfo` and its neighbours.

use super::ProcSource;
use crate::abi::Pid;
use crate::errno::Result;
use crate::vfs::{Caller, MountFlags};

type Produce = fn(&dyn ProcSource, &Caller) -> Result<Vec<u8>>;

/// Name and contents.
pub(super) const FILES: &[(&str, Produce)] = &[
    ("cpuinfo", |machine, _| cpuinfo(machine)),
    ("filesystems", |_, _| {
        Ok(b"nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tpipefs\n".to_vec())
    }),
    ("loadavg", |machine, _| loadavg(machine)),
    ("meminfo", |machine, _| meminfo(machine)),
    ("mounts", |machine, _| mounts(machine)),
    ("stat", |machine, _| stat(machine)),
    ("uptime", |machine, _| uptime(machine)),
    ("version", |_, _| {
        Ok(format!("Linux version {OS_RELEASE} (secure-exec) {OS_VERSION}\n").into_bytes())
    }),
];

/// Name and contents of the files in `/proc/sys/kernel`.
pub(super) const SYSCTLS: &[(&str, Produce)] = &[
    ("hostname", |machine, _| {
        Ok(format!("{}\n", machine.hostname()).into_bytes())
    }),
    ("osrelease", |_, _| {
        Ok(format!("{OS_RELEASE}\n").into_bytes())
    }),
    ("ostype", |_, _| Ok(format!("{OS_TYPE}\n").into_bytes())),
    ("pid_max", |_, _| Ok(format!("{}\n", Pid::MAX).into_bytes())),
    ("version", |_, _| Ok(format!("{OS_VERSION}\n").into_bytes())),
];

/// Name of the system that guests see (`uname -s`).
pub const OS_TYPE: &str = "Linux";
/// Kernel release that guests see (`uname -r`); the interface followed is that of Linux 6.
pub const OS_RELEASE: &str = "6.0.0-secure-exec";
/// Kernel version that guests see (`uname -v`).
pub const OS_VERSION: &str = "#1 SMP";

fn cpuinfo(machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let mut text = String::new();
    for number in 0..machine.cpu_count() {
        text.push_str(&format!(
            "processor\t: {number}\nvendor_id\t: secure-exec\nmodel name\t: virtual\ncpu MHz\t\t: 0.000\n\
             cpu cores\t: {}\n\n",
            machine.cpu_count()
        ));
    }
    Ok(text.into_bytes())
}

fn meminfo(machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let (total, files) = machine.memory();
    let (total, files) = (total / 1024, files / 1024);
    let free = total.saturating_sub(files);
    Ok(format!(
        "MemTotal:       {total:>8} kB\nMemFree:        {free:>8} kB\nMemAvailable:   {free:>8} kB\n\
         Buffers:        {:>8} kB\nCached:         {files:>8} kB\nSwapTotal:      {:>8} kB\nSwapFree:       {:>8} kB\n\
         Shmem:          {files:>8} kB\n",
        0, 0, 0
    )
    .into_bytes())
}

fn uptime(machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let now = machine.uptime();
    let hundredths = now.nsec / 10_000_000;
    Ok(format!("{}.{hundredths:02} 0.00\n", now.sec).into_bytes())
}

fn loadavg(machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let pids = machine.pids();
    let last = pids.last().map_or(0, |pid| pid.raw());
    Ok(format!("0.00 0.00 0.00 1/{} {last}\n", pids.len()).into_bytes())
}

fn stat(machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let mut text = "cpu  0 0 0 0 0 0 0 0 0 0\n".to_owned();
    for number in 0..machine.cpu_count() {
        text.push_str(&format!("cpu{number} 0 0 0 0 0 0 0 0 0 0\n"));
    }
    let booted = machine.vfs().clock.realtime().sec - machine.uptime().sec;
    text.push_str(&format!(
        "btime {booted}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n",
        machine.pids().len().saturating_sub(1)
    ));
    Ok(text.into_bytes())
}

pub(super) fn mounts(machine: &dyn ProcSource) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for mount in machine.vfs().mounts() {
        let path = match mount.covered() {
            Some((parent, inode)) => machine.vfs().path_of_dir(
                &machine.vfs().root,
                &crate::vfs::VirtualDentry {
                    mount: parent,
                    inode,
                },
            )?,
            None => b"/".to_vec(),
        };
        let flags = mount.flags();
        let mut options = if flags.contains(MountFlags::MS_RDONLY) {
            "ro"
        } else {
            "rw"
        }
        .to_owned();
        for (flag, word) in [
            (MountFlags::MS_NOSUID, ",nosuid"),
            (MountFlags::MS_NOEXEC, ",noexec"),
        ] {
            if flags.contains(flag) {
                options.push_str(word);
            }
        }
        bytes.extend_from_slice(mount.source().as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(&path);
        bytes.extend_from_slice(format!(" {} {options} 0 0\n", mount.fs().name()).as_bytes());
    }
    Ok(bytes)
}
