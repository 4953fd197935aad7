//! `internalBinding('wasi')`: preview 1 for instances of WebAssembly, over the files and descriptors of the process.
//! Follows Node's `src/node_wasi.cc` and uvwasi 0.0.23, which it calls.
//!
//! Numbers of preview 1 and its records are those of `secure_exec_preview1`. The rest differs from the preview 1 of
//! commands (`crates/wasm`): an instance has descriptors of its own with rights, is kept to directories that it was
//! given, and gets an error for a pointer outside of its memory.
//!
//! Calls that wait block the thread, as in Node; the end of the program or worker ends them.

mod call;
mod descriptor;
mod directory;
mod environment;
mod error;
mod io;
mod memory;
mod path;
mod poll;
mod resolve;
mod rights;
mod socket;
mod table;

use std::cell::RefCell;

use call::Call;
use environment::Strings;
use memory::{Memory, Outcome};
use secure_exec_preview1::errno;
use table::Table;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::{ClassDefinition, Definition};
use crate::js::exception::{self, ErrorKind};
use crate::js::{convert, permission, wrap};
use crate::options::permission::Access;
use crate::process::exit;

/// Internal field in which an instance has its memory, so that the collector sees it.
const MEMORY_FIELD: usize = 1;

/// What is behind `new WASI()`.
struct Wasi {
    arguments: Strings,
    environment: Strings,
    table: RefCell<Table>,
}

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    let class = definition.class("WASI", new);
    class.instance_method("_setMemory", set_memory);
    declare(class);
    class.method("proc_exit", proc_exit);
}

