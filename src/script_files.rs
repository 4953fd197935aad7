//! Files that are served by functions of JavaScript.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Buffer, FnArgs, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;
use secure_exec_broker::files::{Deferred, Reply, Server};
use secure_exec_broker::protocol::files::{
    FileOperation, FileResult, HostAttributes, HostEntry, HostTime,
};

use crate::config::{call_id, call_number, whole};
use crate::served::Number;

/// `errno.h`
const EIO: i32 = 5;

/// An operation, with what its kind has.
#[napi(object, object_from_js = false)]
#[derive(Default)]
pub struct FileCall {
    pub id: f64,
    pub kind: String,
    /// Below the root, without a slash before it.
    pub path: Buffer,
    /// Another path, or the target of a link.
    pub other: Option<Buffer>,
    pub data: Option<Buffer>,
    pub position: Option<f64>,
    /// Absent for the end of the file.
    pub offset: Option<f64>,
    pub count: Option<u32>,
    pub size: Option<f64>,
    pub mode: Option<u32>,
    pub flags: Option<u32>,
    pub atime_ms: Option<f64>,
    pub mtime_ms: Option<f64>,
}

/// What came of it; an operation that gives nothing has nothing of it.
#[napi(object, object_to_js = false)]
pub struct FileAnswer {
    pub errno: Option<i32>,
    pub stat: Option<ScriptStat>,
    pub entries: Option<Vec<ScriptEntry>>,
    pub last: Option<bool>,
    pub target: Option<Uint8Array>,
    pub data: Option<Uint8Array>,
    pub count: Option<u32>,
    pub end: Option<f64>,
}

/// Metadata.
#[napi(object, object_to_js = false)]
pub struct ScriptStat {
    pub ino: f64,
    pub mode: u32,
    pub nlink: f64,
    pub size: f64,
    pub blocks: f64,
    pub atime_ms: f64,
    pub mtime_ms: f64,
    pub ctime_ms: f64,
    pub birthtime_ms: f64,
}

/// A name, what it names, and the position behind it.
#[napi(object, object_to_js = false)]
pub struct ScriptEntry {
    pub name: Uint8Array,
    pub stat: ScriptStat,
    pub next: f64,
}

/// A callback that does not keep the host alive.
type Callback = ThreadsafeFunction<FileCall, (), FnArgs<(FileCall,)>, Status, false, true>;

/// What an operation is answered by.
#[derive(Clone, Copy)]
enum Expected {
    Attributes,
    Entries,
    Link,
    Data,
    Written,
    Done,
}

#[derive(Default)]
struct Calls {
    last: u64,
    under_way: HashMap<u64, (Expected, Reply)>,
}

struct Script {
    callback: Callback,
    calls: Mutex<Calls>,
}

impl Script {
    fn take(&self, id: u64) -> Option<(Expected, Reply)> {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.under_way.remove(&id)
    }
}

impl Deferred for Script {
    fn begin(&self, operation: FileOperation, open: Option<Vec<u8>>, reply: Reply) {
        let Some((expected, mut call)) = convert(operation, open) else {
            return;
        };
        let id = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.last += 1;
            let id = calls.last;
            calls.under_way.insert(id, (expected, reply));
            id
        };
        call.id = call_number(id);
        let status = self
            .callback
            .call(call, ThreadsafeFunctionCallMode::NonBlocking);
        if status != Status::Ok {
            // The JavaScript environment is gone.
            drop(self.take(id));
        }
    }
}

/// Files that functions of JavaScript serve: the callback gets the operations, and answers by `answer`.
#[napi]
pub struct ScriptFiles {
    script: Arc<Script>,
    number: Number,
}

#[napi]
impl ScriptFiles {
    #[napi(constructor, catch_unwind)]
    pub fn new(on_call: Function<'_, FnArgs<(FileCall,)>, ()>) -> Result<ScriptFiles> {
        let callback = on_call
            .build_threadsafe_function::<FileCall>()
            .weak::<true>()
            .build_callback(|context| Ok((context.value,).into()))?;
        let script = Arc::new(Script {
            callback,
            calls: Mutex::default(),
        });
        let number = Number::new(&Server::Deferred(script.clone()), false);
        Ok(ScriptFiles { script, number })
    }

    /// By which the mounts of machines name it.
    #[napi(getter, catch_unwind)]
    pub fn number(&self) -> f64 {
        call_number(self.number.0)
    }

    /// Answers an operation, once.
    #[napi(catch_unwind)]
    pub fn answer(&self, id: f64, answer: FileAnswer) {
        if let Some((expected, reply)) = self.script.take(call_id(id)) {
            reply.answer(result(expected, answer));
        }
    }
}

