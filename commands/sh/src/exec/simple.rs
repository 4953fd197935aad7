//! Simple commands and function calls.

use std::rc::Rc;

use secure_exec_sys as sys;
use sys::errno;
use sys::process::Program;

use super::assign::Hidden;
use super::lookup::Target;
use super::redirect::{Failure, Saved};
use crate::builtins::Builtin;
use crate::shell::{Exec, Flow, Frame, Shell};
use crate::syntax::ast::{Arg, Assign, AssignValue, Function, Part, Simple, Word};
use crate::text;

/// Builtins whose wrong use gives the line up.
const FLOW: [&str; 6] = ["break", "continue", "exit", "logout", "return", "shift"];

/// The assignment that a word is written as.
fn assignment(word: &Word) -> Option<Assign> {
    let Some(Part::Literal(first)) = word.parts.first() else {
        return None;
    };
    let (name, value) = first.split_once('=')?;
    let (name, append) = match name.strip_suffix('+') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if !text::is_name(name) {
        return None;
    }
    let mut value_word = word.clone();
    value_word.parts[0] = Part::Literal(value.to_owned());
    Some(Assign {
        name: name.to_owned(),
        index: None,
        append,
        value: AssignValue::Scalar(value_word),
    })
}

/// The command as `set -k` has it: assignments behind its name are for its environment too.
fn with_assignments_first(simple: &Simple) -> Option<Simple> {
    let found = |arg: &Arg| match arg {
        Arg::Word(word) => assignment(word),
        Arg::Assign(_) => None,
    };
    if !simple.args.iter().skip(1).any(|arg| found(arg).is_some()) {
        return None;
    }
    let mut moved = simple.clone();
    moved.args.truncate(1);
    for arg in simple.args.iter().skip(1) {
        match found(arg) {
            Some(assign) => moved.assigns.push(assign),
            None => moved.args.push(arg.clone()),
        }
    }
    Some(moved)
}

impl Shell {
    /// Whether the shell may be replaced by its last command: nothing of it is needed later.
    pub(super) fn can_exec(&self) -> bool {
        let trapped = self.traps.actions.values().any(|a| !a.is_empty());
        !trapped
            && self.traps.pseudo.is_empty()
            && !self.interactive
            && !self.options.monitor
            && self.capture.is_none()
            && self.filters.is_empty()
    }

    pub(super) fn run_simple(&mut self, simple: &Simple, tail: bool) -> Exec {
        if self.options.keyword
            && let Some(moved) = with_assignments_first(simple)
        {
            return self.run_simple(&moved, tail);
        }
        self.line = simple.line;
        self.show_command(&simple.text);
        self.substitution_status = None;
        self.run_pseudo_trap("DEBUG")?;
        let words = self.expand_arguments(&simple.args)?;
        if words.is_empty() {
            return self.run_assignments(simple);
        }
        if self.bash {
            self.last_argument = words.last().cloned().unwrap_or_default();
        }
        let target = self.target(&words[0]);
        let result = self.run_words(simple, words, &target, tail);
        self.line = simple.line;
        if !matches!(target, Target::Function(_)) {
            // Of `eval`, what it has run has shown itself meanwhile.
            self.show_command(&simple.text);
        }
        result
    }

    /// Counts a stage of a pipeline as a subshell, now that its words are expanded.
    fn count_subshell(&mut self) {
        if std::mem::take(&mut self.counts_late) {
            self.subshell += 1;
        }
    }

