//! Whether the host can bear another VM process.
//!
//! Every VM has a memory limit of its own, but many of them together can exceed what the machine has; then it is better
//! to refuse the next one by name than to let the host's out-of-memory killer choose. See `proc(5)`, `cgroups(7)`.

use std::fs;

use secure_exec_protocol::Limit;

use crate::event::VmError;

/// Memory that stays free for the host: what a VM process takes to start, several times over.
const RESERVE: u64 = 192 << 20;

/// Refuses a VM process that the host has no memory for.
///
/// # Errors
/// `ERR_RESOURCE_LIMIT` with the limit `host memory`.
#[expect(
    clippy::result_large_err,
    reason = "made once for a VM that is refused"
)]
pub(crate) fn admit() -> Result<(), VmError> {
    judge(available())
}

#[expect(
    clippy::result_large_err,
    reason = "made once for a VM that is refused"
)]
fn judge(available: Option<u64>) -> Result<(), VmError> {
    match available {
        Some(available) if available < RESERVE => Err(VmError {
            code: "ERR_RESOURCE_LIMIT".into(),
            message: format!(
                "No memory for another VM: {} MiB are available on the host, {} MiB are kept free",
                available >> 20,
                RESERVE >> 20
            ),
            limit: Some(Limit {
                name: "host memory".into(),
                bound: RESERVE,
                used: available,
            }),
            ..VmError::default()
        }),
        // A host that does not tell is not asked for more.
        _ => Ok(()),
    }
}

/// Bytes that can be had, by the machine and by the control group of this process.
fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| meminfo_available(&text));
    let group = group_available("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current");
    let group_v1 = group_available(
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    );
    [machine, group, group_v1].into_iter().flatten().min()
}

fn meminfo_available(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes << 10)
}

/// Both files hold a number of bytes; no bound is the word `max`. Pages of the file cache count as used, and the group
/// gives them back when it has to: they are why a group is believed only when it has a bound.
fn group_available(bound: &str, used: &str) -> Option<u64> {
    let read = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let bound = read(bound)?;
    // Version 1 writes "no bound" as the largest multiple of a page.
    if bound > i64::MAX as u64 / 2 {
        return None;
    }
    let stat = fs::read_to_string("/sys/fs/cgroup/memory.stat").unwrap_or_default();
    let cache = stat
        .lines()
        .find_map(|line| line.strip_prefix("file ")?.parse::<u64>().ok());
    let used = read(used)?.saturating_sub(cache.unwrap_or(0));
    Some(bound.saturating_sub(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_memory_refuses_by_name() {
        let error = judge(Some(RESERVE - 1)).unwrap_err();
        assert_eq!(error.code, "ERR_RESOURCE_LIMIT");
        assert_eq!(error.limit.unwrap().name, "host memory");
        assert_eq!(judge(Some(RESERVE)), Ok(()));
        assert_eq!(judge(None), Ok(()));
    }

    #[test]
    fn meminfo_is_read_in_kibibytes() {
        let text = "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(meminfo_available(text), Some(2 << 20));
        assert_eq!(meminfo_available("MemTotal: 1 kB\n"), None);
    }
}
