//! Diagnostic reports (`process.report`). Follows Node's `src/node_report.cc`.
//!
//! # Deviations
//! A report speaks of the guest alone: native stack, loaded libraries and the host's limits are empty.

mod calendar;
mod content;
mod write;

use std::cell::{Cell, RefCell};

pub(super) use calendar::{civil, wall_clock};
pub use content::build;
pub use write::{Cause, write};

use crate::env::Env;

/// `process.report`'s settings; absent until set, when the command line's value counts.
#[derive(Default)]
pub struct Settings {
    /// `compact`
    pub compact: Cell<Option<bool>>,
    /// `excludeNetwork`
    pub exclude_network: Cell<Option<bool>>,
    /// `excludeEnv`
    pub exclude_env: Cell<Option<bool>>,
    /// `reportOnFatalError`
    pub on_fatal_error: Cell<Option<bool>>,
    /// `reportOnSignal`
    pub on_signal: Cell<Option<bool>>,
    /// `reportOnUncaughtException`
    pub on_uncaught_exception: Cell<Option<bool>>,
    /// `directory`
    pub directory: RefCell<Option<String>>,
    /// `filename`
    pub filename: RefCell<Option<String>>,
    /// `signal`
    pub signal: RefCell<Option<String>>,
    /// How many reports got their name from their number.
    pub written: Cell<u32>,
}

/// Whether an exception that nothing catches leaves a report.
pub fn is_wanted_of_exceptions(env: &Env) -> bool {
    let set = env.state::<Settings>().on_uncaught_exception.get();
    set.unwrap_or_else(|| env.options.borrow().flag("--report-uncaught-exception"))
}
