//! `internalBinding('fs')`. Follows Node's `src/node_file.cc`.
//!
//! Regular files never block, so every call is made when it is asked for; a request object or promise gets the result
//! in the next poll phase, in the order of the calls. Only reads and writes of pipes and terminals wait.

mod arguments;
mod copy;
mod descriptor;
mod encoding;
mod file_handle;
mod file_stream;
mod open;
mod path;
mod permitted;
mod remove;
mod reply;
mod request;
mod resolve;
mod stat;
mod stat_watcher;
mod transfer;
mod unmanaged;

pub(super) use arguments::path as path_argument;
pub use encoding::Encoding;
pub use file_handle::{is_file_handle, transfer_file_handle};
pub(super) use open::{open_file, read_file};
pub(super) use path::make_directories;
pub(super) use permitted::{Read, refused, thrown};
pub(super) use reply::Reply;
pub(super) use request::{Failure, answer, finish, waiter};
pub use unmanaged::close_all as close_unmanaged;

use crate::env::{Env, Slot};
use crate::js::class::{Definition, illegal_constructor};
use crate::js::convert;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    define_functions(definition);
    definition
        .class("FSReqCallback", request::new_callback_request)
        .inherits("AsyncWrap");
    definition
        .class("FSReqPromise", illegal_constructor)
        .inherits("AsyncWrap")
        .hidden();
    file_handle::define(definition);
    stat_watcher::define(definition);
    definition.init(initialize);
}

fn define_functions(definition: &mut Definition) {
    definition
        .function("access", path::access)
        .function("existsSync", path::exists_sync)
        .function("rename", path::rename)
        .function("link", path::link)
        .function("symlink", path::symlink)
        .function("readlink", path::readlink)
        .function("realpath", path::realpath)
        .function("unlink", path::unlink)
        .function("rmdir", path::rmdir)
        .function("mkdir", path::mkdir)
        .function("mkdtemp", path::mkdtemp)
        .function("readdir", path::readdir)
        .function("chmod", path::chmod)
        .function("chown", path::chown)
        .function("lchown", path::lchown)
        .function("utimes", path::utimes)
        .function("lutimes", path::lutimes)
        .function("stat", stat::stat)
        .function("lstat", stat::lstat)
        .function("fstat", stat::fstat)
        .function("statfs", stat::statfs)
        .function("internalModuleStat", stat::internal_module_stat)
        .function("open", open::open)
        .function("openFileHandle", open::open_file_handle)
        .function("close", descriptor::close)
        .function("readFileUtf8", open::read_file_utf8)
        .function("writeFileUtf8", open::write_file_utf8)
        .function("read", transfer::read)
        .function("readBuffers", transfer::read_buffers)
        .function("writeBuffer", transfer::write_buffer)
        .function("writeBuffers", transfer::write_buffers)
        .function("writeString", transfer::write_string)
        .function("fsync", descriptor::fsync)
        .function("fdatasync", descriptor::fdatasync)
        .function("ftruncate", descriptor::ftruncate)
        .function("fchmod", descriptor::fchmod)
        .function("fchown", descriptor::fchown)
        .function("futimes", descriptor::futimes)
        .function("copyFile", copy::copy_file)
        .function("cpSyncCheckPaths", copy::cp_sync_check_paths)
        .function("cpSyncOverrideFile", copy::cp_sync_override_file)
        .function("cpSyncCopyDir", copy::cp_sync_copy_dir)
        .function("rmSync", remove::rm_sync)
        .function(
            "getFormatOfExtensionlessFile",
            resolve::get_format_of_extensionless_file,
        )
        .function("legacyMainResolve", resolve::legacy_main_resolve);
}

fn initialize(scope: &mut v8::PinScope<'_, '_>, binding: v8::Local<'_, v8::Object>) {
    let env = Env::of(scope);
    let array = env.aliased_array::<f64>(scope, Slot::StatValues, reply::STAT_FIELDS * 2);
    convert::set(scope, binding, "statValues", array);
    let array = env.aliased_array::<i64>(scope, Slot::BigintStatValues, reply::STAT_FIELDS * 2);
    convert::set(scope, binding, "bigintStatValues", array);
    let array = env.aliased_array::<f64>(scope, Slot::StatFsValues, reply::STATFS_FIELDS);
    convert::set(scope, binding, "statFsValues", array);
    let array = env.aliased_array::<i64>(scope, Slot::BigintStatFsValues, reply::STATFS_FIELDS);
    convert::set(scope, binding, "bigintStatFsValues", array);
    let symbol = env.symbol(scope, "fs_use_promises_symbol");
    convert::set(scope, binding, "kUsePromises", symbol.into());
}
