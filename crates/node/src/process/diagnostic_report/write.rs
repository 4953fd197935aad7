//! Writing a report to a file or to a standard stream (`TriggerNodeReport` in Node's `src/node_report.cc`).

use std::cell::RefCell;
use std::fmt::Write as _;

use secure_exec_kernel::{Errno, Process};

use super::Settings;
use super::calendar::{civil, wall_clock};
use super::content::build;
use crate::env::Env;
use crate::process::diagnostic_file;

/// What a report is made for.
pub struct Cause<'a> {
    /// What happened: a message.
    pub event: &'a str,
    /// The kind of event, as the report names it.
    pub trigger: &'a str,
}

/// Writes a report to `name`, otherwise where the settings say; gives back the name of the file, an empty one where it
/// could not be written: standard error says why, as Node does.
pub fn write(
    scope: &mut v8::PinScope<'_, '_>,
    cause: &Cause<'_>,
    name: Option<String>,
    error: v8::Local<'_, v8::Value>,
) -> String {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return String::new();
    };
    let settings = env.state::<Settings>();
    let name = name
        .or_else(|| chosen(&env, &settings.filename, "--report-filename"))
        .unwrap_or_else(|| default_name(&env));
    let report = build(scope, cause.event, cause.trigger, Some(&name), error);
    let compact = settings.compact.get();
    let compact = compact.unwrap_or_else(|| env.options.borrow().flag("--report-compact"));
    let mut text = if compact {
        report.to_string()
    } else {
        format!("{report:#}")
    };
    text.push('\n');
    if let "stdout" | "stderr" = name.as_str() {
        let fd = if name == "stdout" { 1 } else { 2 };
        crate::process::report::write_fd(scope, fd, text.as_bytes());
        if fd == 1 {
            crate::process::report::write_stderr(scope, b"\nNode.js report completed\n");
        }
        return name;
    }
    let directory = chosen(&env, &settings.directory, "--report-dir");
    if let Err(errno) = save(&process, directory.as_deref(), &name, text.as_bytes()) {
        let directory = directory.map_or_else(String::new, |path| format!(" directory: {path}"));
        let text = format!(
            "\nFailed to open Node.js report file: {name}{directory} (errno: {})\n",
            errno.raw()
        );
        crate::process::report::write_stderr(scope, text.as_bytes());
        return String::new();
    }
    let notice = format!("\nWriting Node.js report to file: {name}\nNode.js report completed\n");
    crate::process::report::write_stderr(scope, notice.as_bytes());
    name
}

fn save(process: &Process, directory: Option<&str>, name: &str, text: &[u8]) -> Result<(), Errno> {
    let path = directory.map_or_else(
        || name.to_owned(),
        |directory| format!("{directory}/{name}"),
    );
    diagnostic_file::write(process, path.as_bytes(), text)
}

/// A text that `process.report` was given, or else the command line; none where it is empty.
fn chosen(env: &Env, setting: &RefCell<Option<String>>, name: &str) -> Option<String> {
    match setting.borrow().clone() {
        Some(text) => Some(text).filter(|text| !text.is_empty()),
        None => option(env, name),
    }
}

fn option(env: &Env, name: &str) -> Option<String> {
    let options = env.options.borrow();
    let text = options.text(name).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

/// The name of a report that none was given for: `report.<date>.<time>.<pid>.<thread>.<sequence>.json`.
fn default_name(env: &Env) -> String {
    let (year, month, day, hour, minute, second) = civil(wall_clock(env) / 1000);
    let written = &env.state::<Settings>().written;
    written.set(written.get() + 1);
    let pid = env.try_process().map_or(0, |process| process.pid().raw());
    let thread = env.worker().map_or(0, |worker| worker.id);
    let mut name = String::from("report.");
    // Writing to a String does not fail.
    let _ = write!(
        name,
        "{year:04}{month:02}{day:02}.{hour:02}{minute:02}{second:02}.{pid}.{thread}.{:03}.json",
        written.get()
    );
    name
}
