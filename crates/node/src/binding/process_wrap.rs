//! `internalBinding('process_wrap')`: child processes. Follows Node's `src/process_wrap.cc`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::{Errno, FileDescription, Pid, Process, WaitFlags};

use super::connection_wrap;
use super::process_methods::signal_of;
use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::event_loop::Completion;
use crate::js::class::Definition;
use crate::js::exception::{self, string};
use crate::js::handle::{Handle, HandleResource};
use crate::js::{callback_scope, convert, permission, uv, wrap};
use crate::options::permission::Access;
use crate::process::child_process::{self, ChildFd, Ending, Malformed, Program};
use crate::process::process_env;
use crate::stream::KernelStream;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .class("Process", new_process)
        .inherits("HandleWrap")
        .method("spawn", spawn)
        .method("kill", kill);
}

/// The native side of a `Process` object.
struct Child {
    handle: RefCell<Option<Rc<Handle>>>,
    /// The running child.
    pid: Cell<Option<Pid>>,
}

/// A closed handle hears of nothing; the child is waited for all the same, so that no zombie stays.
impl HandleResource for Child {
    fn close(&self, _scope: &mut v8::PinScope<'_, '_>) {}
}

fn new_process(scope: Scope, args: Args, _rv: Return) {
    if !args.is_construct_call() {
        exception::throw_invalid_argument(scope, "Process must be called with new");
        return;
    }
    let child = Child {
        handle: RefCell::default(),
        pid: Cell::new(None),
    };
    let kind = ("PROCESSWRAP", "ProcessWrap");
    let (child, handle) = Handle::construct(scope, args.this(), kind, child);
    *child.handle.borrow_mut() = Some(handle);
}

fn child_of(scope: &v8::PinScope<'_, '_>, args: &Args) -> Option<Rc<Child>> {
    wrap::unwrap::<Child>(scope, args.this().into())
}

/// A descriptor of the child as the library describes it.
enum Stdio {
    Ignore,
    /// A pipe to be made for this handle.
    Pipe(Rc<KernelStream>),
    Fd(i32),
}

/// `spawn(file, args, cwd, envPairs, stdio, flags, uid, gid)`: 0, or a negative error number.
fn spawn(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let (Some(child), Some(process)) = (child_of(scope, &args), env.try_process()) else {
        rv.set_int32(uv::error(Errno::EBADF));
        return;
    };
    let usable = child.pid.get().is_none()
        && child
            .handle
            .borrow()
            .as_ref()
            .is_some_and(|handle| handle.is_alive());
    if !usable {
        rv.set_int32(uv::error(Errno::EINVAL));
        return;
    }
    let Ok(program) = program(scope, &args) else {
        return;
    };
    if !permission::require(scope, Access::ChildProcess, &program.file) {
        return;
    }
    let Ok(stdio) = stdio(scope, args.get(4)) else {
        return;
    };
    let result = start(&process, program, &stdio);
    if let Ok(pid) = result {
        let number = v8::Integer::new(scope, pid.raw()).into();
        convert::set(scope, args.this(), "pid", number);
        let object = v8::Global::new(scope, args.this());
        child.watch(&env, &process, pid, object);
    }
    rv.set_int32(uv::status(result));
}

fn program(scope: Scope, args: &Args) -> Result<Program, Malformed> {
    if !args.get(0).is_string() {
        exception::throw_invalid_argument(scope, "The \"file\" argument must be of type string");
        return Err(Malformed);
    }
    let file = child_process::text(scope, args.get(0))?;
    let arguments = child_process::string_list(scope, args.get(1))?.unwrap_or_default();
    let cwd = if args.get(2).is_string() {
        Some(child_process::text(scope, args.get(2))?).filter(|cwd| !cwd.is_empty())
    } else {
        None
    };
    let environment = match child_process::string_list(scope, args.get(3))? {
        Some(environment) => environment,
        None => own_environment(&Env::of(scope)),
    };
    let flags = args.get(5).int32_value(scope).unwrap_or(0);
    Ok(Program {
        file,
        arguments,
        cwd,
        environment,
        detached: flags & child_process::DETACHED != 0,
        uid: child_process::id(scope, args.get(6), "uid")?,
        gid: child_process::id(scope, args.get(7), "gid")?,
    })
}

fn own_environment(env: &Env) -> Vec<Vec<u8>> {
    let own = process_env::environment(env).all();
    own.into_iter()
        .map(|(name, value)| format!("{name}={value}").into_bytes())
        .collect()
}