    /// Expands the words; assignments given to declaration utilities are not split.
    pub(super) fn expand_arguments(&mut self, args: &[Arg]) -> Result<Vec<String>, Flow> {
        let mut words = Vec::with_capacity(args.len());
        self.array_arguments.clear();
        let mut arrays = Vec::new();
        for arg in args {
            match arg {
                Arg::Word(word) => self.expand_argument(word, &mut words)?,
                Arg::Assign(assign) => {
                    let plus = if assign.append { "+" } else { "" };
                    let index = match &assign.index {
                        Some(index) => format!("[{}]", self.expand_single(index)?),
                        None => String::new(),
                    };
                    match &assign.value {
                        AssignValue::Scalar(value) => {
                            let value = self.expand_assignment(value)?;
                            words.push(format!("{}{index}{plus}={value}", assign.name));
                        }
                        AssignValue::Array(elements, _) => {
                            let items = self.expand_elements(elements)?;
                            if self.options.xtrace {
                                let list = self.elements_for_trace(&items);
                                self.trace(&format!("{}{plus}={list}", assign.name));
                            }
                            arrays.push((
                                words.len(),
                                super::assign::ArrayValue {
                                    append: assign.append,
                                    items,
                                },
                            ));
                            words.push(assign.name.clone());
                        }
                    }
                }
            }
        }
        self.array_arguments = arrays;
        Ok(words)
    }

    /// A command without a name: assignments and redirections only.
    fn run_assignments(&mut self, simple: &Simple) -> Exec {
        if self.bash {
            // Its substitutions do not see the redirections.
            self.assign_all(&simple.assigns)?;
            self.count_subshell();
            self.last_argument.clear();
        }
        let saved = match self.redirect(&simple.redirects) {
            Ok(saved) => saved,
            Err(failure) => return self.redirect_status(failure),
        };
        let result = if self.bash {
            Ok(())
        } else {
            self.assign_all(&simple.assigns)
        };
        self.restore(saved);
        result?;
        Ok(self.substitution_status.take().unwrap_or(0))
    }

    pub(super) fn run_words(
        &mut self,
        simple: &Simple,
        words: Vec<String>,
        target: &Target,
        tail: bool,
    ) -> Exec {
        let special = matches!(target, Target::Special(_)) && (!self.bash || self.options.posix)
            || !self.bash && words[0] == "local";
        let is_exec = matches!(target, Target::Special(_)) && words[0] == "exec"
            || words[0] == "command" && words.get(1).is_some_and(|w| w == "exec");
        if self.bash {
            let hidden = self.assign_for_command(&simple.assigns)?;
            self.count_subshell();
            // Told where the shell's errors go, not the command's.
            self.trace_words(&words);
            let saved = match self.redirect(&simple.redirects) {
                Ok(saved) => saved,
                Err(failure) => {
                    self.unhide(hidden);
                    return match failure {
                        Failure::Reported if special => Err(Flow::Abort(1)),
                        failure => self.redirect_status(failure),
                    };
                }
            };
            return self.run_prepared(words, target, tail, hidden, saved, is_exec);
        }
        // Told where the shell's errors go, unless assignments come first.
        let told = simple.assigns.is_empty();
        if told {
            self.trace_words(&words);
        }
        let saved = match self.redirect(&simple.redirects) {
            Ok(saved) => saved,
            Err(Failure::Reported) if special => return Err(Flow::Abort(2)),
            Err(failure) => return self.redirect_status(failure),
        };
        let hidden = if special {
            let assigned = self.assign_all(&simple.assigns);
            if is_exec && words.len() > 1 {
                // They are for the program that takes the shell's place.
                for assign in &simple.assigns {
                    self.vars.entry(&assign.name).attributes.export = true;
                }
            }
            assigned.map(|()| Hidden::NOTHING)
        } else {
            self.assign_for_command(&simple.assigns)
        };
        let hidden = match hidden {
            Ok(hidden) => hidden,
            Err(flow) => {
                self.restore(saved);
                return Err(flow);
            }
        };
        if !told {
            self.trace_words(&words);
        }
        self.run_prepared(words, target, tail, hidden, saved, is_exec)
    }

    /// Runs words after their assignments and redirections, and undoes those.
    fn run_prepared(
        &mut self,
        words: Vec<String>,
        target: &Target,
        tail: bool,
        hidden: Hidden,
        saved: Saved,
        is_exec: bool,
    ) -> Exec {
        let result = match target {
            Target::Special(run) | Target::Builtin(run) => self.run_builtin(*run, &words),
            Target::Function(function) => {
                let function = Rc::clone(function);
                self.call_function(&function, words)
            }
            Target::Program => self.run_program(&words, tail && self.substitutions.is_empty()),
        };
        self.unhide(hidden);
        if is_exec && result.is_ok() {
            self.keep(saved);
        } else {
            self.restore(saved);
        }
        result
    }

