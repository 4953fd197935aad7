//! Traps: what a signal, the end of the shell, or an error runs.

use std::collections::BTreeMap;

use secure_exec_sys as sys;
use sys::signal::{Disposition, SIGHUP, SIGINT, SIGKILL, SIGSTOP};

use crate::session::CANCEL;
use crate::shell::{Exec, Flow, Shell};

/// Conditions of bash that are not signals.
pub const PSEUDO: [&str; 3] = ["ERR", "DEBUG", "RETURN"];

#[derive(Debug, Default)]
pub struct Traps {
    /// By condition (0 is `EXIT`); an empty action ignores.
    pub actions: BTreeMap<i32, String>,
    /// Actions of `ERR`, `DEBUG` and `RETURN`.
    pub pseudo: BTreeMap<String, String>,
    /// Ignored when the shell started: a shell that is not interactive cannot change that.
    pub ignored_at_start: Vec<i32>,
    /// In a subshell, what the parent had, for `trap` to list.
    pub inherited: Option<BTreeMap<i32, String>>,
    arrived: Vec<i32>,
    /// Ctrl-C came while the shell is interactive, or the host gives the command of a session up.
    pub interrupted: bool,
    pub catching: bool,
    /// SIGHUP is caught to tell the jobs: in an interactive bash that did not start with it ignored.
    catches_hangup: bool,
    running: bool,
    /// The status before the action that runs, which `exit` without one takes: of the end, and in `sh` of signals.
    pub status_before: Option<i32>,
    /// Above 0 in an action: its commands leave `$BASH_COMMAND` as it was.
    pub nesting: u32,
}

impl Traps {
    /// A trapped signal that has arrived and whose action has not run.
    pub fn next_arrived(&self) -> Option<i32> {
        self.arrived.first().copied()
    }

    pub fn has_pending(&self) -> bool {
        !self.arrived.is_empty()
    }
}

impl Shell {
    /// Takes the signals that came.
    pub fn collect_signals(&mut self) {
        while let Some(signal) = sys::signal::take() {
            if self
                .traps
                .actions
                .get(&signal)
                .is_some_and(|a| !a.is_empty())
            {
                self.traps.arrived.push(signal);
            } else if signal == SIGINT || signal == CANCEL && self.session.is_some() {
                self.traps.interrupted = true;
            } else if signal == SIGHUP {
                self.end_by_hangup();
            }
        }
    }

    /// The terminal or its user has gone: the jobs are told, then the shell ends as by the signal.
    fn end_by_hangup(&mut self) -> ! {
        self.hang_up_jobs();
        let status = self.run_exit_trap(128 + SIGHUP);
        let _ = sys::signal::action(SIGHUP, Disposition::Default);
        let _ = sys::process::kill(sys::process::getpid(), SIGHUP);
        // Only where the signal could not be sent.
        std::process::exit(status)
    }

    /// Sets the action of a condition; `None` resets it.
    pub fn set_trap(&mut self, signal: i32, action: Option<String>) {
        self.traps.inherited = None;
        if signal == SIGKILL || signal == SIGSTOP || signal == CANCEL && self.session.is_some() {
            return;
        }
        if signal != 0 {
            if self.traps.ignored_at_start.contains(&signal) && !self.interactive {
                return;
            }
            let disposition = match action.as_deref() {
                None => self.default_disposition(signal),
                Some("") => Disposition::Ignore,
                Some(_) => Disposition::Catch,
            };
            let old = sys::signal::action(signal, disposition);
            let first = !self.traps.actions.contains_key(&signal);
            // What runs in the background ignores these itself.
            let own = self.subshell > 0 && (signal == SIGINT || signal == sys::signal::SIGQUIT);
            if first && matches!(old, Ok(Disposition::Ignore)) && !self.interactive && !own {
                self.traps.ignored_at_start.push(signal);
                let _ = sys::signal::action(signal, Disposition::Ignore);
                return;
            }
        }
        match action {
            Some(action) => {
                self.traps.catching |= !action.is_empty() && signal != 0;
                self.traps.actions.insert(signal, action);
            }
            None => {
                self.traps.actions.remove(&signal);
            }
        }
    }