/// An argument of an import.
trait Argument: Sized {
    fn read(value: v8::Local<'_, v8::Value>, from_wasm: impl FnOnce() -> bool) -> Option<Self>;
}

/// A number of 32 bits without a sign. To WebAssembly it is the same number with one, so that what is above 2^31 comes
/// from there as a negative number; one of JavaScript's is refused, as Node does it.
impl Argument for u32 {
    fn read(value: v8::Local<'_, v8::Value>, from_wasm: impl FnOnce() -> bool) -> Option<u32> {
        if let Ok(number) = value.try_cast::<v8::Uint32>() {
            return Some(number.value());
        }
        let number = value.try_cast::<v8::Int32>().ok()?;
        from_wasm().then(|| number.value().cast_unsigned())
    }
}

impl Argument for u64 {
    fn read(value: v8::Local<'_, v8::Value>, _: impl FnOnce() -> bool) -> Option<u64> {
        let number = value.try_cast::<v8::BigInt>().ok()?;
        Some(number.u64_value().0)
    }
}

impl Argument for i64 {
    fn read(value: v8::Local<'_, v8::Value>, _: impl FnOnce() -> bool) -> Option<i64> {
        let number = value.try_cast::<v8::BigInt>().ok()?;
        Some(number.i64_value().0)
    }
}

/// The arguments of a call, one after the other.
struct Arguments<'a, 's> {
    args: &'a Args<'s>,
    next: i32,
}

impl Arguments<'_, '_> {
    fn next<T: Argument>(&mut self, scope: &v8::PinScope<'_, '_>) -> Option<T> {
        let value = self.args.get(self.next);
        self.next += 1;
        T::read(value, || is_called_by_wasm(scope))
    }
}

fn is_called_by_wasm(scope: &v8::PinScope<'_, '_>) -> bool {
    v8::StackTrace::current_stack_trace(scope, 1)
        .and_then(|stack| stack.get_frame(scope, 0))
        .is_some_and(|frame| frame.is_wasm())
}

/// Defines the imports: name, function and the arguments behind the call.
macro_rules! imports {
    ($($name:ident => $function:path, ($($argument:ident: $type:ty),*);)*) => {
        $(fn $name<'s>(
            scope: Scope<'_, 's, '_>,
            args: Args<'s>,
            mut rv: Return,
        ) {
            const COUNT: usize = <[&str]>::len(&[$(stringify!($argument)),*]);
            let outcome = serve(scope, &args, COUNT, |_scope: &mut v8::PinScope<'_, '_>, _arguments: &mut Arguments<'_, 's>| {
                $(let $argument: $type = _arguments.next(_scope)?;)*
                Some(move |_: &mut v8::PinScope<'_, '_>, call: &mut Call<'_>| $function(call $(, $argument)*))
            });
            if let Some(outcome) = outcome {
                rv.set_uint32(u32::from(outcome.err().unwrap_or(errno::SUCCESS)));
            }
        })*

        fn declare(class: &mut ClassDefinition) {
            $(class.method(stringify!($name), $name);)*
        }
    };
}

imports! {
    args_get => environment::args_get, (pointers: u32, buffer: u32);
    args_sizes_get => environment::args_sizes_get, (count: u32, size: u32);
    clock_res_get => environment::clock_res_get, (clock: u32, out: u32);
    clock_time_get => environment::clock_time_get, (clock: u32, precision: u64, out: u32);
    environ_get => environment::environ_get, (pointers: u32, buffer: u32);
    environ_sizes_get => environment::environ_sizes_get, (count: u32, size: u32);
    fd_advise => descriptor::fd_advise, (fd: u32, offset: u64, length: u64, advice: u32);
    fd_allocate => descriptor::fd_allocate, (fd: u32, offset: u64, length: u64);
    fd_close => descriptor::fd_close, (fd: u32);
    fd_datasync => descriptor::fd_datasync, (fd: u32);
    fd_fdstat_get => descriptor::fd_fdstat_get, (fd: u32, out: u32);
    fd_fdstat_set_flags => descriptor::fd_fdstat_set_flags, (fd: u32, flags: u32);
    fd_fdstat_set_rights => descriptor::fd_fdstat_set_rights, (fd: u32, base: u64, inheriting: u64);
    fd_filestat_get => descriptor::fd_filestat_get, (fd: u32, out: u32);
    fd_filestat_set_size => descriptor::fd_filestat_set_size, (fd: u32, size: u64);
    fd_filestat_set_times => descriptor::fd_filestat_set_times, (fd: u32, access: u64, change: u64, flags: u32);
    fd_pread => io::fd_pread, (fd: u32, table: u32, count: u32, offset: u64, out: u32);
    fd_prestat_get => descriptor::fd_prestat_get, (fd: u32, out: u32);
    fd_prestat_dir_name => descriptor::fd_prestat_dir_name, (fd: u32, path: u32, length: u32);
    fd_pwrite => io::fd_pwrite, (fd: u32, table: u32, count: u32, offset: u64, out: u32);
    fd_read => io::fd_read, (fd: u32, table: u32, count: u32, out: u32);
    fd_readdir => directory::fd_readdir, (fd: u32, buffer: u32, length: u32, cookie: u64, out: u32);
    fd_renumber => descriptor::fd_renumber, (from: u32, to: u32);
    fd_seek => descriptor::fd_seek, (fd: u32, offset: i64, whence: u32, out: u32);
    fd_sync => descriptor::fd_sync, (fd: u32);
    fd_tell => descriptor::fd_tell, (fd: u32, out: u32);
    fd_write => io::fd_write, (fd: u32, table: u32, count: u32, out: u32);
    path_create_directory => path::path_create_directory, (fd: u32, path: u32, length: u32);
    path_filestat_get => path::path_filestat_get, (fd: u32, lookup: u32, path: u32, length: u32, out: u32);
    path_filestat_set_times => path::path_filestat_set_times,
        (fd: u32, lookup: u32, path: u32, length: u32, access: u64, change: u64, flags: u32);
    path_link => path::path_link,
        (fd: u32, lookup: u32, path: u32, length: u32, new_fd: u32, new: u32, new_length: u32);
    path_open => path::path_open,
        (fd: u32, lookup: u32, path: u32, length: u32, creation: u32, base: u64, inheriting: u64, status: u32, out: u32);
    path_readlink => path::path_readlink, (fd: u32, path: u32, length: u32, buffer: u32, room: u32, out: u32);
    path_remove_directory => path::path_remove_directory, (fd: u32, path: u32, length: u32);
    path_rename => path::path_rename, (fd: u32, path: u32, length: u32, new_fd: u32, new: u32, new_length: u32);
    path_symlink => path::path_symlink, (target: u32, target_length: u32, fd: u32, path: u32, length: u32);
    path_unlink_file => path::path_unlink_file, (fd: u32, path: u32, length: u32);
    poll_oneoff => poll::poll_oneoff, (subscriptions: u32, events: u32, count: u32, count_out: u32);
    proc_raise => environment::proc_raise, (number: u32);
    random_get => environment::random_get, (buffer: u32, length: u32);
    sched_yield => environment::sched_yield, ();
    sock_accept => socket::sock_accept, (sock: u32, flags: u32, out: u32);
    sock_recv => socket::sock_recv, (sock: u32, table: u32, count: u32, flags: u32, length_out: u32, flags_out: u32);
    sock_send => socket::sock_send, (sock: u32, table: u32, count: u32, flags: u32, out: u32);
    sock_shutdown => socket::sock_shutdown, (sock: u32, how: u32);
}

/// `proc_exit` where the instance may end the program (`returnOnExit: false`).
fn proc_exit<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return) {
    let outcome = serve(
        scope,
        &args,
        1,
        |scope: &mut v8::PinScope<'_, '_>, arguments: &mut Arguments<'_, '_>| {
            let code: u32 = arguments.next(scope)?;
            Some(move |scope: &mut v8::PinScope<'_, '_>, _: &mut Call<'_>| {
                exit::exit_on_request(scope, code.cast_signed());
                Ok(())
            })
        },
    );
    if let Some(Err(error)) = outcome {
        rv.set_uint32(u32::from(error));
    }
}

