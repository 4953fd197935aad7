//! Files and commands of the shell: what is read, written and run.

use std::fs;
use std::io::{self, Write};
use std::rc::Rc;

use secure_exec_sys::errno;
use secure_exec_sys::fd;
use secure_exec_sys::process::{self, Action, Program, SEARCH_PATH};

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
        run(&command, Vec::new())
            .and_then(wait_for)
            .map_err(|_| "Cannot run command")?;
        if !self.silent {
            println!("!");
        }
        Ok(())
    }
}

fn run(command: &str, actions: Vec<Action>) -> io::Result<secure_exec_sys::Pid> {
    let environment = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        name
    });
    process::spawn(&Program {
        flags: SEARCH_PATH,
        file: "/bin/sh".into(),
        args: vec!["sh".into(), "-c".into(), command.into()],
        env: environment.collect(),
        actions,
        ..Program::default()
    })
}

fn wait_for(pid: secure_exec_sys::Pid) -> io::Result<()> {
    loop {
        match process::wait(pid, 0) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn output_of(command: &str) -> io::Result<Vec<u8>> {
    let (reader, writer) = fd::pipe(fd::O_CLOEXEC)?;
    let pid = run(
        command,
        vec![Action::Dup2 {
            oldfd: writer,
            fd: 1,
        }],
    );
    fd::close(writer)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match fd::read(reader, &mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    fd::close(reader)?;
    wait_for(pid?)?;
    Ok(bytes)
}

fn feed(command: &str, bytes: &[u8]) -> io::Result<()> {
    io::stdout().flush()?;
    let (reader, writer) = fd::pipe(fd::O_CLOEXEC)?;
    let pid = run(
        command,
        vec![Action::Dup2 {
            oldfd: reader,
            fd: 0,
        }],
    );
    fd::close(reader)?;
    let pid = pid?;
    let written = fd::write_all(writer, bytes);
    fd::close(writer)?;
    wait_for(pid)?;
    match written {
        // A command need not read everything.
        Err(error) if !errno::is(&error, errno::EPIPE) => Err(error),
        _ => Ok(()),
    }
}
