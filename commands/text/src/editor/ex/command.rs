//! One line of commands: what each is, and what it takes.

use crate::editor::buffer::Place;

use super::address::{Range, Words};
use super::names::{bar, command_name, takes_all};
use super::{Editor, Outcome, Register};

impl Editor {
    /// Runs a line of commands.
    pub(super) fn execute(&mut self, line: &[char]) -> Outcome {
        let mut rest = line;
        while !rest.is_empty() && self.quit.is_none() {
            let mut words = Words::new(rest);
            words.blanks();
            if words.peek() == Some('"') || words.rest().is_empty() {
                return Ok(());
            }
            let range = self.range(&mut words)?;
            words.blanks();
            let name = command_name(&mut words)?;
            let after = words.rest();
            let end = if takes_all(name, after) {
                after.len()
            } else {
                bar(name, after)
            };
            rest = after.get(end + 1..).unwrap_or(&[]);
            self.command(name, range, &mut Words::new(&after[..end]))?;
        }
        Ok(())
    }

    fn command(&mut self, name: &str, mut range: Range, words: &mut Words) -> Outcome {
        if range.before_first && !matches!(name, "read" | "put" | "append" | "insert" | "" | "=") {
            return Err("E16: Invalid range".to_owned());
        }
        match name {
            "" => {
                if range.given > 0 {
                    self.marks.insert('\'', self.cursor);
                    // Of the command line only its place is wanted.
                    if self.is_visual || self.depth > 0 || self.input.is_none() {
                        self.go_to(range.to);
                    } else {
                        self.show_lines(range.to, range.to, 'p');
                    }
                }
                Ok(())
            }
            "!" if range.given > 0 => self.filter(range, words.rest()),
            "!" => self.shell(words.rest()),
            "=" => {
                let line = if range.given == 0 {
                    self.buffer.len()
                } else {
                    range.to + usize::from(!range.before_first)
                };
                self.print(line.to_string());
                Ok(())
            }
            "<" | ">" => {
                let again = words.run(|c| c == '<' || c == '>').len();
                self.count(&mut range, words);
                self.shift(range.from, range.to, name == ">", again + 1);
                Ok(())
            }
            "&" | "substitute" => self.substitute(range, words),
            "global" | "vglobal" => {
                let inverse = words.takes('!');
                self.global(range, words, (name == "global") != inverse)
            }
            "delete" | "yank" | "join" | "print" | "number" | "list" => {
                self.simple(name, range, words);
                Ok(())
            }
            "append" | "insert" | "change" | "put" | "copy" | "t" | "move" => {
                self.lines(name, range, words)
            }
            "mark" | "k" => {
                words.blanks();
                let mark = words.next().filter(char::is_ascii_alphabetic);
                let mark =
                    mark.ok_or("E191: Argument must be a letter or forward/backward quote")?;
                self.marks.insert(
                    mark,
                    Place {
                        row: range.to,
                        column: 0,
                    },
                );
                Ok(())
            }
            "normal" => {
                words.takes('!');
                words.blanks();
                let keys = words.rest().to_vec();
                let normal = self.normal;
                let rows: Vec<usize> = if range.given == 0 {
                    vec![self.cursor.row]
                } else {
                    (range.from..=range.to).collect()
                };
                self.deeper(|editor| {
                    for row in rows {
                        if range.given > 0 {
                            editor.cursor = Place {
                                row: row.min(editor.buffer.len() - 1),
                                column: 0,
                            };
                        }
                        normal(editor, &keys);
                    }
                    Ok(())
                })
            }
            "undo" => self.back(true),
            "redo" => self.back(false),
            "set" | "setlocal" => {
                let text: String = words.rest().iter().collect();
                self.set(&text)
            }
            "silent" => {
                words.takes('!');
                let command = words.rest().to_vec();
                self.deeper(|editor| editor.execute(&command))
            }
            "sort" => {
                let reverse = words.takes('!');
                self.sort(range, reverse, words)
            }
            // There are no colours that these could change.
            "nohlsearch" | "syntax" | "filetype" | "highlight" => Ok(()),
            "version" => {
                self.print(format!("vi (secure-exec) {}", env!("CARGO_PKG_VERSION")));
                Ok(())
            }
            _ => self.file_command(name, range, words),
        }
    }

