//! `process.execve()`: the process goes on with another program.

use secure_exec_kernel::{Errno, FdFlags, Process};

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::{self, SyscallContext};
use crate::js::permission;
use crate::options::permission::Access;
use crate::process::child_process::{string_list, text};
use crate::process::exit;

/// Frames that a report of a failure shows.
const MOST_FRAMES: usize = 10;

/// `execve(file, argv, envp)`: does not come back, unless the standard streams are not open.
pub(super) fn execve(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let Ok(file) = text(scope, args.get(0)) else {
        return;
    };
    let (Ok(Some(argv)), Ok(Some(environment))) = (
        string_list(scope, args.get(1)),
        string_list(scope, args.get(2)),
    ) else {
        return;
    };
    if !permission::require(scope, Access::ChildProcess, &file) {
        return;
    }
    let environment = environment
        .into_iter()
        .map(crate::process::child_process::split);
    let failed = keep_standard_streams(&process).map_err(|errno| ("fcntl", errno));
    let failed = failed.and_then(|flags| {
        let result = process.execve(&file, argv, environment.collect());
        result.map_err(|errno| {
            restore(&process, flags);
            ("execve", errno)
        })
    });
    match failed {
        Ok(()) => {
            // The new program has its own isolate; this one ends without ending the process.
            exit::note_replaced(&env);
            env.stopping.set(true);
            env.event_loop.stop();
            scope.terminate_execution();
        }
        Err(("fcntl", errno)) => {
            let context = SyscallContext {
                syscall: "fcntl",
                ..SyscallContext::default()
            };
            exception::throw_errno(scope, errno, context);
        }
        Err((_, errno)) => abort(scope, errno),
    }
}

/// A program that could not be replaced does not go on either.
fn abort(scope: &mut v8::PinScope<'_, '_>, errno: Errno) {
    let mut text = format!(
        "process.execve failed with error code {}\n\n----- JavaScript stack trace -----\n\n",
        errno.name()
    );
    if let Some(trace) = v8::StackTrace::current_stack_trace(scope, MOST_FRAMES) {
        for index in 0..trace.get_frame_count() {
            let Some(frame) = trace.get_frame(scope, index) else {
                continue;
            };
            let script = frame.get_script_name(scope);
            let script = script.map_or(String::new(), |name| name.to_rust_string_lossy(scope));
            let place = format!(
                "{script}:{}:{}",
                frame.get_line_number(),
                frame.get_column()
            );
            let line = match frame.get_function_name(scope) {
                Some(name) => format!("{} ({place})", name.to_rust_string_lossy(scope)),
                None => place,
            };
            text.push_str(&format!("{}: {line}\n", index + 1));
        }
    }
    crate::process::report::write_stderr(scope, text.as_bytes());
    crate::process::exit::abort_process(scope);
}

/// Takes `FD_CLOEXEC` from the standard streams; what flags they had.
fn keep_standard_streams(process: &Process) -> Result<[FdFlags; 3], Errno> {
    let mut flags = [FdFlags::empty(); 3];
    for (fd, flags) in (0..).zip(&mut flags) {
        *flags = process.fd_flags(fd)?;
    }
    for fd in 0..3 {
        process.set_fd_flags(fd, FdFlags::empty())?;
    }
    Ok(flags)
}

fn restore(process: &Process, flags: [FdFlags; 3]) {
    for (fd, flags) in (0..).zip(flags) {
        // They were open a moment ago.
        let _ = process.set_fd_flags(fd, flags);
    }
}
