//! One program: main script, event loop, exit. Follows Node's `src/api/embed_helpers.cc` and `StartExecution`.

use secure_exec_kernel::{FdFlags, OpenFlags, Process};

use super::bootstrap::run_script;
use crate::binding::performance::{self, Milestone};
use crate::binding::{self, timers};
use crate::boot::{env_file, task_runner};
use crate::env::{Env, Slot};
use crate::heap::own_heap_limit;
use crate::inspector::port;
use crate::inspector::profilers::Profilers;
use crate::js::callback_scope::{self, AsyncContext};
use crate::js::exception::string;
use crate::js::{async_wrap, context_settings, convert, permission};
use crate::options::{INVALID_ARGUMENT, Options, completion};
use crate::process::{
    default_locale, exit, frozen_clock, invocation, phases, report, trace_events, uncaught,
};

/// Exit status of an entry point whose top-level await never settled.
const UNSETTLED_TOP_LEVEL_AWAIT: i32 = 13;
/// `sysexits.h`: EX_SOFTWARE.
const INTERNAL_ERROR: i32 = 70;

/// Up to this descriptor gaps are looked past.
const LAST_LIKELY_FD: i32 = 15;

/// Runs the program of the environment's process to its end. The isolate's main context is entered.
pub fn run_program(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let process = env.process();
    open_standard_descriptors(&process);
    let arguments: Vec<String> = process
        .argv()
        .iter()
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    let words = arguments.get(1..).unwrap_or_default();
    let Some(mut options) = read_options(scope, &process, &arguments) else {
        return;
    };
    if options.flag("--version") {
        let version = crate::library::tables::tables()["process"]["version"]
            .as_str()
            .unwrap_or_default();
        report::write_fd(scope, 1, format!("{version}\n").as_bytes());
        exit::exit_process(scope, 0);
        return;
    }
    if options.flag("--completion-bash") {
        report::write_fd(scope, 1, completion::bash().as_bytes());
        exit::exit_process(scope, 0);
        return;
    }
    // The variables are for `node`, not for what happens to be written in its language.
    let is_node = invocation::script(&env).is_none();
    options.apply_environment(|name| {
        if !is_node {
            return None;
        }
        let variables = process.envp();
        let found = variables
            .iter()
            .find(|(known, _)| known == name.as_bytes())?;
        Some(String::from_utf8_lossy(&found.1).into_owned())
    });
    close_inherited_on_exec(&process);
    let main = main_script(&options, &process);
    let task = options.text("--run").filter(|name| !name.is_empty());
    let task = task.map(|name| (name.to_owned(), task_runner::positional(words)));
    own_heap_limit::apply(scope, &options);
    let no_code = options.v8.no_code_from_strings;
    env.options.replace(options);
    permission::apply(&env);
    env.context(scope)
        .set_allow_generation_from_strings(!no_code);
    default_locale::apply(scope, &env);
    if context_settings::apply(scope).is_none() {
        return;
    }
    frozen_clock::enter_turn(&env);
    start_clock(&env);
    timers::limit_timers(&env);
    install_environment(scope);
    if is_node {
        binding::compile_cache::start(scope);
    }
    if frozen_clock::stand_still(&env) && frozen_clock::remove_shared_memory(scope).is_none() {
        report::write_stderr(scope, b"secure-exec: shared memory was not taken away\n");
        exit::exit_process(scope, INTERNAL_ERROR);
        return;
    }
    trace_events::start_by_options(scope);
    port::start_by_options(scope);
    Profilers::of(&env).start(scope);
    let finished = run_main(scope, |scope| match task {
        Some((name, arguments)) => task_runner::run(scope, &name, &arguments).map(|_| ()),
        None => run_script(scope, main).map(|_| ()),
    });
    if !finished || env.stopping.get() {
        return;
    }
    spin(scope);
}

