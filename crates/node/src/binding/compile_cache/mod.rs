//! The compile cache on disk: `module.enableCompileCache()` and `NODE_COMPILE_CACHE`. Follows Node's
//! `src/compile_cache.cc`.
//!
//! V8 trusts a code cache, and guests can write the files. What is stored is therefore sealed under a key of this operating
//! system process, as caches in the hands of guests are. When that has ended, the files are of no use and written anew.

mod file;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use secure_exec_kernel::Process;

use file::{relative, write};

use super::contextify::{CacheKind, seal_cache};
use super::fs::make_directories;
use super::zlib::update_crc32;
use crate::env::Env;
use crate::js::permission;
use crate::library::tables::tables;
use crate::options::permission::{Access, resolve};
use crate::process::process_env::environment;
use crate::process::{exit, report};

/// What a program keeps of caches until it has written them, at most.
const MAX_KEPT: usize = 64 << 20;
/// Files that a program has entries for, at most.
const MAX_ENTRIES: usize = 1 << 16;

/// What is cached (`CachedCodeType`); Node's numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A function around a CommonJS module, with the names of its parameters.
    CommonJs(&'static str),
    /// An ES module.
    Esm,
    /// The text that is left of TypeScript, by the way in which it was made.
    TypeScript(u8),
}

impl Code {
    fn number(self) -> u8 {
        match self {
            Code::CommonJs(_) => 0,
            Code::Esm => 1,
            Code::TypeScript(number) => number,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Code::CommonJs(_) => "CommonJS",
            Code::Esm => "ESM",
            Code::TypeScript(2) => "StrippedTypeScript",
            Code::TypeScript(3) => "TransformedTypeScript",
            Code::TypeScript(_) => "TransformedTypeScriptWithSourceMaps",
        }
    }

    fn seal(self) -> Option<CacheKind<'static>> {
        match self {
            Code::CommonJs(parameters) => Some(CacheKind::Function(parameters, 0)),
            Code::Esm => Some(CacheKind::Module),
            Code::TypeScript(_) => None,
        }
    }
}

/// What is known of one file's cache.
pub struct Entry {
    /// The number that names it.
    pub key: u32,
    code: Code,
    source_file: String,
    file: Vec<u8>,
    code_size: u32,
    code_hash: u32,
    /// What was read and is genuine.
    read: RefCell<Option<Rc<Vec<u8>>>>,
    /// What is to be written, sealed.
    made: RefCell<Option<Vec<u8>>>,
    written: Cell<bool>,
}

impl Entry {
    /// The cache that was read.
    pub fn cache(&self) -> Option<Rc<Vec<u8>>> {
        self.read.borrow().clone()
    }
}

struct Directory {
    /// With the part for this version and user.
    path: Vec<u8>,
    portable: bool,
}

/// The cache of one program or thread.
#[derive(Default)]
struct Store {
    directory: RefCell<Option<Directory>>,
    entries: RefCell<BTreeMap<u32, Rc<Entry>>>,
    kept: Cell<usize>,
}

/// What `enableCompileCache` tells: a status of `compileCacheStatus`, a message, a directory.
pub struct Enabled {
    /// The status.
    pub status: i32,
    /// Why it failed.
    pub message: Option<String>,
    /// Where the cache is.
    pub directory: Option<String>,
}

impl Enabled {
    fn because(status: i32, message: String) -> Enabled {
        Enabled {
            status,
            message: Some(message),
            directory: None,
        }
    }

    fn in_directory(status: i32, path: &[u8]) -> Enabled {
        Enabled {
            status,
            message: None,
            directory: Some(lossy(path)),
        }
    }
}

const FAILED: i32 = 0;
const ENABLED: i32 = 1;
const ALREADY_ENABLED: i32 = 2;
const DISABLED: i32 = 3;

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes what `NODE_DEBUG_NATIVE=COMPILE_CACHE` asks for.
fn debug(scope: &v8::PinScope<'_, '_>, text: impl FnOnce() -> String) {
    let categories = environment(&Env::of(scope)).get("NODE_DEBUG_NATIVE");
    let wanted = categories.is_some_and(|list| {
        list.split(',')
            .any(|name| name.trim().eq_ignore_ascii_case("COMPILE_CACHE"))
    });
    if wanted {
        report::write_stderr(scope, format!("[compile cache] {}", text()).as_bytes());
    }
}

