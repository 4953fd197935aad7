//! Files of a VM at one moment: taken from one VM, and put into another.
//!
//! A capture takes two steps. The VM process says how much memory it needs and which segments it uses on, of those that it was
//! told of; it gets that much, and says when it is full.

use std::collections::BTreeSet;
use std::sync::Arc;

use secure_exec_protocol::{CallId, Captured, HostMessage, ImagePlace, VmLimits, most_names};

use crate::call::{Call, Rule};
use crate::core::{Core, Origin, VmKey};
use crate::event::{Event, VmError};
use crate::segment::FileSnapshot;
use crate::vm::Vm;

/// Bytes of an image for each name: its inode's record, and the name itself twice over.
const IMAGE_OF_A_NAME: u64 = 640;
/// Of the bytes of files no more than this share is needed to say where they are, or is the target of a link.
const IMAGE_SHARE: u64 = 16;

/// The most that an image of the files of a VM takes.
fn most_image(limits: &VmLimits) -> u64 {
    let names = most_names(limits.max_inodes).saturating_mul(IMAGE_OF_A_NAME);
    names.saturating_add(limits.max_filesystem_bytes / IMAGE_SHARE)
}

impl Core {
    /// Takes all files. Settles by `Snapshot` or `Failed`.
    pub(crate) fn capture(&mut self, vm_key: VmKey, call: CallId) {
        self.submit(vm_key, call, Some(Call::Capture), HostMessage::Capture);
    }

    /// Puts files in place of those of a VM.
    pub(crate) fn restore(&mut self, vm_key: VmKey, call: CallId, snapshot: Arc<FileSnapshot>) {
        let (segments, message) = restoring(&snapshot);
        // Behind them: they make no call, and are dropped where the call is refused.
        for segment in segments {
            self.submit(vm_key, call, None, segment);
        }
        self.submit(vm_key, call, Some(Call::Restore(snapshot)), message);
    }

    /// A VM process has captured its files. It gets memory for them.
    pub(crate) fn captured(
        &mut self,
        vm_key: VmKey,
        call: CallId,
        captured: Captured,
    ) -> Result<(), Rule> {
        let Some(vm) = self.vms.get_mut(&vm_key) else {
            return Ok(());
        };
        let kept = vm.kept_segments(&captured)?;
        let image = ImagePlace {
            offset: captured.data_bytes,
            length: captured.image_bytes,
        };
        let limits = &vm.config.limits;
        let most_names = most_names(limits.max_inodes);
        let (most_bytes, most_file_bytes) = (limits.max_filesystem_bytes, limits.max_file_bytes);
        self.take_call(vm_key, call);
        let (kind, number) = match self.segments.make(image.offset + image.length) {
            Ok(made) => {
                let number = made.number();
                let snapshot = FileSnapshot {
                    segments: [vec![made], kept].concat(),
                    image,
                    most_names,
                    most_bytes,
                    most_file_bytes,
                };
                (Call::Fill(Box::new(snapshot)), Some(number))
            }
            Err(error) => {
                let error = VmError::no_memory_file(&error);
                if let Some(vm) = self.vms.get(&vm_key) {
                    vm.sink.event(Event::Failed { call, error });
                }
                (Call::Over, None)
            }
        };
        let message = HostMessage::Fill { number };
        self.request(vm_key, call, kind, message, Origin::Peer);
        Ok(())
    }

    /// The memory is full.
    pub(crate) fn filled(&mut self, vm_key: VmKey, call: CallId) -> Result<(), Rule> {
        let vm = self.vms.get(&vm_key);
        let is_sealed = match vm.and_then(|vm| vm.calls.get(&call)) {
            Some(Call::Fill(snapshot)) => {
                let first = snapshot.segments.first();
                first.is_some_and(|segment| segment.finish().is_ok())
            }
            _ => return Ok(()),
        };
        if !is_sealed {
            return Err("it keeps on writing to what it has captured");
        }
        let Some(Call::Fill(snapshot)) = self.take_call(vm_key, call) else {
            return Ok(());
        };
        if let Some(vm) = self.vms.get_mut(&vm_key) {
            vm.segments.clone_from(&snapshot.segments);
            let snapshot = Arc::new(*snapshot);
            vm.sink.event(Event::Snapshot { call, snapshot });
        }
        Ok(())
    }
}

/// What a VM process is told to restore files: their segments, and then where their image is.
pub(crate) fn restoring(snapshot: &FileSnapshot) -> (Vec<HostMessage>, HostMessage) {
    let segments = snapshot
        .segments
        .iter()
        .map(|segment| HostMessage::Segment {
            number: segment.number(),
            length: segment.length(),
        });
    let restore = HostMessage::Restore {
        segments: snapshot.numbers(),
        image: snapshot.image,
    };
    (segments.collect(), restore)
}

impl Vm {
    /// The segments that it uses on, if what it says of a capture is possible.
    fn kept_segments(
        &self,
        captured: &Captured,
    ) -> Result<Vec<Arc<crate::segment::Segment>>, Rule> {
        let limits = &self.config.limits;
        if captured.data_bytes > limits.max_filesystem_bytes
            || captured.image_bytes == 0
            || captured.image_bytes > most_image(limits)
        {
            return Err("it has captured more than its filesystem can hold");
        }
        let different: BTreeSet<u64> = captured.kept.iter().copied().collect();
        if different.len() < captured.kept.len() {
            return Err("a segment that was named twice");
        }
        let known = |number: &u64| self.segments.iter().find(|one| one.number() == *number);
        let kept: Option<Vec<_>> = captured
            .kept
            .iter()
            .map(|number| known(number).cloned())
            .collect();
        kept.ok_or("a segment that is none of its own")
    }
}

impl VmError {
    /// There is no memory file to be had.
    fn no_memory_file(error: &std::io::Error) -> VmError {
        VmError {
            code: "ENFILE".into(),
            errno: -libc::ENFILE,
            message: format!("ENFILE: no memory file for the snapshot: {error}, snapshot"),
            syscall: "snapshot".into(),
            ..VmError::default()
        }
    }
}
