//! Command and process substitution.

use std::rc::Rc;

use secure_exec_sys as sys;
use sys::Fd;

use super::filters::Filter;
use super::lookup::Target;
use super::pipeline::is_pure_command;
use super::redirect::own_pipe;
use crate::jobs::exit_status;
use crate::shell::{Exec, Flow, Shell};
use crate::syntax::ast::{Arg, Command, List, Redirect, RedirectKind, Simple};
use crate::text;

/// Builtins that change nothing, so that their output may be collected without a copy of the shell.
const HARMLESS: [&str; 9] = [
    "echo", "printf", "pwd", ":", "true", "false", "test", "[", "basename",
];

/// The one simple command of a list, if that is all.
fn only_command(list: &List) -> Option<&Simple> {
    let [item] = list.as_slice() else { return None };
    let plain =
        item.rest.is_empty() && !item.background && !item.first.bang && item.first.time.is_none();
    match item.first.commands.as_slice() {
        [Command::Simple(simple)] if plain => Some(simple),
        _ => None,
    }
}

/// The file that a list of nothing but its redirection reads.
fn only_file(list: &List) -> Option<&Redirect> {
    let simple = only_command(list)?;
    let [redirect] = simple.redirects.as_slice() else {
        return None;
    };
    let alone = simple.args.is_empty() && simple.assigns.is_empty();
    (alone && redirect.kind == RedirectKind::Read).then_some(redirect)
}

/// Reads all; what a signal has come for looks at `interrupted`.
fn read_all(fd: Fd, mut interrupted: impl FnMut()) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match sys::fd::read(fd, &mut buffer) {
            Ok(0) => return bytes,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                interrupted();
            }
            Err(_) => return bytes,
        }
    }
}

/// Output as a substitution gives it: no NULs, no newlines at the end.
fn trimmed(mut bytes: Vec<u8>) -> String {
    if bytes.contains(&0) {
        bytes.retain(|b| *b != 0);
    }
    while bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    text::decode(&bytes)
}

impl Shell {
    /// The output of a list run in a subshell.
    pub fn command_substitution(&mut self, list: &Rc<List>) -> Result<String, Flow> {
        if list.is_empty() {
            self.substitution_status = Some(0);
            return Ok(String::new());
        }
        if let Some(simple) = only_command(list)
            && let Some(text) = self.substitute_directly(simple)?
        {
            return Ok(text);
        }
        let (read, write) = self.substitution_pipe()?;
        self.refresh_jobs();
        let forked = sys::process::fork_call(|| {
            let _ = sys::fd::close(read);
            let _ = sys::fd::dup2(write, 1);
            let _ = sys::fd::close(write);
            if self.session.is_some() {
                // The parent does the same; whoever is first.
                let _ = sys::process::setpgid(0, 0);
            }
            self.enter_subshell();
            if self.bash && !self.options.posix && !self.options.inherit_errexit {
                self.options.errexit = false;
            }
            let result = self.run_list(list, true);
            self.leave_subshell(result)
        });
        let pid = match forked {
            Ok(pid) => pid,
            Err(error) => {
                return self.fatal(&format!("Cannot fork: {}", sys::errno::message(&error)));
            }
        };
        Ok(self.collect(read, write, pid))
    }

    fn substitution_pipe(&mut self) -> Result<(Fd, Fd), Flow> {
        match own_pipe() {
            Ok(ends) => Ok(ends),
            Err(error) => self.fatal(&format!(
                "Pipe call failed: {}",
                sys::errno::message(&error)
            )),
        }
    }

