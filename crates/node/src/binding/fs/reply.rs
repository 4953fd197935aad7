//! What calls return, and how it becomes JavaScript values.

use secure_exec_kernel::abi::stat::{DirEntry, FileKind, Stat, StatFs};

use super::encoding::Encoding;
use crate::env::{Env, Slot};
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// Fields of one stat in an array (`kFsStatsFieldsNumber`).
pub const STAT_FIELDS: usize = 18;
/// Fields of one statfs in an array.
pub const STATFS_FIELDS: usize = 8;

/// Result of a call that succeeded.
pub enum Reply {
    /// Nothing.
    Undefined,
    /// A count or descriptor.
    Integer(i64),
    /// Metadata; as BigInt where told.
    Stat(Stat, bool),
    /// Metadata of a file system; as BigInt where told.
    StatFs(StatFs, bool),
    /// A path or name.
    Name(Vec<u8>, Encoding),
    /// A list of names.
    Names(Vec<DirEntry>, Encoding),
    /// `[names, types]`.
    TypedNames(Vec<DirEntry>, Encoding),
    /// `[name, type, name, type, ...]`.
    FlatEntries(Vec<DirEntry>, Encoding),
    /// `null`: the end of a directory.
    Null,
    /// A new `FileHandle` for a descriptor.
    FileHandle(i32),
    /// A new `DirHandle`.
    DirHandle(i32),
}

/// Where metadata is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Arrays {
    /// Into the binding's arrays, which the next call overwrites.
    Shared,
    /// Into an array of its own.
    Fresh,
}

impl Reply {
    /// The JavaScript value; `None` with an exception pending where it cannot be made.
    pub fn value<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        arrays: Arrays,
    ) -> Option<v8::Local<'s, v8::Value>> {
        match self {
            Reply::Undefined => Some(v8::undefined(scope).into()),
            Reply::Null => Some(v8::null(scope).into()),
            #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
            Reply::Integer(number) => Some(v8::Number::new(scope, *number as f64).into()),
            Reply::Stat(stat, bigint) => {
                stat_array(scope, &stat_fields(stat), *bigint, arrays, STAT_SLOTS)
            }
            Reply::StatFs(stat, bigint) => {
                stat_array(scope, &statfs_fields(stat), *bigint, arrays, STATFS_SLOTS)
            }
            Reply::Name(name, encoding) => encode(scope, *encoding, name),
            Reply::Names(entries, encoding) => {
                let names = names(scope, entries, *encoding)?;
                Some(v8::Array::new_with_elements(scope, &names).into())
            }
            Reply::TypedNames(entries, encoding) => {
                let names = names(scope, entries, *encoding)?;
                let types: Vec<v8::Local<v8::Value>> = entries
                    .iter()
                    .map(|entry| dirent_type(scope, entry.kind))
                    .collect();
                let names = v8::Array::new_with_elements(scope, &names).into();
                let types = v8::Array::new_with_elements(scope, &types).into();
                Some(v8::Array::new_with_elements(scope, &[names, types]).into())
            }
            Reply::FlatEntries(entries, encoding) => {
                let mut flat = Vec::with_capacity(entries.len() * 2);
                for entry in entries {
                    flat.push(encode(scope, *encoding, &entry.name)?);
                    flat.push(dirent_type(scope, entry.kind));
                }
                Some(v8::Array::new_with_elements(scope, &flat).into())
            }
            Reply::FileHandle(fd) => super::file_handle::new_file_handle(scope, *fd),
            Reply::DirHandle(fd) => crate::binding::fs_dir::new_dir_handle(scope, *fd),
        }
    }
}

/// Encodes a name; throws where the string would be too long.
pub fn encode<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    encoding: Encoding,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::Value>> {
    let value = encoding.encode(scope, bytes);
    if value.is_none() {
        let message = "Cannot create a string longer than 0x1fffffe8 characters";
        exception::throw(scope, ErrorKind::Error, "ERR_STRING_TOO_LONG", message);
    }
    value
}

fn names<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    entries: &[DirEntry],
    encoding: Encoding,
) -> Option<Vec<v8::Local<'s, v8::Value>>> {
    entries
        .iter()
        .map(|entry| encode(scope, encoding, &entry.name))
        .collect()
}

