//! Jobs: which arguments come into one command.

use std::collections::VecDeque;

use secure_exec_cli::Failure;

use super::error;
use super::input::{Inputs, Record};
use super::options::{Settings, Several};
use super::template::{Numbers, Template};

/// A command to be run.
#[derive(Clone, Debug, Default)]
pub struct Job {
    pub arguments: Vec<Vec<u8>>,
    /// What it reads, in place of nothing.
    pub input: Option<Vec<u8>>,
}

/// The jobs, made of arguments as they come.
pub struct Jobs {
    inputs: Inputs,
    template: Template,
    several: bool,
    max_args: usize,
    max_chars: usize,
    spreads: bool,
    slots: usize,
    /// Read, and not in a job yet.
    waiting: VecDeque<Record>,
    /// How many records each of the last jobs takes.
    share: Option<usize>,
    count: usize,
}

impl Jobs {
    pub fn new(inputs: Inputs, template: Template, settings: &Settings) -> Self {
        Self {
            inputs,
            template,
            several: settings.several != Several::No || settings.max_args.is_some(),
            max_args: settings.max_args.unwrap_or(usize::MAX),
            max_chars: settings.max_chars,
            spreads: settings.spreads,
            slots: settings.jobs,
            waiting: VecDeque::new(),
            share: None,
            count: 0,
        }
    }

    fn record(&mut self) -> Result<Option<Record>, Failure> {
        match self.waiting.pop_front() {
            Some(record) => Ok(Some(record)),
            None => self.inputs.next(),
        }
    }

    /// How long the command becomes with one record alone.
    fn length(&self, record: &[Vec<u8>]) -> usize {
        self.template.render(record, Numbers::default()).len()
    }

    fn too_long(&self, length: usize, record: &Record) -> Failure {
        let shown: Vec<_> = record
            .iter()
            .map(|value| String::from_utf8_lossy(value))
            .collect();
        error(format_args!(
            "Command line too long ({length} >= {}) at input {}: {}",
            self.max_chars,
            self.count,
            shown.join(" ").chars().take(50).collect::<String>()
        ))
    }

    fn next(&mut self) -> Result<Option<Job>, Failure> {
        let Some(first) = self.record()? else {
            return Ok(None);
        };
        let mut length = self.length(&first);
        if length >= self.max_chars {
            return Err(self.too_long(length, &first));
        }
        self.count += 1;
        let mut records = vec![first];
        if self.several {
            let most = self.share.unwrap_or(self.max_args);
            let mut ended = self.share.is_some();
            while records.len() < most {
                let Some(record) = self.record()? else {
                    ended = true;
                    break;
                };
                // What it adds is what a second one of its kind does.
                let twice = [record.as_slice(), &record].concat();
                let more = self.length(&twice) - self.length(&record);
                if length + more >= self.max_chars {
                    self.waiting.push_front(record);
                    break;
                }
                length += more;
                records.push(record);
            }
            if ended && self.spreads && self.share.is_none() {
                // The end was reached: what is left is for all slots.
                let each = records.len().div_ceil(self.slots);
                self.share = Some(each);
                self.waiting
                    .extend(records.drain(each.min(records.len())..));
            }
        }
        Ok(Some(Job {
            arguments: records.into_iter().flatten().collect(),
            input: None,
        }))
    }
}

impl Iterator for Jobs {
    type Item = Result<Job, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        Jobs::next(self).transpose()
    }
}
