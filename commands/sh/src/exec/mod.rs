//! Running the syntax tree.

pub mod assign;
mod compound;
mod conditional;
pub mod filters;
pub mod lookup;
mod pipeline;
pub mod redirect;
mod simple;
mod substitution;

use std::rc::Rc;

use crate::shell::{Exec, Flow, Shell};
use crate::syntax::ast::{Command, Compound, Item, List, Pipeline};
use crate::syntax::{Input, ParseError, Parser};

/// How deep commands, functions and expansions may nest before that is an error. Compiled code has a stack of
/// 1 MiB in the machine.
pub const MAX_DEPTH: u32 = if cfg!(target_os = "wasi") { 600 } else { 1200 };

impl Shell {
    /// Parses and runs text, as `eval`, traps and `-c` do.
    pub fn eval_text(&mut self, text: &str, line: u32) -> Exec {
        let mut input = Input::text(text, line);
        self.run_input(&mut input, false)
    }

    /// Runs everything an input gives; the last command may replace the shell when `tail`.
    pub fn run_input(&mut self, input: &mut Input, tail: bool) -> Exec {
        let mut status = 0;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return self.fatal("nested too deeply");
        }
        let result = loop {
            if self.depth == 1 {
                self.expand_next_line(input);
            }
            let parsed = Parser::new(input, self).complete_command();
            match parsed {
                Ok(None) => break Ok(status),
                Ok(Some(list)) => {
                    if self.options.verbose
                        && let Some(lines) = input.untold_lines()
                    {
                        self.print_error_raw(&lines);
                    }
                    if list.is_empty() || self.options.noexec && !self.interactive {
                        continue;
                    }
                    if self.depth == 1 && !self.interactive {
                        let wanted = self.bash && self.options.history;
                        if let Some(lines) = input.command_lines(wanted) {
                            self.remember_command(&lines);
                        }
                    }
                    let last = tail && input.at_end();
                    if self.depth == 1 {
                        self.commands = self.commands.wrapping_add(1);
                    }
                    match self.run_list(&list, last) {
                        Ok(s) if self.options.onecmd && self.depth == 1 => {
                            break Err(Flow::Exit(s));
                        }
                        Ok(s) => status = s,
                        Err(Flow::Discard) if !self.interactive || input.is_text() => {
                            status = 1;
                            self.status = 1;
                        }
                        Err(flow) => break Err(flow),
                    }
                }
                Err(error) => break self.syntax_error(&error),
            }
        };
        self.depth -= 1;
        result
    }

    pub fn syntax_error(&mut self, error: &ParseError) -> Exec {
        // Ctrl-C in an unfinished command ends its text too early; that is no mistake.
        if !(error.at_end && self.traps.interrupted) {
            self.error_at(&error.message, error.line);
        }
        self.status = 2;
        Err(Flow::Abort(2))
    }

    /// Runs a list. With `tail` the last command may replace the shell.
    pub fn run_list(&mut self, list: &List, tail: bool) -> Exec {
        let mut status = 0;
        for (at, item) in list.iter().enumerate() {
            if self.options.noexec && !self.interactive {
                break;
            }
            status = self.run_item(item, tail && at + 1 == list.len())?;
        }
        Ok(status)
    }

    fn run_item(&mut self, item: &Item, tail: bool) -> Exec {
        if item.background {
            let status = self.start_background(item)?;
            self.status = status;
            return Ok(status);
        }
        let last = item.rest.len();
        let mut status = self.run_link(&item.first, last > 0, tail && last == 0)?;
        for (at, (and, pipeline)) in item.rest.iter().enumerate() {
            if (status == 0) == *and {
                status = self.run_link(pipeline, at + 1 < last, tail && at + 1 == last)?;
            }
        }
        Ok(status)
    }

    /// One pipeline of an and-or list; a failure of one that others follow does not end the shell.
    fn run_link(&mut self, pipeline: &Pipeline, followed: bool, tail: bool) -> Exec {
        // What `!` stands before is tested; in bash only if `set -e` is on by then.
        let negated = pipeline.bang && (!self.bash || self.options.errexit);
        let tested = u32::from(followed || negated);
        self.tested += tested;
        self.redirect_failed = false;
        let result = self.run_timed(pipeline, tail && tested == 0 && !pipeline.bang);
        self.tested -= tested;
        let mut status = result?;
        if pipeline.bang {
            status = i32::from(status == 0);
        }
        self.status = status;
        let redirect_failed = std::mem::take(&mut self.redirect_failed);
        let counts = redirect_failed || failure_counts(pipeline);
        if status != 0 && !pipeline.bang && tested == 0 && self.tested == 0 && counts {
            self.run_pseudo_trap_error()?;
            if self.options.errexit {
                return Err(Flow::Exit(status));
            }
        }
        if self.traps.catching || self.traps.has_pending() {
            self.run_traps()?;
        }
        Ok(status)
    }

    fn run_pseudo_trap_error(&mut self) -> Result<(), Flow> {
        self.run_pseudo_trap("ERR")
    }

    fn run_timed(&mut self, pipeline: &Pipeline, tail: bool) -> Exec {
        let Some(posix) = pipeline.time else {
            return self.run_pipeline(pipeline, tail);
        };
        let start = std::time::Instant::now();
        let before = secure_exec_sys::process::times().unwrap_or_default();
        let result = self.run_pipeline(pipeline, false);
        let real = start.elapsed();
        let after = secure_exec_sys::process::times().unwrap_or_default();
        let user =
            (after.user + after.children_user).saturating_sub(before.user + before.children_user);
        let system = (after.system + after.children_system)
            .saturating_sub(before.system + before.children_system);
        let line = |name: &str, d: std::time::Duration| {
            if posix {
                format!("{name} {:.2}\n", d.as_secs_f64())
            } else {
                format!(
                    "{name}\t{}m{}.{:03}s\n",
                    d.as_secs() / 60,
                    d.as_secs() % 60,
                    d.subsec_millis()
                )
            }
        };
        let first = if posix { "" } else { "\n" };
        self.print_error_raw(&format!(
            "{first}{}{}{}",
            line("real", real),
            line("user", user),
            line("sys", system)
        ));
        result
    }

    fn run_pipeline(&mut self, pipeline: &Pipeline, tail: bool) -> Exec {
        match pipeline.commands.as_slice() {
            [] => Ok(0),
            [command] => {
                let status = self.run_command(command, tail)?;
                if self.bash
                    && matches!(
                        command,
                        Command::Simple(_)
                            | Command::Compound {
                                body: Compound::Cond(_)
                                    | Compound::Arith(_)
                                    | Compound::Subshell(_),
                                ..
                            }
                    )
                {
                    self.pipe_statuses.clear();
                    self.pipe_statuses.push(status);
                }
                Ok(status)
            }
            commands => self.run_stages(commands, &pipeline.text),
        }
    }

    /// Runs one command in this shell.
    pub fn run_command(&mut self, command: &Command, tail: bool) -> Exec {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return self.fatal("nested too deeply");
        }
        let substitutions = self.substitutions.len();
        let result = match command {
            Command::Simple(simple) => self.run_simple(simple, tail),
            Command::Compound {
                body,
                redirects,
                line,
                text,
            } => {
                self.line = *line;
                self.show_command(text);
                let result = if redirects.is_empty() {
                    self.run_compound(body, text, tail)
                } else {
                    match self.redirect(redirects) {
                        Ok(saved) => {
                            let result = self.run_compound(body, text, false);
                            self.restore(saved);
                            result
                        }
                        Err(redirect::Failure::Reported) => {
                            self.redirect_failed = true;
                            Ok(if self.bash { 1 } else { 2 })
                        }
                        Err(redirect::Failure::Flow(flow)) => Err(flow),
                    }
                };
                self.line = *line;
                if matches!(body, Compound::Subshell(_)) {
                    self.show_command(text);
                }
                result
            }
            Command::Function { name, function } => {
                if self.readonly_functions.contains(name) {
                    self.error(&format!("{name}: readonly function"));
                    Ok(1)
                } else {
                    self.functions.insert(name.clone(), Rc::clone(function));
                    Ok(0)
                }
            }
        };
        if self.substitutions.len() > substitutions {
            self.close_substitutions(substitutions);
        }
        self.depth -= 1;
        result
    }

    /// Makes this `$BASH_COMMAND`, unless an action of a trap is running.
    pub(super) fn show_command(&mut self, text: &Rc<str>) {
        if !text.is_empty() && self.traps.nesting == 0 {
            self.command_text = Rc::clone(text);
        }
    }

    /// What a copy of the shell does first.
    pub fn enter_subshell(&mut self) {
        self.subshell += 1;
        if self.interactive {
            // The terminal's signals are back to what programs expect.
            self.interactive = false;
            self.interactive_signals();
        }
        if let Some(session) = self.session.take() {
            session.leave();
        }
        self.reset_traps();
        if self.bash {
            // The loops around it are the original's.
            self.loops = 0;
        }
        self.options.monitor = false;
        self.jobs = self.jobs.of_copy();
        self.filters.clear();
        self.capture = None;
    }

    /// The status a copy of the shell exits with.
    pub fn leave_subshell(&mut self, result: Exec) -> i32 {
        let status = match result {
            Ok(status) | Err(Flow::Exit(status) | Flow::Abort(status) | Flow::Return(status)) => {
                status
            }
            Err(Flow::Discard) => 1,
            Err(Flow::Break(_) | Flow::Continue(_)) => self.status,
        };
        let status = self.run_exit_trap(status) & 0xff;
        self.finish_filters();
        status
    }
}

/// Whether `set -e` looks at this pipeline: not at compound commands, in which it looked already.
fn failure_counts(pipeline: &Pipeline) -> bool {
    match pipeline.commands.as_slice() {
        [Command::Compound { body, .. }] => {
            matches!(
                body,
                Compound::Subshell(_) | Compound::Arith(_) | Compound::Cond(_)
            )
        }
        [Command::Function { .. }] => false,
        _ => true,
    }
}