/// `UV_DIRENT_*` of a file type.
fn dirent_type<'s>(scope: &v8::PinScope<'s, '_>, kind: FileKind) -> v8::Local<'s, v8::Value> {
    let number = match kind {
        FileKind::Regular => 1,
        FileKind::Directory => 2,
        FileKind::Symlink => 3,
        FileKind::Pipe => 4,
        FileKind::Socket => 5,
        FileKind::CharDevice | FileKind::Tty => 6,
        FileKind::BlockDevice => 7,
        FileKind::Anonymous => 0,
    };
    v8::Integer::new(scope, number).into()
}

/// The fields of a stat in the order of Node's `FsStatsOffset`.
pub fn stat_fields(stat: &Stat) -> [i64; STAT_FIELDS] {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    [
        signed(stat.dev),
        i64::from(stat.mode),
        signed(stat.nlink),
        i64::from(stat.uid),
        i64::from(stat.gid),
        signed(stat.rdev),
        signed(stat.blksize),
        signed(stat.ino),
        signed(stat.size),
        signed(stat.blocks),
        stat.atime.sec,
        i64::from(stat.atime.nsec),
        stat.mtime.sec,
        i64::from(stat.mtime.nsec),
        stat.ctime.sec,
        i64::from(stat.ctime.nsec),
        stat.btime.sec,
        i64::from(stat.btime.nsec),
    ]
}

fn statfs_fields(stat: &StatFs) -> [i64; STATFS_FIELDS] {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    [
        signed(stat.kind),
        signed(stat.bsize),
        // Fragment size: on Linux's tmpfs the same as the block size.
        signed(stat.bsize),
        signed(stat.blocks),
        signed(stat.bfree),
        signed(stat.bavail),
        signed(stat.files),
        signed(stat.ffree),
    ]
}

const STAT_SLOTS: (Slot, Slot) = (Slot::StatValues, Slot::BigintStatValues);
const STATFS_SLOTS: (Slot, Slot) = (Slot::StatFsValues, Slot::BigintStatFsValues);

fn stat_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    fields: &[i64],
    bigint: bool,
    arrays: Arrays,
    slots: (Slot, Slot),
) -> Option<v8::Local<'s, v8::Value>> {
    match arrays {
        Arrays::Shared => {
            let env = Env::of(scope);
            write_fields(&env, fields, bigint, 0, slots);
            env.slot(scope, if bigint { slots.1 } else { slots.0 })
        }
        Arrays::Fresh => {
            let bytes: Vec<u8> = if bigint {
                fields
                    .iter()
                    .flat_map(|field| field.to_ne_bytes())
                    .collect()
            } else {
                #[expect(clippy::cast_precision_loss, reason = "Node's own doubles")]
                fields
                    .iter()
                    .flat_map(|field| (*field as f64).to_ne_bytes())
                    .collect()
            };
            let buffer = convert::array_buffer(scope, bytes);
            if bigint {
                v8::BigInt64Array::new(scope, buffer, 0, fields.len()).map(Into::into)
            } else {
                v8::Float64Array::new(scope, buffer, 0, fields.len()).map(Into::into)
            }
        }
    }
}

/// Writes a stat into the binding's arrays at `offset`; 18 is the second one of a StatWatcher.
pub fn write_stat(env: &Env, stat: &Stat, bigint: bool, offset: usize) {
    write_fields(env, &stat_fields(stat), bigint, offset, STAT_SLOTS);
}

fn write_fields(env: &Env, fields: &[i64], bigint: bool, offset: usize, slots: (Slot, Slot)) {
    if bigint {
        let array = env.aliased::<i64>(slots.1);
        fields
            .iter()
            .enumerate()
            .for_each(|(index, field)| array.set(offset + index, *field));
    } else {
        let array = env.aliased::<f64>(slots.0);
        #[expect(clippy::cast_precision_loss, reason = "Node's own doubles")]
        fields
            .iter()
            .enumerate()
            .for_each(|(index, field)| array.set(offset + index, *field as f64));
    }
}
