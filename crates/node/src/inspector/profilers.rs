//! Profiles that the runtime itself takes of a program: coverage, processor time, heap. Follows Node's
//! `src/inspector_profiler.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::session::{Output, Session};
use super::{Agent, Refusal};
use crate::env::clock::realtime_milliseconds;
use crate::env::{Env, Slot};
use crate::js::{convert, exception};
use crate::process::{diagnostic_file, exit, process_env, report, uncaught};

/// A session of the runtime's own, which asks one thing after the other.
struct Connection {
    session: Rc<Session>,
    answer: Rc<Answer>,
    ending: Cell<bool>,
}

/// The answer to the last command.
#[derive(Default)]
struct Answer(RefCell<Option<String>>);

impl Output for Answer {
    fn deliver(&self, _scope: &mut v8::PinScope<'_, '_>, text: String) {
        // Events have no id.
        if text.starts_with("{\"id\":") {
            *self.0.borrow_mut() = Some(text);
        }
    }
}

/// What an answer has.
#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// A profile within a result.
#[derive(Deserialize)]
struct Profiled<'a> {
    #[serde(borrow)]
    profile: &'a RawValue,
}

impl Connection {
    fn new(scope: &mut v8::PinScope<'_, '_>) -> Result<Connection, Refusal> {
        let answer = Rc::new(Answer::default());
        let agent = Agent::of(&Env::of(scope));
        let session = agent.connect(scope, answer.clone(), false)?;
        Ok(Connection {
            session,
            answer,
            ending: Cell::new(false),
        })
    }

    /// Does `method` and gives back the answer's result.
    fn ask(&self, scope: &mut v8::PinScope<'_, '_>, method: &str, params: &str) -> Option<String> {
        let text = format!("{{\"id\":1,\"method\":\"{method}\",\"params\":{{{params}}}}}");
        let units: Vec<u16> = text.encode_utf16().collect();
        self.session.dispatch(scope, &units);
        let answer = self.answer.0.take()?;
        let answered: Answered<'_> = serde_json::from_str(&answer).ok()?;
        answered.result.map(|result| result.get().to_owned())
    }

    fn profile(&self, scope: &mut v8::PinScope<'_, '_>, method: &str) -> Option<String> {
        let result = self.ask(scope, method, "")?;
        let profiled: Profiled<'_> = serde_json::from_str(&result).ok()?;
        Some(profiled.profile.get().to_owned())
    }
}

/// Where a profile goes.
struct Target {
    directory: String,
    name: String,
}

/// The profiles of one program.
#[derive(Default)]
pub struct Profilers {
    coverage: RefCell<Option<Rc<Connection>>>,
    /// `setCoverageDirectory`.
    coverage_directory: RefCell<String>,
    cpu: RefCell<Option<(Rc<Connection>, Target)>>,
    heap: RefCell<Option<(Rc<Connection>, Target)>>,
    /// `v8.startCpuProfile()`, by id.
    started: RefCell<Vec<(u32, Rc<Connection>)>>,
    last_id: Cell<u32>,
}

/// Profiles of the processor that a program takes of itself at a time.
const MOST_PROFILES: usize = 16;

impl Profilers {
    /// Those of an isolate.
    #[must_use]
    pub fn of(env: &Env) -> Rc<Profilers> {
        env.isolate_state::<Profilers>()
    }

    /// Starts what options and environment ask for (`StartProfilers`). They end with the program.
    pub fn start(&self, scope: &mut v8::PinScope<'_, '_>) {
        let env = Env::of(scope);
        let options = env.options.borrow();
        let (cpu, heap) = (options.flag("--cpu-prof"), options.flag("--heap-prof"));
        let test = options.flag("--experimental-test-coverage");
        drop(options);
        let covers = process_env::environment(&env)
            .get("NODE_V8_COVERAGE")
            .is_some_and(|directory| !directory.is_empty());
        if covers || test {
            self.start_coverage(scope);
        }
        if cpu {
            let target = target(&env, "cpu", "CPU", "cpuprofile");
            if let Some(connection) = start_sampling(scope, interval(&env, "--cpu-prof-interval")) {
                *self.cpu.borrow_mut() = Some((connection, target));
            }
        }
        if heap {
            let target = target(&env, "heap", "Heap", "heapprofile");
            let every = interval(&env, "--heap-prof-interval");
            if let Some(connection) = connected(scope) {
                connection.ask(scope, "HeapProfiler.enable", "");
                let params = format!("\"samplingInterval\":{every}");
                connection.ask(scope, "HeapProfiler.startSampling", &params);
                *self.heap.borrow_mut() = Some((connection, target));
            }
        }
        if covers || test || cpu || heap {
            exit::at_exit(&env, end_all);
        }
    }

