//! Files and directories that the embedder reads in pieces, and how long they may get.

use std::collections::BTreeMap;

use secure_exec_protocol::{
    DirectoryEntry, FileReply, FileRequest, MAX_CHUNK, VmLimits, most_names,
};

use crate::call::{Call, Rule};

/// Readings that were begun and not continued; the VM has the same bound.
const MOST: usize = 1024;

/// What is read, and how much of it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    File { bytes: u64 },
    Directory { names: u64 },
}

impl Reading {
    /// Takes a piece.
    ///
    /// # Errors
    /// The rule that it breaks. A VM that keeps its own limits breaks none.
    fn add(&mut self, reply: &FileReply, limits: &VmLimits) -> Result<Option<u32>, Rule> {
        match (self, reply) {
            (Reading::File { bytes }, FileReply::Data { data, more }) => {
                *bytes += data.len() as u64;
                // A file that grows is cut off behind the piece that exceeds the limit.
                if *bytes > limits.max_file_bytes.saturating_add(2 * MAX_CHUNK as u64) {
                    return Err("a file over limits.resources.maxFileBytes");
                }
                if more.is_some() && data.is_empty() {
                    return Err("an empty piece of a file");
                }
                Ok(*more)
            }
            (Reading::Directory { names }, FileReply::Entries { entries, more }) => {
                *names += entries.len() as u64;
                if *names > most_names(limits.max_inodes) {
                    return Err("a directory over limits.resources.maxInodeCount");
                }
                if more.is_some() && entries.is_empty() {
                    return Err("an empty piece of a directory");
                }
                if !entries.iter().all(is_name) {
                    return Err("a name that is none");
                }
                Ok(*more)
            }
            _ => Err("an answer of another kind"),
        }
    }
}

/// What is in a directory goes by a name without slashes: embedders put it into paths.
fn is_name(entry: &DirectoryEntry) -> bool {
    let name = entry.name.as_slice();
    !name.is_empty()
        && name.len() <= 255
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// The readings of one VM that can be continued, by handle.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    open: BTreeMap<u32, Reading>,
}

impl Readings {
    /// What the answer to a request must be.
    pub(crate) fn expect(&mut self, request: &FileRequest) -> Call {
        match request {
            FileRequest::Read { .. } | FileRequest::ReadLink { .. } => {
                Call::Read(Reading::File { bytes: 0 })
            }
            FileRequest::ReadDirectory { .. } => Call::Read(Reading::Directory { names: 0 }),
            FileRequest::ReadMore { handle } => match self.open.remove(handle) {
                Some(reading) => Call::Read(reading),
                // Of a VM process that is gone, or no handle at all: the VM says so.
                None => Call::Done,
            },
            FileRequest::Stat { .. } | FileRequest::LinkStat { .. } => Call::Stat,
            FileRequest::Exists { .. } => Call::Exists,
            _ => Call::Done,
        }
    }

    /// Takes a piece.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(crate) fn take(
        &mut self,
        mut reading: Reading,
        reply: &FileReply,
        limits: &VmLimits,
    ) -> Result<(), Rule> {
        let Some(handle) = reading.add(reply, limits)? else {
            return Ok(());
        };
        if self.open.len() >= MOST {
            return Err("too many files are read at a time");
        }
        match self.open.insert(handle, reading) {
            Some(_) => Err("a handle that is in use"),
            None => Ok(()),
        }
    }
}
