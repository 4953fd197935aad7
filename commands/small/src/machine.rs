//! Commands about the machine: `free`, `uptime` and `uuidgen`.

use std::fs;
use std::io::Read;

use secure_exec_cli::{Args, Failure, Outcome, Syntax, fail, flag};
use secure_exec_sys::errno;

const FREE: Syntax = Syntax {
    options: &[
        flag('b', "bytes"),
        flag('k', "kibi"),
        flag('m', "mebi"),
        flag('g', "gibi"),
        flag('h', "human"),
        flag('t', "total"),
        flag('w', "wide"),
    ],
    usage: "[options]",
    usage_status: 1,
    operand_ends: false,
};

/// Memory, by `/proc/meminfo`.
pub fn free(args: &Args) -> Outcome {
    let parsed = FREE.parse(args)?;
    let text = proc_file("meminfo")?;
    let kibibytes = |name: &str| -> u64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    };
    let (total, unused, available) = (
        kibibytes("MemTotal"),
        kibibytes("MemFree"),
        kibibytes("MemAvailable"),
    );
    let cached = kibibytes("Buffers") + kibibytes("Cached") + kibibytes("SReclaimable");
    let swap = (kibibytes("SwapTotal"), kibibytes("SwapFree"));
    let unit = parsed.last_of(&["bytes", "kibi", "mebi", "gibi", "human"]);
    let shown = |kibibytes: u64| match unit {
        Some("bytes") => (kibibytes * 1024).to_string(),
        Some("mebi") => (kibibytes / 1024).to_string(),
        Some("gibi") => (kibibytes / 1024 / 1024).to_string(),
        Some("human") => human(kibibytes),
        _ => kibibytes.to_string(),
    };
    println!(
        "{:>19} {:>11} {:>11} {:>11} {:>11} {:>11}",
        "total", "used", "free", "shared", "buff/cache", "available"
    );
    let used = total.saturating_sub(available);
    let row = [total, used, unused, kibibytes("Shmem"), cached, available].map(shown);
    println!(
        "Mem:    {:>11} {:>11} {:>11} {:>11} {:>11} {:>11}",
        row[0], row[1], row[2], row[3], row[4], row[5]
    );
    let row = [swap.0, swap.0.saturating_sub(swap.1), swap.1];
    let text = row.map(shown);
    println!("Swap:   {:>11} {:>11} {:>11}", text[0], text[1], text[2]);
    if parsed.has("total") {
        let sums = [total + row[0], used + row[1], unused + row[2]].map(shown);
        println!("Total:  {:>11} {:>11} {:>11}", sums[0], sums[1], sums[2]);
    }
    Ok(0)
}

fn human(kibibytes: u64) -> String {
    if kibibytes == 0 {
        return "0B".to_owned();
    }
    let units = ["Ki", "Mi", "Gi", "Ti"];
    let mut tenths = kibibytes * 10;
    for unit in units {
        if tenths < 100 {
            return format!("{}.{}{unit}", tenths / 10, tenths % 10);
        }
        if tenths < 10_240 {
            return format!("{}{unit}", tenths / 10);
        }
        tenths /= 1024;
    }
    format!("{}Pi", tenths / 10)
}

fn proc_file(name: &str) -> Result<String, Failure> {
    let path = format!("/proc/{name}");
    fs::read_to_string(&path)
        .map_err(|error| fail(format!("cannot read {path}: {}", errno::message(&error))))
}

const UPTIME: Syntax = Syntax {
    options: &[flag('p', "pretty"), flag('s', "since")],
    usage: "[options]",
    usage_status: 1,
    operand_ends: false,
};

/// How long the machine runs, and its load.
pub fn uptime(args: &Args) -> Outcome {
    let parsed = UPTIME.parse(args)?;
    let text = proc_file("uptime")?;
    let seconds: f64 = text
        .split_ascii_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0);
    let minutes = (seconds / 60.0) as u64;
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let zone = secure_exec_cli::Zone::local();
    let date_at = |moment: u64| zone.date(i64::try_from(moment).unwrap_or(0));
    let clock = |moment: u64| {
        let date = date_at(moment);
        format!("{:02}:{:02}:{:02}", date.hour, date.minute, date.second)
    };
    let plural =
        |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    if parsed.has("since") {
        let start = now.saturating_sub(seconds as u64);
        let date = date_at(start);
        println!(
            "{:04}-{:02}-{:02} {}",
            date.year,
            date.month,
            date.day,
            clock(start)
        );
        return Ok(0);
    }
    if parsed.has("pretty") {
        let parts = [(days, "day"), (hours, "hour"), (minutes, "minute")];
        let mut shown: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| plural(*count, word))
            .collect();
        if shown.is_empty() {
            shown.push("0 minutes".to_owned());
        }
        println!("up {}", shown.join(", "));
        return Ok(0);
    }
    let up = match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours:2}:{minutes:02}"),
        (_, 0) => format!("{}, {minutes} min", plural(days, "day")),
        _ => format!("{}, {hours:2}:{minutes:02}", plural(days, "day")),
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split_ascii_whitespace().take(3).collect();
    let load = if load.len() == 3 {
        load.join(", ")
    } else {
        "0.00, 0.00, 0.00".to_owned()
    };
    println!(" {} up {up},  0 users,  load average: {load}", clock(now));
    Ok(0)
}

const UUIDGEN: Syntax = Syntax {
    options: &[flag('r', "random"), flag('t', "time")],
    usage: "[options]",
    usage_status: 1,
    operand_ends: false,
};

/// A UUID of RFC 9562: a random one (version 4), or one by the time (version 1) whose node is random, as the machine has
/// no network card with an address.
pub fn uuidgen(args: &Args) -> Outcome {
    let parsed = UUIDGEN.parse(args)?;
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| fail(format!("/dev/urandom: {}", errno::message(&error))))?;
    if parsed.last_of(&["random", "time"]) == Some("time") {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() / 100);
        by_time(u64::try_from(now).unwrap_or(0), &mut bytes);
    } else {
        bytes[6] = bytes[6] & 0x0f | 0x40;
    }
    bytes[8] = bytes[8] & 0x3f | 0x80;
    println!("{}", shown(bytes));
    Ok(0)
}

/// Puts a moment, in tenths of microseconds after 1970, and the version where those are in a UUID of version 1. The node
/// is marked as none of a network card.
fn by_time(since_1970: u64, bytes: &mut [u8; 16]) {
    /// From 1582-10-15 to 1970.
    const GREGORIAN: u64 = 0x01b2_1dd2_1381_4000;
    let [high @ .., a, b, c, d, e, f] = (since_1970 + GREGORIAN).to_be_bytes();
    bytes[..8].copy_from_slice(&[c, d, e, f, a, b, high[0] & 0x0f | 0x10, high[1]]);
    bytes[10] |= 1;
}

fn shown(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::{by_time, shown};

    #[test]
    fn times_are_where_the_example_of_rfc_9562_has_them() {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&[0xb3, 0xc8, 0x9f, 0x6b, 0xde, 0xce, 0xd8, 0x46]);
        // 2022-02-22 19:22:22 UTC.
        by_time(16_455_577_420_000_000, &mut bytes);
        assert_eq!(shown(bytes), "c232ab00-9414-11ec-b3c8-9f6bdeced846");
    }
}