/// Runs an import. None where it threw; what `parse` refuses is an invalid argument.
fn serve<'s, 'i, F>(
    scope: Scope<'_, 's, 'i>,
    args: &Args<'s>,
    count: usize,
    parse: impl FnOnce(&mut v8::PinScope<'s, 'i>, &mut Arguments<'_, 's>) -> Option<F>,
) -> Option<Outcome>
where
    F: FnOnce(&mut v8::PinScope<'s, 'i>, &mut Call<'_>) -> Outcome,
{
    let mut arguments = Arguments { args, next: 0 };
    let complete = usize::try_from(args.length()).is_ok_and(|length| length == count);
    let Some(run) = complete.then(|| parse(scope, &mut arguments)).flatten() else {
        return Some(Err(errno::INVAL));
    };
    let wasi = wrap::unwrap::<Wasi>(scope, args.this().into())?;
    let field = args.this().get_internal_field(scope, MEMORY_FIELD);
    let memory = field
        .and_then(|field| field.try_cast::<v8::Value>().ok())
        .and_then(|value| value.try_cast::<v8::WasmMemoryObject>().ok());
    let Some(memory) = memory else {
        let message = "wasi.start() has not been called";
        exception::throw(scope, ErrorKind::Error, "ERR_WASI_NOT_STARTED", message);
        return None;
    };
    let env = Env::of(scope);
    let mut call = Call {
        env: &env,
        process: env.try_process()?,
        wasi: &wasi,
        memory: Memory::of(memory),
    };
    let outcome = run(scope, &mut call);
    exit::stop_if_ended(scope);
    if exit::unwind_if_aborted(scope) {
        return None;
    }
    Some(outcome)
}

/// `wrap._setMemory(memory)`
fn set_memory(scope: Scope, args: Args, _rv: Return) {
    if wrap::unwrap::<Wasi>(scope, args.this().into()).is_none() {
        return;
    }
    if !args.get(0).is_wasm_memory_object() {
        let message = "\"instance.exports.memory\" property must be a WebAssembly.Memory object";
        exception::throw(scope, ErrorKind::TypeError, "ERR_INVALID_ARG_TYPE", message);
        return;
    }
    args.this()
        .set_internal_field(MEMORY_FIELD, args.get(0).into());
}

/// Why an instance is not made.
enum Failure {
    /// The exception is pending, or the program is being ended.
    Thrown,
    Number(u16),
}

impl From<u16> for Failure {
    fn from(number: u16) -> Failure {
        Failure::Number(number)
    }
}

/// `new WASI(args, env, preopens, stdio)`
fn new(scope: Scope, args: Args, _rv: Return) {
    if args.new_target().is_undefined() || args.length() != 4 {
        exception::throw_invalid_argument(scope, "WASI is a constructor with four arguments");
        return;
    }
    if !permission::require(scope, Access::Wasi, b"") {
        return;
    }
    match Wasi::new(scope, &args) {
        Ok(wasi) => {
            wrap::wrap(scope, args.this(), wasi);
        }
        Err(Failure::Thrown) => {}
        Err(Failure::Number(number)) => throw_number(scope, number),
    }
}

impl Wasi {
    fn new(scope: Scope, args: &Args) -> Result<Wasi, Failure> {
        let process = Env::of(scope).try_process().ok_or(Failure::Thrown)?;
        let arguments = strings(scope, args.get(0))?;
        let environment = strings(scope, args.get(1))?;
        let preopens = strings(scope, args.get(2))?;
        let stdio = stdio(scope, args.get(3))?;
        let mut table = Table::new(process, stdio)?;
        let names: Vec<&[u8]> = preopens.iter().collect();
        for pair in names.chunks_exact(2) {
            if let [mapped, real] = pair {
                table.preopen(mapped, real)?;
            }
        }
        Ok(Wasi {
            arguments,
            environment,
            table: RefCell::new(table),
        })
    }
}

fn array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'s, v8::Value>,
) -> Result<v8::Local<'s, v8::Array>, Failure> {
    value.try_cast().map_err(|_| {
        exception::throw_invalid_argument(scope, "The arguments of WASI must be arrays");
        Failure::Thrown
    })
}