/// The options of the command line, with the variables of its files in the environment. None after the process was
/// ended because of them.
fn read_options(
    scope: &mut v8::PinScope<'_, '_>,
    process: &Process,
    arguments: &[String],
) -> Option<Options> {
    let name = arguments.first().map_or("node", String::as_str);
    let words = arguments.get(1..).unwrap_or_default();
    // Code that came with the process has all words for itself.
    let has_code = invocation::has_code(&Env::of(scope), process);
    let files = if has_code {
        env_file::Loaded::default()
    } else {
        env_file::load(process, words)
    };
    report::write_stderr(scope, files.notes.as_bytes());
    let parsed = if has_code {
        Ok(Options::for_code(
            words,
            invocation::code_options(process),
            invocation::code_source(process),
        ))
    } else {
        Options::parse(words)
    };
    let (text, status) = match parsed {
        _ if !files.errors.is_empty() => {
            let lines = files.errors.iter();
            let text: String = lines.map(|error| format!("{name}: {error}\n")).collect();
            (text, INVALID_ARGUMENT)
        }
        Ok(options) => {
            let environment = crate::process::process_env::environment(&Env::of(scope));
            for (variable, value) in files.variables {
                // What is set already wins over the files.
                if environment.get(&variable).is_none() {
                    environment.set(&variable, &value);
                }
            }
            return Some(options);
        }
        Err(error) => {
            let text = format!("{}{name}: {}\n", error.preface, error.message);
            (text, error.status)
        }
    };
    report::write_stderr(scope, text.as_bytes());
    exit::exit_process(scope, status);
    None
}

/// Opens `/dev/null` in the place of standard descriptors that are closed, so that no file that the program opens takes
/// it (`PlatformInit` in Node's `src/node.cc`).
fn open_standard_descriptors(process: &Process) {
    for fd in 0..=2 {
        if process.file(fd).is_err() {
            // The lowest free number is this one. A guest without a /dev/null has to do without.
            let _ = process.open(b"/dev/null", OpenFlags::O_RDWR, 0);
        }
    }
}

/// Node's order of main scripts.
fn main_script(options: &Options, process: &Process) -> &'static str {
    if options.flag("--help") {
        return "internal/main/print_help";
    }
    if is_debugger(options) {
        return "internal/main/inspect";
    }
    let interactive = options.flag("--interactive");
    if options.has_eval && !interactive {
        return "internal/main/eval_string";
    }
    if options.flag("--check") {
        return "internal/main/check_syntax";
    }
    if options.flag("--test") {
        return "internal/main/test_runner";
    }
    if options.flag("--watch") {
        return "internal/main/watch_mode";
    }
    // An empty name stands for standard input as well.
    let is_file = |script: &String| !matches!(script.as_str(), "" | "-");
    if options.script.first().is_some_and(is_file) {
        return "internal/main/run_main_module";
    }
    let terminal = process
        .file(0)
        .is_ok_and(|file| file.kind() == secure_exec_kernel::FileKind::Tty);
    if interactive || terminal {
        return "internal/main/repl";
    }
    "internal/main/eval_stdin"
}

/// `node inspect`, the debugger for a terminal.
fn is_debugger(options: &Options) -> bool {
    let first = options.script.first();
    !options.has_eval && first.is_some_and(|word| word == "inspect")
}

/// Children get the descriptors that they are given, not those that this process was started with
/// (`uv_disable_stdio_inheritance`).
fn close_inherited_on_exec(process: &Process) {
    for fd in 0.. {
        if process.set_fd_flags(fd, FdFlags::FD_CLOEXEC).is_err() && fd > LAST_LIKELY_FD {
            break;
        }
    }
}

/// Runs a worker thread's program to its end. The isolate's main context is entered, options and environment are set.
pub fn run_worker(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    frozen_clock::enter_turn(&env);
    start_clock(&env);
    timers::limit_timers(&env);
    crate::process::process_env::install(scope);
    crate::boot::host_tools::install(scope);
    if frozen_clock::stand_still(&env) && frozen_clock::remove_shared_memory(scope).is_none() {
        exit::exit_process(scope, INTERNAL_ERROR);
        return;
    }
    let no_code = env.options.borrow().v8.no_code_from_strings;
    env.context(scope)
        .set_allow_generation_from_strings(!no_code);
    default_locale::apply(scope, &env);
    if context_settings::apply(scope).is_none() {
        return;
    }
    trace_events::start_worker(scope);
    Profilers::of(&env).start(scope);
    let main = |scope: &mut v8::PinScope<'_, '_>| {
        run_script(scope, "internal/main/worker_thread").map(|_| ())
    };
    if run_main(scope, main) && !env.stopping.get() {
        spin(scope);
    }
}

fn start_clock(env: &Env) {
    env.time_origin.start(&**env.kernel().clock());
    env.event_loop.set_now(0.0);
}

/// `process.env`, and what the host passed along with the process.
fn install_environment(scope: &mut v8::PinScope<'_, '_>) {
    crate::process::process_env::install(scope);
    crate::process::invocation::install(scope);
    crate::boot::host_tools::install(scope);
    crate::boot::prepared_module::install(scope);
}

