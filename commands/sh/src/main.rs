//! A POSIX shell, and with bash's features when called `bash`.
//!
//! Layers: `syntax` turns text into a tree, `expand` turns words into fields, `exec` runs the tree,
//! `builtins` are the commands of the shell itself, `interactive` is the terminal, `session` the host. [`shell::Shell`] is the
//! state they share; a subshell is a copy of the process with it.

mod builtins;
mod exec;
mod expand;
mod interactive;
mod invocation;
mod jobs;
mod options;
mod session;
mod shell;
mod syntax;
mod text;
mod traps;
mod values;
mod variables;

fn main() {
    secure_exec_sys::init();
    secure_exec_sys::report_panics("sh");
    let status = invocation::run();
    std::process::exit(status);
}
