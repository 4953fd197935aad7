//! The shell at a terminal: prompts, line editing, history, completion.

mod actions;
mod bind;
mod command_lines;
mod complete;
mod editor;
mod expansion;
mod fc;
mod history;
mod key_defaults;
mod keymap;
mod keys;
mod line;
mod prompt;
mod recall;
mod vi;

use std::collections::VecDeque;

use secure_exec_sys as sys;
use sys::fd::Cloexec;

use crate::exec::redirect;
use crate::shell::Shell;
use crate::text;

pub use bind::bind;
pub use fc::fc;
pub use history::history_builtin;

/// Where the terminal's descriptor is put, as in bash: out of the way of scripts that number their own.
const TERMINAL: i32 = 255;

/// What an interactive shell keeps between lines.
#[derive(Debug, Default)]
pub struct State {
    pub history: Vec<String>,
    /// The lines of the command that is being typed.
    pub command: Vec<String>,
    /// Lines dropped from the front of the history.
    pub dropped: usize,
    /// Lines at the end of the history that no file has yet.
    pub unsaved: usize,
    /// Lines that the file was seen to have.
    pub in_file: usize,
    /// The tables of keys, once somebody has asked for them.
    pub keymaps: Option<Box<keymap::Keymaps>>,
    /// Keys that are read before those of the terminal.
    pub typed: VecDeque<u8>,
    /// The last key was one of those.
    pub replays: bool,
    /// The keys of a change that vi's `.` may make again, while it is made.
    pub recorded: Option<Vec<u8>>,
    /// The keys of the last such change.
    pub change: Vec<u8>,
    /// What has been killed, the latest last.
    pub kills: Vec<Vec<char>>,
    /// The line of the history that the next line begins as.
    pub next_shown: Option<usize>,
    terminal: i32,
    /// Ctrl-D in a row, for `ignoreeof`.
    eofs: u32,
    /// Above 0 right behind the warning of stopped jobs, counted down by commands.
    warning: u32,
}

impl State {
    /// The descriptor of the terminal.
    pub fn terminal(&self) -> i32 {
        self.terminal
    }

    /// Whether the command before this one, or this one, warned of stopped jobs.
    pub fn warned(&self) -> bool {
        self.warning > 0
    }

    pub fn warn(&mut self) {
        self.warning = 2;
    }

    /// Takes a descriptor for the terminal that redirections of standard input do not reach: groups come to the
    /// foreground and leave it while they are made.
    pub fn keep_terminal(&mut self) {
        let copy = |lowest| sys::fd::dup_from(0, lowest, Cloexec::Set);
        self.terminal = copy(TERMINAL).or_else(|_| copy(redirect::OWN)).unwrap_or(0);
    }
}

/// Reads one line of a command, with a prompt; `None` at the end.
pub fn read_command_line(shell: &mut Shell, continued: bool) -> Option<String> {
    if !continued {
        shell.editor.warning = shell.editor.warning.saturating_sub(1);
        shell.notify_jobs();
        if shell.bash
            && let Some(command) = shell.var("PROMPT_COMMAND").filter(|c| !c.is_empty())
        {
            let status = shell.status;
            // Its errors were reported; the prompt comes all the same.
            let _ = shell.eval_text(&command, 1);
            shell.status = status;
        }
    }
    let name = if continued { "PS2" } else { "PS1" };
    let prompt = shell.var(name).unwrap_or_default();
    let prompt = shell.expand_prompt(&prompt);
    loop {
        let line = if sys::tty::getattr(0).is_ok() && shell.var("TERM").as_deref() != Some("dumb") {
            editor::read_line(shell, &prompt)
        } else {
            plain_line(shell, &prompt)
        };
        match line {
            editor::Line::Text(line) => {
                shell.editor.eofs = 0;
                match shell.expand_history(line) {
                    Some(line) => {
                        shell.remember_typed(line.trim_end_matches('\n'), continued);
                        return Some(line);
                    }
                    // It is not run: the next one is read.
                    None => continue,
                }
            }
            editor::Line::Interrupted => {
                shell.status = 130;
                if continued {
                    // Ends the unfinished command, which is not run.
                    shell.traps.interrupted = true;
                    return None;
                }
            }
            editor::Line::End => {
                shell.editor.eofs += 1;
                if shell.options.ignoreeof && shell.editor.eofs < 10 && !continued {
                    shell.print_error_raw("Use \"exit\" to leave the shell.\n");
                    continue;
                }
                if !continued && shell.warns_of_stopped_jobs() {
                    continue;
                }
                return None;
            }
        }
    }
}

impl Shell {
    /// Expands `!!` and the like in a line that was typed; nothing if it is not to be run.
    pub fn expand_history(&mut self, line: String) -> Option<String> {
        if !self.bash || !self.options.histexpand {
            return Some(line);
        }
        match expansion::expand(&line, &self.editor.history) {
            Ok(None) => Some(line),
            Ok(Some(found)) => {
                self.print_error_raw(&format!("{}\n", found.line.trim_end_matches('\n')));
                if found.only_shown {
                    self.remember(found.line.trim_end_matches('\n'));
                    return None;
                }
                Some(found.line)
            }
            Err(message) => {
                self.error(&message);
                None
            }
        }
    }
}

/// Reads without editing.
fn plain_line(shell: &mut Shell, prompt: &str) -> editor::Line {
    shell.print_error_raw(prompt);
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        match sys::fd::read(0, &mut byte) {
            Ok(0) => break,
            Ok(_) => bytes.push(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                shell.collect_signals();
                if std::mem::take(&mut shell.traps.interrupted) {
                    shell.print_error_raw("\n");
                    return editor::Line::Interrupted;
                }
                continue;
            }
            Err(_) => break,
        }
        if bytes.last() == Some(&b'\n') {
            break;
        }
    }
    if bytes.is_empty() {
        editor::Line::End
    } else {
        editor::Line::Text(text::decode(&bytes))
    }
}
