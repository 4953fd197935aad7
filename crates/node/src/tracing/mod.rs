//! Trace events: what the library and native code tell of a process, in a file that a browser shows. Follows Node's
//! `src/tracing/` and `src/node_trace_events.cc`.
//!
//! All threads of a process write to one file, within the machine's own. V8's own categories are silent: its events go to a
//! controller that V8's interface of Rust has no way to give.

mod file;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::env::clock::monotonic_nanoseconds;
use crate::env::{Env, Slot};
use crate::library::tables::tables;
use file::TraceFile;

/// The phases that native code uses (`trace_event_common.h`).
pub mod phase {
    /// Begin of something asynchronous that has parts.
    pub const NESTABLE_BEGIN: char = 'b';
    /// Its end.
    pub const NESTABLE_END: char = 'e';
    /// What is said of a process or thread.
    pub const METADATA: char = 'M';
    /// A number at a time.
    pub const COUNTER: char = 'C';
    /// Begin of something on a thread.
    pub const BEGIN: char = 'B';
    /// Its end.
    pub const END: char = 'E';
    /// Something that has happened.
    pub const INSTANT: char = 'n';
}

/// How many categories a process may have on at a time. Node has no bound.
const MOST_CATEGORIES: usize = 256;

/// Tracing of one process, for all its threads.
#[derive(Default)]
pub struct Tracing {
    /// Each category that is on, and by how many it was switched on.
    categories: Mutex<BTreeMap<String, usize>>,
    /// Any is.
    is_on: AtomicBool,
    file: Mutex<Option<TraceFile>>,
}

/// An event.
pub struct Event<'a> {
    /// See [`phase`].
    pub phase: char,
    /// One or more, with commas.
    pub category: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Joins events.
    pub id: Option<u64>,
    /// What is said of it.
    pub args: Value,
}

impl Tracing {
    /// That of the process of a thread; None while there is none.
    #[must_use]
    pub fn of(env: &Env) -> Option<Arc<Tracing>> {
        Some(env.program()?.state::<Tracing>())
    }

    /// Whether one of the categories of a group is on.
    #[must_use]
    pub fn is_enabled(&self, group: &str) -> bool {
        if !self.is_on.load(Ordering::Relaxed) {
            return false;
        }
        let categories = self.categories.lock();
        group.split(',').any(|each| categories.contains_key(each))
    }

