//! One call of an import.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::{Errno, Process};

use super::Wasi;
use super::error;
use super::memory::{Memory, Outcome};
use super::table::Entry;
use crate::env::Env;

/// What a call works with.
pub(super) struct Call<'a> {
    pub env: &'a Env,
    pub process: Arc<Process>,
    pub wasi: &'a Wasi,
    pub memory: Memory,
}

impl Call<'_> {
    /// The descriptor of a number, if it has the rights.
    pub fn entry(&self, fd: u32, base: u64) -> Outcome<Rc<Entry>> {
        self.wasi.table.borrow().get(fd, base, 0)
    }

    /// Waits as a system call of the thread does: no JavaScript runs meanwhile, and the end of the program ends it.
    pub fn block<T>(&self, future: impl Future<Output = Result<T, Errno>>) -> Outcome<T> {
        self.env
            .event_loop
            .block_on(future)
            .unwrap_or(Err(Errno::EINTR))
            .map_err(error::of)
    }
}
