//! `--joblog`: a line for each job that has ended, by which `--resume` knows which to leave out.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secure_exec_cli::{Failure, bytes, path};
use secure_exec_sys::errno;

use super::error;

const HEADER: &str = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

pub struct Joblog {
    file: File,
    /// Jobs that are not run again.
    done: BTreeSet<usize>,
}

/// What a line says.
pub struct Entry<'a> {
    pub sequence: usize,
    pub started: SystemTime,
    pub ran: Duration,
    pub sent: usize,
    pub received: usize,
    pub status: i32,
    pub signal: i32,
    pub command: &'a [u8],
}

impl Joblog {
    /// Opens the log: `+name` goes on with it, and so does resuming.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn new(name: &Path, resumes: bool, fails_again: bool) -> Result<Self, Failure> {
        let plus = bytes(name).strip_prefix(b"+");
        let name = plus.map_or_else(|| name.to_path_buf(), path);
        let before = if resumes || plus.is_some() {
            std::fs::read(&name).unwrap_or_default()
        } else {
            Vec::new()
        };
        let cannot = |reason: std::io::Error| {
            error(format_args!(
                "Cannot write to --joblog {}: {}.",
                name.display(),
                errno::message(&reason)
            ))
        };
        let mut options = File::options();
        if before.is_empty() {
            options.write(true).truncate(true);
        } else {
            options.append(true);
        }
        let mut file = options.create(true).open(&name).map_err(cannot)?;
        if before.is_empty() {
            file.write_all(HEADER.as_bytes()).map_err(cannot)?;
        }
        let done = if resumes {
            done(&String::from_utf8_lossy(&before), fails_again)
        } else {
            BTreeSet::new()
        };
        Ok(Self { file, done })
    }

    #[must_use]
    pub fn is_done(&self, sequence: usize) -> bool {
        self.done.contains(&sequence)
    }

    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, entry: &Entry) -> std::io::Result<()> {
        let started = entry.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = format!(
            "{}\t:\t{:.3}\t{:10.3}\t{}\t{}\t{}\t{}\t",
            entry.sequence,
            started.as_secs_f64(),
            entry.ran.as_secs_f64(),
            entry.sent,
            entry.received,
            entry.status,
            entry.signal
        )
        .into_bytes();
        line.extend(entry.command);
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

fn done(text: &str, fails_again: bool) -> BTreeSet<usize> {
    let mut done = BTreeSet::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let Some(sequence) = fields.first().and_then(|field| field.parse().ok()) else {
            continue;
        };
        let failed = fields
            .get(6..8)
            .is_none_or(|ends| ends.iter().any(|end| *end != "0"));
        // The last line of a job counts.
        if failed && fails_again {
            done.remove(&sequence);
        } else {
            done.insert(sequence);
        }
    }
    done
}