/// Enables the cache that `NODE_COMPILE_CACHE` names, before the program's code runs.
pub fn start(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let variables = environment(&env);
    let Some(directory) = variables
        .get("NODE_COMPILE_CACHE")
        .filter(|directory| !directory.is_empty())
    else {
        return;
    };
    let portable = variables.get("NODE_COMPILE_CACHE_PORTABLE").as_deref() == Some("1");
    enable(scope, directory.as_bytes(), portable);
}

/// Enables the cache in a directory (`Environment::EnableCompileCache`).
pub fn enable(scope: &mut v8::PinScope<'_, '_>, directory: &[u8], portable: bool) -> Enabled {
    let env = Env::of(scope);
    if environment(&env)
        .get("NODE_DISABLE_COMPILE_CACHE")
        .is_some()
    {
        let message = "Disabled by NODE_DISABLE_COMPILE_CACHE".to_owned();
        return Enabled::because(DISABLED, message);
    }
    let store = env.state::<Store>();
    if let Some(directory) = &*store.directory.borrow() {
        return Enabled::in_directory(ALREADY_ENABLED, &directory.path);
    }
    let process = env.process();
    let base = resolve(&process.getcwd().unwrap_or_default(), directory);
    let path = [base.as_slice(), b"/", version_tag(&process).as_bytes()].concat();
    if let Err(message) = prepare(&env, &process, &path) {
        debug(scope, || format!("{message}\n"));
        return Enabled::because(FAILED, message);
    }
    store.directory.replace(Some(Directory { path, portable }));
    exit::at_exit(&env, persist);
    Enabled::in_directory(ENABLED, &base)
}

fn prepare(env: &Env, process: &std::sync::Arc<Process>, path: &[u8]) -> Result<(), String> {
    for (access, name) in [
        (Access::FileSystemWrite, "write"),
        (Access::FileSystemRead, "read"),
    ] {
        if !permission::has(env, access, path) {
            return Err(format!(
                "Skipping compile cache because {name} permission for {} is not granted",
                lossy(path)
            ));
        }
    }
    match make_directories(process, path, 0o777) {
        Ok(_) => Ok(()),
        Err(errno) => Err(format!(
            "Cannot create cache directory: {}",
            errno.message()
        )),
    }
}

/// `v24.21.0-x64-<what V8's caches depend on>-<user>`
fn version_tag(process: &Process) -> String {
    let version = tables()["process"]["version"].as_str().unwrap_or_default();
    let tag = v8::script_compiler::cached_data_version_tag();
    format!("{version}-x64-{tag:08x}-{}", process.uid())
}

/// Where the cache is, once it is enabled.
pub fn directory(env: &Env) -> Option<String> {
    let store = env.state::<Store>();
    let directory = store.directory.borrow();
    directory.as_ref().map(|directory| lossy(&directory.path))
}

/// The entry of a source, with its cache if there is one on disk (`CompileCacheHandler::GetOrInsert`).
pub fn entry(
    scope: &mut v8::PinScope<'_, '_>,
    code: Code,
    source: v8::Local<'_, v8::String>,
    source_file: &str,
) -> Option<Rc<Entry>> {
    let env = Env::of(scope);
    let store = env.state::<Store>();
    let (key, file) = store.place(code, source_file)?;
    let text = source.to_rust_string_lossy(scope);
    let code_hash = update_crc32(0, text.as_bytes());
    if let Some(known) = store.entries.borrow().get(&key)
        && known.code_hash == code_hash
    {
        return Some(known.clone());
    }
    let entry = Rc::new(Entry {
        key,
        code,
        source_file: source_file.to_owned(),
        file,
        code_size: u32::try_from(text.len()).ok()?,
        code_hash,
        read: RefCell::default(),
        made: RefCell::default(),
        written: Cell::new(false),
    });
    let read = entry.read_file(&env, scope, source);
    debug(scope, || {
        let result = match &read {
            Ok(cache) => format!(" success, size={}", cache.len()),
            Err(reason) => reason.clone(),
        };
        let (file, kind) = (lossy(&entry.file), code.name());
        format!("reading cache from {file} for {kind} {source_file}...{result}\n")
    });
    entry.read.replace(read.ok().map(Rc::new));
    let mut entries = store.entries.borrow_mut();
    if entries.len() < MAX_ENTRIES {
        entries.insert(key, entry.clone());
    }
    Some(entry)
}

