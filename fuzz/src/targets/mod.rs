//! What is fuzzed.

mod broker;
mod carried_files;
mod files_messages;
mod frames;
mod json;
mod machine;
mod messages;
mod path_walk;
mod schemas;
mod sh_parser;
mod syscalls;
mod tool_lines;

use crate::Target;

/// Every target.
pub const ALL: &[Target] = &[
    frames::TARGET,
    files_messages::TARGET,
    schemas::TARGET,
    tool_lines::TARGET,
    syscalls::TARGET,
    path_walk::TARGET,
    carried_files::TARGET,
    broker::TARGET,
    sh_parser::TARGET,
];

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}
