//! Pipelines and background commands.

use secure_exec_sys as sys;
use sys::process::Action;
use sys::{Fd, Pid};

use super::lookup::Target;
use super::redirect::own_pipe;
use crate::jobs::Coprocess;
use crate::shell::{Exec, Flow, Shell};
use crate::syntax::ast::{Arg, AssignValue, Command, Index, Item, Op, Part, Simple, Word};

/// The descriptors of one stage.
#[derive(Clone, Copy)]
struct Ends {
    input: Option<Fd>,
    output: Option<Fd>,
    /// The other end of the output, which the stage must not hold.
    next_input: Option<Fd>,
}

/// Whether expanding the word changes nothing and reads nothing, so that it may happen in this process.
fn is_pure(word: &Word) -> bool {
    word.parts.iter().all(is_pure_part)
}

fn is_pure_part(part: &Part) -> bool {
    match part {
        Part::Literal(_) | Part::Quoted(_) => true,
        Part::Double(parts) => parts.iter().all(is_pure_part),
        Part::Param(param) => {
            let index = match &param.index {
                Some(Index::Word(word)) => {
                    word.literal().is_some_and(|t| !t.contains(['=', '+', '-']))
                }
                _ => true,
            };
            let op = match &param.op {
                Op::None | Op::Length | Op::Names(_) | Op::Keys => true,
                Op::Value { kind, word, .. } => (*kind == '-' || *kind == '+') && is_pure(word),
                Op::Trim { pattern, .. } | Op::Case { pattern, .. } => is_pure(pattern),
                Op::Replace { pattern, with, .. } => is_pure(pattern) && is_pure(with),
                _ => false,
            };
            // These differ in a copy of the shell, or with every look.
            let own = ["RANDOM", "SRANDOM", "BASHPID", "BASH_SUBSHELL"];
            index && op && !param.indirect && !own.contains(&param.name.as_str())
        }
        Part::Command(_) | Part::Arith(_) | Part::Process(..) => false,
    }
}

pub(super) fn is_pure_command(simple: &Simple) -> bool {
    let args = simple
        .args
        .iter()
        .all(|arg| matches!(arg, Arg::Word(word) if is_pure(word)));
    let assigns = simple
        .assigns
        .iter()
        .all(|a| matches!(&a.value, AssignValue::Scalar(w) if is_pure(w)) && a.index.is_none());
    args && assigns
        && simple
            .redirects
            .iter()
            .all(|r| is_pure(&r.target) && r.body.is_none())
}

impl Shell {
    /// Runs a pipeline of several commands.
    pub(super) fn run_stages(&mut self, commands: &[Command], text: &str) -> Exec {
        let lastpipe = self.bash && self.options.lastpipe && !self.options.monitor;
        for command in commands {
            if let Command::Simple(simple) = command {
                self.line = simple.line;
                self.show_command(&simple.text);
                self.run_pseudo_trap("DEBUG")?;
            }
        }
        let (pids, pgid, last) = self.start_stages(commands, false, lastpipe, None)?;
        let job = self.add_job(&pids, pgid, text, false);
        let last_status = last.map(|input| self.run_last_here(commands, input));
        let (status, mut statuses) = self.wait_foreground(job);
        self.take_terminal();
        let status = match last_status {
            Some(result) => {
                let status = result?;
                statuses.push(status);
                status
            }
            None => status,
        };
        let failed = statuses.iter().rev().find(|s| **s != 0).copied();
        let result = if self.options.pipefail {
            failed.unwrap_or(0)
        } else {
            status
        };
        if self.bash {
            self.pipe_statuses = statuses;
        }
        Ok(result)
    }

    /// `shopt -s lastpipe`: the last command runs in this shell.
    fn run_last_here(&mut self, commands: &[Command], input: Fd) -> Exec {
        let mut saved = super::redirect::Saved::default();
        self.save(0, &mut saved);
        let _ = sys::fd::dup2(input, 0);
        let _ = sys::fd::close(input);
        let result = commands
            .last()
            .map_or(Ok(0), |command| self.run_command(command, false));
        self.restore(saved);
        result
    }

