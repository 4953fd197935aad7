//! A POSIX shell, and with bash's features when called `bash`.
//!
//! Layers: `syntax` (a crate of its own) turns text into a tree, asking what `source` answers, `expand` turns words into fields, `exec` runs the tree,
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
mod source;
mod traps;
mod values;
mod variables;

use secure_exec_sh_syntax as syntax;
use secure_exec_sh_syntax::text;

fn main() {
    secure_exec_sys::init();
    secure_exec_sys::report_panics("sh");
    let status = invocation::run();
    std::process::exit(status);
}
