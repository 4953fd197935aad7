//! What one process may take: wasmtime's own limits, and what the machine has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secure_exec_kernel::Process;
use wasmtime::{ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

use crate::engine::Engine;

/// Entries of all function tables of a process.
const MOST_TABLE_ELEMENTS: usize = 1 << 20;
/// Tables of a module.
const MOST_TABLES: usize = 8;
/// An entry of a table.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// How long a process waits for the memory of those that have ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits of a store. Growing beyond them fails, as it does on a machine without memory.
pub(crate) struct Bounds {
    fixed: StoreLimits,
    engine: Arc<Engine>,
    process: Arc<Process>,
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
        }
    }

    fn has_room(&self, current: usize, desired: usize, unit: usize) -> bool {
        let bytes = desired.saturating_sub(current).saturating_mul(unit);
        let deadline = Instant::now() + PATIENCE;
        while !self.engine.events().has_room(bytes as u64) {
            if !self
                .engine
                .tenants
                .wait_for_leaving(&self.process, deadline)
            {
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
        Ok(self.fixed.memory_growing(current, desired, maximum)?
            && self.has_room(current, desired, 1))
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