    /// Starts all commands of a pipeline; gives their pids, the group, and with `keep_last` the input of the
    /// last one, which is not started.
    pub(super) fn start_stages(
        &mut self,
        commands: &[Command],
        background: bool,
        keep_last: bool,
        output: Option<Fd>,
    ) -> Result<(Vec<Pid>, Pid, Option<Fd>), Flow> {
        self.jobs.forget_early();
        let mut pids = Vec::with_capacity(commands.len());
        let mut pgid = 0;
        let mut input = None;
        for (at, command) in commands.iter().enumerate() {
            let last = at + 1 == commands.len();
            if last && keep_last {
                return Ok((pids, pgid, input));
            }
            let mut ends = Ends {
                input,
                output: if last { output } else { None },
                next_input: None,
            };
            if !last {
                match own_pipe() {
                    Ok((read, write)) => {
                        ends.output = Some(write);
                        ends.next_input = Some(read);
                    }
                    Err(error) => {
                        self.error(&format!(
                            "Pipe call failed: {}",
                            sys::errno::message(&error)
                        ));
                        return Err(Flow::Abort(2));
                    }
                }
            }
            let pid = self.start_stage(command, ends, pgid, background)?;
            for fd in [ends.input, ends.output.filter(|_| !last)]
                .into_iter()
                .flatten()
            {
                let _ = sys::fd::close(fd);
            }
            if self.options.monitor && pgid == 0 {
                pgid = pid;
            }
            pids.push(pid);
            input = ends.next_input;
        }
        Ok((pids, pgid, None))
    }

    fn start_stage(
        &mut self,
        command: &Command,
        ends: Ends,
        pgid: Pid,
        background: bool,
    ) -> Result<Pid, Flow> {
        if let Command::Simple(simple) = command
            && let Some(pid) = self.spawn_stage(simple, ends, pgid, background)?
        {
            return Ok(pid);
        }
        self.fork_stage(ends, pgid, background, |shell| {
            if !matches!(command, Command::Simple(_)) {
                shell.jobs.inherited.clear();
            } else if !background && shell.bash {
                shell.subshell -= 1;
                shell.counts_late = true;
            }
            shell.run_command(command, true)
        })
    }

    /// Starts a stage that is a program by spawning, without a copy of the shell.
    fn spawn_stage(
        &mut self,
        simple: &Simple,
        ends: Ends,
        pgid: Pid,
        background: bool,
    ) -> Result<Option<Pid>, Flow> {
        if !is_pure_command(simple)
            || self.options.nounset
            || self.options.xtrace
            || simple.args.is_empty()
        {
            return Ok(None);
        }
        if !simple.redirects.is_empty()
            || !self.traps.pseudo.is_empty()
            || background && ends.input.is_none()
        {
            return Ok(None);
        }
        let mut words = Vec::new();
        for arg in &simple.args {
            if let Arg::Word(word) = arg {
                self.expand_argument(word, &mut words)?;
            }
        }
        if words.is_empty() || !matches!(self.target(&words[0]), Target::Program) {
            return Ok(None);
        }
        self.line = simple.line;
        let hidden = self.assign_for_command(&simple.assigns)?;
        let program = self.program_quiet(&words);
        self.unhide(hidden);
        let Some(mut program) = program else {
            return Ok(None);
        };
        for (fd, end) in [(0, ends.input), (1, ends.output)] {
            if let Some(end) = end {
                program.actions.push(Action::Dup2 { oldfd: end, fd });
            }
        }
        if background {
            return Ok(None);
        }
        // What cannot start fails in a copy, as any stage.
        Ok(self.spawn_quiet(program, pgid))
    }

    fn program_quiet(&mut self, words: &[String]) -> Option<sys::process::Program> {
        self.find_program(&words[0])?;
        self.program(words).ok()
    }

    fn spawn_quiet(&mut self, mut program: sys::process::Program, pgid: Pid) -> Option<Pid> {
        if self.interactive {
            return None;
        }
        if self.options.monitor {
            program.flags |= sys::process::SETPGID;
            program.pgid = pgid;
        }
        sys::process::spawn(&program).ok()
    }

