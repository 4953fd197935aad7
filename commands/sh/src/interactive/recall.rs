//! Lines of the history in the editor, and searching for them.

use super::editor::Editor;
use super::keymap::Mode;
use super::keys;
use crate::shell::Shell;

impl Editor<'_> {
    /// Shows a line of the history; behind the last one, that being written.
    pub fn show(&mut self, shell: &Shell, at: usize) {
        if self.at == shell.editor.history.len() {
            self.draft = std::mem::take(&mut self.text.chars);
        }
        self.at = at;
        self.text.chars = match shell.editor.history.get(at) {
            Some(line) => line.chars().collect(),
            None => self.draft.clone(),
        };
        self.text.undone.clear();
        self.text.cursor = match self.mode {
            Mode::ViCommand => 0,
            _ => self.text.chars.len(),
        };
    }

    /// Shows other lines.
    pub fn recalls(&mut self, shell: &mut Shell, name: &str, times: Option<usize>) -> bool {
        let lines = shell.editor.history.len();
        let count = times.unwrap_or(1);
        match name {
            "previous-history" | "previous-screen-line" if self.at > 0 => {
                self.show(shell, self.at.saturating_sub(count));
            }
            "next-history" | "next-screen-line" if self.at < lines => {
                self.show(shell, (self.at + count).min(lines));
            }
            "previous-history" | "next-history" | "previous-screen-line" | "next-screen-line" => {
                self.ring(shell);
            }
            "beginning-of-history" if lines > 0 => self.show(shell, 0),
            "end-of-history" => self.show(shell, lines),
            "fetch-history" | "vi-fetch-history" if lines > 0 => {
                let at = times.map_or(0, |n| n.saturating_sub(shell.editor.dropped + 1));
                self.show(shell, at.min(lines - 1));
            }
            "reverse-search-history" | "forward-search-history" => self.search(shell),
            "history-search-backward" | "history-search-forward" => {
                let begin: String = self.text.chars[..self.text.cursor].iter().collect();
                let fits = |line: &str| line.starts_with(&begin);
                self.search_lines(shell, name.ends_with("backward"), fits);
            }
            "history-substring-search-backward" | "history-substring-search-forward" => {
                let part: String = self.text.chars[..self.text.cursor].iter().collect();
                let fits = |line: &str| line.contains(&part);
                self.search_lines(shell, name.ends_with("backward"), fits);
            }
            "non-incremental-reverse-search-history" | "non-incremental-forward-search-history" => {
                let wanted = self.read_pattern(shell, ':');
                let fits = |line: &str| line.contains(&wanted);
                self.search_lines(shell, name.contains("reverse"), fits);
            }
            _ => return false,
        }
        true
    }

    /// Shows the nearest line that fits, and leaves the cursor where it is.
    pub fn search_lines(
        &mut self,
        shell: &mut Shell,
        backward: bool,
        fits: impl Fn(&str) -> bool,
    ) -> bool {
        let history = &shell.editor.history;
        let found = if backward {
            (0..self.at.min(history.len()))
                .rev()
                .find(|at| fits(&history[*at]))
        } else {
            (self.at + 1..history.len()).find(|at| fits(&history[*at]))
        };
        let Some(at) = found else {
            self.ring(shell);
            return false;
        };
        let cursor = self.text.cursor;
        self.show(shell, at);
        if self.mode == Mode::Emacs {
            self.text.cursor = cursor.min(self.text.chars.len());
        }
        true
    }

    /// What is searched for, typed behind a mark up to the end of the line.
    pub fn read_pattern(&mut self, shell: &mut Shell, mark: char) -> String {
        let mut wanted = String::new();
        loop {
            shell.print_error_raw(&format!("\r\u{1b}[J{mark}{wanted}"));
            self.row = 0;
            let Ok(byte) = keys::read_byte(shell) else {
                return wanted;
            };
            match byte {
                b'\r' | b'\n' => return wanted,
                3 | 7 | 27 => return String::new(),
                8 | 127 => drop(wanted.pop()),
                byte => {
                    if let Ok(Some(c)) = keys::read_character(shell, byte) {
                        wanted.push(c);
                    }
                }
            }
        }
    }

    /// Ctrl-R: the latest line that holds what is typed.
    fn search(&mut self, shell: &mut Shell) {
        let mut wanted = String::new();
        let mut limit = shell.editor.history.len();
        loop {
            let found = (0..limit)
                .rev()
                .find(|i| !wanted.is_empty() && shell.editor.history[*i].contains(&wanted));
            let shown = found
                .map_or("", |i| shell.editor.history[i].as_str())
                .to_owned();
            shell.print_error_raw(&format!("\r\u{1b}[J(reverse-i-search)`{wanted}': {shown}"));
            self.row = 0;
            let byte = keys::read_byte(shell);
            match byte {
                Ok(8 | 127) => {
                    wanted.pop();
                    limit = shell.editor.history.len();
                }
                Ok(18) => limit = found.unwrap_or(limit),
                Ok(byte @ 32..) => {
                    if let Ok(Some(c)) = keys::read_character(shell, byte) {
                        wanted.push(c);
                    }
                }
                Ok(3 | 7) | Err(_) => return,
                Ok(byte) => {
                    if let Some(at) = found {
                        self.show(shell, at);
                    }
                    // What has ended the search acts on the line that was found.
                    shell.editor.typed.push_front(byte);
                    return;
                }
            }
        }
    }
}