fn stdio(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Vec<Stdio>, Malformed> {
    let Ok(array) = v8::Local::<v8::Array>::try_from(value) else {
        exception::throw_invalid_argument(scope, "The \"stdio\" argument must be an array");
        return Err(Malformed);
    };
    let mut list = Vec::new();
    for index in 0..array.length() {
        v8::scope!(let scope, scope);
        let item = array.get_index(scope, index).ok_or(Malformed)?;
        list.push(one_stdio(scope, item)?);
    }
    Ok(list)
}

fn one_stdio(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Stdio, Malformed> {
    let Ok(container) = v8::Local::<v8::Object>::try_from(value) else {
        exception::throw_invalid_argument(scope, "The \"stdio\" argument must hold objects");
        return Err(Malformed);
    };
    let container = v8::Local::new(scope, container);
    let kind = child_process::property(scope, container, "type")?;
    let kind = kind.to_rust_string_lossy(scope);
    match kind.as_str() {
        "ignore" => Ok(Stdio::Ignore),
        "pipe" | "overlapped" | "wrap" => {
            let handle = child_process::property(scope, container, "handle")?;
            match KernelStream::of(scope, handle) {
                Some(stream) if kind == "wrap" => Ok(Stdio::Fd(stream.fd())),
                Some(stream) => Ok(Stdio::Pipe(stream)),
                None => {
                    exception::throw_invalid_argument(
                        scope,
                        "The \"stdio\" argument holds a handle that is no stream over a descriptor",
                    );
                    Err(Malformed)
                }
            }
        }
        _ => {
            let fd = child_process::property(scope, container, "fd")?;
            Ok(Stdio::Fd(fd.int32_value(scope).ok_or(Malformed)?))
        }
    }
}

/// Makes the pipes and starts the program. As in libuv, the parent's ends are opened also where the program cannot be
/// started: they are at their end then.
fn start(process: &Arc<Process>, program: Program, stdio: &[Stdio]) -> Result<Pid, Errno> {
    let mut opened: Vec<(&Rc<KernelStream>, i32)> = Vec::new();
    let mut child_fds = Vec::new();
    for item in stdio {
        child_fds.push(match item {
            Stdio::Ignore => ChildFd::Nothing,
            Stdio::Fd(fd) => ChildFd::Inherited(*fd),
            Stdio::Pipe(stream) => match make_pipe(process, stream) {
                Ok((fd, peer)) => {
                    opened.push((stream, fd));
                    ChildFd::File(peer)
                }
                Err(errno) => {
                    for (_, fd) in opened {
                        // Just made, so it is open.
                        let _ = process.close(fd);
                    }
                    return Err(errno);
                }
            },
        });
    }
    let result = program.start(process, child_fds);
    for (stream, fd) in opened {
        // Just made, so it is open.
        let _ = connection_wrap::take_over(process, stream, fd);
    }
    result
}

fn make_pipe(
    process: &Process,
    stream: &KernelStream,
) -> Result<(i32, Arc<FileDescription>), Errno> {
    if !stream.is_idle() {
        return Err(Errno::EINVAL);
    }
    process.socketpair_with_child()
}

impl Child {
    /// Waits for the child and tells JavaScript.
    fn watch(
        self: &Rc<Self>,
        env: &Env,
        process: &Arc<Process>,
        pid: Pid,
        object: v8::Global<v8::Object>,
    ) {
        self.pid.set(Some(pid));
        if let Some(handle) = self.handle.borrow().as_ref() {
            handle.set_active(env, true);
        }
        let child = self.clone();
        let process = process.clone();
        env.event_loop.spawn_unref(async move {
            let ended =
                std::future::poll_fn(|cx| process.poll_wait4(pid.raw(), WaitFlags::empty(), cx))
                    .await;
            Box::new(move |scope: &mut v8::PinScope<'_, '_>| {
                // ECHILD: SIGCHLD is ignored, and the status is lost.
                let ending = ended.ok().flatten().map(|(_, status)| Ending::from(status));
                let event_loop = &Env::of(scope).event_loop;
                event_loop.run_last(Box::new(move |scope| child.ended(scope, &object, ending)));
            }) as Completion
        });
    }

    fn ended(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        object: &v8::Global<v8::Object>,
        ending: Option<Ending>,
    ) {
        v8::scope!(let scope, scope);
        let env = Env::of(scope);
        self.pid.set(None);
        let handle = self.handle.borrow().clone();
        let Some(handle) = handle.filter(|handle| handle.is_alive()) else {
            return;
        };
        handle.set_active(&env, false);
        let ending = ending.unwrap_or(Ending {
            status: 0,
            signal: None,
        });
        let signal = ending
            .signal
            .map_or(String::new(), |signal| format!("{signal:?}"));
        let arguments = [
            v8::Integer::new(scope, ending.status.into()).into(),
            string(scope, &signal).into(),
        ];
        let object = v8::Local::new(scope, object);
        callback_scope::make_named_callback(scope, object, "onexit", &arguments);
    }
}

fn kill(scope: Scope, args: Args, mut rv: Return) {
    let Some(number) = args.get(0).int32_value(scope) else {
        return;
    };
    let env = Env::of(scope);
    let (Some(child), Some(process)) = (child_of(scope, &args), env.try_process()) else {
        rv.set_int32(uv::error(Errno::EBADF));
        return;
    };
    let result = match child.pid.get() {
        None => Err(Errno::ESRCH),
        Some(pid) if number == 0 => process.kill_check(pid.raw()),
        Some(pid) => signal_of(number)
            .ok_or(Errno::EINVAL)
            .and_then(|signal| process.kill(pid.raw(), signal)),
    };
    rv.set_int32(uv::status(result));
}
