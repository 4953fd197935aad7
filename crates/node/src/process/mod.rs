//! A guest process as its program sees it: arguments, environment, users, clocks, children, its end.

pub mod child_process;
pub mod default_locale;
pub mod exit;
pub mod frozen_clock;
pub mod invocation;
pub mod passwd;
pub mod process_env;
pub mod report;
pub mod rusage;
pub mod time_zone;