    /// Starts a copy of the shell for a stage.
    fn fork_stage(
        &mut self,
        ends: Ends,
        pgid: Pid,
        background: bool,
        run: impl FnOnce(&mut Self) -> Exec,
    ) -> Result<Pid, Flow> {
        let monitor = self.options.monitor;
        self.refresh_jobs();
        let forked = sys::process::fork_call(|| {
            if monitor {
                let _ = sys::process::setpgid(0, pgid);
                if !background {
                    let own = if pgid == 0 {
                        sys::process::getpid()
                    } else {
                        pgid
                    };
                    self.give_terminal(own);
                }
            }
            for (fd, end) in [(0, ends.input), (1, ends.output)] {
                if let Some(end) = end {
                    let _ = sys::fd::dup2(end, fd);
                    let _ = sys::fd::close(end);
                }
            }
            if let Some(fd) = ends.next_input {
                let _ = sys::fd::close(fd);
            }
            self.enter_subshell();
            if background && !monitor {
                self.detach_from_terminal(ends.input.is_none());
            }
            let result = run(self);
            self.leave_subshell(result)
        });
        match forked {
            Ok(pid) => {
                if monitor {
                    let _ = sys::process::setpgid(pid, if pgid == 0 { pid } else { pgid });
                    if !background {
                        self.give_terminal(if pgid == 0 { pid } else { pgid });
                    }
                }
                Ok(pid)
            }
            Err(error) => {
                self.error(&format!("Cannot fork: {}", sys::errno::message(&error)));
                Err(Flow::Abort(2))
            }
        }
    }

    /// Background commands without job control ignore the terminal's signals and read nothing.
    fn detach_from_terminal(&mut self, input: bool) {
        use sys::signal::{Disposition, SIGINT, SIGQUIT};
        for signal in [SIGINT, SIGQUIT] {
            let _ = sys::signal::action(signal, Disposition::Ignore);
        }
        if input && let Ok(null) = sys::fd::open("/dev/null", sys::fd::O_RDONLY, 0) {
            let _ = sys::fd::dup2(null, 0);
            if null != 0 {
                let _ = sys::fd::close(null);
            }
        }
    }

    /// Starts a coprocess: its array has the descriptors to read from and to write to.
    pub(super) fn start_coproc(&mut self, name: &str, body: &Command, text: &str) -> Exec {
        let pipes = own_pipe().and_then(|to| Ok((to, own_pipe()?)));
        let ((input, ours_out), (ours_in, output)) = match pipes {
            Ok(pipes) => pipes,
            Err(error) => {
                self.error(&format!(
                    "Pipe call failed: {}",
                    sys::errno::message(&error)
                ));
                return Ok(1);
            }
        };
        let ends = Ends {
            input: Some(input),
            output: Some(output),
            next_input: Some(ours_in),
        };
        let pid = self.fork_stage(ends, 0, true, |shell| {
            // It must see the end of its own input.
            let _ = sys::fd::close(ours_out);
            shell.run_command(body, true)
        })?;
        for fd in [input, output] {
            let _ = sys::fd::close(fd);
        }
        let pgid = if self.options.monitor { pid } else { 0 };
        self.last_background = Some(pid);
        let job = self.add_job(&[pid], pgid, &format!("coproc {text}"), true);
        let ends = [ours_in, ours_out].into_iter();
        self.jobs.list[job].coprocess = Some(Coprocess {
            name: name.to_owned(),
            ends: ends
                .filter_map(|fd| Some((fd, sys::fd::stat(fd).ok()?)))
                .collect(),
        });
        self.assign_array(name, vec![ours_in.to_string(), ours_out.to_string()])?;
        self.assign(&format!("{name}_PID"), pid.to_string())?;
        Ok(0)
    }

    /// Starts an and-or list in the background.
    pub(super) fn start_background(&mut self, item: &Item) -> Exec {
        let plain = item.rest.is_empty() && !item.first.bang && item.first.time.is_none();
        let (pids, pgid) = if plain && !item.first.commands.is_empty() {
            let (pids, pgid, _) = self.start_stages(&item.first.commands, true, false, None)?;
            (pids, pgid)
        } else {
            let ends = Ends {
                input: None,
                output: None,
                next_input: None,
            };
            let pid = self.fork_stage(ends, 0, true, |shell| {
                let mut status = shell.run_link(&item.first, !item.rest.is_empty(), false)?;
                for (and, pipeline) in &item.rest {
                    if (status == 0) == *and {
                        status = shell.run_link(pipeline, false, false)?;
                    }
                }
                Ok(status)
            })?;
            (vec![pid], if self.options.monitor { pid } else { 0 })
        };
        self.last_background = pids.last().copied();
        let text = item.text.trim_end_matches('&').trim_end().to_owned();
        let job = self.add_job(&pids, pgid, &text, true);
        if self.interactive {
            let line = format!(
                "[{}] {}\n",
                self.jobs.list[job].id,
                pids.last().unwrap_or(&0)
            );
            self.print_error_raw(&line);
        }
        Ok(0)
    }
}
