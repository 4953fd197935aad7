//! `-exec` and its kin.

use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use secure_exec_cli::{bytes, os_string, warn};
use secure_exec_sys::errno;

use super::evaluate::base_name;
use super::expression::Execution;
use super::walk::{Found, Search};
use crate::run::run;

/// The room for the arguments of one command.
const BATCH_SIZE: usize = 131_072;

/// Files that wait for the commands of `-exec ... +`, by the number of that.
pub struct Batches(Vec<Batch>);

#[derive(Clone, Default)]
struct Batch {
    execution: Option<Execution>,
    directory: PathBuf,
    files: Vec<OsString>,
    size: usize,
}

impl Batches {
    pub fn new(count: usize) -> Self {
        Self(vec![Batch::default(); count])
    }
}

impl Search<'_> {
    pub fn execute(&mut self, execution: &Execution, found: &Found<'_>) -> io::Result<bool> {
        let (directory, file) = if execution.in_directory {
            let parent = found
                .path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            let mut name = b"./".to_vec();
            name.extend(base_name(bytes(found.path)));
            (
                parent.unwrap_or(Path::new(".")).to_path_buf(),
                os_string(name),
            )
        } else {
            (PathBuf::new(), found.path.as_os_str().to_os_string())
        };
        if execution.batches {
            return self.batch(execution, directory, file).map(|()| true);
        }
        let replaced = |word: &OsString| os_string(replace(bytes(word), bytes(&file)));
        let command: Vec<OsString> = execution.command.iter().map(replaced).collect();
        if execution.asks && !self.agrees(&command, found)? {
            return Ok(false);
        }
        self.start(&command, directory)
    }

    /// Runs a command; tells whether it succeeded.
    fn start(&mut self, command: &[OsString], directory: PathBuf) -> io::Result<bool> {
        self.out.flush()?;
        match run(command, directory) {
            Ok(status) => Ok(status.exited() == Some(0)),
            Err(error) => {
                let name = command[0].to_string_lossy();
                warn(
                    self.name,
                    format_args!(
                        "{}: {}",
                        secure_exec_cli::quote(name.as_ref()),
                        errno::message(&error)
                    ),
                );
                Ok(false)
            }
        }
    }

    fn agrees(&mut self, command: &[OsString], found: &Found<'_>) -> io::Result<bool> {
        self.out.flush()?;
        eprint!(
            "< {} ... {} > ? ",
            command[0].to_string_lossy(),
            found.path.display()
        );
        io::stderr().flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.starts_with(['y', 'Y']))
    }

    fn batch(
        &mut self,
        execution: &Execution,
        directory: PathBuf,
        file: OsString,
    ) -> io::Result<()> {
        let batch = &self.batches.0[execution.number];
        let is_full = batch.size + file.len() + 1 > BATCH_SIZE || batch.directory != directory;
        if is_full && !batch.files.is_empty() {
            self.flush_batch(execution.number)?;
        }
        let batch = &mut self.batches.0[execution.number];
        batch.execution.get_or_insert_with(|| execution.clone());
        batch.directory = directory;
        batch.size += file.len() + 1;
        batch.files.push(file);
        Ok(())
    }

    fn flush_batch(&mut self, number: usize) -> io::Result<()> {
        let batch = &mut self.batches.0[number];
        let Some(execution) = batch.execution.clone() else {
            return Ok(());
        };
        let files = std::mem::take(&mut batch.files);
        batch.size = 0;
        if files.is_empty() {
            return Ok(());
        }
        let directory = batch.directory.clone();
        let command: Vec<OsString> = execution.command.into_iter().chain(files).collect();
        if !self.start(&command, directory)? {
            self.status = 1;
        }
        Ok(())
    }

    /// Runs what is left over.
    pub fn finish_batches(&mut self) -> io::Result<()> {
        (0..self.batches.0.len()).try_for_each(|number| self.flush_batch(number))
    }
}

/// Every `{}` becomes the file.
fn replace(word: &[u8], file: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = word;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{}") {
        out.extend(&rest[..at]);
        out.extend(file);
        rest = &rest[at + 2..];
    }
    out.extend(rest);
    out
}