    /// The name of the file, and where the cursor is.
    pub fn status(&self) -> String {
        let name = self.file.as_ref().map_or_else(
            || "[No Name]".to_owned(),
            |file| format!("\"{}\"", file.display()),
        );
        let modified = if self.buffer.is_modified() {
            " [Modified]"
        } else {
            ""
        };
        let (row, length) = (self.cursor.row + 1, self.buffer.len());
        format!(
            "{name}{modified} line {row} of {length} --{}%-- col {}",
            row * 100 / length,
            self.cursor.column + 1
        )
    }

    /// A count behind a command: so many lines from the last one on.
    fn count(&self, range: &mut Range, words: &mut Words) -> bool {
        words.blanks();
        let Some(count) = words.number() else {
            return false;
        };
        range.from = range.to;
        range.to = (range.to + count.max(1) - 1).min(self.buffer.len() - 1);
        true
    }

    fn simple(&mut self, name: &str, mut range: Range, words: &mut Words) {
        let kept = words.takes('!');
        words.blanks();
        let register = words
            .peek()
            .filter(|c| c.is_ascii_alphabetic() && matches!(name, "delete" | "yank"));
        if register.is_some() {
            words.next();
        }
        let counted = self.count(&mut range, words);
        match name {
            "delete" => self.delete_lines(range.from, range.to, register),
            "yank" => self.yank_lines(range.from, range.to, register),
            "join" => {
                // One line is joined with the next.
                let to = if range.from == range.to || counted {
                    range.to + 1
                } else {
                    range.to
                };
                if range.from < self.buffer.len() - 1 {
                    self.join(range.from, to, kept);
                }
            }
            "number" => self.show_lines(range.from, range.to, '#'),
            "list" => self.show_lines(range.from, range.to, 'l'),
            _ => self.show_lines(range.from, range.to, 'p'),
        }
    }

    fn lines(&mut self, name: &str, range: Range, words: &mut Words) -> Outcome {
        let below = (!range.before_first).then_some(range.to);
        match name {
            "append" => {
                let lines = self.text_lines();
                if !lines.is_empty() {
                    self.put_lines(below, lines);
                }
            }
            "insert" => {
                let lines = self.text_lines();
                if !lines.is_empty() {
                    self.put_lines(range.to.checked_sub(1), lines);
                }
            }
            "change" => {
                let lines = self.text_lines();
                let count = lines.len();
                self.yank_lines(range.from, range.to, None);
                self.replace(range.from, range.to - range.from + 1, lines);
                self.go_to((range.from + count).saturating_sub(1));
            }
            "put" => {
                let above = words.takes('!');
                words.blanks();
                let Register { lines, .. } = self
                    .register(words.next())
                    .ok_or("E353: Nothing in register")?;
                self.put_lines(
                    if above {
                        range.to.checked_sub(1)
                    } else {
                        below
                    },
                    lines,
                );
            }
            _ => {
                words.blanks();
                let to = self.address(words)?.ok_or("E14: Invalid address")?;
                if to > self.buffer.len() {
                    return Err("E16: Invalid range".to_owned());
                }
                if name == "move" {
                    return self.move_lines(range, to);
                }
                let lines = self.buffer.lines()[range.from..=range.to].to_vec();
                self.put_lines(to.checked_sub(1), lines);
            }
        }
        Ok(())
    }

    /// Undoes a step, or does it again.
    pub fn back(&mut self, undo: bool) -> Outcome {
        match self.buffer.back(undo) {
            Some(place) => {
                self.cursor.row = place.row.min(self.buffer.len() - 1);
                let length = self.buffer.line(self.cursor.row).len();
                self.cursor.column = place.column.min(length.saturating_sub(1));
                Ok(())
            }
            None => {
                let message = if undo {
                    "Already at oldest change"
                } else {
                    "Already at newest change"
                };
                self.inform(message.to_owned());
                Ok(())
            }
        }
    }
}
