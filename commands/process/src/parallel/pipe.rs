//! `--pipe`: standard input in records, for the standard inputs of jobs.

use std::io::{self, BufRead, Read};

use secure_exec_cli::Failure;
use secure_exec_sys::errno;

use super::error;
use super::job::Job;
use super::options::Settings;

/// Jobs that read records.
pub fn jobs(
    settings: &Settings,
) -> Result<Box<dyn Iterator<Item = Result<Job, Failure>>>, Failure> {
    let blocks = Blocks {
        input: Box::new(io::stdin().lock()),
        record_end: settings.record_end.clone(),
        record_start: settings.record_start.clone(),
        records: settings.max_args,
        block: settings.block,
        held: Vec::new(),
        ended: false,
    };
    if settings.round_robin {
        let mut inputs: Vec<Vec<u8>> = vec![Vec::new(); settings.jobs];
        for (at, block) in blocks.enumerate() {
            let slot = at % settings.jobs;
            inputs[slot].extend(block?);
        }
        inputs.retain(|input| !input.is_empty());
        return Ok(Box::new(inputs.into_iter().map(|input| Ok(job(input)))));
    }
    Ok(Box::new(blocks.map(|block| block.map(job))))
}

fn job(input: Vec<u8>) -> Job {
    Job {
        arguments: Vec::new(),
        input: Some(input),
    }
}

struct Blocks {
    input: Box<dyn BufRead>,
    record_end: Vec<u8>,
    record_start: Vec<u8>,
    /// Records of a block, in place of its size.
    records: Option<usize>,
    block: usize,
    held: Vec<u8>,
    ended: bool,
}

impl Blocks {
    /// The places where records end.
    fn ends(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        let (end, start) = (&self.record_end, &self.record_start);
        if end.is_empty() && start.is_empty() {
            return Box::new(1..=self.held.len());
        }
        let between = [end.as_slice(), start].concat();
        let found = places(&self.held, between);
        Box::new(found.map(|at| at + end.len()).filter(|&at| at > 0))
    }

    /// Where the next block ends, if that is known.
    fn cut(&self) -> Option<usize> {
        if let Some(records) = self.records {
            return self.ends().nth(records - 1);
        }
        if self.held.len() < self.block {
            return None;
        }
        // The last end within the block, or the first behind it.
        let mut last = None;
        for at in self.ends() {
            if at > self.block {
                return last.or(Some(at));
            }
            last = Some(at);
        }
        last
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut wanted = if self.records.is_some() {
            64 << 10
        } else {
            self.block
        };
        loop {
            if let Some(at) = self.cut() {
                let rest = self.held.split_off(at);
                return Ok(Some(std::mem::replace(&mut self.held, rest)));
            }
            if self.ended {
                let last = std::mem::take(&mut self.held);
                return Ok((!last.is_empty()).then_some(last));
            }
            let limit =
                u64::try_from(wanted.saturating_sub(self.held.len()).max(1)).unwrap_or(u64::MAX);
            let read = (&mut self.input)
                .take(limit)
                .read_to_end(&mut self.held)
                .map_err(|reason| error(errno::message(&reason)))?;
            self.ended = read == 0;
            // Twice as much the next time: records may be long.
            wanted = wanted.max(self.held.len()).saturating_mul(2);
        }
    }
}

impl Iterator for Blocks {
    type Item = Result<Vec<u8>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        Blocks::next(self).transpose()
    }
}

/// Where a text is found, without overlap.
fn places(text: &[u8], wanted: Vec<u8>) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.get(from..)?;
        let at = rest
            .windows(wanted.len())
            .position(|window| window == wanted)?;
        let found = from + at;
        from = found + wanted.len();
        Some(found)
    })
}
