//! What one process may take: wasmtime's own limits, and what the machine has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::{LimitBreach, MemoryUse, Process};
use wasmtime::{ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

use crate::engine::Engine;

/// Entries of all function tables of a process.
const MOST_TABLE_ELEMENTS: usize = 1 << 20;
/// Tables of a module.
const MOST_TABLES: usize = 8;
/// An entry of a table.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// What a process takes in all without asking whether there is room: most have a small table beside their memory, and
/// to ask takes as long as to make it.
const UNASKED_BYTES: usize = 64 << 10;

/// How long a process waits for the memory of those that have ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits of a store. Growing beyond them fails, as it does on a machine without memory.
pub(crate) struct Bounds {
    fixed: StoreLimits,
    engine: Arc<Engine>,
    process: Arc<Process>,
    memory: MemoryUse,
    /// Taken without asking.
    unasked: usize,
}

impl Bounds {
    pub(crate) fn new(engine: &Arc<Engine>, process: &Arc<Process>) -> Bounds {
        let fixed = StoreLimitsBuilder::new()
            .memory_size(engine.options().max_memory_bytes)
            .table_elements(MOST_TABLE_ELEMENTS)
            .instances(1)
            .memories(1)
            .tables(MOST_TABLES)
            .build();
        Bounds {
            fixed,
            engine: engine.clone(),
            process: process.clone(),
            memory: process.memory_use(),
            unasked: 0,
        }
    }

    /// So much of the process's own bound.
    fn usage(&self, used: usize) -> LimitBreach {
        LimitBreach {
            limit: "limits.wasm.maxMemoryBytes",
            bound: self.engine.options().max_memory_bytes as u64,
            used: used as u64,
        }
    }

    /// Notes that the process's own bound is in the way.
    fn refuse_memory(&self, desired: usize) {
        let breach = self.usage(desired);
        // A kernel that is gone has nobody who would ask.
        if breach.used > breach.bound
            && let Ok(kernel) = self.process.kernel()
        {
            kernel.note_limit_breach(Some(self.process.pid()), breach);
        }
    }

    fn has_room(&mut self, current: usize, desired: usize, unit: usize) -> bool {
        let bytes = desired.saturating_sub(current).saturating_mul(unit);
        if self.unasked.saturating_add(bytes) <= UNASKED_BYTES {
            self.unasked += bytes;
            return true;
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.engine.events().has_room(bytes as u64) {
            if !self
                .engine
                .tenants
                .wait_for_leaving(&self.process, deadline)
            {
                self.engine.events().on_refused(bytes as u64);
                return false;
            }
        }
        true
    }
}

impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        if !self.fixed.memory_growing(current, desired, maximum)? {
            self.refuse_memory(desired);
            return Ok(false);
        }
        let granted = self.has_room(current, desired, 1);
        if granted {
            self.memory.set(desired as u64);
            if let Ok(kernel) = self.process.kernel() {
                kernel.note_limit_use(Some(&self.process), self.usage(desired));
            }
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        Ok(self.fixed.table_growing(current, desired, maximum)?
            && self.has_room(current, desired, TABLE_ELEMENT_BYTES))
    }

    fn instances(&self) -> usize {
        self.fixed.instances()
    }

    fn tables(&self) -> usize {
        self.fixed.tables()
    }

    fn memories(&self) -> usize {
        self.fixed.memories()
    }
}
