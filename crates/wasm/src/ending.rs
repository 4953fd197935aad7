//! How programs end.

use std::fmt;

use secure_exec_kernel::{Disposition, LimitBreach, Process, Signal};
use wasmtime::Trap;

use crate::call::Host;
use crate::engine::Engine;
use crate::events::Breach;
use crate::load_error::{LoadError, MODULE};
use crate::park::Park;
use crate::watchdog::CPU_TIME_LIMIT;

/// A reason, other than a trap, for which a call does not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// `proc_exit`.
    Exit(i32),
    /// `proc_exec`: the process goes on with another program.
    Exec,
    /// A signal has ended the process.
    Killed,
    /// The processor time is used up.
    CpuLimit,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for End {}

/// What became of a program.
pub(crate) enum Ending {
    Status(i32),
    Exec,
    Killed,
    CpuLimit,
    Trap(Trap),
    NotLoaded(LoadError),
    /// Something failed that is not the guest's doing.
    Host(String),
}

impl Ending {
    pub(crate) fn of_end(end: End) -> Ending {
        match end {
            End::Exit(status) => Ending::Status(status),
            End::Exec => Ending::Exec,
            End::Killed => Ending::Killed,
            End::CpuLimit => Ending::CpuLimit,
        }
    }

    pub(crate) fn of_error(error: &wasmtime::Error) -> Ending {
        if let Some(end) = error.downcast_ref::<End>() {
            return Ending::of_end(*end);
        }
        match error.downcast_ref::<Trap>() {
            Some(trap) => Ending::Trap(*trap),
            None => Ending::Host(format!("{error:#}")),
        }
    }
}

/// Exit status of a file that cannot be run, as the shell's.
const CANNOT_EXECUTE: i32 = 126;

/// Tells the kernel how the program ended. Returns whether the process has ended with it.
pub(crate) fn conclude(engine: &Engine, process: &Process, ending: &Ending) -> bool {
    match ending {
        Ending::Exec => return false,
        Ending::Killed => {}
        Ending::Status(status) => process.exit(*status),
        Ending::CpuLimit => {
            let bound = engine.cpu_time_limit(process).unwrap_or_default();
            let bound_ms = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
            engine.events().on_breach(Breach {
                pid: process.origin(),
                limit: CPU_TIME_LIMIT,
                bound: bound_ms,
                used: cpu_ms(process).max(bound_ms),
            });
            complain(
                process,
                &format!("CPU time limit of {bound_ms} ms exceeded"),
            );
            process.fault(Signal::SIGXCPU);
            // All that the program started used it together.
            if let Ok(kernel) = process.kernel() {
                kernel.kill_program(process.origin());
            }
        }
        Ending::Trap(trap) => {
            if *trap == Trap::StackOverflow {
                let bound = engine.options().max_stack_bytes;
                note(process, "limits.wasm.maxStackBytes", bound, bound);
            }
            let (signal, text) = signal_of(*trap);
            complain(process, text);
            process.fault(signal);
        }
        Ending::NotLoaded(error) => {
            if let LoadError::TooLarge { what, bound, size } = error
                && *what == MODULE
            {
                note(process, "limits.wasm.maxModuleBytes", *bound, *size);
            }
            complain(process, &format!("cannot execute: {error}"));
            process.exit(CANNOT_EXECUTE);
        }
        Ending::Host(message) => {
            complain(process, &format!("internal error: {message}"));
            process.fault(Signal::SIGABRT);
        }
    }
    true
}

/// Notes a limit that ended a process, for the result of its program.
fn note(process: &Process, limit: &'static str, bound: usize, used: usize) {
    // A kernel that is gone has nobody who would ask.
    if let Ok(kernel) = process.kernel() {
        let (bound, used) = (bound as u64, used as u64);
        let breach = LimitBreach { limit, bound, used };
        kernel.note_limit_breach(Some(process.pid()), breach);
    }
}

/// Processor time that a process's program has been charged with.
fn cpu_ms(process: &Process) -> u64 {
    process.account().limited_cpu_ns() / 1_000_000
}

/// What a native program would have died of.
fn signal_of(trap: Trap) -> (Signal, &'static str) {
    match trap {
        // What `abort` and failed assertions compile to.
        Trap::UnreachableCodeReached => (Signal::SIGABRT, "aborted"),
        Trap::StackOverflow => (Signal::SIGSEGV, "segmentation fault (stack overflow)"),
        Trap::MemoryOutOfBounds
        | Trap::TableOutOfBounds
        | Trap::IndirectCallToNull
        | Trap::NullReference => (Signal::SIGSEGV, "segmentation fault"),
        Trap::IntegerDivisionByZero | Trap::IntegerOverflow | Trap::BadConversionToInteger => {
            (Signal::SIGFPE, "floating point exception")
        }
        _ => (Signal::SIGILL, "illegal instruction"),
    }
}

/// Writes one line to the process's standard error, as far as it takes it.
fn complain(process: &Process, text: &str) {
    // The fault is to be the reason of the end, not a reader that has gone.
    let _ = process.sigaction(Signal::SIGPIPE, Disposition::Ignore);
    let argv = process.argv();
    let name = argv
        .first()
        .map_or(&b"wasm"[..], |argument| argument.as_slice());
    let mut line = name.to_vec();
    line.extend_from_slice(b": ");
    line.extend(
        text.bytes()
            .map(|byte| if byte == b'\n' { b' ' } else { byte }),
    );
    line.push(b'\n');
    let park = Park::new();
    let mut rest = &line[..];
    while !rest.is_empty() {
        let crate::park::Woken::Ready(Ok(count)) =
            park.wait(None, |cx| process.poll_write(2, rest, cx))
        else {
            return;
        };
        rest = rest.get(count..).unwrap_or_default();
    }
}

/// Notes the processor time of the program before its end is told. Returns what the thread has used by now.
pub(crate) fn charge(host: &Host) -> crate::cpu::Reading {
    let now = crate::cpu::of_this_thread();
    host.process
        .charge_cpu(crate::cpu::since(host.cpu_base, now));
    now
}
