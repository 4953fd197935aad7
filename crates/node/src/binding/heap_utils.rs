//! `internalBinding('heap_utils')`: heap snapshots, as a stream or a file. Follows Node's `src/heap_utils.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use secure_exec_kernel::abi::fcntl::OpenFlags;
use secure_exec_kernel::{Errno, Process};

use super::stream_base;
use crate::callback::contain_bare;
use crate::env::Env;
use crate::js::class::{Definition, class_template, illegal_constructor};
use crate::js::exception::{self, SyscallContext};
use crate::js::{async_wrap, convert, uv};
use crate::stream::{Read, Stream, StreamRequest, StreamResource, UV_EOF};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("createHeapSnapshotStream", create_heap_snapshot_stream)
        .function("triggerHeapSnapshot", trigger_heap_snapshot);
    let class = definition
        .class("HeapSnapshotStream", illegal_constructor)
        .hidden()
        .inherits("AsyncWrap");
    stream_base::add_methods(class);
}

/// Bytes that a reader gets at a time.
const CHUNK: usize = 64 << 10;

/// A snapshot: of this heap, taken when the stream is first read, or one that was taken of another thread.
struct HeapSnapshot {
    taken: RefCell<Option<Vec<u8>>>,
}

impl StreamResource for HeapSnapshot {
    fn read_start(&self, scope: &mut v8::PinScope<'_, '_>, stream: &Rc<Stream>) -> i32 {
        let taken = self.taken.take();
        let snapshot = taken.unwrap_or_else(|| take(scope));
        for chunk in snapshot.chunks(CHUNK) {
            stream.emit_read(scope, Read::Data(chunk.to_vec()));
        }
        stream.emit_read(scope, Read::End(UV_EOF));
        0
    }

    fn read_stop(&self, _scope: &mut v8::PinScope<'_, '_>, _stream: &Rc<Stream>) -> i32 {
        0
    }

    fn write(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
        _bytes: Vec<u8>,
    ) -> i32 {
        uv::error(Errno::EBADF)
    }

    fn shutdown(
        &self,
        _scope: &mut v8::PinScope<'_, '_>,
        _stream: &Rc<Stream>,
        _request: Rc<StreamRequest>,
    ) -> i32 {
        uv::error(Errno::EBADF)
    }
}

/// The snapshot of this heap, as JSON.
pub fn take(scope: &mut v8::PinScope<'_, '_>) -> Vec<u8> {
    let mut snapshot = Vec::new();
    scope.take_heap_snapshot(|chunk| {
        // What V8 is not given, it does not go on with.
        contain_bare(|| snapshot.extend_from_slice(chunk)).is_some()
    });
    snapshot
}

fn create_heap_snapshot_stream(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(object) = new_stream(scope, None) {
        rv.set(object.into());
    }
}

/// A stream of the snapshot `taken`, or of one of this heap.
pub fn new_stream<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    taken: Option<Vec<u8>>,
) -> Option<v8::Local<'s, v8::Object>> {
    let template = class_template(scope, "HeapSnapshotStream")?;
    let object = template.instance_template(scope).new_instance(scope)?;
    async_wrap::wrap_async(scope, object, "HEAPSNAPSHOT", ());
    let snapshot = HeapSnapshot {
        taken: RefCell::new(taken),
    };
    Stream::attach(scope, object, Rc::new(snapshot));
    Some(object)
}

/// `triggerHeapSnapshot(filename, options)`: the name of the file that was written.
fn trigger_heap_snapshot(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let env = Env::of(scope);
    let process = env.process();
    let path = if args.get(0).is_undefined() {
        let seconds = process
            .kernel()
            .map_or(0, |kernel| kernel.clock().realtime().sec);
        let thread = env.worker().map_or(0, |worker| worker.id);
        let seconds = u64::try_from(seconds).unwrap_or(0);
        default_name(process.pid().raw(), thread, seconds).into_bytes()
    } else {
        match convert::path_bytes(scope, args.get(0)) {
            Some(path) => path,
            None => {
                exception::throw_invalid_argument(
                    scope,
                    "The \"path\" argument must be a string or a Buffer",
                );
                return;
            }
        }
    };
    let snapshot = take(scope);
    if let Err(errno) = write_file(&process, &path, &snapshot) {
        let context = SyscallContext {
            syscall: "open",
            path: Some(&path),
            ..SyscallContext::default()
        };
        exception::throw_errno(scope, errno, context);
        return;
    }
    rv.set(exception::string(scope, &String::from_utf8_lossy(&path)).into());
}

/// Node's name for a diagnostic file: what, when, which process and thread, which of them.
fn default_name(pid: i32, thread: u32, seconds: u64) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static SEQUENCE: AtomicU32 = AtomicU32::new(1);
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!(
        "Heap.{year:04}{month:02}{day:02}.{hour:02}{minute:02}{second:02}.{pid}.{thread}.{sequence:03}.heapsnapshot"
    )
}

/// Year, month and day of a day counted from the epoch (proleptic Gregorian calendar).
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 1 March of year 0, so that leap days end a year.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn write_file(process: &std::sync::Arc<Process>, path: &[u8], bytes: &[u8]) -> Result<(), Errno> {
    let flags = OpenFlags::O_WRONLY | OpenFlags::O_CREAT | OpenFlags::O_TRUNC;
    let fd = process.open(path, flags, 0o644)?;
    let mut rest = bytes;
    let mut result = Ok(());
    while !rest.is_empty() {
        match process.write(fd, rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(errno) => {
                result = Err(errno);
                break;
            }
        }
    }
    process.close(fd)?;
    result
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }
}
