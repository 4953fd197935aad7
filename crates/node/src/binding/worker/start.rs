//! Making a worker and starting its thread (`Worker::New`, `Worker::StartThread`).

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Child, Children, WorkerHandle, limits_of};
use crate::binding::messaging::{PortData, new_half_pair};
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::inspector::MainThread;
use crate::js::exception::{self, ErrorKind, string};
use crate::js::{async_wrap, convert, permission, wrap};
use crate::options::Options;
use crate::options::permission::Access;
use crate::process::process_env;
use crate::worker::{self, Settings, Start, Variables, Worker};

/// What the thread will get.
pub(in crate::binding) struct Prepared {
    options: Options,
    variables: Arc<Variables>,
    port: Arc<PortData>,
}

/// `new Worker(url, env, execArgv, resourceLimits, trackUnmanagedFds, isInternal, name)`. `env` is null for a copy of
/// the parent's, undefined for the parent's own.
pub(super) fn new_worker<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, _rv: Return<'s>) {
    let env = Env::of(scope);
    let Some(program) = env.program().filter(|_| !args.new_target().is_undefined()) else {
        let message = "Class constructor Worker cannot be invoked without `new`";
        return exception::throw_construct_call_required(scope, message);
    };
    if !permission::require(scope, Access::WorkerThreads, b"") {
        return;
    }
    let Some(variables) = variables(scope, args.get(1)) else {
        return;
    };
    // Options in an environment that is the worker's own hold for it.
    let has_own_environment = args.get(1).is_object();
    let from_environment = if has_own_environment {
        let options = variables.lock().get("NODE_OPTIONS").cloned();
        options.map(|text| text.split_ascii_whitespace().map(str::to_owned).collect())
    } else {
        None
    };
    let options = match options(scope, args.get(2), from_environment) {
        Ok(mut options) => {
            if has_own_environment {
                options.apply_environment(|name| variables.lock().get(name).cloned());
            }
            options
        }
        Err((property, invalid)) => {
            let invalid: Vec<v8::Local<v8::Value>> = invalid
                .iter()
                .map(|text| string(scope, text).into())
                .collect();
            let invalid = v8::Array::new_with_elements(scope, &invalid).into();
            convert::set(scope, args.this(), property, invalid);
            return;
        }
    };
    let Some((port, other)) = new_half_pair(scope) else {
        return;
    };
    let settings = Settings {
        name: convert::text(scope, args.get(6)),
        url: url(scope, args.get(0)),
        internal: args.get(5).is_true(),
        tracks_fds: args.get(4).is_true(),
        limits: limits_of(args.get(3)),
    };
    let worker = Worker::new(program.next_id(), settings);
    let handle = WorkerHandle {
        worker: worker.clone(),
        start: RefCell::new(Some(Prepared {
            options,
            variables,
            port: other,
        })),
        referenced: Cell::new(true),
        running: Cell::new(false),
        gone: Cell::new(false),
    };
    let object = args.this();
    async_wrap::wrap_async(scope, object, "WORKER", handle);
    let id = v8::Integer::new_from_unsigned(scope, worker.id).into();
    convert::set(scope, object, "threadId", id);
    let name = string(scope, &worker.name).into();
    convert::set(scope, object, "threadName", name);
    convert::set(scope, object, "messagePort", port.into());
}

/// The URL of a script, a text or a `URL`; code has none.
fn url(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> String {
    if value.is_null_or_undefined() {
        return String::new();
    }
    let text = value.to_string(scope);
    text.map_or_else(String::new, |text| text.to_rust_string_lossy(scope))
}

fn variables<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Option<Arc<Variables>> {
    let env = Env::of(scope);
    let own = process_env::environment(&env).shared();
    if value.is_undefined() {
        return Some(own);
    }
    let Ok(object) = v8::Local::<v8::Object>::try_from(value) else {
        let copy = own.lock().clone();
        return Some(Arc::new(Variables::new(copy)));
    };
    let mut variables = IndexMap::new();
    let names = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    for index in 0..names.length() {
        let name = names.get_index(scope, index)?;
        let value = object.get(scope, name)?.to_string(scope)?;
        variables.insert(
            name.to_rust_string_lossy(scope),
            value.to_rust_string_lossy(scope),
        );
    }
    Some(Arc::new(Variables::new(variables)))
}

/// The options in `execArgv` or the parent's, behind those of the environment. `Err` with what is not allowed, and the
/// property that tells the library.
fn options<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    exec_argv: v8::Local<'s, v8::Value>,
    from_environment: Option<Vec<String>>,
) -> Result<Options, (&'static str, Vec<String>)> {
    let list = v8::Local::<v8::Array>::try_from(exec_argv).ok();
    if list.is_none() && from_environment.is_none() {
        let mut options = Env::of(scope).options.borrow().clone();
        options.script = Vec::new();
        return Ok(options);
    }
    let exec_argv: Vec<String> = match list {
        Some(list) => {
            let own: Vec<String> = (0..list.length())
                .filter_map(|index| list.get_index(scope, index))
                .map(|argument| argument.to_rust_string_lossy(scope))
                .collect();
            let parsed = worker::parse_exec_argv(&own);
            parsed
                .map_err(|invalid| ("invalidExecArgv", invalid))?
                .exec_argv
        }
        // The parent's own are not judged again.
        None => Env::of(scope).options.borrow().exec_argv.clone(),
    };
    let mut all = from_environment.unwrap_or_default();
    worker::parse_exec_argv(&all).map_err(|invalid| ("invalidNodeOptions", invalid))?;
    all.extend(exec_argv.iter().cloned());
    let mut options =
        Options::parse(&all).map_err(|error| ("invalidExecArgv", vec![error.message]))?;
    options.exec_argv = exec_argv;
    options.script = Vec::new();
    // Flags of V8 and options of the process are those of all its threads.
    options.adopt_process_options(&Env::of(scope).options.borrow());
    Ok(options)
}

/// Starts the thread; throws where that is not possible.
pub(super) fn start_thread(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let object = args.this();
    let Some(handle) = wrap::unwrap::<WorkerHandle>(scope, object.into()) else {
        return;
    };
    let (Some(prepared), Some(program)) = (handle.start.take(), env.program()) else {
        return;
    };
    let (id, port) = (handle.worker.id, prepared.port);
    MainThread::announce(scope);
    let started = program.start(Start {
        worker: handle.worker.clone(),
        program: program.clone(),
        process: env.process(),
        options: prepared.options,
        permissions: env.permissions.borrow().clone(),
        variables: prepared.variables,
        install: Box::new(move |scope| super::install(scope, port)),
        parent: env.event_loop.handle(),
        ended: Box::new(move |scope| super::on_end(scope, id)),
    });
    if let Err(reason) = started {
        let message = format!("Worker initialization failure: {reason}");
        exception::throw(scope, ErrorKind::Error, "ERR_WORKER_INIT_FAILED", &message);
        return;
    }
    remember(scope, &env, object, handle);
}

fn remember(
    scope: &mut v8::PinScope<'_, '_>,
    env: &Env,
    object: v8::Local<'_, v8::Object>,
    handle: Rc<WorkerHandle>,
) {
    handle.running.set(true);
    if handle.referenced.get() {
        env.event_loop.add_reference();
    }
    env.state::<worker::Children>().add(handle.worker.clone());
    let children = env.state::<Children>();
    children.running.borrow_mut().push(Child {
        object: v8::Global::new(scope, object),
        handle,
    });
}
