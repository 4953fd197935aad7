//! A guest process as its program sees it: arguments, environment, users, clocks, children, its end.

pub mod child_process;
pub mod default_locale;
pub mod diagnostic_file;
pub mod diagnostic_report;
pub mod exit;
pub mod frozen_clock;
pub mod invocation;
pub mod machine;
pub mod passwd;
pub mod phases;
pub mod process_env;
pub mod report;
pub mod rusage;
pub mod terminal_mode;
pub mod time_zone;
pub mod trace_events;
pub mod uncaught;