    /// Starts to count calls and blocks, unless that is going on.
    pub fn start_coverage(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.coverage.borrow().is_some() {
            return;
        }
        let Some(connection) = connected(scope) else {
            return;
        };
        connection.ask(scope, "Profiler.enable", "");
        let params = "\"callCount\":true,\"detailed\":true";
        connection.ask(scope, "Profiler.startPreciseCoverage", params);
        *self.coverage.borrow_mut() = Some(connection);
        exit::at_exit(&Env::of(scope), end_all);
    }

    /// `setCoverageDirectory(directory)`.
    pub fn set_coverage_directory(&self, directory: String) {
        *self.coverage_directory.borrow_mut() = directory;
    }

    /// Writes what was counted since the last time.
    pub fn take_coverage(&self, scope: &mut v8::PinScope<'_, '_>) {
        let connection = self.coverage.borrow().clone();
        let Some(connection) = connection else { return };
        let env = Env::of(scope);
        let taken = connection.ask(scope, "Profiler.takePreciseCoverage", "");
        // Set by the library together with the directory.
        let getter = env.function(scope, Slot::SourceMapCacheGetter);
        let (Some(mut profile), Some(getter)) = (taken, getter) else {
            return;
        };
        let Some(maps) = source_maps(scope, getter) else {
            return;
        };
        if let Some(maps) = maps {
            // Behind the last member.
            profile.pop();
            profile.push_str(&format!(",\"source-map-cache\":{maps}}}"));
        }
        let target = Target {
            directory: self.coverage_directory.borrow().clone(),
            name: coverage_name(&env),
        };
        write(scope, "coverage", &target, &profile);
    }

    /// Counts no more.
    pub fn stop_coverage(&self, scope: &mut v8::PinScope<'_, '_>) {
        let connection = self.coverage.borrow().clone();
        if let Some(connection) = connection {
            connection.ask(scope, "Profiler.stopPreciseCoverage", "");
        }
    }

    /// As at the end of the program.
    pub fn end_coverage(&self, scope: &mut v8::PinScope<'_, '_>) {
        let connection = self.coverage.borrow().clone();
        if connection.is_some_and(|connection| !connection.ending.replace(true)) {
            self.take_coverage(scope);
        }
    }

    fn end_cpu(&self, scope: &mut v8::PinScope<'_, '_>) {
        let running = self.cpu.take();
        if let Some((connection, target)) = running
            && let Some(profile) = connection.profile(scope, "Profiler.stop")
        {
            write(scope, "CPU", &target, &profile);
        }
    }

    fn end_heap(&self, scope: &mut v8::PinScope<'_, '_>) {
        let running = self.heap.take();
        if let Some((connection, target)) = running
            && let Some(profile) = connection.profile(scope, "HeapProfiler.stopSampling")
        {
            write(scope, "heap", &target, &profile);
        }
    }

    /// Starts a profile of the processor (`v8.startCpuProfile`); its id. None where there are too many.
    ///
    /// # Errors
    /// As for [`Refusal`].
    pub fn start_cpu(&self, scope: &mut v8::PinScope<'_, '_>) -> Result<u32, Refusal> {
        if self.started.borrow().len() >= MOST_PROFILES {
            return Err(Refusal::TooMany);
        }
        let connection = Rc::new(Connection::new(scope)?);
        connection.ask(scope, "Profiler.enable", "");
        connection.ask(scope, "Profiler.start", "");
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        self.started.borrow_mut().push((id, connection));
        Ok(id)
    }

    /// Ends profile `id` and gives it back as JSON.
    pub fn stop_cpu(&self, scope: &mut v8::PinScope<'_, '_>, id: u32) -> Option<String> {
        let mut started = self.started.borrow_mut();
        let at = started.iter().position(|(other, _)| *other == id)?;
        let (_, connection) = started.swap_remove(at);
        drop(started);
        let profile = connection.profile(scope, "Profiler.stop");
        connection.session.disconnect(scope);
        profile
    }
}

/// All objects of the main context that have `prototype` in their chain of prototypes, as an array.
///
/// # Errors
/// As for [`Refusal`].
pub fn query_objects<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    prototype: v8::Local<'s, v8::Value>,
) -> Result<Option<v8::Local<'s, v8::Value>>, Refusal> {
    let connection = Connection::new(scope)?;
    let found = found_objects(scope, &connection, prototype);
    connection.session.disconnect(scope);
    Ok(found)
}

