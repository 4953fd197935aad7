//! The lines above the list.

use crate::clock::{local, now};
use crate::procfs::{self, Process};

/// How long the machine is up, how many processes there are, processors and memory.
pub(super) fn head(processes: &[Process]) -> String {
    let states = |wanted: &str| {
        processes
            .iter()
            .filter(|each| wanted.contains(each.state))
            .count()
    };
    let up = procfs::uptime() as u64;
    let days = match up / 86_400 {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    let clock = match (up / 3600 % 24, up / 60 % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours:>2}:{minutes:02}"),
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    let (total, free, available, cached) = (
        memory("MemTotal:"),
        memory("MemFree:"),
        memory("MemAvailable:"),
        memory("Cached:"),
    );
    let (swap, swap_free) = (memory("SwapTotal:"), memory("SwapFree:"));
    format!(
        "top - {} up {days}{clock},  0 users,  load average: {}\n\
         Tasks: {:>3} total, {:>3} running, {:>3} sleeping, {:>3} stopped, {:>3} zombie\n\
         %Cpu(s): {}\n\
         MiB Mem : {total:>8.1} total, {free:>8.1} free, {:>8.1} used, {cached:>8.1} buff/cache\n\
         MiB Swap: {swap:>8.1} total, {swap_free:>8.1} free, {:>8.1} used. {available:>8.1} avail Mem\n",
        local(now(), "%H:%M:%S"),
        load.join(", "),
        processes.len(),
        states("R"),
        states("SDI"),
        states("Tt"),
        states("Z"),
        processors(),
        total - free - cached,
        swap - swap_free,
    )
}

/// A line of `/proc/meminfo` in MiB.
fn memory(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// What processors did since the machine began, in percent; a machine that does not count is idle.
fn processors() -> String {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("cpu "))
        .unwrap_or_default();
    let ticks: Vec<f64> = line
        .split_whitespace()
        .map(|word| word.parse().unwrap_or(0.0))
        .collect();
    let total: f64 = ticks.iter().take(8).sum();
    let share = |at: usize| {
        if total > 0.0 {
            ticks.get(at).unwrap_or(&0.0) * 100.0 / total
        } else {
            0.0
        }
    };
    let idle = if total > 0.0 { share(3) } else { 100.0 };
    // In the order of top, which is not that of the file.
    format!(
        "{:>4.1} us, {:>4.1} sy, {:>4.1} ni,{idle:>5.1} id, {:>4.1} wa, {:>4.1} hi, {:>4.1} si, {:>4.1} st",
        share(0),
        share(2),
        share(1),
        share(4),
        share(5),
        share(6),
        share(7)
    )
}