    /// What an interactive shell does with signals it has no trap for.
    fn default_disposition(&self, signal: i32) -> Disposition {
        use sys::signal::{SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
        if !self.interactive {
            return Disposition::Default;
        }
        match signal {
            SIGINT => Disposition::Catch,
            SIGHUP if self.traps.catches_hangup => Disposition::Catch,
            SIGQUIT | SIGTERM => Disposition::Ignore,
            SIGTSTP | SIGTTIN | SIGTTOU if self.options.monitor => Disposition::Ignore,
            _ => Disposition::Default,
        }
    }

    /// Sets what an interactive shell does with signals, or undoes that.
    pub fn interactive_signals(&mut self) {
        use sys::signal::{SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU] {
            if !self.traps.actions.contains_key(&signal) {
                // A signal that cannot be set keeps its default.
                let _ = sys::signal::action(signal, self.default_disposition(signal));
            }
        }
        self.hangup_signal();
        self.traps.catching |= self.interactive;
    }

    fn hangup_signal(&mut self) {
        let wanted = self.bash && self.interactive && !self.traps.actions.contains_key(&SIGHUP);
        if wanted == self.traps.catches_hangup {
            return;
        }
        self.traps.catches_hangup = wanted;
        let disposition = self.default_disposition(SIGHUP);
        let before = sys::signal::action(SIGHUP, disposition);
        if wanted && matches!(before, Ok(Disposition::Ignore)) {
            // As `nohup` left it.
            self.traps.catches_hangup = false;
            let _ = sys::signal::action(SIGHUP, Disposition::Ignore);
        }
    }

    /// Traps of a subshell: those that were caught are back to default, ignored ones stay.
    pub fn reset_traps(&mut self) {
        let old = std::mem::take(&mut self.traps.actions);
        for (signal, action) in &old {
            if action.is_empty() {
                self.traps.actions.insert(*signal, String::new());
            } else if *signal != 0 {
                let _ = sys::signal::action(*signal, Disposition::Default);
            }
        }
        if self.traps.inherited.is_none() {
            self.traps.inherited = Some(old);
        }
        let keep_error = self.options.errtrace;
        let keep_debug = self.options.functrace;
        self.traps.pseudo.retain(|name, _| {
            if name == "ERR" {
                keep_error
            } else {
                keep_debug
            }
        });
        self.traps.arrived.clear();
        sys::signal::forget_set_aside();
        self.traps.catching = false;
        self.traps.interrupted = false;
        self.traps.running = false;
        self.traps.status_before = None;
    }

    fn run_action(&mut self, action: &str, line: u32) -> Exec {
        self.traps.nesting += 1;
        let result = self.eval_text(action, line);
        self.traps.nesting -= 1;
        result
    }

    /// Takes the traps that a function does not inherit, to be put back when it returns.
    pub fn take_function_traps(&mut self) -> Vec<(&'static str, String)> {
        if self.traps.pseudo.is_empty() {
            return Vec::new();
        }
        let (errors, rest) = (self.options.errtrace, self.options.functrace);
        let hidden = [("ERR", errors), ("DEBUG", rest), ("RETURN", rest)];
        let hidden = hidden.iter().filter(|(_, inherited)| !inherited);
        hidden
            .filter_map(|(name, _)| Some((*name, self.traps.pseudo.remove(*name)?)))
            .collect()
    }

    /// Puts back what a function did not inherit, unless it has set its own.
    pub fn restore_function_traps(&mut self, traps: Vec<(&'static str, String)>) {
        for (name, action) in traps {
            self.traps.pseudo.entry(name.to_owned()).or_insert(action);
        }
    }

    /// Runs the actions of signals that have arrived.
    pub fn run_traps(&mut self) -> Result<(), Flow> {
        if self.traps.catching {
            self.collect_signals();
        }
        while !self.traps.arrived.is_empty() {
            let signal = self.traps.arrived.remove(0);
            let Some(action) = self.traps.actions.get(&signal).cloned() else {
                continue;
            };
            if action.is_empty() {
                continue;
            }
            let status = self.status;
            let before = self.traps.status_before;
            if !self.bash {
                self.traps.status_before.get_or_insert(status);
            }
            let result = self.run_action(&action, 1);
            self.traps.status_before = before;
            self.status = status;
            result?;
        }
        if self.gives_up() {
            return Err(Flow::Abort(128 + SIGINT));
        }
        Ok(())
    }

    /// Runs the action for `ERR`, `DEBUG` or `RETURN`.
    pub fn run_pseudo_trap(&mut self, name: &str) -> Result<(), Flow> {
        if self.traps.pseudo.is_empty() || self.traps.running {
            return Ok(());
        }
        let Some(action) = self
            .traps
            .pseudo
            .get(name)
            .filter(|a| !a.is_empty())
            .cloned()
        else {
            return Ok(());
        };
        let (status, line) = (self.status, self.line);
        self.traps.running = true;
        let result = self.run_action(&action, line);
        self.traps.running = false;
        self.status = status;
        self.line = line;
        result.map(|_| ())
    }

    /// Runs the action for the end of the shell; gives the status to exit with.
    pub fn run_exit_trap(&mut self, status: i32) -> i32 {
        let Some(action) = self.traps.actions.remove(&0) else {
            return status;
        };
        self.status = status;
        self.tested = 0;
        self.traps.status_before = Some(status);
        match self.run_action(&action, 1) {
            // A mistake in the action is told, and bash goes on to the end.
            Err(Flow::Abort(_)) if self.bash && !self.options.posix => status,
            Err(Flow::Exit(status) | Flow::Abort(status)) => status,
            _ => status,
        }
    }
}
