//! Files about the machine: `/proc/meminfo` and its neighbours.

use crate::errno::Result;
use crate::kernel::Kernel;
use crate::vfs::{Caller, MountFlags};

type Produce = fn(&Kernel, &Caller) -> Result<Vec<u8>>;

/// Name and contents.
pub(super) const FILES: &[(&str, Produce)] = &[
    ("cpuinfo", |kernel, _| cpuinfo(kernel)),
    ("filesystems", |_, _| {
        Ok(b"nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tpipefs\n".to_vec())
    }),
    ("loadavg", |kernel, _| loadavg(kernel)),
    ("meminfo", |kernel, _| meminfo(kernel)),
    ("mounts", |kernel, _| mounts(kernel)),
    ("stat", |kernel, _| stat(kernel)),
    ("uptime", |kernel, _| uptime(kernel)),
    ("version", |_, _| {
        Ok(format!("Linux version {RELEASE} (secure-exec) #1 SMP\n").into_bytes())
    }),
];

/// Name and contents of the files in `/proc/sys/kernel`.
pub(super) const SYSCTLS: &[(&str, Produce)] = &[
    ("hostname", |kernel, _| {
        Ok(format!("{}\n", kernel.hostname()).into_bytes())
    }),
    ("osrelease", |_, _| Ok(format!("{RELEASE}\n").into_bytes())),
    ("ostype", |_, _| Ok(b"Linux\n".to_vec())),
    ("pid_max", |_, _| {
        Ok(format!("{}\n", crate::process::PID_MAX).into_bytes())
    }),
    ("version", |_, _| Ok(b"#1 SMP\n".to_vec())),
];

/// Kernel release that guests see; the interface followed is that of Linux 6.
pub(crate) const RELEASE: &str = "6.0.0-secure-exec";

fn cpuinfo(kernel: &Kernel) -> Result<Vec<u8>> {
    let mut text = String::new();
    for number in 0..kernel.config().cpu_count {
        text.push_str(&format!(
            "processor\t: {number}\nvendor_id\t: secure-exec\nmodel name\t: virtual\ncpu MHz\t\t: 0.000\n\
             cpu cores\t: {}\n\n",
            kernel.config().cpu_count
        ));
    }
    Ok(text.into_bytes())
}

fn meminfo(kernel: &Kernel) -> Result<Vec<u8>> {
    let total = kernel.config().memory_bytes / 1024;
    let files = kernel.tmpfs().used_bytes() / 1024;
    let free = total.saturating_sub(files);
    Ok(format!(
        "MemTotal:       {total:>8} kB\nMemFree:        {free:>8} kB\nMemAvailable:   {free:>8} kB\n\
         Buffers:        {:>8} kB\nCached:         {files:>8} kB\nSwapTotal:      {:>8} kB\nSwapFree:       {:>8} kB\n\
         Shmem:          {files:>8} kB\n",
        0, 0, 0
    )
    .into_bytes())
}

fn uptime(kernel: &Kernel) -> Result<Vec<u8>> {
    let now = kernel.uptime();
    let hundredths = now.nsec / 10_000_000;
    Ok(format!("{}.{hundredths:02} 0.00\n", now.sec).into_bytes())
}

fn loadavg(kernel: &Kernel) -> Result<Vec<u8>> {
    let table = kernel.table.lock();
    let last = table.rows().map(|(pid, _)| pid.raw()).last().unwrap_or(0);
    Ok(format!("0.00 0.00 0.00 1/{} {last}\n", table.len() + 1).into_bytes())
}

fn stat(kernel: &Kernel) -> Result<Vec<u8>> {
    let mut text = "cpu  0 0 0 0 0 0 0 0 0 0\n".to_owned();
    for number in 0..kernel.config().cpu_count {
        text.push_str(&format!("cpu{number} 0 0 0 0 0 0 0 0 0 0\n"));
    }
    let booted = kernel.clock().realtime().sec - kernel.uptime().sec;
    text.push_str(&format!(
        "btime {booted}\nprocesses {}\nprocs_running 1\nprocs_blocked 0\n",
        kernel.table.lock().len()
    ));
    Ok(text.into_bytes())
}

pub(super) fn mounts(kernel: &Kernel) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for mount in kernel.vfs.mounts() {
        let path = match mount.covered() {
            Some((parent, inode)) => kernel.vfs.path_of_dir(
                &kernel.vfs.root,
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
