//! What commands print, and what has the terminal in between.

use std::io::Write;

use crate::editor::screen::cut;
use crate::editor::terminal::{Input, Key, Terminal, put};
use crate::message::reason;

use super::Vi;

impl Vi<'_> {
    /// Runs a line of commands, and shows what they print.
    pub(super) fn ex(&mut self, line: &[char]) {
        self.editor.run(line);
        if let Some(command) = self.editor.shell_command.take() {
            self.shell(&command);
        }
        if std::mem::take(&mut self.editor.suspends) {
            self.suspend();
        }
        let printed = std::mem::take(&mut self.editor.printed);
        match printed.len() {
            0 => {}
            1 => self.editor.message = printed[0].clone(),
            _ if self.terminal.is_some() => self.show_pages(&printed),
            _ => self.editor.printed = printed,
        }
    }

    /// Lends the terminal to a command.
    fn shell(&mut self, command: &str) {
        let run = || match crate::shell::system(command.as_bytes()) {
            Ok(status) if status.exited() == Some(0) => String::new(),
            Ok(status) => format!("shell returned {}", status.exited().unwrap_or(128)),
            Err(error) => reason(&error),
        };
        let Some(terminal) = &mut self.terminal else {
            self.editor.message = run();
            return;
        };
        let lent = terminal.lend(|terminal| {
            // The terminal is looked at with the next key.
            let _ = put(b"\r\n");
            let message = run();
            let end = if message.is_empty() { "" } else { "\n" };
            let mut out = std::io::stdout();
            let _ = write!(out, "\n{message}{end}Press ENTER to continue");
            let _ = out.flush();
            terminal.wait_for_line();
        });
        self.screen.forget();
        if lent.is_err() {
            self.editor.message = "the terminal is gone".to_owned();
        }
    }

    /// Shows lines a page at a time.
    fn show_pages(&mut self, lines: &[String]) {
        let Some(terminal) = &mut self.terminal else {
            return;
        };
        let (height, width) = terminal.size();
        let pages: Vec<&[String]> = lines.chunks(height - 1).collect();
        for (at, page) in pages.iter().enumerate() {
            let mut text = String::from("\x1b[H\x1b[2J");
            for line in *page {
                text.push_str(&cut(line, width));
                text.push_str("\r\n");
            }
            text.push_str(if at + 1 == pages.len() {
                "Press ENTER to continue"
            } else {
                "-- More --"
            });
            if put(text.as_bytes()).is_err() {
                break;
            }
            if matches!(
                terminal.input(),
                Input::Gone(_) | Input::Key(Key::Char('q') | Key::Ctrl('c') | Key::Escape)
            ) {
                break;
            }
        }
        self.screen.forget();
    }

    pub(super) fn suspend(&mut self) {
        let stopped = self.terminal.as_mut().map(Terminal::suspend);
        if let Some(Err(error)) = stopped {
            self.editor.message = reason(&error);
        }
        self.screen.forget();
    }
}
