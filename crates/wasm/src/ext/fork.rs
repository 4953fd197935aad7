//! `proc_fork_call`: a copy of the running program.

use secure_exec_kernel::Errno;
use wasmtime::{Caller, Store, Val};

use crate::call::{Fault, Outcome, State, memory_of, settle};
use crate::memory::Guest;
use crate::run::{instantiate, new_store, resume};

/// Length of a page of memory, as `memory.grow` counts.
const PAGE: usize = 64 << 10;

pub(super) fn proc_fork_call(
    mut caller: Caller<'_, State>,
    function: u32,
    argument: u32,
    pid_out: u32,
) -> wasmtime::Result<i32> {
    let memory = memory_of(&mut caller)?;
    let process = caller.data().host.process.clone();
    let outcome = fork(&mut caller, function, argument, pid_out).and_then(|pid| {
        let mut guest = Guest::new(memory.data_mut(&mut caller));
        guest.put_i32(pid_out, pid).map(|()| 0)
    });
    settle(&process, outcome)
}

fn fork(
    caller: &mut Caller<'_, State>,
    function: u32,
    argument: u32,
    pid_out: u32,
) -> Outcome<i32> {
    let memory = memory_of(caller).map_err(|_| Fault::Pointer)?;
    Guest::new(memory.data_mut(&mut *caller)).check(pid_out, 4)?;
    let host = &caller.data().host;
    let (engine, process, module) = (
        host.engine.clone(),
        host.process.clone(),
        host.module.clone(),
    );
    let entry = module.pre.module().get_export(super::FORK_ENTRY);
    if entry.is_none_or(|entry| entry.func().is_none()) {
        return Err(Errno::ENOSYS.into());
    }
    let (argv, descriptors) = (host.argv.clone(), host.descriptors.clone());
    let pid = process.fork(|child| {
        let mut store = new_store(&engine, child, module, argv);
        store.data_mut().host.descriptors = descriptors;
        copy_instance(caller, &mut store).map_err(|_| Errno::ENOMEM)?;
        let (engine, child) = (engine.clone(), child.clone());
        let workers = engine.workers.clone();
        workers.run(Box::new(move || {
            resume(&engine, &child, store, function, argument);
        }))
    })?;
    Ok(pid.raw())
}

/// Makes an instance with the same memory and the same mutable globals. Tables are as the module fills them.
fn copy_instance(caller: &mut Caller<'_, State>, store: &mut Store<State>) -> wasmtime::Result<()> {
    instantiate(store)?;
    let missing = || wasmtime::Error::msg("no instance");
    let from = caller.data().instance.ok_or_else(missing)?;
    let to = store.data().instance.ok_or_else(missing)?;
    for name in store.data().host.module.clone().globals.iter() {
        let old = from.get_global(&mut *caller, name).ok_or_else(missing)?;
        let new = to.get_global(&mut *store, name).ok_or_else(missing)?;
        // A reference belongs to its store; the module's start value stays.
        if let value @ (Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) | Val::V128(_)) =
            old.get(&mut *caller)
        {
            new.set(&mut *store, value)?;
        }
    }
    let old = memory_of(caller)?;
    let new = store.data().memory.ok_or_else(missing)?;
    let (old_size, new_size) = (old.data_size(&*caller), new.data_size(&*store));
    if old_size > new_size {
        new.grow(&mut *store, ((old_size - new_size) / PAGE) as u64)?;
    }
    copy_changed(old.data(&*caller), new.data_mut(&mut *store));
    Ok(())
}

/// Copies the blocks that differ. Most of the memory of a small program is as it was at the start, and a page that
/// is only read stays shared.
fn copy_changed(old: &[u8], new: &mut [u8]) {
    const BLOCK: usize = 4096;
    for (old, new) in old.chunks(BLOCK).zip(new.chunks_mut(BLOCK)) {
        if old != new {
            new.copy_from_slice(old);
        }
    }
}
