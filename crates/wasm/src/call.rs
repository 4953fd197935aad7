//! What every import is made of: the state behind a store, and one call into it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use secure_exec_kernel::{CpuTime, Errno, Process};
use secure_exec_preview1::errno;
use wasmtime::{Caller, Extern, Instance, Memory, Trap};

use crate::bounds::Bounds;
use crate::cpu;
use crate::ending::End;
use crate::engine::Engine;
use crate::memory::Guest;
use crate::module_cache::LoadedModule;
use crate::park::{Park, Woken};
use crate::wasi::Descriptors;
use crate::watchdog::Watched;

/// What a store holds.
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) bounds: Bounds,
    /// Known once the module is instantiated.
    pub(crate) memory: Option<Memory>,
    pub(crate) instance: Option<Instance>,
}

/// The process on whose behalf a module runs.
pub(crate) struct Host {
    pub(crate) engine: Arc<Engine>,
    pub(crate) process: Arc<Process>,
    pub(crate) module: Arc<LoadedModule>,
    /// Arguments as the program sees them.
    pub(crate) argv: Arc<Vec<Vec<u8>>>,
    pub(crate) descriptors: Descriptors,
    pub(crate) park: Park,
    /// Processor time of the thread when the process came to it.
    pub(crate) cpu_base: cpu::Reading,
    pub(crate) watched: Option<Arc<Watched>>,
}

impl Host {
    /// Processor time of the process, that of earlier programs and threads included.
    pub(crate) fn cpu_time(&self) -> CpuTime {
        let (noted, _) = self.process.cpu_times();
        let here = cpu::since(self.cpu_base, cpu::of_this_thread());
        CpuTime {
            user_ns: noted.user_ns + here.user_ns,
            system_ns: noted.system_ns + here.system_ns,
        }
    }

    /// Looks for a reason not to go on, and waits while the process is stopped.
    pub(crate) fn interrupted(&self) -> Option<End> {
        let continued = |cx: &mut Context<'_>| self.process.poll_continued(cx);
        self.park.wait(None, continued);
        if !self.process.is_alive() {
            return Some(End::Killed);
        }
        let exceeded = self
            .watched
            .as_ref()
            .is_some_and(|watched| watched.exceeded());
        exceeded.then_some(End::CpuLimit)
    }
}

/// Why a call does not return what it was asked for.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The guest is told.
    Errno(Errno),
    /// The descriptor lacks a right: an error of preview 1 that Linux does not have.
    NotCapable,
    /// A pointer outside memory.
    Pointer,
    /// The program is over.
    End(End),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Fault {
        Fault::Errno(errno)
    }
}

/// Result of an import.
pub(crate) type Outcome<T> = Result<T, Fault>;

/// One call of an import.
pub(crate) struct Call<'a> {
    pub(crate) host: &'a Host,
    pub(crate) memory: Guest<'a>,
}

impl Call<'_> {
    /// Waits for what `poll` finds, as a system call does: a kill ends it, and so does a caught signal.
    ///
    /// # Errors
    /// - `EINTR`: a caught signal is pending.
    pub(crate) fn wait<T>(
        &mut self,
        deadline: Option<Instant>,
        mut poll: impl FnMut(&Process, &mut Guest<'_>, &mut Context<'_>) -> Poll<Outcome<T>>,
    ) -> Outcome<Woken<T>> {
        let process = &*self.host.process;
        let memory = &mut self.memory;
        let woken = self.host.park.wait(deadline, |cx| {
            let polled = poll(process, memory, cx);
            if polled.is_ready() {
                return polled;
            }
            if !process.is_alive() {
                return Poll::Ready(Err(Fault::End(End::Killed)));
            }
            let interrupted =
                process.poll_continued(cx).is_ready() && process.poll_signal_pending(cx).is_ready();
            if interrupted {
                return Poll::Ready(Err(Errno::EINTR.into()));
            }
            Poll::Pending
        });
        match woken {
            Woken::Ready(result) => result.map(Woken::Ready),
            Woken::TimedOut => Ok(Woken::TimedOut),
        }
    }

    /// As [`Call::wait`], for ever.
    pub(crate) fn wait_for<T>(
        &mut self,
        poll: impl FnMut(&Process, &mut Guest<'_>, &mut Context<'_>) -> Poll<Outcome<T>>,
    ) -> Outcome<T> {
        match self.wait(None, poll)? {
            Woken::Ready(value) => Ok(value),
            Woken::TimedOut => Err(Errno::ETIMEDOUT.into()),
        }
    }
}

/// Runs an import that returns an error number.
pub(crate) fn errno_of(
    caller: Caller<'_, State>,
    run: impl FnOnce(&mut Call<'_>) -> Outcome<()>,
) -> wasmtime::Result<i32> {
    value_of(caller, |call| run(call).map(|()| 0))
}

/// Runs an import that returns a value of its own.
pub(crate) fn value_of(
    mut caller: Caller<'_, State>,
    run: impl FnOnce(&mut Call<'_>) -> Outcome<i32>,
) -> wasmtime::Result<i32> {
    let memory = memory_of(&mut caller)?;
    let (bytes, state) = memory.data_and_store_mut(&mut caller);
    let mut call = Call {
        host: &state.host,
        memory: Guest::new(bytes),
    };
    let outcome = run(&mut call);
    settle(&state.host.process, outcome)
}

/// Turns the outcome of an import into what compiled code gets, or into its end.
pub(crate) fn settle(process: &Process, outcome: Outcome<i32>) -> wasmtime::Result<i32> {
    match outcome {
        Ok(value) => Ok(value),
        // Every call of a process that has ended fails like this.
        Err(Fault::Errno(Errno::ESRCH)) if !process.is_alive() => Err(End::Killed.into()),
        Err(Fault::Errno(errno)) => Ok(i32::from(errno::number(errno))),
        Err(Fault::NotCapable) => Ok(i32::from(errno::NOTCAPABLE)),
        Err(Fault::Pointer) => Err(Trap::MemoryOutOfBounds.into()),
        Err(Fault::End(end)) => Err(end.into()),
    }
}

/// The memory that the module exports; while its start function runs it is not known yet.
pub(crate) fn memory_of(caller: &mut Caller<'_, State>) -> wasmtime::Result<Memory> {
    if let Some(memory) = caller.data().memory {
        return Ok(memory);
    }
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(Trap::MemoryOutOfBounds.into()),
    }
}

/// Defines imports that return an error number: name, function and the arguments behind the call.
macro_rules! link_errno {
    ($linker:expr, $module:expr, { $($name:literal => $function:path, ($($argument:ident: $type:ty),*);)* }) => {
        $($linker.func_wrap(
            $module,
            $name,
            |caller: wasmtime::Caller<'_, $crate::call::State> $(, $argument: $type)*| {
                $crate::call::errno_of(caller, |call| $function(call $(, $argument)*))
            },
        )?;)*
    };
}
/// As `link_errno`, for imports whose result is a value.
macro_rules! link_value {
    ($linker:expr, $module:expr, { $($name:literal => $function:path, ($($argument:ident: $type:ty),*);)* }) => {
        $($linker.func_wrap(
            $module,
            $name,
            |caller: wasmtime::Caller<'_, $crate::call::State> $(, $argument: $type)*| {
                $crate::call::value_of(caller, |call| $function(call $(, $argument)*))
            },
        )?;)*
    };
}
pub(crate) use {link_errno, link_value};
