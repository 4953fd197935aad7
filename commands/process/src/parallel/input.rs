//! Where arguments come from: standard input, files, and what stands behind `:::`.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use secure_exec_cli::{Failure, bytes};
use secure_exec_sys::errno;

use super::error;
use super::options::{Settings, Trim};

/// Values of one source behind the command.
#[derive(Clone, Debug)]
pub struct Given {
    words: Vec<OsString>,
    /// The words are names of files with the values.
    are_files: bool,
    /// Goes along with the source before it, instead of being combined with it.
    linked: bool,
}

/// The command and the sources behind it.
pub fn split(operands: &[OsString]) -> (Vec<OsString>, Vec<Given>) {
    let mut command = Vec::new();
    let mut sources: Vec<Given> = Vec::new();
    for word in operands {
        let (are_files, linked) = match bytes(word) {
            b":::" => (false, false),
            b":::+" => (false, true),
            b"::::" => (true, false),
            b"::::+" => (true, true),
            _ => {
                match sources.last_mut() {
                    Some(source) => source.words.push(word.clone()),
                    None => command.push(word.clone()),
                }
                continue;
            }
        };
        sources.push(Given {
            words: Vec::new(),
            are_files,
            linked,
        });
    }
    (command, sources)
}

/// The arguments of one source.
struct Source {
    values: Values,
    linked: bool,
}

enum Values {
    Known(VecDeque<Vec<u8>>),
    Read(Box<dyn BufRead>),
}

/// One argument, or one for each source or column.
pub type Record = Vec<Vec<u8>>;

/// All arguments, combined.
pub struct Inputs {
    delimiter: u8,
    column: Option<regex::bytes::Regex>,
    trim: Trim,
    end: Option<Vec<u8>>,
    skips_empty: bool,
    has_header: bool,
    state: State,
}

enum State {
    One(Source),
    Combined(VecDeque<Record>),
    /// Several sources that were not looked at yet.
    Apart(Vec<Source>, bool),
}

