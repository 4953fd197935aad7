//! Files: reading, writing, going from one to the next, and ending.

use std::path::PathBuf;

use crate::editor::buffer::Buffer;
use crate::editor::file;
use crate::editor::line::{Line, encode};
use crate::message::reason;

use super::address::Range;
use super::{Editor, Outcome};

const UNSAVED: &str = "E37: No write since last change (add ! to override)";

impl Editor {
    /// Edits a file; one that is not there is new.
    pub(super) fn edit(&mut self, path: PathBuf) -> Outcome {
        let shown = path.display().to_string();
        match file::read(&path) {
            Ok(content) => {
                let (count, bytes) = (content.lines.len(), content.bytes);
                let partial = if content.is_partial { " [noeol]" } else { "" };
                let dos = if content.dos { " [dos]" } else { "" };
                if file::is_protected(&path) {
                    self.options.readonly = true;
                }
                let protected = if self.options.readonly {
                    " [readonly]"
                } else {
                    ""
                };
                self.dos = content.dos;
                self.buffer = Buffer::new(content.lines);
                self.inform(format!(
                    "\"{shown}\"{protected}{partial}{dos} {count}L, {bytes}B"
                ));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.dos = false;
                self.buffer = Buffer::default();
                self.inform(format!("\"{shown}\" [New]"));
            }
            Err(error) => return Err(format!("\"{shown}\" {}", reason(&error))),
        }
        self.seen = file::seen(&path);
        if self.file.as_ref() != Some(&path) {
            self.alternate = self.file.replace(path);
        }
        self.marks.clear();
        self.cursor = Default::default();
        Ok(())
    }

    /// The name of a file in a command: `%` is the current one, `#` the one before, `~/` the user's directory; a backslash
    /// before a character takes its meaning away.
    ///
    /// # Errors
    /// There is no file for `%` or `#`.
    pub(super) fn file_name(&self, text: &[char]) -> Result<Option<PathBuf>, String> {
        let end = text
            .iter()
            .rposition(|c| !c.is_whitespace())
            .map_or(0, |at| at + 1);
        let mut name: Vec<u8> = Vec::new();
        let mut characters = text[..end].iter();
        if text.starts_with(&['~', '/'])
            && let Some(home) = std::env::var_os("HOME")
        {
            name.extend(secure_exec_cli::bytes(&home));
            characters.next();
        }
        while let Some(&c) = characters.next() {
            match c {
                '%' | '#' => {
                    let file = if c == '%' {
                        &self.file
                    } else {
                        &self.alternate
                    };
                    let file = file
                        .as_ref()
                        .ok_or("E499: Empty file name for '%' or '#'")?;
                    name.extend(secure_exec_cli::bytes(file.as_os_str()));
                }
                '\\' => name.extend(encode(&[characters.next().copied().unwrap_or('\\')])),
                c => name.extend(encode(&[c])),
            }
        }
        Ok((end > 0).then(|| PathBuf::from(crate::bytes::os(&name))))
    }

    /// `:w`, of all lines or some, to the file or another.
    pub(super) fn write(
        &mut self,
        range: Range,
        to: Option<PathBuf>,
        append: bool,
        forced: bool,
    ) -> Outcome {
        let own = self.file.clone();
        let path = to.or_else(|| own.clone()).ok_or("E32: No file name")?;
        let is_own = own.as_ref() == Some(&path);
        let there = file::seen(&path);
        if !forced && !append {
            if is_own && self.options.readonly {
                return Err("E45: 'readonly' option is set (add ! to override)".to_owned());
            }
            if is_own && there.is_some() && there != self.seen {
                return Err(
                    "E13: The file has changed since it was read (add ! to override)".to_owned(),
                );
            }
            if !is_own && there.is_some_and(|_| path.is_file()) {
                return Err("E13: File exists (add ! to override)".to_owned());
            }
            if is_own && range.given > 0 && range.to - range.from + 1 < self.buffer.len() {
                return Err("E140: Use ! to write partial buffer".to_owned());
            }
        }
        let lines: &[Line] = if self.buffer.is_blank() {
            &[]
        } else {
            &self.buffer.lines()[range.from..=range.to]
        };
        let count = lines.len();
        let shown = path.display().to_string();
        let written = match file::write(&path, lines, self.dos, append) {
            Err(error)
                if forced && !append && error.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                file::write_anyway(&path, lines, self.dos)
            }
            written => written,
        };
        let bytes = written.map_err(|error| {
            format!(
                "\"{shown}\" E212: Can't open file for writing: {}",
                reason(&error)
            )
        })?;
        let whole = range.given == 0 || count >= self.buffer.len();
        if own.is_none() && whole {
            self.file = Some(path.clone());
        }
        if self.file.as_ref() == Some(&path) {
            self.seen = file::seen(&path);
            if whole && !append {
                self.buffer.set_written();
            }
        }
        let how = if append { "appended" } else { "written" };
        let new = if there.is_none() { " [New]" } else { "" };
        self.inform(format!("\"{shown}\"{new} {count}L, {bytes}B {how}"));
        Ok(())
    }

    pub(super) fn all(&self) -> Range {
        Range {
            from: 0,
            to: self.buffer.len() - 1,
            given: 0,
            before_first: false,
        }
    }

    /// Ends, if nothing would be lost.
    pub fn leave(&mut self, forced: bool) -> Outcome {
        if !forced && self.buffer.is_modified() {
            return Err(UNSAVED.to_owned());
        }
        self.quit = Some(0);
        Ok(())
    }

    /// `:x`: writes what was changed, and ends.
    pub fn write_and_leave(&mut self, to: Option<PathBuf>, always: bool, forced: bool) -> Outcome {
        if always || to.is_some() || self.buffer.is_modified() {
            let all = self.all();
            self.write(all, to, false, forced)?;
            self.buffer.set_written();
        }
        self.leave(forced)
    }

    /// `:e`, again or of another file.
    pub(super) fn edit_again(&mut self, path: Option<PathBuf>, forced: bool) -> Outcome {
        if !forced && self.buffer.is_modified() {
            return Err(UNSAVED.to_owned());
        }
        let path = path
            .or_else(|| self.file.clone())
            .ok_or("E32: No file name")?;
        self.edit(path)
    }

    /// `:n`, `:prev`, `:rewind`.
    pub(super) fn go_to_argument(&mut self, to: Option<usize>, forced: bool) -> Outcome {
        let wanted = to.filter(|&at| at < self.arguments.len());
        let at = wanted.ok_or(match to {
            Some(_) => "E165: Cannot go beyond last file",
            None => "E164: Cannot go before first file",
        })?;
        let path = PathBuf::from(self.arguments[at].clone());
        self.edit_again(Some(path), forced)?;
        self.argument = at;
        Ok(())
    }

    pub(super) fn argument(&self) -> usize {
        self.argument
    }

    pub(super) fn arguments(&self) -> String {
        let names = self.arguments.iter().enumerate().map(|(at, name)| {
            let name = name.to_string_lossy();
            if at == self.argument {
                format!("[{name}]")
            } else {
                name.into_owned()
            }
        });
        names.collect::<Vec<_>>().join(" ")
    }

    /// Puts what was changed beside the file: this process is ended from outside.
    pub fn rescue(&mut self) {
        if self.buffer.is_modified() {
            let path = self.file.clone().unwrap_or_else(|| PathBuf::from("vi"));
            file::rescue(&path, self.buffer.lines(), self.dos);
        }
    }
}
