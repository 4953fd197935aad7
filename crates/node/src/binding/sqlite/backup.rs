//! `backup(sourceDb, path, options)`: a copy of a database, some pages in each turn of the loop.

use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::ptr::null_mut;
use std::rc::{Rc, Weak};
use std::time::Duration;

use libsqlite3_sys as ffi;

use super::database::Database;
use super::option::{self, Thrown};
use super::undeclared_ffi::sqlite3_close_v2;
use super::{error, start};
use crate::callback::{Args, Return, Scope};
use crate::env::{Env, Slot};
use crate::event_loop::Completion;
use crate::js::callback_scope::{AsyncContext, call_in_scope};
use crate::js::exception::{catch, throw_invalid_argument};
use crate::js::{convert, wrap};
use crate::threads::sleep::Sleep;

/// Pages in each step where nobody says how many.
const DEFAULT_RATE: c_int = 100;

/// How long a step waits that found a database locked.
const PAUSE: Duration = Duration::from_millis(2);

struct Options {
    rate: c_int,
    source: CString,
    target: CString,
    progress: Option<v8::Global<v8::Function>>,
}

/// A backup under way.
struct Backup {
    /// The database that is copied; its connection lives until the copy is finished.
    source: Weak<Database>,
    target: Cell<*mut ffi::sqlite3>,
    backup: Cell<*mut ffi::sqlite3_backup>,
    rate: c_int,
    resolver: v8::Global<v8::PromiseResolver>,
    progress: Option<v8::Global<v8::Function>>,
}

impl Backup {
    /// Gives up what the copy needs.
    fn finish(&self) {
        let backup = self.backup.replace(null_mut());
        if !backup.is_null() {
            // SAFETY: under way, and used no more.
            unsafe { ffi::sqlite3_backup_finish(backup) };
            if let Some(source) = self.source.upgrade() {
                source.backups.set(source.backups.get().saturating_sub(1));
            }
        }
        // SAFETY: open, or null, which is ignored.
        unsafe { sqlite3_close_v2(self.target.replace(null_mut())) };
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        self.finish();
    }
}

/// `backup(sourceDb, path, {rate, source, target, progress})`: a promise of the number of pages.
pub(super) fn backup<'s>(scope: Scope<'_, 's, '_>, args: Args<'s>, mut rv: Return<'s>) {
    if let Ok(promise) = begin(scope, &args) {
        rv.set(promise);
    }
}

fn begin<'s>(scope: Scope<'_, 's, '_>, args: &Args) -> Result<v8::Local<'s, v8::Value>, Thrown> {
    let source = args.get(0);
    if !source.is_object() {
        throw_invalid_argument(scope, "The \"sourceDb\" argument must be an object.");
        return Err(Thrown);
    }
    let source = wrap::unwrap::<Rc<Database>>(scope, source);
    if let Some(source) = &source
        && !source.check_idle(scope)
    {
        return Err(Thrown);
    }
    let path = option::location(scope, args.get(1))?;
    let options = read_options(scope, args)?;
    let Some(source) = source else {
        throw_invalid_argument(scope, "The \"sourceDb\" argument must be an object.");
        return Err(Thrown);
    };
    // A getter may have closed it.
    if !source.check_idle(scope) {
        return Err(Thrown);
    }
    let code = start::start();
    if code != ffi::SQLITE_OK {
        error::throw_code(scope, code);
        return Err(Thrown);
    }
    let resolver = v8::PromiseResolver::new(scope).ok_or(Thrown)?;
    let promise = resolver.get_promise(scope);
    let backup = Rc::new(Backup {
        source: Rc::downgrade(&source),
        target: Cell::new(null_mut()),
        backup: Cell::new(null_mut()),
        rate: options.rate,
        resolver: v8::Global::new(scope, resolver),
        progress: options.progress.clone(),
    });
    if open(&backup, &source, &path, &options) {
        source.backups.set(source.backups.get() + 1);
        Env::of(scope).event_loop.defer(next(backup));
    } else {
        let error = error::last(scope, backup.target.get());
        resolver.reject(scope, error);
    }
    Ok(promise.into())
}