fn run_main(
    scope: &mut v8::PinScope<'_, '_>,
    main: impl FnOnce(&mut v8::PinScope<'_, '_>) -> Option<()>,
) -> bool {
    let env = Env::of(scope);
    let Some(process) = env.object(scope, Slot::Process) else {
        return false;
    };
    // The bootstrap is resource 1, as in Node.
    let context = AsyncContext {
        async_id: 1.0,
        trigger_async_id: 0.0,
        ..AsyncContext::none()
    };
    callback_scope::call_in_scope(scope, process, &context, |scope| {
        main(scope).map(|()| v8::undefined(scope).into())
    });
    !env.stopping.get()
}

/// The loop until nothing is left, `beforeExit` and `exit` (`SpinEventLoop`).
fn spin(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    performance::mark(&env, Milestone::LoopStart);
    if let Some(worker) = env.worker() {
        worker.loop_started(&env);
    }
    loop {
        phases::run(scope);
        if halted(scope, &env) {
            return;
        }
        phases::drain(scope);
        if halted(scope, &env) {
            return;
        }
        if phases::alive(scope) {
            continue;
        }
        async_wrap::run_destroy_hooks(scope);
        emit(scope, "beforeExit", true);
        if halted(scope, &env) {
            return;
        }
        if !phases::alive(scope) {
            break;
        }
    }
    performance::mark(&env, Milestone::LoopExit);
    emit_exit(scope);
}

fn halted(scope: &v8::PinScope<'_, '_>, env: &Env) -> bool {
    env.is_halted(scope)
}

/// `process.exitCode`, or `default` where the program has not set it.
fn exit_code(env: &Env, default: i32) -> i32 {
    let info = env.aliased::<i32>(Slot::ExitInfo);
    // kHasExitCode, kExitCode
    if info.get(2) != 0 {
        info.get(1)
    } else {
        default
    }
}

fn emit(scope: &mut v8::PinScope<'_, '_>, event: &'static str, in_scope: bool) {
    v8::scope!(let scope, scope);
    let env = Env::of(scope);
    let Some(process) = env.object(scope, Slot::Process) else {
        return;
    };
    let Some(emit) = convert::get(scope, process, "emit") else {
        return;
    };
    let Ok(emit) = v8::Local::<v8::Function>::try_from(emit) else {
        return;
    };
    let code = exit_code(&env, 0);
    let arguments = [
        string(scope, event).into(),
        v8::Integer::new(scope, code).into(),
    ];
    if in_scope {
        callback_scope::call_in_scope(scope, process, &AsyncContext::none(), |scope| {
            emit.call(scope, process.into(), &arguments)
        });
        return;
    }
    let thrown = {
        v8::tc_scope!(let tc, scope);
        emit.call(tc, process.into(), &arguments);
        let thrown = tc.exception().filter(|_| !tc.has_terminated());
        thrown.zip(tc.message())
    };
    if let Some((error, message)) = thrown {
        uncaught::trigger_uncaught_with(scope, error, message, false);
    }
}

/// `EmitProcessExitInternal`: the listeners of `exit` see the status of an await that never settled, and may change it.
fn emit_exit(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    // kExiting
    env.aliased::<i32>(Slot::ExitInfo).set(0, 1);
    let mut code = exit_code(&env, 0);
    if code == 0 && unsettled_top_level_await(scope) {
        code = UNSETTLED_TOP_LEVEL_AWAIT;
        let info = env.aliased::<i32>(Slot::ExitInfo);
        info.set(1, code);
        info.set(2, 1);
        warn_unsettled(scope);
    }
    emit(scope, "exit", false);
    if halted(scope, &env) {
        return;
    }
    binding::close_databases(&env);
    exit::exit_process(scope, exit_code(&env, code));
}

fn unsettled_top_level_await(scope: &mut v8::PinScope<'_, '_>) -> bool {
    let env = Env::of(scope);
    let key = env.private(scope, "entry_point_promise_private_symbol");
    let global = env.context(scope).global(scope);
    let promise = global
        .get_private(scope, key)
        .and_then(|value| v8::Local::<v8::Promise>::try_from(value).ok());
    promise.is_some_and(|promise| promise.state() == v8::PromiseState::Pending)
}

/// Names the await that the program hangs on, as Node does.
fn warn_unsettled(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let key = env.private(scope, "entry_point_module_private_symbol");
    let global = env.context(scope).global(scope);
    let Some(wrap) = global
        .get_private(scope, key)
        .filter(|value| value.is_object())
    else {
        return;
    };
    let Some(messages) = crate::binding::module_wrap::stalled_messages(scope, wrap) else {
        return;
    };
    for message in messages {
        let text = format!("Warning: Detected unsettled top-level await at {message}\n\n");
        report::write_stderr(scope, text.as_bytes());
    }
}