fn strings(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Strings, Failure> {
    let value = v8::Local::new(scope, value);
    let array = array(scope, value)?;
    let mut strings = Strings::default();
    for index in 0..array.length() {
        let item = array.get_index(scope, index).ok_or(Failure::Thrown)?;
        let string = item.to_string(scope).ok_or(Failure::Thrown)?;
        // Told before a copy of it is made.
        if string.utf8_length(scope) >= environment::MOST_STRING_BYTES {
            return Err(Failure::Number(environment::TOO_BIG));
        }
        strings.push(convert::text(scope, string.into()).as_bytes())?;
    }
    Ok(strings)
}

fn stdio(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<[i32; 3], Failure> {
    let value = v8::Local::new(scope, value);
    let array = array(scope, value)?;
    let mut stdio = [0; 3];
    for (index, fd) in (0..).zip(&mut stdio) {
        let item = array.get_index(scope, index).ok_or(Failure::Thrown)?;
        *fd = item.int32_value(scope).ok_or(Failure::Thrown)?;
    }
    Ok(stdio)
}

/// What `new WASI` throws (`WASIException`): `UVWASI_ENOENT, uvwasi_init`.
fn throw_number(scope: &mut v8::PinScope<'_, '_>, number: u16) {
    let code = format!("UVWASI_{}", errno::name(number).unwrap_or("EIO"));
    let message = exception::string(scope, &format!("{code}, uvwasi_init"));
    let error = v8::Exception::error(scope, message);
    if let Some(object) = error.to_object(scope) {
        let number = v8::Integer::new(scope, i32::from(number)).into();
        convert::set(scope, object, "errno", number);
        let code = exception::string(scope, &code).into();
        convert::set(scope, object, "code", code);
        let syscall = exception::string(scope, "uvwasi_init").into();
        convert::set(scope, object, "syscall", syscall);
    }
    scope.throw_exception(error);
}
