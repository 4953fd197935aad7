//! Preparing a VM on a process: it boots, and gets its files or those of its predecessor, a megabyte or two at a time.

use secure_exec_protocol::{File, FileRequest, HostMessage, MAX_CHUNK};

use crate::call::{Call, SetupAnswer};
use crate::captures::restoring;
use crate::core::{Core, Origin, VmKey};
use crate::event::{Event, Ready, VmError};
use crate::isolation::{Isolation, IsolationReport};
use crate::spawner::Start;
use crate::vm::{State, Vm};

/// Bytes of files that may be on their way without an answer.
const WINDOW: usize = 1 << 20;

/// How far the preparation of a VM is.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    next: Next,
    /// Steps without an answer, and their bytes.
    steps: usize,
    bytes: usize,
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Create,
    Import {
        offset: u64,
    },
    Restore,
    File {
        index: usize,
        piece: usize,
    },
    WorkingDirectory,
    Nothing,
}

/// A step, the answer to it, and its bytes.
type Step = (HostMessage, SetupAnswer, usize);

impl Core {
    /// Sends the next steps of a VM's preparation, as far as they may be on their way.
    pub(crate) fn continue_setup(&mut self, vm_key: VmKey) {
        while let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| vm.prepares()) {
            if vm.place.is_none() || vm.setup.bytes >= WINDOW {
                return;
            }
            let step = match vm.next_step() {
                Ok(Some(step)) => step,
                Ok(None) => return,
                Err(error) => {
                    let error = VmError::cannot_start(&format!("its files: {error}"));
                    return self.preparation_failed(vm_key, error);
                }
            };
            let (message, answer, bytes) = step;
            if let (HostMessage::Restore { .. }, Some(snapshot)) = (&message, &vm.snapshot) {
                let snapshot = snapshot.clone();
                vm.segments.clone_from(&snapshot.segments);
                for segment in restoring(&snapshot).0 {
                    self.tell(vm_key, 0, segment, Origin::Embedder);
                }
            }
            let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| vm.prepares()) else {
                return;
            };
            vm.setup.steps += 1;
            vm.setup.bytes += bytes;
            let call = vm.next_call();
            let kind = Call::Setup {
                step: answer,
                bytes,
            };
            self.request(vm_key, call, kind, message, Origin::Embedder);
        }
    }

    /// One answer of the preparation has come.
    pub(crate) fn prepared_one(&mut self, vm_key: VmKey, bytes: usize) {
        let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| vm.prepares()) else {
            return;
        };
        vm.setup.steps -= 1;
        vm.setup.bytes -= bytes;
        self.continue_setup(vm_key);
        let Some(vm) = self.vms.get_mut(&vm_key).filter(|vm| vm.prepares()) else {
            return;
        };
        if vm.setup.steps > 0 || vm.setup.next != Next::Nothing {
            return;
        }
        let process = vm
            .place
            .and_then(|place| self.processes.get(&place.process));
        let seen = process.and_then(|process| process.isolation.clone());
        let seen = seen
            .unwrap_or_else(IsolationReport::none)
            .for_vm(vm.isolation);
        if let Some(error) = seen.refuse(vm.required) {
            return self.preparation_failed(vm_key, error);
        }
        vm.state = State::Serving;
        vm.retried = false;
        self.spools.free(vm.carried.take());
        let isolation = vm.isolation;
        // Another heap is seldom wanted twice, and large.
        let start = Start {
            heap: None,
            ..vm.start()
        };
        if !std::mem::replace(&mut vm.announced, true) {
            vm.sink.event(Event::Created(Ok(Ready {
                phases: std::mem::take(&mut vm.phases),
                isolation: seen,
            })));
        }
        for queued in std::mem::take(&mut vm.queue) {
            self.dispatch(vm_key, queued);
        }
        if isolation == Isolation::Process {
            self.prepare_spare(start);
        }
    }
}

impl Vm {
    /// Takes the next step of the preparation.
    fn next_step(&mut self) -> std::io::Result<Option<Step>> {
        let (next, step) = match self.setup.next {
            Next::Create => {
                let next = match &self.carried {
                    Some(_) => Next::Import { offset: 0 },
                    None if self.snapshot.is_some() => Next::Restore,
                    None => Next::File { index: 0, piece: 0 },
                };
                let create = HostMessage::Create(Box::new(self.config.clone()));
                (next, (create, SetupAnswer::Created, 0))
            }
            Next::Import { offset } => {
                let Some(carried) = &self.carried else {
                    return Ok(None);
                };
                let data = carried.read(offset, MAX_CHUNK)?;
                let (end, bytes) = (offset + data.len() as u64, data.len());
                let last = end >= carried.len();
                let next = if last {
                    Next::Nothing
                } else {
                    Next::Import { offset: end }
                };
                let import = HostMessage::Import { data, last };
                (next, (import, SetupAnswer::Imported, bytes))
            }
            Next::Restore => {
                let next = Next::File { index: 0, piece: 0 };
                let Some(snapshot) = &self.snapshot else {
                    self.setup.next = next;
                    return self.next_step();
                };
                (next, (restoring(snapshot).1, SetupAnswer::Done, 0))
            }
            Next::File { index, piece } => {
                let Some(file) = self.files.get(index) else {
                    self.setup.next = Next::WorkingDirectory;
                    return self.next_step();
                };
                let handle = u32::try_from(index).unwrap_or(u32::MAX);
                let (request, last) = write_request(file, handle, true, piece);
                let next = if last {
                    Next::File {
                        index: index + 1,
                        piece: 0,
                    }
                } else {
                    Next::File {
                        index,
                        piece: piece + 1,
                    }
                };
                let bytes = file.path.len() + file.data.len().min(MAX_CHUNK);
                (next, (HostMessage::File(request), SetupAnswer::Done, bytes))
            }
            Next::WorkingDirectory => {
                self.setup.next = Next::Nothing;
                let Some(cwd) = &self.config.cwd else {
                    return Ok(None);
                };
                let path = cwd.clone().into_bytes();
                let request = FileRequest::MakeWorkingDirectory { path };
                let step = (HostMessage::File(request), SetupAnswer::Done, 0);
                (Next::Nothing, step)
            }
            Next::Nothing => return Ok(None),
        };
        self.setup.next = next;
        Ok(Some(step))
    }
}

/// The request for one piece of a file; the flag marks the last one. `handle` must be free in the VM.
pub(crate) fn write_request(
    file: &File,
    handle: u32,
    parents: bool,
    piece: usize,
) -> (FileRequest, bool) {
    let count = file.data.len().div_ceil(MAX_CHUNK).max(1);
    let start = piece * MAX_CHUNK;
    let end = file.data.len().min(start + MAX_CHUNK);
    let data = file.data.get(start..end).unwrap_or_default().to_vec();
    let last = piece + 1 == count;
    let request = if piece == 0 {
        FileRequest::Write {
            path: file.path.clone(),
            data,
            handle: (count > 1).then_some(handle),
            parents,
            attributes: file.attributes,
        }
    } else {
        FileRequest::WriteMore { handle, data, last }
    };
    (request, last)
}