fn found_objects<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    connection: &Connection,
    prototype: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let id = connection.session.id_of(scope, prototype)?;
    let params = format!("\"prototypeObjectId\":\"{id}\"");
    let result = connection.ask(scope, "Runtime.queryObjects", &params)?;
    let result: serde_json::Value = serde_json::from_str(&result).ok()?;
    let id = result["objects"]["objectId"].as_str()?;
    connection.session.value_of(scope, id)
}

/// `EndStartedProfilers`.
fn end_all(scope: &mut v8::PinScope<'_, '_>) {
    let profilers = Profilers::of(&Env::of(scope));
    profilers.end_cpu(scope);
    profilers.end_heap(scope);
    profilers.end_coverage(scope);
}

/// A connection. Where there can be none standard error says why: a program that was to be profiled and is not would mislead.
fn connected(scope: &mut v8::PinScope<'_, '_>) -> Option<Rc<Connection>> {
    match Connection::new(scope) {
        Ok(connection) => Some(Rc::new(connection)),
        Err(refusal) => {
            report::write_stderr(scope, format!("{}\n", refusal.text()).as_bytes());
            None
        }
    }
}

fn start_sampling(scope: &mut v8::PinScope<'_, '_>, every: u64) -> Option<Rc<Connection>> {
    let connection = connected(scope)?;
    connection.ask(scope, "Profiler.enable", "");
    let params = format!("\"interval\":{every}");
    connection.ask(scope, "Profiler.setSamplingInterval", &params);
    connection.ask(scope, "Profiler.start", "");
    Some(connection)
}

fn interval(env: &Env, option: &str) -> u64 {
    let options = env.options.borrow();
    let interval = options.get(option).and_then(serde_json::Value::as_u64);
    // The protocol's numbers are those of C.
    interval.unwrap_or(0).min(i32::MAX.unsigned_abs().into())
}

fn target(env: &Env, option: &str, kind: &str, extension: &str) -> Target {
    let options = env.options.borrow();
    let text = |name: &str| {
        let text = options.text(&format!("--{option}-prof-{name}"));
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let general = options
        .text("--diagnostic-dir")
        .filter(|text| !text.is_empty());
    let directory = text("dir").or_else(|| general.map(str::to_owned));
    let directory = directory.unwrap_or_else(|| {
        let process = env.try_process();
        let cwd = process.and_then(|process| process.getcwd().ok());
        cwd.map_or_else(
            || ".".to_owned(),
            |cwd| String::from_utf8_lossy(&cwd).into_owned(),
        )
    });
    let pid = env.try_process().map_or(0, |process| process.pid().raw());
    let name = text("name").map(|name| name.replace("${pid}", &pid.to_string()));
    Target {
        directory,
        name: name.unwrap_or_else(|| diagnostic_file::name(env, kind, extension)),
    }
}

fn coverage_name(env: &Env) -> String {
    let pid = env.try_process().map_or(0, |process| process.pid().raw());
    let thread = env.worker().map_or(0, |worker| worker.id);
    let now = convert::saturating_u64(realtime_milliseconds(env));
    format!("coverage-{pid}-{now}-{thread}.json")
}

/// What the library knows of source maps, as JSON; an inner None where it knows of none. None if it threw.
fn source_maps(
    scope: &mut v8::PinScope<'_, '_>,
    getter: v8::Local<'_, v8::Function>,
) -> Option<Option<String>> {
    v8::scope!(let scope, scope);
    let undefined = v8::undefined(scope).into();
    let maps = exception::catch(scope, |scope| {
        let maps = getter.call(scope, undefined, &[])?;
        if maps.is_undefined() {
            return Some(None);
        }
        v8::json::stringify(scope, maps).map(Some)
    });
    match maps {
        Ok(maps) => Some(maps.map(|maps| convert::text(scope, maps.into()))),
        Err(Some(thrown)) => {
            uncaught::trigger_uncaught_exception(scope, thrown, false);
            None
        }
        Err(None) => None,
    }
}

fn write(scope: &mut v8::PinScope<'_, '_>, kind: &str, target: &Target, profile: &str) {
    let Some(process) = Env::of(scope).try_process() else {
        return;
    };
    let Target { directory, name } = target;
    if let Err(errno) = diagnostic_file::make_directories(&process, directory) {
        let error = errno.message();
        let text = format!("{error}: Failed to create {kind} profile directory {directory}\n");
        report::write_stderr(scope, text.as_bytes());
        return;
    }
    let path = if name.starts_with('/') {
        name.clone()
    } else {
        format!("{}/{name}", directory.trim_end_matches('/'))
    };
    if let Err(errno) = diagnostic_file::write(&process, path.as_bytes(), profile.as_bytes()) {
        let text = format!("{}: Failed to write file {path}\n", errno.message());
        report::write_stderr(scope, text.as_bytes());
    }
}
