//! Files at one moment, in memory files that other machines map.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use secure_exec_kernel::{Capture, Errno, Kernel, Segment};
use secure_exec_protocol::bounds::MAX_SEGMENTS;
use secure_exec_protocol::{
    CallId, Captured, Failure, FileReply, HostMessage, ImagePlace, VmMessage,
};

use super::{Machine, Outbox};
use crate::failure::failure;
use crate::memory_file::{SealedFile, fill};

/// What is under way, and the segments that the host and this machine know of each other's.
///
/// One capture is under way at a time: who asks for one gives up what waits for its memory, whose call fails when that comes. The
/// host asks for the next when the one before is full (`inTurn` of `lib/file-snapshot.cjs`).
#[derive(Default)]
pub(crate) struct Captures {
    /// What was captured and waits for its memory, and whose call that was: the last one.
    pending: Option<(CallId, Capture)>,
    /// Those that the next capture may name: of the last capture or restoration.
    known: Vec<Arc<dyn Segment>>,
    /// Those that have come for a restoration.
    arrived: BTreeMap<u64, Arc<dyn Segment>>,
}

impl Captures {
    fn capture(&mut self, call: CallId, kernel: &Kernel) -> Result<VmMessage, Failure> {
        // What was given up makes room first.
        self.pending = None;
        let capture = kernel
            .capture_files(&self.known, MAX_SEGMENTS)
            .map_err(|errno| failure(errno, "snapshot", b""))?;
        let captured = Captured {
            data_bytes: capture.data_bytes(),
            image_bytes: capture.image_bytes(),
            kept: capture.kept().iter().map(|kept| kept.number()).collect(),
        };
        self.pending = Some((call, capture));
        Ok(VmMessage::Captured(captured))
    }

    /// Puts what was captured into memory that has come.
    fn fill(
        &mut self,
        call: CallId,
        number: Option<u64>,
        fd: Option<OwnedFd>,
    ) -> Result<VmMessage, Failure> {
        let done = Ok(VmMessage::File(FileReply::Done));
        let pending = self.pending.take_if(|(of, _)| *of == call);
        // The host has none for it, and knows.
        let Some(number) = number else { return done };
        let Some((_, capture)) = pending else {
            return Err(failure(Errno::ECANCELED, "snapshot", b""));
        };
        let filled = fd.ok_or(io::ErrorKind::Other.into()).and_then(|fd| {
            let length = capture.data_bytes() + capture.image_bytes();
            fill(&fd, length, |sink| capture.fill(sink))?;
            SealedFile::map(number, &fd, length)
        });
        let segment: Arc<dyn Segment> = match filled {
            Ok(segment) => Arc::new(segment),
            Err(_) => return Err(failure(Errno::ENOMEM, "snapshot", b"")),
        };
        self.known = capture.kept().to_vec();
        self.known.push(segment.clone());
        capture.settle(&segment);
        done
    }

    /// One that cannot be mapped is missing when it is asked for.
    fn arrive(&mut self, number: u64, length: u64, fd: Option<OwnedFd>) {
        let mapped = fd.and_then(|fd| SealedFile::map(number, &fd, length).ok());
        if let Some(segment) = mapped {
            self.arrived.insert(number, Arc::new(segment));
        }
    }

    fn restore(
        &mut self,
        kernel: &Kernel,
        segments: &[u64],
        image: ImagePlace,
    ) -> Result<VmMessage, Failure> {
        let failed = |errno| failure(errno, "restore", b"");
        let arrived = std::mem::take(&mut self.arrived);
        let segments: Option<Vec<Arc<dyn Segment>>> = segments
            .iter()
            .map(|number| arrived.get(number).cloned())
            .collect();
        let segments = segments.ok_or_else(|| failed(Errno::ENOMEM))?;
        let bytes = segments
            .first()
            .and_then(|first| part(first.bytes(), image))
            .ok_or_else(|| failed(Errno::EINVAL))?;
        kernel.restore_files(bytes, &segments).map_err(failed)?;
        self.known = segments;
        Ok(VmMessage::File(FileReply::Done))
    }
}

fn part(bytes: &[u8], ImagePlace { offset, length }: ImagePlace) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

impl Machine {
    /// Takes a message with the descriptor that has come with it.
    pub(crate) fn receive_descriptor(
        &mut self,
        call: CallId,
        message: &HostMessage,
        fd: Option<OwnedFd>,
        outbox: &mut Outbox,
    ) {
        match *message {
            HostMessage::Fill { number } => {
                let answer = self.captures.fill(call, number, fd);
                outbox.push(call, answer.unwrap_or_else(VmMessage::Failed));
            }
            HostMessage::Segment { number, length } => self.captures.arrive(number, length, fd),
            _ => {}
        }
    }

    pub(super) fn capture_files(&mut self, call: CallId) -> Result<VmMessage, Failure> {
        self.captures.capture(call, &self.kernel)
    }

    pub(super) fn restore_files(
        &mut self,
        segments: &[u64],
        image: ImagePlace,
    ) -> Result<VmMessage, Failure> {
        self.captures.restore(&self.kernel, segments, image)
    }
}