fn convert(operation: FileOperation, open: Option<Vec<u8>>) -> Option<(Expected, FileCall)> {
    let of = |kind: &str, path: Vec<u8>| FileCall {
        kind: kind.into(),
        path: path.into(),
        ..FileCall::default()
    };
    Some(match operation {
        FileOperation::Stat { path } => (Expected::Attributes, of("stat", path)),
        FileOperation::ReadDirectory { path, position } => {
            let position = Some(call_number(position));
            let call = of("readDirectory", path);
            (Expected::Entries, FileCall { position, ..call })
        }
        FileOperation::ReadLink { path } => (Expected::Link, of("readLink", path)),
        FileOperation::Open { path, .. } => (Expected::Attributes, of("open", path)),
        FileOperation::Create { path, mode } => {
            let mode = Some(mode);
            let call = of("create", path);
            (Expected::Attributes, FileCall { mode, ..call })
        }
        FileOperation::Read { offset, count, .. } => {
            let (offset, count) = (Some(call_number(offset)), Some(count));
            let call = of("read", open?);
            let call = FileCall {
                offset,
                count,
                ..call
            };
            (Expected::Data, call)
        }
        FileOperation::Write { offset, data, .. } => {
            let offset = offset.map(call_number);
            let data = Some(data.into());
            let call = of("write", open?);
            let call = FileCall {
                offset,
                data,
                ..call
            };
            (Expected::Written, call)
        }
        FileOperation::SetSize { size, .. } => {
            let size = Some(call_number(size));
            let call = of("setSize", open?);
            (Expected::Done, FileCall { size, ..call })
        }
        FileOperation::MakeDirectory { path, mode } => {
            let mode = Some(mode);
            let call = of("makeDirectory", path);
            (Expected::Done, FileCall { mode, ..call })
        }
        FileOperation::Symlink { path, target } => {
            let other = Some(target.into());
            let call = of("symlink", path);
            (Expected::Done, FileCall { other, ..call })
        }
        FileOperation::Link { from, to } => {
            let other = Some(to.into());
            let call = of("link", from);
            (Expected::Done, FileCall { other, ..call })
        }
        FileOperation::Unlink { path } => (Expected::Done, of("unlink", path)),
        FileOperation::RemoveDirectory { path } => (Expected::Done, of("removeDirectory", path)),
        FileOperation::Rename { from, to, flags } => {
            let (other, flags) = (Some(to.into()), Some(flags));
            let call = of("rename", from);
            let call = FileCall {
                other,
                flags,
                ..call
            };
            (Expected::Done, call)
        }
        FileOperation::SetAttributes { path, attributes } => {
            let call = FileCall {
                mode: attributes.mode,
                atime_ms: attributes.atime.map(milliseconds),
                mtime_ms: attributes.mtime.map(milliseconds),
                ..of("setAttributes", path)
            };
            (Expected::Done, call)
        }
        // The broker answers these.
        FileOperation::ReadWhole { .. }
        | FileOperation::Sync { .. }
        | FileOperation::Close { .. }
        | FileOperation::Statfs
        | FileOperation::ReadLeased { .. }
        | FileOperation::ReadNames { .. }
        | FileOperation::HearOfBroken { .. }
        | FileOperation::ListenToChanges
        | FileOperation::Watch { .. }
        | FileOperation::Unwatch { .. } => return None,
    })
}

/// The answer to what was expected; another one is none.
fn result(expected: Expected, answer: FileAnswer) -> FileResult {
    if let Some(errno) = answer.errno {
        let errno = if errno > 0 { errno } else { EIO };
        return FileResult::Failed { errno };
    }
    let found = match expected {
        Expected::Attributes => answer
            .stat
            .map(|stat| FileResult::Attributes(attributes(&stat))),
        Expected::Entries => answer.entries.map(|entries| FileResult::Entries {
            entries: entries.into_iter().map(entry).collect(),
            last: answer.last.unwrap_or(true),
        }),
        Expected::Link => answer.target.map(|target| FileResult::Link {
            target: target.to_vec(),
            outside: false,
        }),
        Expected::Data => answer.data.map(|data| FileResult::Data(data.to_vec())),
        Expected::Written => answer.count.map(|count| FileResult::Written {
            count,
            end: whole(answer.end, 0),
        }),
        Expected::Done => Some(FileResult::Done),
    };
    found.unwrap_or(FileResult::Failed { errno: EIO })
}

fn entry(entry: ScriptEntry) -> HostEntry {
    HostEntry {
        name: entry.name.to_vec(),
        attributes: attributes(&entry.stat),
        next: whole(Some(entry.next), 0),
    }
}

fn attributes(stat: &ScriptStat) -> HostAttributes {
    let number = |value: f64| whole(Some(value), 0);
    HostAttributes {
        ino: number(stat.ino),
        mode: stat.mode,
        nlink: number(stat.nlink),
        size: number(stat.size),
        blocks: number(stat.blocks),
        atime: time(stat.atime_ms),
        mtime: time(stat.mtime_ms),
        ctime: time(stat.ctime_ms),
        btime: time(stat.birthtime_ms),
    }
}

fn milliseconds(time: HostTime) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "of times that a Date can have")]
    let seconds = time.sec as f64;
    seconds * 1e3 + f64::from(time.nsec) / 1e6
}

/// A number that is no time is the beginning of time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates"
)]
fn time(milliseconds: f64) -> HostTime {
    let sec = (milliseconds / 1000.0).floor();
    let nsec = ((milliseconds - sec * 1000.0) * 1e6).clamp(0.0, 999_999_999.0);
    HostTime {
        sec: sec as i64,
        nsec: nsec as u32,
    }
}
