//! Compound commands.

use std::rc::Rc;

use secure_exec_sys as sys;

use crate::expand::pattern::Pattern;
use crate::shell::{Exec, Flow, Shell};
use crate::syntax::ast::{Arm, ArmEnd, Compound, List, Word};

impl Shell {
    pub(super) fn run_compound(&mut self, body: &Compound, text: &str, tail: bool) -> Exec {
        match body {
            Compound::Brace(list) => self.run_list(list, tail),
            Compound::Subshell(list) => self.run_subshell(list, tail),
            Compound::For { name, words, body } => self.run_for(name, words.as_deref(), body, text),
            Compound::Select { name, words, body } => {
                self.trace_head(text);
                self.run_select(name, words.as_deref(), body)
            }
            Compound::ArithFor {
                init,
                test,
                step,
                body,
            } => self.run_arith_for(init, test, step, body),
            Compound::Case { subject, arms } => {
                self.trace_head(text);
                self.run_case(subject, arms, tail)
            }
            Compound::If {
                branches,
                otherwise,
            } => self.run_if(branches, otherwise.as_ref(), tail),
            Compound::While { until, test, body } => self.run_while(*until, test, body),
            Compound::Arith(word) => {
                self.trace_expression(word, |text| text)?;
                let result = self.expand_arithmetic(&word.parts);
                match result {
                    Ok(value) => Ok(i32::from(value == 0)),
                    // An error in an expression is a failed command here.
                    Err(Flow::Abort(_) | Flow::Discard) => Ok(1),
                    Err(flow) => Err(flow),
                }
            }
            Compound::Cond(condition) => self.run_condition(condition),
            Compound::Coproc { name, body, text } => self.start_coproc(name, body, text),
        }
    }

    /// Shows the first words of a loop or of `case` under `set -x`, as they are written.
    fn trace_head(&mut self, text: &str) {
        if self.options.xtrace && self.bash {
            self.trace(text.trim_end());
        }
    }

    /// Runs the trap for an expression and shows it under `set -x`.
    fn trace_expression(&mut self, word: &Word, shown: fn(&str) -> &str) -> Result<(), Flow> {
        self.run_pseudo_trap("DEBUG")?;
        if self.options.xtrace {
            let context = crate::expand::Context {
                quoted: true,
                ..crate::expand::Context::SINGLE
            };
            let text = crate::expand::join(self.pieces(&word.parts, context)?);
            self.trace(&format!("(( {} ))", shown(&text)));
        }
        Ok(())
    }

    fn run_subshell(&mut self, list: &List, tail: bool) -> Exec {
        if tail && self.can_exec() && !self.names_pid {
            // Nothing comes after it: the shell itself becomes the subshell.
            self.enter_subshell();
            self.jobs.inherited.clear();
            let result = self.run_list(list, true);
            return Err(Flow::Exit(self.leave_subshell(result)));
        }
        let pid = self.fork_here(|shell| {
            shell.jobs.inherited.clear();
            let result = shell.run_list(list, true);
            shell.leave_subshell(result)
        })?;
        self.wait_single(pid, "( ... )")
    }

    /// Forks a copy that runs `child` in the foreground.
    pub(super) fn fork_here(
        &mut self,
        child: impl FnOnce(&mut Self) -> i32,
    ) -> Result<sys::Pid, Flow> {
        let foreground = self.options.monitor;
        let forked = sys::process::fork_call(|| {
            if foreground {
                // The parent does the same; whoever is first.
                let _ = sys::process::setpgid(0, 0);
                let own = sys::process::getpid();
                self.give_terminal(own);
            }
            self.enter_subshell();
            child(self)
        });
        match forked {
            Ok(pid) => {
                if foreground {
                    let _ = sys::process::setpgid(pid, pid);
                    self.give_terminal(pid);
                }
                Ok(pid)
            }
            Err(error) => {
                self.error(&format!("Cannot fork: {}", sys::errno::message(&error)));
                Err(Flow::Abort(2))
            }
        }
    }

    /// Waits for one child in the foreground.
    pub(super) fn wait_single(&mut self, pid: sys::Pid, text: &str) -> Exec {
        let pgid = if self.options.monitor { pid } else { 0 };
        let job = self.add_job(&[pid], pgid, text, false);
        let (status, _) = self.wait_foreground(job);
        self.take_terminal();
        Ok(status)
    }

    fn run_if(&mut self, branches: &[(List, List)], otherwise: Option<&List>, tail: bool) -> Exec {
        for (test, body) in branches {
            self.tested += 1;
            let result = self.run_list(test, false);
            self.tested -= 1;
            if result? == 0 {
                return self.run_list(body, tail);
            }
        }
        match otherwise {
            Some(body) => self.run_list(body, tail),
            None => {
                self.status = 0;
                Ok(0)
            }
        }
    }

    fn expand_arguments_of(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut out = Vec::new();
        for word in words {
            self.expand_argument(word, &mut out)?;
        }
        Ok(out)
    }

    /// Runs a loop's body once; `Some` ends the loop.
    fn run_body(&mut self, body: &List, status: &mut i32) -> Result<bool, Flow> {
        match self.run_list(body, false) {
            Ok(s) => {
                *status = s;
                Ok(true)
            }
            Err(Flow::Break(n)) => {
                if n > 1 {
                    Err(Flow::Break(n - 1))
                } else {
                    *status = std::mem::take(&mut self.break_status);
                    Ok(false)
                }
            }
            Err(Flow::Continue(n)) => {
                *status = 0;
                if n > 1 {
                    Err(Flow::Continue(n - 1))
                } else {
                    Ok(true)
                }
            }
            Err(flow) => Err(flow),
        }
    }

