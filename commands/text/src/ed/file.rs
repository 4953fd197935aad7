//! Files and commands of the shell: what is read, written and run.

use std::fs;
use std::io::{self, Write};
use std::rc::Rc;

use secure_exec_sys::child::{self, Piped};
use secure_exec_sys::errno;

use super::{Editor, Wrong};

impl Editor {
    /// Reads a file, or what a command prints, behind a line.
    pub fn read(&mut self, name: &str, behind: usize) -> Result<(), Wrong> {
        let bytes = match name.strip_prefix('!') {
            Some(command) => output_of(command).map_err(|_| "Cannot run command")?,
            None => fs::read(name).map_err(|error| {
                eprintln!("{name}: {}", errno::message(&error));
                "Cannot open input file"
            })?,
        };
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let mut size = bytes.len();
        if !bytes.is_empty() && text.len() == bytes.len() {
            size += 1;
            if !self.silent {
                println!("Newline appended");
            }
        }
        if !bytes.is_empty() {
            let lines = text
                .split(|byte| *byte == b'\n')
                .map(|line| Rc::new(line.to_vec()))
                .collect();
            self.buffer.insert(behind, lines);
            self.modified = true;
        }
        if !self.silent {
            println!("{size}");
        }
        Ok(())
    }

    pub fn write(&self, name: &str, from: usize, to: usize, appends: bool) -> Result<(), Wrong> {
        let mut bytes = Vec::new();
        if from > 0 {
            for line in &self.buffer.lines[from - 1..to] {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
        }
        let written = match name.strip_prefix('!') {
            Some(command) => feed(command, &bytes),
            None if appends => {
                let opened = fs::File::options().append(true).create(true).open(name);
                opened.and_then(|mut file| file.write_all(&bytes))
            }
            None => fs::write(name, &bytes),
        };
        written.map_err(|error| {
            eprintln!("{name}: {}", errno::message(&error));
            "Cannot open output file"
        })?;
        if !self.silent {
            println!("{}", bytes.len());
        }
        Ok(())
    }

    /// Runs a command of the shell; `!` again is the last one, `%` the name of the file.
    pub fn shell(&mut self, text: &str) -> Result<(), Wrong> {
        let mut command = String::new();
        let mut letters = text.chars();
        let mut replaced = false;
        if text.starts_with('!') {
            if self.shell_command.is_empty() {
                return Err("No previous command");
            }
            command.clone_from(&self.shell_command);
            letters.next();
            replaced = true;
        }
        while let Some(c) = letters.next() {
            match c {
                '\\' => {
                    let next = letters.next();
                    if next != Some('%') {
                        command.push('\\');
                    }
                    command.extend(next);
                }
                '%' if self.file.is_empty() => return Err("No current filename"),
                '%' => {
                    command.push_str(&self.file);
                    replaced = true;
                }
                c => command.push(c),
            }
        }
        if replaced {
            println!("{command}");
        }
        self.shell_command.clone_from(&command);
        io::stdout().flush().map_err(|_| "Cannot write")?;
        child::run(child::shell(&command)).map_err(|_| "Cannot run command")?;
        if !self.silent {
            println!("!");
        }
        Ok(())
    }
}

fn output_of(command: &str) -> io::Result<Vec<u8>> {
    child::output(child::shell(command)).map(|(text, _)| text)
}

fn feed(command: &str, bytes: &[u8]) -> io::Result<()> {
    io::stdout().flush()?;
    let mut piped = Piped::writing(child::shell(command), None)?;
    let written = piped.write_all(bytes);
    piped.finish()?;
    match written {
        // A command need not read everything.
        Err(error) if !errno::is(&error, errno::EPIPE) => Err(error),
        _ => Ok(()),
    }
}