impl Inputs {
    /// # Errors
    /// A file that cannot be read.
    pub fn new(settings: &Settings, given: &[Given]) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        let file = |name: &OsString, linked: bool| -> Result<Source, Failure> {
            let input: Box<dyn BufRead> = if bytes(name) == b"-" {
                Box::new(BufReader::new(io::stdin()))
            } else {
                let opened = File::open(name).map_err(|reason| {
                    error(format_args!(
                        "Cannot open input file '{}': {}.",
                        name.to_string_lossy(),
                        errno::message(&reason)
                    ))
                })?;
                Box::new(BufReader::new(opened))
            };
            Ok(Source {
                values: Values::Read(input),
                linked,
            })
        };
        for name in &settings.files {
            sources.push(file(name, false)?);
        }
        for each in given {
            if each.are_files {
                for (at, name) in each.words.iter().enumerate() {
                    sources.push(file(name, each.linked && at == 0)?);
                }
            } else {
                // As GNU parallel has it: the delimiter parts them as well.
                let parts = each
                    .words
                    .iter()
                    .flat_map(|word| bytes(word).split(|&byte| byte == settings.delimiter));
                sources.push(Source {
                    values: Values::Known(parts.map(<[u8]>::to_vec).collect()),
                    linked: each.linked,
                });
            }
        }
        if sources.is_empty() {
            sources.push(file(&"-".into(), false)?);
        }
        let state = if sources.len() == 1 {
            State::One(sources.remove(0))
        } else {
            State::Apart(sources, settings.links)
        };
        Ok(Self {
            delimiter: settings.delimiter,
            column: settings.column.clone(),
            trim: settings.trim,
            end: settings.end.clone(),
            skips_empty: settings.skips_empty,
            has_header: settings.header,
            state,
        })
    }

    /// The names of the columns, if there is a header: it is taken away.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn header(&mut self) -> Result<Vec<Vec<u8>>, Failure> {
        if !self.has_header {
            return Ok(Vec::new());
        }
        let state = std::mem::replace(&mut self.state, State::Combined(VecDeque::new()));
        let (names, state) = match state {
            State::One(mut source) => {
                let first = self.value(&mut source)?;
                (
                    first.map(|line| self.columns(line)).unwrap_or_default(),
                    State::One(source),
                )
            }
            State::Apart(mut sources, links) => {
                let mut names = Vec::new();
                for source in &mut sources {
                    names.extend(self.value(source)?);
                }
                (names, State::Apart(sources, links))
            }
            State::Combined(records) => (Vec::new(), State::Combined(records)),
        };
        self.state = state;
        Ok(names)
    }

    /// The next record.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn next(&mut self) -> Result<Option<Record>, Failure> {
        loop {
            let state = std::mem::replace(&mut self.state, State::Combined(VecDeque::new()));
            match state {
                State::One(mut source) => {
                    let value = self.value(&mut source)?;
                    self.state = State::One(source);
                    match value {
                        Some(value) if self.skips_empty && value.is_empty() => {}
                        Some(value) => return Ok(Some(self.columns(value))),
                        None => return Ok(None),
                    }
                }
                State::Apart(sources, links) => {
                    self.state = State::Combined(self.combined(sources, links)?);
                }
                State::Combined(mut records) => {
                    let record = records.pop_front();
                    self.state = State::Combined(records);
                    return Ok(record);
                }
            }
        }
    }

    /// Each value of a source with each of the others; linked ones side by side.
    fn combined(&self, sources: Vec<Source>, links: bool) -> Result<VecDeque<Record>, Failure> {
        /// Combinations are made before the first job: what needs more than this has no end that anybody sees.
        const MOST: usize = 1 << 22;
        // A group for each source that is combined: its linked sources are part of its records.
        let mut groups: Vec<Vec<Record>> = Vec::new();
        for mut source in sources {
            let mut values = Vec::new();
            while let Some(value) = self.value(&mut source)? {
                values.push(self.columns(value));
            }
            match groups.last_mut() {
                Some(group) if links => link(group, values, true),
                Some(group) if source.linked => link(group, values, false),
                _ => groups.push(values),
            }
        }
        let mut records: Vec<Record> = vec![Vec::new()];
        for group in groups {
            if records.len().saturating_mul(group.len()) > MOST {
                return Err(error(format_args!(
                    "more than {MOST} combinations of arguments"
                )));
            }
            records = records
                .iter()
                .flat_map(|record| {
                    group
                        .iter()
                        .map(move |more| [record.as_slice(), more].concat())
                })
                .collect();
        }
        Ok(records.into())
    }

    /// The next value of a source, up to the end or what `-E` says.
    fn value(&self, source: &mut Source) -> Result<Option<Vec<u8>>, Failure> {
        let value = match &mut source.values {
            Values::Known(values) => values.pop_front(),
            Values::Read(input) => {
                let mut line = Vec::new();
                let length = input
                    .read_until(self.delimiter, &mut line)
                    .map_err(|reason| error(errno::message(&reason)))?;
                if line.last() == Some(&self.delimiter) {
                    line.pop();
                }
                (length > 0).then_some(line)
            }
        };
        if value.is_some() && value == self.end {
            source.values = Values::Known(VecDeque::new());
            return Ok(None);
        }
        Ok(value.map(|value| match self.column {
            Some(_) => value,
            None => self.trimmed(&value),
        }))
    }

    fn columns(&self, value: Vec<u8>) -> Record {
        match &self.column {
            Some(column) => column
                .split(&value)
                .map(|part| self.trimmed(part))
                .collect(),
            None => vec![value],
        }
    }

    fn trimmed(&self, value: &[u8]) -> Vec<u8> {
        let mut value = value;
        if self.trim.left {
            value = value.trim_ascii_start();
        }
        if self.trim.right {
            value = value.trim_ascii_end();
        }
        value.to_vec()
    }
}

/// Puts records side by side: as many as the shorter has, or, `around`, the shorter again from its beginning.
fn link(group: &mut Vec<Record>, with: Vec<Record>, around: bool) {
    let length = if group.is_empty() || with.is_empty() {
        0
    } else if around {
        group.len().max(with.len())
    } else {
        group.len().min(with.len())
    };
    *group = (0..length)
        .map(|at| [group[at % group.len()].as_slice(), &with[at % with.len()]].concat())
        .collect();
}
