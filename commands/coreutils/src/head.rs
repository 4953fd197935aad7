//! What `head` leaves of its standard input: where that is a file, the next reader goes on behind what was printed. (uutils
//! reads ahead.)

use std::ffi::OsString;

use secure_exec_cli::bytes;
use secure_exec_sys::fd;

/// How much of the input is printed.
#[derive(Clone, Copy)]
enum Count {
    Lines(u64),
    Bytes(u64),
}

/// A plain number behind an option.
fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// How much of standard input is printed. Nothing where that is not plain, or files are named.
fn count(list: &[OsString]) -> Option<Count> {
    let mut count = Count::Lines(10);
    let mut words = list.iter().map(bytes);
    while let Some(word) = words.next() {
        count = match word {
            b"-" | b"-q" | b"-v" | b"-qn" | b"--quiet" | b"--verbose" => continue,
            b"-n" | b"--lines" => Count::Lines(number(words.next()?)?),
            b"-c" | b"--bytes" => Count::Bytes(number(words.next()?)?),
            _ => {
                if let Some(value) = word.strip_prefix(b"--lines=") {
                    Count::Lines(number(value)?)
                } else if let Some(value) = word.strip_prefix(b"--bytes=") {
                    Count::Bytes(number(value)?)
                } else if let Some(value) = word.strip_prefix(b"-n") {
                    Count::Lines(number(value)?)
                } else if let Some(value) = word.strip_prefix(b"-c") {
                    Count::Bytes(number(value)?)
                } else {
                    Count::Lines(number(word.strip_prefix(b"-")?)?)
                }
            }
        };
    }
    Some(count)
}

/// Where the part of the input ends that is printed, from where it stands. The input stands anywhere afterwards.
fn end(count: Count) -> std::io::Result<u64> {
    let mut buffer = vec![0; 1 << 15];
    let (mut at, mut lines) = (0, 0);
    loop {
        let limit = match count {
            Count::Bytes(bytes) => return Ok(bytes),
            Count::Lines(limit) => limit,
        };
        if lines == limit {
            return Ok(at);
        }
        let length = fd::read(0, &mut buffer)?;
        if length == 0 {
            return Ok(at);
        }
        for &byte in &buffer[..length] {
            at += 1;
            lines += u64::from(byte == b'\n');
            if lines == limit {
                return Ok(at);
            }
        }
    }
}

/// Runs `head` by `run`.
pub fn main(list: Vec<OsString>, run: impl FnOnce(Vec<OsString>) -> i32) -> i32 {
    let is_file = fd::stat(0).is_ok_and(|found| found.is_file());
    let wanted = list.get(1..).and_then(count).filter(|_| is_file);
    let Some(wanted) = wanted else {
        return run(list);
    };
    let Ok(start) = fd::seek_by(0, 0) else {
        return run(list);
    };
    let size = fd::stat(0).map_or(0, |found| found.size);
    // What is printed is found first, as afterwards the input may have been moved.
    let end = end(wanted).map(|length| start.saturating_add(length).min(size.max(start)));
    let back = go_to(start);
    if end.is_err() || back.is_err() {
        return run(list);
    }
    let status = run(list);
    if let Ok(end) = end {
        // A failure leaves the input where uutils left it.
        let _ = go_to(end);
    }
    status
}

/// Moves standard input to a place from its start.
fn go_to(place: u64) -> std::io::Result<u64> {
    let now = fd::seek_by(0, 0)?;
    let distance = i128::from(place) - i128::from(now);
    fd::seek_by(0, i64::try_from(distance).unwrap_or(0))
}
