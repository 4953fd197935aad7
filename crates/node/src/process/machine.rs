//! The machine that a program sees: its name, its kernel, processors and addresses.

use crate::env::Env;
use crate::env::clock::monotonic_nanoseconds;
use crate::process::passwd;
use crate::process::rusage::thread_usage;
use secure_exec_kernel::{OS_RELEASE, OS_TYPE, OS_VERSION};

/// What each processor is called.
pub const PROCESSOR: &str = "Virtual CPU";

/// Addresses of the only interface, `lo`: address, netmask, family and scope id, which IPv4 has not.
pub const LOOPBACK: [(&str, &str, &str, i32); 2] = [
    ("127.0.0.1", "255.0.0.0", "IPv4", -1),
    ("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "IPv6", 0),
];

/// The MAC of the only interface.
pub const LOOPBACK_MAC: &str = "00:00:00:00:00:00";

/// First line of a file of the guest.
pub fn line_of(env: &Env, path: &[u8]) -> Option<String> {
    let content = passwd::read_file(&env.try_process()?, path);
    let line = String::from_utf8_lossy(&content)
        .lines()
        .next()?
        .trim()
        .to_owned();
    (!line.is_empty()).then_some(line)
}

/// The name of the machine.
pub fn hostname(env: &Env) -> Option<String> {
    line_of(env, b"/proc/sys/kernel/hostname").or_else(|| line_of(env, b"/etc/hostname"))
}

/// System, version, release, machine, as `uname(2)` of the guest's kernel. They are the same in every machine, and part of
/// the startup snapshot.
pub fn system() -> [&'static str; 4] {
    let machine = if cfg!(target_arch = "aarch64") {
        "aarch64"
    } else {
        "x86_64"
    };
    [OS_TYPE, OS_VERSION, OS_RELEASE, machine]
}

/// Processors that the machine shows, as libuv counts those of Linux.
pub fn processors(env: &Env) -> u32 {
    let content = env
        .try_process()
        .map(|process| passwd::read_file(&process, b"/proc/cpuinfo"))
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let count = text
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    u32::try_from(count).unwrap_or(1).max(1)
}

/// Milliseconds of a processor.
#[derive(Clone, Copy)]
pub struct ProcessorTimes {
    pub user: f64,
    pub system: f64,
    pub idle: f64,
}

/// Times of each processor. A guest process has one thread of its own: what it used is that of the first.
pub fn processor_times(env: &Env) -> Vec<ProcessorTimes> {
    let usage = thread_usage();
    let (user, system) = ((usage.user / 1e3).floor(), (usage.system / 1e3).floor());
    let elapsed = (monotonic_nanoseconds(env).saturating_sub(env.time_origin.monotonic()) as f64
        / 1e6)
        .floor();
    let first = ProcessorTimes {
        user,
        system,
        idle: (elapsed - user - system).max(0.0),
    };
    let other = ProcessorTimes {
        user: 0.0,
        system: 0.0,
        idle: elapsed.max(0.0),
    };
    (0..processors(env))
        .map(|number| if number == 0 { first } else { other })
        .collect()
}
