//! vi's commands in the line editor (XCU `sh`, "Command Line Editing (vi-mode)").

use super::editor::Editor;
use super::keymap::Mode;
use super::keys;
use super::line::Word;
use crate::shell::Shell;

/// What vi's commands remember within a line.
#[derive(Debug, Default)]
pub struct State {
    /// The last `f`, `F`, `t` or `T` and its character.
    found: Option<(char, char)>,
    /// The last text that was searched for, and whether backward.
    searched: Option<(String, bool)>,
    /// How far back the last argument that was inserted is.
    pub argument: usize,
    marks: Vec<(char, usize)>,
}

/// Where a motion leads.
#[derive(Clone, Copy)]
struct Motion {
    to: usize,
    /// The character there belongs to what it spans.
    inclusive: bool,
}

impl Motion {
    fn before(to: usize) -> Self {
        Self {
            to,
            inclusive: false,
        }
    }

    fn onto(to: usize) -> Self {
        Self {
            to,
            inclusive: true,
        }
    }
}

fn toggled(c: char) -> char {
    let changed = if c.is_uppercase() {
        c.to_lowercase().next()
    } else {
        c.to_uppercase().next()
    };
    changed.unwrap_or(c)
}

impl Editor<'_> {
    /// Acts as a function of vi's; false if it is none.
    pub fn run_vi(&mut self, shell: &mut Shell, name: &str, key: u8, times: Option<usize>) -> bool {
        let count = times.unwrap_or(1);
        let key = char::from(key);
        if self.mode == Mode::ViCommand && shell.editor.recorded.is_none() {
            // From here on it may be a change that `.` makes again.
            let counted = times.map(|n| n.to_string()).unwrap_or_default();
            let mut keys = counted.into_bytes();
            keys.push(u8::try_from(key).unwrap_or(0));
            shell.editor.recorded = Some(keys);
        }
        let changed = match name {
            "vi-movement-mode" => {
                self.mode = Mode::ViCommand;
                self.overwrites = false;
                self.text.cursor = self.text.cursor.saturating_sub(1);
                true
            }
            "vi-redo" => {
                shell.editor.recorded = None;
                let again = shell.editor.change.clone();
                shell.editor.typed.extend(again);
                return true;
            }
            "vi-delete" | "vi-rubout" | "vi-change-char" | "vi-change-case" | "vi-put" => {
                self.change_characters(shell, name, key, count);
                true
            }
            "vi-delete-to" | "vi-change-to" | "vi-yank-to" => self.operate(shell, key, count),
            "vi-insertion-mode" | "vi-append-mode" | "vi-append-eol" | "vi-insert-beg"
            | "vi-subst" | "vi-replace" => {
                self.begin_insert(shell, name, key, count);
                false
            }
            "vi-search" | "vi-search-again" => {
                self.search_history(shell, name, key);
                false
            }
            "vi-set-mark" => {
                if let Some(mark) = self.next_character(shell) {
                    self.vi.marks.retain(|(known, _)| *known != mark);
                    self.vi.marks.push((mark, self.text.cursor));
                }
                false
            }
            _ => {
                let Some(motion) = self
                    .motion(shell, key, count)
                    .filter(|_| name.starts_with("vi-"))
                else {
                    shell.editor.recorded = None;
                    return false;
                };
                self.text.cursor = motion.to;
                false
            }
        };
        if self.mode == Mode::ViCommand {
            let keys = shell.editor.recorded.take();
            if changed && let Some(keys) = keys {
                shell.editor.change = keys;
            }
        }
        true
    }

    fn next_character(&mut self, shell: &mut Shell) -> Option<char> {
        let byte = keys::read_byte(shell).ok()?;
        keys::read_character(shell, byte).ok().flatten()
    }

    /// `x`, `X`, `r`, `~`, `p`, `P`.
    fn change_characters(&mut self, shell: &mut Shell, name: &str, key: char, count: usize) {
        self.text.remember();
        let (cursor, end) = (self.text.cursor, self.text.chars.len());
        let to = (cursor + count).min(end);
        match name {
            "vi-delete" => {
                let cut = self.text.cut(cursor, to);
                self.keep_kill(shell, cut);
            }
            "vi-rubout" => {
                let cut = self.text.cut(cursor.saturating_sub(count), cursor);
                self.keep_kill(shell, cut);
            }
            "vi-change-char" => match self.next_character(shell) {
                Some(c) if c != '\u{1b}' && cursor + count <= end => {
                    self.text.chars[cursor..to].fill(c);
                    self.text.cursor = to.saturating_sub(1);
                }
                _ => self.ring(shell),
            },
            "vi-change-case" => {
                for c in &mut self.text.chars[cursor..to] {
                    *c = toggled(*c);
                }
                self.text.cursor = to;
            }
            _ => {
                let Some(kill) = shell.editor.kills.last().cloned() else {
                    return self.ring(shell);
                };
                if key == 'p' && end > 0 {
                    self.text.cursor += 1;
                }
                for _ in 0..count {
                    self.text.insert(&kill);
                }
                self.text.cursor = self.text.cursor.saturating_sub(1);
            }
        }
    }

    /// `i`, `a`, `I`, `A`, `s`, `S`, `R`: what is typed from here on goes in.
    fn begin_insert(&mut self, shell: &mut Shell, name: &str, key: char, count: usize) {
        self.text.remember();
        let (cursor, end) = (self.text.cursor, self.text.chars.len());
        match name {
            "vi-append-mode" => self.text.cursor = (cursor + 1).min(end),
            "vi-append-eol" => self.text.cursor = end,
            "vi-insert-beg" => self.text.cursor = 0,
            "vi-subst" => {
                let (from, to) = if key == 'S' {
                    (0, end)
                } else {
                    (cursor, cursor + count)
                };
                let cut = self.text.cut(from, to);
                self.keep_kill(shell, cut);
            }
            "vi-replace" => self.overwrites = true,
            _ => {}
        }
        self.mode = Mode::ViInsert;
    }

    /// `d`, `c` and `y` with a motion, or doubled for the whole line; `D`, `C` and `Y` up to its end.
    fn operate(&mut self, shell: &mut Shell, operator: char, count: usize) -> bool {
        let end = self.text.chars.len();
        let cursor = self.text.cursor;
        let span = if operator.is_uppercase() {
            let from = if operator == 'Y' { 0 } else { cursor };
            Some((from, end))
        } else {
            self.span(shell, operator, count)
        };
        let Some((from, to)) = span else {
            self.ring(shell);
            return false;
        };
        if operator.eq_ignore_ascii_case(&'y') {
            let copy = self.text.chars[from..to].to_vec();
            self.keep_kill(shell, copy);
            self.text.cursor = if from < cursor && to > cursor {
                cursor
            } else {
                from.min(cursor)
            };
            return false;
        }
        self.text.remember();
        let cut = self.text.cut(from, to);
        self.text.cursor = from;
        self.keep_kill(shell, cut);
        if operator.eq_ignore_ascii_case(&'c') {
            self.mode = Mode::ViInsert;
        }
        true
    }

    /// What an operator acts on, by the motion that is typed next.
    fn span(&mut self, shell: &mut Shell, operator: char, count: usize) -> Option<(usize, usize)> {
        let cursor = self.text.cursor;
        let mut key = self.next_character(shell)?;
        let mut times = 0;
        while key.is_ascii_digit() && (times > 0 || key != '0') {
            times = (times * 10 + key as usize - '0' as usize).min(100_000);
            key = self.next_character(shell)?;
        }
        if key == operator {
            return Some((0, self.text.chars.len()));
        }
        let count = count * times.max(1);
        let blank = self
            .text
            .chars
            .get(cursor)
            .is_none_or(|c| c.is_whitespace());
        if operator == 'c' && key.eq_ignore_ascii_case(&'w') && !blank {
            // A changed word leaves the blank behind it.
            let word = if key == 'W' { Word::Blank } else { Word::Vi };
            for _ in 0..count {
                self.text.cursor = self.text.word_end(word);
            }
            let to = std::mem::replace(&mut self.text.cursor, cursor);
            return Some((cursor, to));
        }
        let motion = self.motion(shell, key, count)?;
        let from = motion.to.min(cursor);
        let to = motion.to.max(cursor) + usize::from(motion.inclusive);
        Some((from, to.min(self.text.chars.len())))
    }

    /// Where the motion of this key leads.
    fn motion(&mut self, shell: &mut Shell, key: char, count: usize) -> Option<Motion> {
        let cursor = self.text.cursor;
        let end = self.text.chars.len();
        Some(match key {
            'h' | '\u{8}' | '\u{7f}' => Motion::before(cursor.saturating_sub(count)),
            'l' | ' ' => Motion::before((cursor + count).min(end)),
            '0' => Motion::before(0),
            '^' => {
                let first = self.text.chars.iter().position(|c| !c.is_whitespace());
                Motion::before(first.unwrap_or(0))
            }
            '$' => Motion::before(end),
            '|' => Motion::before((count - 1).min(end)),
            'w' | 'W' | 'b' | 'B' | 'e' | 'E' => self.word_motion(key, count),
            '%' => Motion::onto(self.matching_bracket()?),
            '`' => {
                let mark = self.next_character(shell)?;
                let (_, at) = self.vi.marks.iter().find(|(known, _)| *known == mark)?;
                Motion::before((*at).min(end))
            }
            'f' | 'F' | 't' | 'T' => {
                let wanted = self.next_character(shell)?;
                self.vi.found = Some((key, wanted));
                self.find_character(key, wanted, count, false)?
            }
            ';' | ',' => {
                let (kind, wanted) = self.vi.found?;
                let turned = if kind.is_lowercase() {
                    kind.to_ascii_uppercase()
                } else {
                    kind.to_ascii_lowercase()
                };
                let kind = if key == ';' { kind } else { turned };
                self.find_character(kind, wanted, count, true)?
            }
            _ => return None,
        })
    }

    fn word_motion(&mut self, key: char, count: usize) -> Motion {
        let word = if key.is_uppercase() {
            Word::Blank
        } else {
            Word::Vi
        };
        let kept = self.text.cursor;
        for _ in 0..count {
            self.text.cursor = match key.to_ascii_lowercase() {
                'w' => self.text.next_word(word),
                'b' => self.text.word_start(word),
                _ => {
                    // From the end of a word on to the end of the next one.
                    self.text.cursor = (self.text.cursor + 1).min(self.text.chars.len());
                    self.text.word_end(word).saturating_sub(1)
                }
            };
        }
        let to = std::mem::replace(&mut self.text.cursor, kept);
        if key.eq_ignore_ascii_case(&'e') {
            Motion::onto(to.max(kept))
        } else {
            Motion::before(to)
        }
    }

    fn matching_bracket(&self) -> Option<usize> {
        const PAIRS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];
        let chars = &self.text.chars;
        let is_bracket = |c: &char| PAIRS.iter().any(|(a, b)| c == a || c == b);
        let at = self.text.cursor + chars[self.text.cursor..].iter().position(is_bracket)?;
        let (open, close) = PAIRS
            .into_iter()
            .find(|(a, b)| chars[at] == *a || chars[at] == *b)?;
        let mut depth = 0_i32;
        let mut fits = |c: char| {
            depth += i32::from(c == open) - i32::from(c == close);
            depth == 0
        };
        if chars[at] == open {
            (at..chars.len()).find(|at| fits(chars[*at]))
        } else {
            (0..=at).rev().find(|at| fits(chars[*at]))
        }
    }

    /// The count-th such character on this line, or what is before or behind it for `t` and `T`.
    fn find_character(
        &self,
        kind: char,
        wanted: char,
        count: usize,
        again: bool,
    ) -> Option<Motion> {
        let chars = &self.text.chars;
        let cursor = self.text.cursor;
        // Once more `t` would stay where it is.
        let skip = usize::from(again && kind.eq_ignore_ascii_case(&'t'));
        let nth = count.checked_sub(1)?;
        let fits = |at: &usize| chars[*at] == wanted;
        if kind.is_lowercase() {
            let at = (cursor + 1 + skip..chars.len()).filter(fits).nth(nth)?;
            Some(Motion::onto(if kind == 't' { at - 1 } else { at }))
        } else {
            let at = (0..cursor.saturating_sub(skip))
                .rev()
                .filter(fits)
                .nth(nth)?;
            Some(Motion::before(if kind == 'T' { at + 1 } else { at }))
        }
    }

    /// `/`, `?`, `n`, `N`: lines of the history that hold a text; `^` stands for their beginning.
    fn search_history(&mut self, shell: &mut Shell, name: &str, key: char) {
        if name == "vi-search" {
            let wanted = self.read_pattern(shell, key);
            if !wanted.is_empty() {
                self.vi.searched = Some((wanted, key == '/'));
            }
        }
        let Some((wanted, backward)) = self.vi.searched.clone() else {
            return self.ring(shell);
        };
        let backward = backward != (key == 'N');
        let fits = |line: &str| match wanted.strip_prefix('^') {
            Some(begin) => line.starts_with(begin),
            None => line.contains(&wanted),
        };
        self.search_lines(shell, backward, fits);
    }
}