    /// Runs a loop with `break` and `continue` counting it.
    fn looped(&mut self, run: impl FnOnce(&mut Self) -> Exec) -> Exec {
        self.loops += 1;
        let result = run(self);
        self.loops -= 1;
        if let Ok(status) = result {
            self.status = status;
        }
        result
    }

    fn run_for(&mut self, name: &str, words: Option<&[Word]>, body: &List, text: &str) -> Exec {
        if !crate::text::is_name(name) {
            self.error(&format!("`{name}': not a valid identifier"));
            return Ok(1);
        }
        let values = match words {
            Some(words) => self.expand_arguments_of(words)?,
            None => self.positional.clone(),
        };
        self.looped(|shell| {
            let mut status = 0;
            let (line, shown) = (shell.line, Rc::clone(&shell.command_text));
            for value in values {
                shell.line = line;
                shell.show_command(&shown);
                shell.run_pseudo_trap("DEBUG")?;
                shell.trace_head(text);
                match shell.assign(name, value) {
                    Err(Flow::Discard) => return Ok(1),
                    assigned => assigned?,
                }
                if !shell.run_body(body, &mut status)? {
                    break;
                }
            }
            Ok(status)
        })
    }

    fn run_arith_for(&mut self, init: &Word, test: &Word, step: &Word, body: &List) -> Exec {
        let line = self.line;
        self.trace_step(init)?;
        self.expand_arithmetic(&init.parts)?;
        self.looped(|shell| {
            let mut status = 0;
            let empty =
                test.parts.is_empty() || test.literal().is_some_and(|t| t.trim().is_empty());
            loop {
                shell.line = line;
                shell.trace_step(test)?;
                let go_on = empty || shell.expand_arithmetic(&test.parts)? != 0;
                if !go_on || !shell.run_body(body, &mut status)? {
                    break;
                }
                shell.line = line;
                shell.trace_step(step)?;
                shell.expand_arithmetic(&step.parts)?;
            }
            Ok(status)
        })
    }

    /// Shows one of the three expressions of a loop; none is 1.
    fn trace_step(&mut self, word: &Word) -> Result<(), Flow> {
        if word.literal().is_some_and(|text| text.trim().is_empty()) {
            let one = Word {
                parts: vec![crate::syntax::ast::Part::Literal("1".to_owned())],
                ..Word::default()
            };
            return self.trace_expression(&one, |text| text);
        }
        self.trace_expression(word, str::trim_start)
    }

    fn run_while(&mut self, until: bool, test: &List, body: &List) -> Exec {
        self.looped(|shell| {
            let mut status = 0;
            loop {
                shell.tested += 1;
                let result = shell.run_list(test, false);
                shell.tested -= 1;
                let go_on = match result {
                    Ok(s) => (s == 0) != until,
                    Err(Flow::Break(1)) => break,
                    Err(Flow::Continue(1)) => continue,
                    Err(Flow::Break(n)) => return Err(Flow::Break(n - 1)),
                    Err(Flow::Continue(n)) => return Err(Flow::Continue(n - 1)),
                    Err(flow) => return Err(flow),
                };
                if !go_on || !shell.run_body(body, &mut status)? {
                    break;
                }
            }
            Ok(status)
        })
    }

    fn run_case(&mut self, subject: &Word, arms: &[Arm], tail: bool) -> Exec {
        self.run_pseudo_trap("DEBUG")?;
        let subject = self.expand_single(subject)?;
        let mut status = 0;
        self.substitution_status = None;
        let mut fall = false;
        let mut matched = false;
        for arm in arms {
            let hit = fall || self.matches_any(&arm.patterns, &subject)?;
            if !hit {
                continue;
            }
            matched = true;
            status = self.run_list(&arm.body, tail && arm.end == ArmEnd::Break)?;
            match arm.end {
                ArmEnd::Break => return Ok(status),
                ArmEnd::FallThrough => fall = true,
                ArmEnd::TestNext => fall = false,
            }
        }
        if !matched {
            self.status = 0;
        }
        Ok(status)
    }

    fn matches_any(&mut self, patterns: &[Word], subject: &str) -> Result<bool, Flow> {
        let subject = self.in_locale(subject);
        for pattern in patterns {
            let text = self.expand_pattern(pattern)?;
            let pattern = Pattern::new(&text, self.options.extglob, self.options.nocasematch);
            let matches = pattern.matches(&subject);
            self.check_pattern_time()?;
            if matches {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn run_select(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Exec {
        let values = match words {
            Some(words) => self.expand_arguments_of(words)?,
            None => self.positional.clone(),
        };
        if values.is_empty() {
            return Ok(0);
        }
        self.looped(|shell| {
            let mut status = 0;
            let mut show = true;
            loop {
                if show {
                    let width = values.len().to_string().len();
                    for (at, value) in values.iter().enumerate() {
                        shell.print_error_raw(&format!("{:width$}) {value}\n", at + 1));
                    }
                }
                let prompt = shell.var("PS3").unwrap_or_else(|| "#? ".to_owned());
                shell.print_error_raw(&prompt);
                let Some(line) = shell.read_reply() else {
                    shell.print("select", "\n");
                    shell.assign("REPLY", String::new())?;
                    return Ok(1);
                };
                let line = line.trim().to_owned();
                show = line.is_empty();
                if show {
                    continue;
                }
                let chosen = line
                    .parse::<usize>()
                    .ok()
                    .and_then(|n| values.get(n.wrapping_sub(1)));
                shell.assign(name, chosen.cloned().unwrap_or_default())?;
                shell.assign("REPLY", line)?;
                if !shell.run_body(body, &mut status)? {
                    return Ok(status);
                }
            }
        })
    }
}