    /// Reads what the child writes and waits for it.
    fn collect(&mut self, read: Fd, write: Fd, pid: sys::Pid) -> String {
        let _ = sys::fd::close(write);
        self.await_child(pid);
        let bytes = read_all(read, || self.interrupt_awaited());
        let _ = sys::fd::close(read);
        let status = loop {
            match sys::process::wait(pid, 0) {
                Ok(Some((_, status))) => break exit_status(status),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                    self.collect_signals();
                    self.interrupt_awaited();
                }
                _ => break 0,
            }
        };
        self.awaited_child_ended(pid);
        self.status = status;
        self.substitution_status = Some(status);
        trimmed(bytes)
    }

    /// A signal has come while a child's output is waited for: its trap runs after the command, unless that is given up.
    fn interrupt_awaited(&mut self) {
        if self.session.is_none() {
            return sys::signal::set_aside();
        }
        self.collect_signals();
        if self.gives_up()
            && let Some(session) = &self.session
        {
            session.kill_awaited();
        }
    }

    /// Substitutions that need no copy of the shell: `$(<file)`, a harmless builtin, one program.
    fn substitute_directly(&mut self, simple: &Simple) -> Result<Option<String>, Flow> {
        if simple.args.is_empty() {
            return self.substitute_file(simple);
        }
        let traced = self.options.xtrace || !self.traps.pseudo.is_empty();
        if !simple.redirects.is_empty()
            || !simple.assigns.is_empty()
            || !is_pure_command(simple)
            || self.options.nounset
            || traced
        {
            return Ok(None);
        }
        let (line, saved) = (self.line, self.substitution_status);
        let mut words = Vec::new();
        for arg in &simple.args {
            if let Arg::Word(word) = arg {
                self.expand_argument(word, &mut words)?;
            }
        }
        self.substitution_status = saved;
        let Some(name) = words.first().cloned() else {
            return Ok(None);
        };
        match self.target(&name) {
            Target::Builtin(run) | Target::Special(run)
                if HARMLESS.contains(&name.as_str()) && !words.iter().any(|w| w == "-v") =>
            {
                let outer = self.capture.replace(Vec::new());
                let result = run(self, &words);
                let bytes = std::mem::replace(&mut self.capture, outer).unwrap_or_default();
                let status = match result {
                    Ok(status) | Err(Flow::Abort(status) | Flow::Exit(status)) => status,
                    Err(Flow::Discard) => 1,
                    Err(_) => 0,
                };
                self.line = line;
                self.status = status;
                self.substitution_status = Some(status);
                Ok(Some(trimmed(bytes)))
            }
            Target::Program if !self.options.monitor && !self.interactive => {
                let program = match self.program(&words) {
                    Ok(program) => program,
                    Err(status) => {
                        self.status = status;
                        self.substitution_status = Some(status);
                        return Ok(Some(String::new()));
                    }
                };
                let (read, write) = self.substitution_pipe()?;
                let mut program = program;
                program.actions.push(sys::process::Action::Dup2 {
                    oldfd: write,
                    fd: 1,
                });
                match self.spawn(program, 0) {
                    Ok(pid) => Ok(Some(self.collect(read, write, pid))),
                    Err(status) => {
                        let _ = sys::fd::close(read);
                        let _ = sys::fd::close(write);
                        self.status = status;
                        self.substitution_status = Some(status);
                        Ok(Some(String::new()))
                    }
                }
            }
            _ => Ok(None),
        }
    }

    /// `$(<file)` of bash.
    fn substitute_file(&mut self, simple: &Simple) -> Result<Option<String>, Flow> {
        let [redirect] = simple.redirects.as_slice() else {
            return Ok(None);
        };
        if !self.bash || redirect.kind != RedirectKind::Read || !simple.assigns.is_empty() {
            return Ok(None);
        }
        let name = self.expand_single(&redirect.target)?;
        self.status = 0;
        match self.open(&text::path(&name), sys::fd::O_RDONLY) {
            Ok(fd) => {
                let bytes = read_all(fd, sys::signal::set_aside);
                let _ = sys::fd::close(fd);
                self.substitution_status = Some(0);
                Ok(Some(trimmed(bytes)))
            }
            Err(error) => {
                self.error(&format!("{name}: {}", sys::errno::message(&error)));
                self.substitution_status = Some(1);
                Ok(Some(String::new()))
            }
        }
    }

    /// Starts the list of `<(...)` or `>(...)`; gives the path of the pipe's other end.
    /// `<(<file)`: the file is the output.
    fn copy_file(&mut self, redirect: &Redirect) -> Exec {
        let saved = match self.redirect(std::slice::from_ref(redirect)) {
            Ok(saved) => saved,
            Err(_) => return Ok(1),
        };
        let bytes = read_all(0, || {});
        self.restore(saved);
        // Who reads may have gone.
        Ok(i32::from(sys::fd::write_all(1, &bytes).is_err()))
    }

    pub fn process_substitution(&mut self, reads: bool, list: &Rc<List>) -> Result<String, Flow> {
        let (read, write) = self.substitution_pipe()?;
        let (ours, theirs, std) = if reads {
            (read, write, 1)
        } else {
            (write, read, 0)
        };
        let pipe = sys::fd::stat(theirs).ok();
        let forked = sys::process::fork_call(|| {
            let _ = sys::fd::close(ours);
            let _ = sys::fd::dup2(theirs, std);
            let _ = sys::fd::close(theirs);
            for (fd, _) in std::mem::take(&mut self.substitutions) {
                let _ = sys::fd::close(fd);
            }
            if self.session.is_some() {
                let _ = sys::process::setpgid(0, 0);
            }
            self.enter_subshell();
            let result = match only_file(list).filter(|_| reads && self.bash) {
                Some(redirect) => self.copy_file(redirect),
                None => self.run_list(list, true),
            };
            self.leave_subshell(result)
        });
        let _ = sys::fd::close(theirs);
        let pid = match forked {
            Ok(pid) => pid,
            Err(error) => {
                return self.fatal(&format!("Cannot fork: {}", sys::errno::message(&error)));
            }
        };
        // The command opens it by its path, so it must survive the exec.
        let _ = sys::fd::set_cloexec(ours, sys::fd::Cloexec::Clear);
        self.await_child(pid);
        self.substitutions.push((ours, pid));
        if !reads {
            self.filters.extend(pipe.map(|pipe| Filter { pid, pipe }));
        }
        self.last_background = Some(pid);
        self.add_job(&[pid], 0, "", false);
        Ok(format!("/dev/fd/{ours}"))
    }

    /// Closes the pipes of process substitutions begun since there were `keep` of them.
    pub fn close_substitutions(&mut self, keep: usize) {
        if self.gives_up()
            && let Some(session) = &self.session
        {
            session.kill_awaited();
        }
        for (fd, pid) in self.substitutions.split_off(keep) {
            let _ = sys::fd::close(fd);
            self.awaited_child_ended(pid);
        }
        self.reap_all();
        self.jobs
            .list
            .retain(|j| j.id != 0 || !matches!(j.state(), crate::jobs::State::Done(_)));
        let mut filters = std::mem::take(&mut self.filters);
        filters.retain(|filter| self.child_runs(filter.pid));
        self.filters = filters;
    }
}
