//! The files that events are written to (`src/tracing/node_trace_writer.cc` in Node).

use secure_exec_kernel::{OpenFlags, Process};

use crate::env::Env;

/// Events in one file; the next begins another (`NodeTraceWriter::kTracesPerFile`).
const EVENTS_PER_FILE: usize = 1 << 19;

/// Bytes that wait until they are written.
const BUFFERED: usize = 64 << 10;

/// Files with events.
pub(super) struct TraceFile {
    /// Absolute path, with `${rotation}` and `${pid}`.
    pattern: String,
    rotation: u32,
    events: usize,
    buffered: String,
    /// Bytes of the current file are in it.
    is_begun: bool,
    /// It could not be written: nothing is collected any more.
    failed: bool,
}

/// The pattern that the command line gives.
fn pattern(env: &Env) -> String {
    let options = env.options.borrow();
    let pattern = options.text("--trace-event-file-pattern");
    pattern.unwrap_or_default().to_owned()
}

/// The name of one of the files.
fn name(pattern: &str, rotation: u32, process: &Process) -> String {
    pattern
        .replace("${rotation}", &rotation.to_string())
        .replace("${pid}", &process.pid().raw().to_string())
}

/// What the first file of a process is called, as the command line has it.
pub(super) fn first_name(env: &Env) -> Option<String> {
    let process = env.try_process()?;
    Some(name(&pattern(env), 1, &process))
}

impl TraceFile {
    /// The first one of a process.
    pub(super) fn new(env: &Env) -> Option<TraceFile> {
        let process = env.try_process()?;
        let pattern = pattern(env);
        let pattern = if pattern.starts_with('/') {
            pattern
        } else {
            let cwd = process.getcwd().ok()?;
            let cwd = String::from_utf8_lossy(&cwd).into_owned();
            format!("{}/{pattern}", cwd.trim_end_matches('/'))
        };
        Some(TraceFile {
            pattern,
            rotation: 1,
            events: 0,
            buffered: String::new(),
            is_begun: false,
            failed: false,
        })
    }

    pub(super) fn push(&mut self, process: &Process, event: &str) {
        if self.failed {
            return;
        }
        self.buffered.push_str(if self.events == 0 {
            "{\"traceEvents\":["
        } else {
            ","
        });
        self.buffered.push_str(event);
        self.events += 1;
        if self.events == EVENTS_PER_FILE {
            self.finish(process);
            self.rotation += 1;
            self.events = 0;
            self.is_begun = false;
        } else if self.buffered.len() >= BUFFERED {
            self.flush(process);
        }
    }

    /// Completes the current file.
    pub(super) fn finish(&mut self, process: &Process) {
        if self.events > 0 && !self.failed {
            self.buffered.push_str("]}");
            self.flush(process);
        }
    }

    fn flush(&mut self, process: &Process) {
        let path = name(&self.pattern, self.rotation, process);
        let how = if self.is_begun {
            OpenFlags::O_APPEND
        } else {
            OpenFlags::O_TRUNC
        };
        let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_CLOEXEC | how;
        let bytes = std::mem::take(&mut self.buffered);
        let written = process.open(path.as_bytes(), flags, 0o644).and_then(|fd| {
            let mut rest = bytes.as_bytes();
            let mut result = Ok(());
            while !rest.is_empty() && result.is_ok() {
                result = process
                    .write(fd, rest)
                    .map(|count| rest = rest.get(count..).unwrap_or_default());
            }
            process.close(fd).and(result)
        });
        self.is_begun = true;
        if let Err(errno) = written {
            self.failed = true;
            let text = format!("Could not open trace file {path}: {}\n", errno.message());
            // Nobody else can be told where standard error is closed.
            let _ = process.write(2, text.as_bytes());
        }
    }
}