    /// All that are on, with commas; None where none is.
    #[must_use]
    pub fn enabled(&self) -> Option<String> {
        let categories = self.categories.lock();
        let names: Vec<&str> = categories.keys().map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(","))
    }

    /// What the file is called that is begun when categories are switched on; None while there is no process.
    #[must_use]
    pub fn file_name(env: &Env) -> Option<String> {
        file::first_name(env)
    }

    /// Switches categories on; false where there are too many.
    pub fn enable(&self, env: &Env, names: &[String]) -> bool {
        {
            let mut categories = self.categories.lock();
            if categories.len() + names.len() > MOST_CATEGORIES {
                return false;
            }
            for name in names {
                *categories.entry(name.clone()).or_default() += 1;
            }
        }
        self.is_on.store(true, Ordering::Relaxed);
        self.open(env);
        true
    }

    /// Switches them off again, unless others want them.
    pub fn disable(&self, names: &[String]) {
        let mut categories = self.categories.lock();
        for name in names {
            if let Some(count) = categories.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    categories.remove(name);
                }
            }
        }
        self.is_on.store(!categories.is_empty(), Ordering::Relaxed);
    }

    fn open(&self, env: &Env) {
        let mut file = self.file.lock();
        if file.is_none() {
            *file = TraceFile::new(env);
            drop(file);
            self.describe(env);
        }
    }

    /// Says what process and thread this is.
    pub fn describe(&self, env: &Env) {
        let said = |name: &str, args: Value| {
            self.write(
                env,
                &Event {
                    phase: phase::METADATA,
                    category: "__metadata",
                    name,
                    id: None,
                    args,
                },
            );
        };
        if let Some(worker) = env.worker() {
            let label = format!("WorkerThread {}", worker.id);
            let name = match worker.name.as_str() {
                "" | "WorkerThread" => label,
                name => format!("[worker {}] {name}", worker.id),
            };
            said("thread_name", json!({ "name": name }));
            return;
        }
        let process = &tables()["process"];
        let versions: BTreeMap<String, String> =
            crate::library::claims::versions().into_iter().collect();
        let title = env
            .options
            .borrow()
            .text("--title")
            .unwrap_or_default()
            .to_owned();
        let title = if title.is_empty() {
            "node".to_owned()
        } else {
            title
        };
        said("process_name", json!({ "name": title }));
        said("version", json!({ "node": versions.get("node") }));
        said("thread_name", json!({ "name": "JavaScriptMainThread" }));
        let release =
            json!({ "name": process["release"]["name"], "lts": process["release"]["lts"] });
        said(
            "node",
            json!({ "process": {
                "versions": versions, "arch": process["arch"], "platform": process["platform"], "release": release,
            } }),
        );
    }

    /// Writes an event of a category that is on.
    pub fn emit(&self, env: &Env, event: &Event<'_>) {
        if self.is_enabled(event.category) {
            self.write(env, event);
        }
    }

    fn write(&self, env: &Env, event: &Event<'_>) {
        let Some(process) = env.try_process() else {
            return;
        };
        let pid = process.pid().raw();
        let thread = env.worker().map_or(0, |worker| worker.id);
        let mut text = format!(
            "{{\"pid\":{pid},\"tid\":{},\"ts\":{},\"tts\":0,\"ph\":\"{}\",\"cat\":{},\"name\":{},\"dur\":0,\"tdur\":0",
            i64::from(pid) + i64::from(thread),
            monotonic_nanoseconds(env) / 1000,
            event.phase,
            Value::from(event.category),
            quoted(event.name),
        );
        if let Some(id) = event.id {
            text.push_str(&format!(",\"id\":\"0x{id:x}\""));
        }
        let args = if event.args.is_null() {
            &json!({})
        } else {
            &event.args
        };
        text.push_str(&format!(",\"args\":{args}}}"));
        if let Some(file) = &mut *self.file.lock() {
            file.push(&process, &text);
        }
    }

    /// Completes the file; the process ends.
    pub fn finish(&self, env: &Env) {
        let file = self.file.lock().take();
        if let (Some(mut file), Some(process)) = (file, env.try_process()) {
            file.finish(&process);
        }
    }
}

/// A name as a text of JSON. The library escapes what it takes from programs itself, as V8 writes names as they are.
fn quoted(name: &str) -> String {
    let text = format!("\"{name}\"");
    if serde_json::from_str::<String>(&text).is_ok() {
        text
    } else {
        Value::from(name).to_string()
    }
}

/// Emits an event from native code.
pub fn emit(env: &Env, event: &Event<'_>) {
    if env.traces.get()
        && let Some(tracing) = Tracing::of(env)
    {
        tracing.emit(env, event);
    }
}

/// Tells the library of the calling thread's isolate which categories are on: it looks at bytes.
pub fn synchronize(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(tracing) = Tracing::of(&env) else {
        return;
    };
    let is_on = tracing.is_on.load(Ordering::Relaxed);
    if !env.traces.replace(is_on) && !is_on {
        return;
    }
    let Some(buffers) = env.object(scope, Slot::TraceCategoryBuffers) else {
        return;
    };
    let names = v8::GetPropertyNamesArgs::default();
    let Some(names) = buffers.get_own_property_names(scope, names) else {
        return;
    };
    for index in 0..names.length() {
        let Some(name) = names.get_index(scope, index) else {
            continue;
        };
        let is_on = tracing.is_enabled(&name.to_rust_string_lossy(scope));
        if let Some(buffer) = buffers.get(scope, name) {
            crate::js::convert::with_bytes_mut(buffer, |bytes| {
                if let Some(byte) = bytes.first_mut() {
                    *byte = u8::from(is_on);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_are_texts_of_json_whatever_they_are() {
        assert_eq!(quoted("time::x"), "\"time::x\"");
        assert_eq!(quoted(r"a\\b"), r#""a\\b""#);
        assert_eq!(quoted(r"a\q"), r#""a\\q""#);
        assert_eq!(quoted("a\"b"), r#""a\"b""#);
    }
}