    pub fn run_builtin(&mut self, run: Builtin, words: &[String]) -> Exec {
        let result = run(self, words);
        self.array_arguments.clear();
        match result {
            // Of a builtin, bash takes it as a failure, unless it is one of the flow.
            Err(Flow::Discard) if !FLOW.contains(&words[0].as_str()) => Ok(1),
            other => other,
        }
    }

    /// Calls a function with the words as its name and parameters.
    pub fn call_function(&mut self, function: &Rc<Function>, mut words: Vec<String>) -> Exec {
        let name = words.remove(0);
        let frame = Frame {
            name,
            line: self.line,
            file: Rc::clone(&function.file),
            is_function: true,
            options: None,
        };
        self.frames.push(frame);
        let traps = self.take_function_traps();
        self.vars.push_scope();
        let positional = std::mem::replace(&mut self.positional, words);
        let loops = std::mem::take(&mut self.loops);
        let result = self.run_command(&function.body, false);
        let returned = self.run_pseudo_trap("RETURN");
        let result = match result {
            Err(Flow::Return(status)) => {
                self.status = status;
                Ok(status)
            }
            other => other,
        };
        self.restore_function_traps(traps);
        self.loops = loops;
        self.positional = positional;
        self.vars.pop_scope();
        if let Some(options) = self.frames.pop().and_then(|frame| frame.options) {
            self.options.copy_set(options);
        }
        returned?;
        result
    }

    /// Runs a program and waits for it; with `tail` it replaces the shell.
    pub fn run_program(&mut self, words: &[String], tail: bool) -> Exec {
        let program = match self.program(words) {
            Ok(program) => program,
            Err(status) => return Ok(status),
        };
        if tail && self.can_exec() {
            return Err(Flow::Exit(self.exec(program)));
        }
        match self.spawn(program, 0) {
            Ok(pid) => self.wait_single(pid, &words.join(" ")),
            Err(status) => Ok(status),
        }
    }

    /// Replaces the shell; the status when that failed.
    pub fn exec(&mut self, program: Program) -> i32 {
        let error = sys::process::exec(&program);
        if errno::is(&error, errno::ENOEXEC) {
            let script = self.as_script(&program);
            let error = sys::process::exec(&script);
            return self.exec_failed(&script, &error);
        }
        self.exec_failed(&program, &error)
    }

    /// Starts a program in the process group `pgid` (under job control; 0 starts one). `Err` is the status.
    pub(super) fn spawn(&mut self, mut program: Program, pgid: sys::Pid) -> Result<sys::Pid, i32> {
        if self.options.monitor {
            // With the terminal from its first step on: it may read before this shell has come to give it.
            program.flags |= sys::process::SETPGID | sys::process::FOREGROUND;
            program.pgid = pgid;
        }
        let ignored = self.interactive_to_default(true);
        let mut started = sys::process::spawn(&program);
        if matches!(&started, Err(error) if errno::is(error, errno::ENOEXEC)) {
            program = self.as_script(&program);
            started = sys::process::spawn(&program);
        }
        if ignored {
            self.interactive_to_default(false);
        }
        match started {
            Ok(pid) => {
                if self.options.monitor {
                    self.give_terminal(if pgid == 0 { pid } else { pgid });
                }
                Ok(pid)
            }
            Err(error) => Err(self.exec_failed(&program, &error)),
        }
    }

    /// Programs do not inherit what an interactive shell ignores for itself.
    fn interactive_to_default(&mut self, start: bool) -> bool {
        use sys::signal::{Disposition, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
        if !self.interactive {
            return false;
        }
        let terminal = if self.options.monitor {
            &[SIGTSTP, SIGTTIN, SIGTTOU][..]
        } else {
            &[]
        };
        for signal in [SIGQUIT, SIGTERM].iter().chain(terminal) {
            if !self.traps.actions.contains_key(signal) {
                let disposition = if start {
                    Disposition::Default
                } else {
                    Disposition::Ignore
                };
                let _ = sys::signal::action(*signal, disposition);
            }
        }
        true
    }
}
