//! The functions that keys are bound to, by readline's names, but for those of vi's.

use secure_exec_sys as sys;
use sys::tty::When;

use super::complete::complete;
use super::editor::{Editor, Line, columns, width};
use super::keymap::Mode;
use super::keys;
use super::line::Word;
use crate::shell::Shell;

/// How many kills can be got back.
const KILLS: usize = 16;

fn upper(c: char) -> char {
    c.to_uppercase().next().unwrap_or(c)
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl Editor<'_> {
    /// Acts as the function of this name; `Some` ends the line.
    pub fn run(&mut self, shell: &mut Shell, name: &'static str, typed: &[u8]) -> Option<Line> {
        let last = std::mem::replace(&mut self.last, name);
        let zero = self.mode == Mode::ViCommand && typed == b"0" && self.count.is_some();
        if zero || matches!(name, "digit-argument" | "vi-arg-digit") {
            self.count_digit(typed);
            return None;
        }
        let times = self.count.take();
        let key = typed.last().copied().unwrap_or(0);
        match name {
            "accept-line" => return Some(self.accept(shell)),
            "operate-and-get-next" => {
                let next = self.at + 1;
                shell.editor.next_shown = (next < shell.editor.history.len()).then_some(next);
                return Some(self.accept(shell));
            }
            "delete-char" | "vi-eof-maybe" if key == 4 && self.text.chars.is_empty() => {
                shell.print_error_raw("\r\n");
                return Some(Line::End);
            }
            "edit-and-execute-command" | "vi-edit-and-execute-command" => {
                return self.edit_in_program(shell);
            }
            "insert-comment" => {
                self.text.cursor = 0;
                self.text.insert(&['#']);
                return Some(self.accept(shell));
            }
            "do-lowercase-version" => {
                let lower: Vec<u8> = typed.iter().map(u8::to_ascii_lowercase).collect();
                shell.editor.typed.extend(lower);
            }
            "emacs-editing-mode" | "vi-editing-mode" => {
                shell.options.vi = name == "vi-editing-mode";
                shell.options.emacs = !shell.options.vi;
                self.mode = if shell.options.vi {
                    Mode::ViInsert
                } else {
                    Mode::Emacs
                };
            }
            _ => {
                let known = self.moves(shell, name, times)
                    || self.changes(shell, name, times, last)
                    || self.recalls(shell, name, times)
                    || self.shows(shell, name, last)
                    || self.run_vi(shell, name, key, times);
                if !known {
                    self.ring(shell);
                }
            }
        }
        None
    }

    fn count_digit(&mut self, typed: &[u8]) {
        let key = typed.last().copied().unwrap_or(b'0');
        let digit = usize::from(key.wrapping_sub(b'0').min(9));
        let count = self.count.unwrap_or(0);
        self.count = Some((count * 10 + digit).min(100_000));
    }

    /// Moves the cursor.
    fn moves(&mut self, shell: &mut Shell, name: &str, times: Option<usize>) -> bool {
        let text = &mut self.text;
        let end = text.chars.len();
        let times = times.unwrap_or(1);
        match name {
            "backward-char" | "backward-byte" => text.cursor = text.cursor.saturating_sub(times),
            "forward-char" | "forward-byte" => text.cursor = (text.cursor + times).min(end),
            "beginning-of-line" => text.cursor = 0,
            "end-of-line" => text.cursor = end,
            "backward-word" => {
                (0..times).for_each(|_| text.cursor = text.word_start(Word::Alphanumeric))
            }
            "forward-word" => {
                (0..times).for_each(|_| text.cursor = text.word_end(Word::Alphanumeric))
            }
            "shell-backward-word" => {
                (0..times).for_each(|_| text.cursor = text.word_start(Word::Blank))
            }
            "shell-forward-word" => {
                (0..times).for_each(|_| text.cursor = text.word_end(Word::Blank))
            }
            "set-mark" => self.mark = text.cursor,
            "exchange-point-and-mark" => {
                let mark = self.mark.min(end);
                self.mark = std::mem::replace(&mut text.cursor, mark);
            }
            "character-search" | "character-search-backward" => {
                let forward = name == "character-search";
                let wanted = keys::read_byte(shell).ok();
                let wanted = wanted.and_then(|b| keys::read_character(shell, b).ok().flatten());
                let chars = &text.chars;
                let found = if forward {
                    let from = (text.cursor + 1).min(end);
                    chars[from..]
                        .iter()
                        .position(|c| Some(*c) == wanted)
                        .map(|at| at + from)
                } else {
                    chars[..text.cursor]
                        .iter()
                        .rposition(|c| Some(*c) == wanted)
                };
                text.cursor = found.unwrap_or(text.cursor);
            }
            _ => return false,
        }
        true
    }

    /// Changes the text.
    fn changes(&mut self, shell: &mut Shell, name: &str, times: Option<usize>, last: &str) -> bool {
        let count = times.unwrap_or(1);
        if self.kills(shell, name, count) {
            return true;
        }
        let text = &mut self.text;
        let (cursor, end) = (text.cursor, text.chars.len());
        match name {
            "undo" | "vi-undo" => {
                if !text.undo() {
                    self.ring(shell);
                }
                return true;
            }
            "revert-line" => {
                while text.undo() {}
                return true;
            }
            _ => {}
        }
        let depth = text.undone.len();
        text.remember();
        match name {
            "delete-char" | "vi-eof-maybe" => drop(text.cut(cursor, cursor + count)),
            "forward-backward-delete-char" if cursor == end => {
                drop(text.cut(cursor.saturating_sub(1), cursor))
            }
            "forward-backward-delete-char" => drop(text.cut(cursor, cursor + 1)),
            "backward-delete-char" => drop(text.cut(cursor.saturating_sub(count), cursor)),
            "delete-horizontal-space" => {
                let blank = |c: &char| c.is_whitespace();
                let from = text.chars[..cursor]
                    .iter()
                    .rposition(|c| !blank(c))
                    .map_or(0, |at| at + 1);
                let after = text.chars[cursor..].iter().take_while(|c| blank(c)).count();
                text.cut(from, cursor + after);
            }
            "transpose-chars" if cursor > 0 && end > 1 => {
                let at = cursor.min(end - 1);
                text.chars.swap(at - 1, at);
                text.cursor = at + 1;
            }
            "transpose-chars" => {}
            "transpose-words" | "shell-transpose-words" => text.transpose_words(),
            "upcase-word" => text.change_word(upper, upper),
            "downcase-word" => text.change_word(lower, lower),
            "capitalize-word" => text.change_word(upper, lower),
            "tab-insert" => text.insert(&['\t']),
            "overwrite-mode" => self.overwrites = !self.overwrites,
            "quoted-insert" => {
                let byte = keys::read_byte(shell).ok();
                if let Some(c) = byte.and_then(|b| keys::read_character(shell, b).ok().flatten()) {
                    self.text.insert(&[c]);
                }
            }
            "bracketed-paste-begin" => self.paste(shell),
            "yank" => self.yank(shell, 0),
            "yank-pop" if last.starts_with("yank") => {
                text.undo();
                text.remember();
                let back = shell.editor.kills.len().saturating_sub(1);
                shell.editor.kills.rotate_right(1.min(back));
                self.yank(shell, 0);
            }
            "insert-last-argument" | "yank-last-arg" | "vi-yank-arg" => {
                self.insert_last_argument(shell, last);
            }
            "tilde-expand"
            | "vi-tilde-expand"
            | "shell-expand-line"
            | "history-expand-line"
            | "magic-space" => self.expands(shell, name),
            _ => {
                self.text.undone.truncate(depth);
                return false;
            }
        }
        true
    }

    /// Kills: what is taken out can be put back by `yank`.
    fn kills(&mut self, shell: &mut Shell, name: &str, count: usize) -> bool {
        let text = &mut self.text;
        let (cursor, end) = (text.cursor, text.chars.len());
        let start_of = |word| text.word_start(word);
        let (from, to) = match name {
            "kill-line" => (cursor, end),
            "backward-kill-line" | "unix-line-discard" => (0, cursor),
            "kill-whole-line" => (0, end),
            "kill-word" | "shell-kill-word" => {
                let word = if name == "kill-word" {
                    Word::Alphanumeric
                } else {
                    Word::Blank
                };
                let mut to = cursor;
                for _ in 0..count {
                    text.cursor = to;
                    to = text.word_end(word);
                }
                (cursor, to)
            }
            "backward-kill-word" => (start_of(Word::Alphanumeric), cursor),
            "unix-word-rubout" | "shell-backward-kill-word" | "vi-unix-word-rubout" => {
                (start_of(Word::Blank), cursor)
            }
            "unix-filename-rubout" => {
                let before: String = text.chars[..cursor].iter().collect();
                let kept = before.trim_end_matches(['/', ' ']);
                let at = kept.rfind(['/', ' ']).map_or(0, |at| at + 1);
                (before[..at].chars().count(), cursor)
            }
            "kill-region" | "copy-region-as-kill" => {
                let mark = self.mark.min(end);
                (mark.min(cursor), mark.max(cursor))
            }
            _ => return false,
        };
        if name == "copy-region-as-kill" {
            let copy = text.chars[from..to].to_vec();
            self.keep_kill(shell, copy);
            return true;
        }
        text.cursor = cursor;
        text.remember();
        let cut = text.cut(from, to);
        self.keep_kill(shell, cut);
        true
    }

    pub fn keep_kill(&mut self, shell: &mut Shell, cut: Vec<char>) {
        if !cut.is_empty() {
            shell.editor.kills.push(cut);
            let over = shell.editor.kills.len().saturating_sub(KILLS);
            shell.editor.kills.drain(..over);
        }
    }

    fn yank(&mut self, shell: &mut Shell, back: usize) {
        let kills = &shell.editor.kills;
        let at = kills.len().checked_sub(1 + back);
        if let Some(kill) = at.and_then(|at| kills.get(at)) {
            self.text.insert(kill);
        }
    }

    /// What a terminal pastes, up to the end that it marks.
    fn paste(&mut self, shell: &mut Shell) {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\x1b[201~") {
            match keys::read_byte(shell) {
                Ok(byte) => bytes.push(byte),
                Err(_) => return,
            }
        }
        bytes.truncate(bytes.len() - 6);
        let pasted: Vec<char> = crate::text::decode(&bytes)
            .chars()
            .map(|c| if c == '\r' { '\n' } else { c })
            .collect();
        self.text.insert(&pasted);
    }

    /// The last word of the line before, and of older ones when it is asked for again.
    fn insert_last_argument(&mut self, shell: &mut Shell, last: &str) {
        let again = matches!(last, "insert-last-argument" | "yank-last-arg");
        let back = if again { self.vi.argument + 1 } else { 1 };
        let history = &shell.editor.history;
        let Some(line) = history
            .len()
            .checked_sub(back)
            .and_then(|at| history.get(at))
        else {
            return self.ring(shell);
        };
        let word: Vec<char> = line
            .split_whitespace()
            .last()
            .unwrap_or("")
            .chars()
            .collect();
        if again {
            self.text.undo();
            self.text.remember();
        }
        self.vi.argument = back;
        self.text.insert(&word);
    }

    /// Expansions of the line while it is edited.
    fn expands(&mut self, shell: &mut Shell, name: &str) {
        let line: String = self.text.chars.iter().collect();
        let expanded = match name {
            "tilde-expand" | "vi-tilde-expand" => {
                let home = shell.var("HOME").unwrap_or_default();
                let tilde = |word: &str| match word.strip_prefix('~') {
                    Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                        format!("{home}{rest}")
                    }
                    _ => word.to_owned(),
                };
                line.split(' ').map(tilde).collect::<Vec<_>>().join(" ")
            }
            _ => match super::expansion::expand(&line, &shell.editor.history) {
                Ok(Some(found)) => found.line,
                _ => line.clone(),
            },
        };
        if expanded != line {
            self.text.chars = expanded.chars().collect();
            self.text.cursor = self.text.chars.len();
        }
        if name == "magic-space" {
            self.text.insert(&[' ']);
        }
    }

    /// Shows what is there: completions, the line again.
    fn shows(&mut self, shell: &mut Shell, name: &str, last: &str) -> bool {
        match name {
            "clear-screen" | "clear-display" => {
                shell.print_error_raw("\u{1b}[H\u{1b}[2J");
                self.row = 0;
            }
            "redraw-current-line" => {}
            "abort" => self.ring(shell),
            // Before anything else it is indentation, as in what is pasted: there is nothing to complete.
            "complete"
                if self.text.chars[..self.text.cursor]
                    .iter()
                    .all(|c| c.is_whitespace()) =>
            {
                self.text.insert(&['\t']);
            }
            "complete"
            | "menu-complete"
            | "menu-complete-backward"
            | "complete-filename"
            | "complete-command"
            | "complete-variable"
            | "old-menu-complete"
            | "vi-complete" => {
                self.complete(shell, last == "complete!");
            }
            "possible-completions"
            | "possible-filename-completions"
            | "possible-command-completions"
            | "delete-char-or-list" => self.complete(shell, true),
            "display-shell-version" => {
                let version = shell.var("BASH_VERSION").unwrap_or_default();
                shell.print_error_raw(&format!("\r\nbash, compatible with version {version}\r\n"));
                self.row = 0;
            }
            _ => return false,
        }
        true
    }

    fn complete(&mut self, shell: &mut Shell, again: bool) {
        let line: String = self.text.chars[..self.text.cursor].iter().collect();
        let found = complete(shell, &line);
        let Some(first) = found.candidates.first() else {
            return self.ring(shell);
        };
        let mut common: Vec<char> = first.chars().collect();
        for candidate in &found.candidates[1..] {
            let same = common
                .iter()
                .zip(candidate.chars())
                .take_while(|(a, b)| **a == *b)
                .count();
            common.truncate(same);
        }
        if common.len() > found.typed {
            self.text.remember();
            let start = self.text.cursor - found.typed;
            self.text.cut(start, start + found.typed);
            self.text.insert(&common);
        } else if again {
            let names: Vec<&str> = found.candidates.iter().map(|c| c.trim_end()).collect();
            let widest = names.iter().map(|n| width(n)).max().unwrap_or(1) + 2;
            let columns = (columns() / widest).max(1);
            let mut text = String::from("\r\n");
            for row in names.chunks(columns) {
                for name in row {
                    text.push_str(name);
                    text.push_str(&" ".repeat(widest - width(name)));
                }
                text.push_str("\r\n");
            }
            shell.print_error_raw(&text);
            self.row = 0;
        } else {
            // The next one shows them.
            self.last = "complete!";
            self.ring(shell);
        }
    }

    /// The line in an editor of its own, which gives what is run.
    fn edit_in_program(&mut self, shell: &mut Shell) -> Option<Line> {
        let line: String = self.text.chars.iter().collect();
        let _ = sys::tty::setattr(0, When::Drain, &self.before);
        let edited = super::fc::edit_text(shell, None, &format!("{line}\n"));
        let _ = sys::tty::setattr(0, When::Drain, &self.before.raw_input());
        self.row = 0;
        let Ok(Some(text)) = edited else {
            self.ring(shell);
            return None;
        };
        self.text.chars = text.trim_end_matches('\n').chars().collect();
        Some(self.accept(shell))
    }
}