impl Store {
    /// Key and file of a source.
    fn place(&self, code: Code, source_file: &str) -> Option<(u32, Vec<u8>)> {
        let directory = self.directory.borrow();
        let directory = directory.as_ref()?;
        let name = match source_file.strip_prefix("file://").unwrap_or(source_file) {
            path if directory.portable && path.starts_with('/') => {
                relative(path.as_bytes(), &directory.path)
            }
            _ => source_file.as_bytes().to_vec(),
        };
        let key = update_crc32(update_crc32(0, &[code.number()]), &name);
        let file = [directory.path.as_slice(), format!("/{key:08x}").as_bytes()].concat();
        Some((key, file))
    }
}

/// Keeps what V8 made of a source until it is written, where the cache on disk was missing or V8 has refused it
/// (`CompileCacheHandler::MaybeSave`).
pub fn keep(
    scope: &v8::PinScope<'_, '_>,
    entry: &Entry,
    source: v8::Local<'_, v8::String>,
    rejected: bool,
    make: impl FnOnce() -> Option<Vec<u8>>,
) {
    let (kind, file) = (entry.code.name(), &entry.source_file);
    let is_missing = entry.read.borrow().is_none() && entry.made.borrow().is_none();
    if !is_missing && !rejected {
        debug(scope, || {
            format!("V8 code cache for {kind} {file} was accepted, keeping the in-memory entry\n")
        });
        return;
    }
    let (found, doing) = if rejected {
        ("rejected", "refreshing")
    } else {
        ("not initialized", "initializing")
    };
    debug(scope, || {
        format!("V8 code cache for {kind} {file} was {found}, {doing} the in-memory entry\n")
    });
    let Some(seal) = entry.code.seal() else {
        return;
    };
    if let Some(made) = make() {
        entry.read.take();
        entry.take(scope, seal_cache(scope, seal, source, made));
    }
}

/// Keeps the text that was made of TypeScript.
pub fn keep_text(scope: &v8::PinScope<'_, '_>, entry: &Entry, text: String) {
    let (kind, file) = (entry.code.name(), &entry.source_file);
    debug(scope, || {
        format!("saving transpilation cache for {kind} {file}\n")
    });
    entry.take(scope, text.into_bytes());
}

impl Entry {
    fn take(&self, scope: &v8::PinScope<'_, '_>, made: Vec<u8>) {
        let store = Env::of(scope).state::<Store>();
        let kept = store.kept.get() + made.len();
        if made.is_empty() || kept > MAX_KEPT {
            return;
        }
        store.kept.set(kept);
        self.made.replace(Some(made));
        self.written.set(false);
    }
}

/// The entry with a key, which [`entry`] has made.
pub fn entry_of(env: &Env, key: u32) -> Option<Rc<Entry>> {
    env.state::<Store>().entries.borrow().get(&key).cloned()
}

/// Writes what was made, when the program asks for it (`Environment::FlushCompileCache`).
pub fn flush(scope: &mut v8::PinScope<'_, '_>) {
    persist(scope);
    debug(scope, || {
        "module.flushCompileCache() finished.\n".to_owned()
    });
}

/// Writes what was made since the last time (`CompileCacheHandler::Persist`).
pub fn persist(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(process) = env.try_process().filter(|process| process.is_alive()) else {
        return;
    };
    let store = env.state::<Store>();
    if store.directory.borrow().is_none() {
        return;
    }
    let entries = std::mem::take(&mut *store.entries.borrow_mut());
    for entry in entries.values() {
        let (kind, file) = (entry.code.name(), &entry.source_file);
        let skipped = match (&*entry.made.borrow(), &*entry.read.borrow()) {
            (None, None) => Some("the cache was not initialized"),
            (None, Some(_)) => Some("cache was the same"),
            (Some(_), _) if entry.written.get() => Some("cache was already persisted"),
            _ => None,
        };
        if let Some(reason) = skipped {
            debug(scope, || {
                format!("skip persisting {kind} {file} because {reason}\n")
            });
            continue;
        }
        let made = entry.made.take().unwrap_or_default();
        let result = write(&process, entry, &made);
        entry.written.set(result.is_ok());
        debug(scope, || {
            let result = result.map_or_else(
                |errno| format!("failed: {}", errno.message()),
                |()| "success".to_owned(),
            );
            format!("writing cache for {kind} {file}...{result}\n")
        });
    }
    store.kept.set(0);
    debug(scope, || "Clear deserialized cache.\n".to_owned());
}
