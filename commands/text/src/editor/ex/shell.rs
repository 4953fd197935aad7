//! Commands of the shell from within.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use secure_exec_sys::process;

use crate::editor::file::{read_from, write_lines};
use crate::editor::line::{Line, encode};
use crate::message::reason;
use crate::shell::{reading, system};

use super::address::Range;
use super::{Editor, Outcome};

impl Editor {
    /// A command line for the shell: `%` is the name of the file, and `!` not replaced.
    fn shell_line(&self, text: &[char]) -> String {
        let mut line = String::new();
        let mut escaped = false;
        for &c in text {
            match c {
                '%' if !escaped => match &self.file {
                    Some(file) => line.push_str(&file.display().to_string()),
                    None => line.push('%'),
                },
                '%' => {
                    line.pop();
                    line.push('%');
                }
                c => line.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        line
    }

    /// `:!command`
    pub(super) fn shell(&mut self, text: &[char]) -> Outcome {
        let line = self.shell_line(text);
        if self.is_visual {
            self.shell_command = Some(line);
            return Ok(());
        }
        let status = system(line.as_bytes()).map_err(|error| reason(&error))?;
        if status.exited() != Some(0) && !self.quiet {
            self.print(format!("shell returned {}", status.exited().unwrap_or(128)));
        }
        Ok(())
    }

    /// The output of a command, with lines as its input.
    pub(super) fn output_of(&self, text: &[char], input: &[Line]) -> Result<Vec<Line>, String> {
        let line = self.shell_line(text);
        filtered(&line, input).map_err(|error| reason(&error))
    }

    /// `:range!command`: replaces lines by what a command makes of them.
    pub(super) fn filter(&mut self, range: Range, text: &[char]) -> Outcome {
        let count = range.to - range.from + 1;
        let input = self.buffer.lines()[range.from..=range.to].to_vec();
        let lines = self.output_of(text, &input)?;
        self.replace(range.from, count, lines);
        self.go_to(range.from);
        Ok(())
    }

    /// `:w !command`
    pub(super) fn write_to(&mut self, range: Range, text: &[char]) -> Outcome {
        let input = self.buffer.lines()[range.from..=range.to].to_vec();
        let lines = self.output_of(text, &input)?;
        for line in lines {
            self.print(line.iter().collect());
        }
        Ok(())
    }
}

/// What a command prints on both streams, with lines as its input: from a file, as a pipe would be full.
fn filtered(line: &str, input: &[Line]) -> io::Result<Vec<Line>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = folder.join(format!(".vi{}-{number}", process::getpid()));
    let mut options = fs::File::options();
    let file = options.write(true).create_new(true).open(&name)?;
    let printed = write_lines(file, input, false).and_then(|_| {
        let quoted = name.display().to_string().replace('\'', "'\\''");
        let command = format!("{{ {line}\n}} < '{quoted}' 2>&1");
        let characters: Line = command.chars().collect();
        let mut pipe = reading(&encode(&characters))?;
        // Also behind a command that prints more than can be edited, which ends then.
        let printed = read_from(&mut pipe);
        pipe.finish()?;
        Ok(printed?.lines)
    });
    fs::remove_file(&name)?;
    printed
}