fn read_options(scope: Scope, args: &Args) -> Result<Options, Thrown> {
    let mut read = Options {
        rate: DEFAULT_RATE,
        source: c"main".to_owned(),
        target: c"main".to_owned(),
        progress: None,
    };
    if args.length() > 2 {
        let options = option::object(scope, args.get(2), "options")?;
        read.rate = option::integer(scope, options, "rate")?.unwrap_or(read.rate);
        read.source = option::text(scope, options, "source")?.unwrap_or(read.source);
        read.target = option::text(scope, options, "target")?.unwrap_or(read.target);
        let progress = option::function(scope, options, "progress")?;
        read.progress = progress.map(|progress| v8::Global::new(scope, progress));
    }
    Ok(read)
}

/// Opens the copy and starts. If it cannot, the copy's connection has the error.
fn open(backup: &Backup, source: &Database, path: &CString, options: &Options) -> bool {
    let flags = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_URI;
    let mut target = null_mut();
    // SAFETY: a text with a NUL, and room for the connection.
    let code =
        unsafe { ffi::sqlite3_open_v2(path.as_ptr(), &raw mut target, flags, std::ptr::null()) };
    backup.target.set(target);
    if code != ffi::SQLITE_OK {
        return false;
    }
    let (to, from) = (options.target.as_ptr(), options.source.as_ptr());
    // SAFETY: two open connections and two texts with a NUL.
    let started = unsafe { ffi::sqlite3_backup_init(target, to, source.connection(), from) };
    backup.backup.set(started);
    !started.is_null()
}

/// The next step of a backup.
fn next(backup: Rc<Backup>) -> Completion {
    Box::new(move |scope| {
        let Some(resource) = Env::of(scope).object(scope, Slot::Process) else {
            return;
        };
        call_in_scope(scope, resource, &AsyncContext::none(), |scope| {
            step(scope, backup);
            None
        });
    })
}

fn step(scope: &mut v8::PinScope<'_, '_>, backup: Rc<Backup>) {
    let copy = backup.backup.get();
    // SAFETY: under way; its source is open as long.
    let code = unsafe { ffi::sqlite3_backup_step(copy, backup.rate) };
    let is_locked = matches!(code, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED);
    if !matches!(code, ffi::SQLITE_OK | ffi::SQLITE_DONE) && !is_locked {
        let error = error::of_code(scope, code);
        return settle(scope, &backup, Err(error));
    }
    // SAFETY: as above.
    let (total, left) = unsafe {
        (
            ffi::sqlite3_backup_pagecount(copy),
            ffi::sqlite3_backup_remaining(copy),
        )
    };
    if left != 0 {
        if let Err(error) = tell(scope, &backup, total, left) {
            if let Some(error) = error {
                settle(scope, &backup, Err(error));
            }
            return;
        }
        return go_on(scope, backup, is_locked);
    }
    if is_locked {
        return go_on(scope, backup, true);
    }
    if code == ffi::SQLITE_DONE {
        settle(scope, &backup, Ok(total));
    } else {
        let error = error::last(scope, backup.target.get());
        settle(scope, &backup, Err(error));
    }
}

fn go_on(scope: &mut v8::PinScope<'_, '_>, backup: Rc<Backup>, after_a_pause: bool) {
    let event_loop = &Env::of(scope).event_loop;
    if after_a_pause {
        event_loop.spawn(async move {
            Sleep::new(PAUSE).await;
            next(backup)
        });
    } else {
        event_loop.defer(next(backup));
    }
}

/// Tells how far it is.
///
/// # Errors
/// What the function has thrown, or none where JavaScript is being ended.
fn tell<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    backup: &Backup,
    total: c_int,
    left: c_int,
) -> Result<(), Option<v8::Local<'s, v8::Value>>> {
    let Some(progress) = &backup.progress else {
        return Ok(());
    };
    let progress = v8::Local::new(scope, progress);
    let info = v8::Object::new(scope);
    for (name, pages) in [("totalPages", total), ("remainingPages", left)] {
        let pages = v8::Integer::new(scope, pages).into();
        convert::set(scope, info, name, pages);
    }
    let receiver = v8::null(scope).into();
    catch(scope, |scope| {
        progress.call(scope, receiver, &[info.into()]).map(|_| ())
    })
}

fn settle(
    scope: &mut v8::PinScope<'_, '_>,
    backup: &Backup,
    result: Result<c_int, v8::Local<'_, v8::Value>>,
) {
    backup.finish();
    let resolver = v8::Local::new(scope, &backup.resolver);
    match result {
        Ok(pages) => {
            let pages = v8::Integer::new(scope, pages).into();
            resolver.resolve(scope, pages)
        }
        Err(error) => resolver.reject(scope, error),
    };
}
