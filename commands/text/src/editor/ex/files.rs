//! Commands that have to do with files, and the end.

use std::path::Path;

use super::address::{Range, Words};
use super::{Editor, Outcome};

fn range_or_all(range: Range, editor: &Editor) -> Range {
    if range.given == 0 {
        editor.all()
    } else {
        range
    }
}

impl Editor {
    /// What a command does by its whole name.
    ///
    /// # Errors
    /// What it could not do; there is no such command.
    pub(super) fn file_command(&mut self, name: &str, range: Range, words: &mut Words) -> Outcome {
        let forced = words.takes('!');
        words.blanks();
        match name {
            "write" | "wall" => {
                let range = range_or_all(range, self);
                if words.takes('!') {
                    return self.write_to(range, words.rest());
                }
                let append = words.peek() == Some('>') && words.rest().get(1) == Some(&'>');
                if append {
                    words.next();
                    words.next();
                    words.blanks();
                }
                let to = self.file_name(words.rest())?;
                self.write(range, to, append, forced)
            }
            "wq" | "wqall" | "xit" | "exit" | "xall" => {
                let to = self.file_name(words.rest())?;
                self.write_and_leave(to, name.starts_with("wq"), forced)
            }
            "update" => {
                if self.buffer.is_modified() {
                    let to = self.file_name(words.rest())?;
                    self.write(range_or_all(range, self), to, false, forced)?;
                }
                Ok(())
            }
            "saveas" => {
                let to = self.file_name(words.rest())?;
                let to = to.ok_or("E471: Argument required")?;
                self.write(self.all(), Some(to.clone()), false, forced)?;
                self.seen = crate::editor::file::seen(&to);
                self.alternate = self.file.replace(to);
                self.buffer.set_written();
                Ok(())
            }
            "source" => {
                let path = self.file_name(words.rest())?;
                self.source(&path.ok_or("E471: Argument required")?)
            }
            "shell" => {
                let shell = std::env::var("SHELL").unwrap_or_default();
                let shell = if shell.is_empty() { "sh" } else { &shell };
                self.shell(&shell.chars().collect::<Vec<_>>())
            }
            "stop" | "suspend" => {
                self.suspends = true;
                Ok(())
            }
            "quit" | "qall" => self.leave(forced),
            "cquit" => {
                self.quit = Some(1);
                Ok(())
            }
            "edit" | "ex" | "visual" => {
                let path = self.file_name(words.rest())?;
                self.edit_again(path, forced)
            }
            "read" => {
                let below = (!range.before_first).then_some(range.to);
                let lines = if forced || words.takes('!') {
                    self.output_of(words.rest(), &[])?
                } else {
                    let path = self
                        .file_name(words.rest())?
                        .or_else(|| self.file.clone())
                        .ok_or("E32: No file name")?;
                    let content = crate::editor::file::read(&path);
                    content
                        .map_err(|_| format!("E484: Can't open file {}", path.display()))?
                        .lines
                };
                if !lines.is_empty() {
                    let count = lines.len();
                    self.put_lines(below, lines);
                    // The first of the lines, unlike with `p`.
                    let first = self.cursor.row + 1 - count;
                    if self.is_visual {
                        self.go_to(first);
                    }
                }
                Ok(())
            }
            "file" => {
                if let Some(path) = self.file_name(words.rest())? {
                    self.file = Some(path);
                    self.seen = None;
                }
                let message = self.status();
                self.inform(message);
                Ok(())
            }
            "next" => self.go_to_argument(Some(self.argument() + 1), forced),
            "previous" => self.go_to_argument(self.argument().checked_sub(1), forced),
            "rewind" => self.go_to_argument(Some(0), forced),
            "args" => {
                self.print(self.arguments());
                Ok(())
            }
            _ => Err(format!("E492: Not an editor command: {name}")),
        }
    }

    /// Runs the commands in a file, which has the text of `a`, `c` and `i` as well.
    fn source(&mut self, path: &Path) -> Outcome {
        let script =
            std::fs::read(path).map_err(|_| format!("E484: Can't open file {}", path.display()))?;
        let script: Box<dyn std::io::BufRead> = Box::new(std::io::Cursor::new(script));
        let outer = self.input.replace(script);
        let result = self.deeper(|editor| {
            while editor.quit.is_none()
                && let Some(line) = editor.input_line()
            {
                editor.execute(&line)?;
            }
            Ok(())
        });
        self.input = outer;
        result
    }
}
