//! Commands that the host provides: directories of modules.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::host_files;
use crate::load_error::LoadError;
use crate::module_cache::{LoadedModule, compile_trusted, hexadecimal, map_file};

const MANIFEST: &str = "commands.json";
const MAGIC: &[u8; 4] = b"\0asm";

#[derive(Deserialize)]
struct Manifest {
    modules: Vec<ManifestModule>,
}

#[derive(Deserialize)]
struct ManifestModule {
    file: String,
    precompiled: Option<String>,
    #[serde(default)]
    sha256: Sums,
    commands: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Sums {
    file: Option<String>,
    precompiled: Option<String>,
}

/// Why a directory gives no commands.
#[derive(Debug, PartialEq, Eq)]
pub enum CommandError {
    /// It cannot be read.
    Unreadable(String),
    /// Its manifest is wrong.
    Manifest(String),
    /// It holds neither a manifest nor a module.
    Empty,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Unreadable(message) => write!(f, "cannot be read: {message}"),
            CommandError::Manifest(message) => write!(f, "{MANIFEST} is wrong: {message}"),
            CommandError::Empty => write!(f, "holds neither {MANIFEST} nor a WebAssembly module"),
        }
    }
}

/// A module of the installation, loaded when it is first used.
struct CommandModule {
    file: PathBuf,
    sha256: Option<String>,
    /// The precompiled file and its sum.
    precompiled: Option<(PathBuf, String)>,
    loaded: Mutex<Option<Result<Arc<LoadedModule>, LoadError>>>,
}

impl CommandModule {
    fn load(&self, engine: &Engine) -> Result<Arc<LoadedModule>, LoadError> {
        let mut loaded = self.loaded.lock();
        if let Some(loaded) = &*loaded {
            return loaded.clone();
        }
        let mapped = self
            .precompiled
            .as_ref()
            .and_then(|(path, sha256)| map_file(engine, path, sha256));
        let result = mapped.map_or_else(|| self.compile(engine), Ok);
        *loaded = Some(result.clone());
        result
    }

    fn compile(&self, engine: &Engine) -> Result<Arc<LoadedModule>, LoadError> {
        let bytes = host_files::read(&self.file).map_err(|_| LoadError::Unreadable)?;
        let sum = || hexadecimal(&Sha256::digest(&bytes));
        if self
            .sha256
            .as_ref()
            .is_some_and(|expected| *expected != sum())
        {
            return Err(LoadError::Invalid(
                "it does not have the SHA-256 sum of the manifest".into(),
            ));
        }
        compile_trusted(engine, &bytes)
    }
}

/// A command: a module and the name it is called by.
pub struct Command {
    name: String,
    module: Arc<CommandModule>,
    /// Whether the module tells by `argv[0]` which of several commands it is.
    shared: bool,
}

impl Command {
    /// Name in `/bin`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn load(&self, engine: &Engine) -> Result<Arc<LoadedModule>, LoadError> {
        self.module.load(engine)
    }

    /// The arguments as the module is to see them: a module of several commands must find its name in `argv[0]`,
    /// whatever the caller has put there.
    pub(crate) fn arguments(&self, mut argv: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let given = argv.first().map_or(&b""[..], |first| first.as_slice());
        let base = given
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or_default();
        // A login shell's name starts with a dash.
        let base = base.strip_prefix(b"-").unwrap_or(base);
        if self.shared && base != self.name.as_bytes() {
            match argv.first_mut() {
                Some(first) => *first = self.name.clone().into_bytes(),
                None => argv.push(self.name.clone().into_bytes()),
            }
        }
        argv
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A directory of commands.
pub struct CommandDir;

impl CommandDir {
    /// Commands of a directory: those its `commands.json` lists, or else its `*.wasm` files and its files without an
    /// extension that are modules, each under its stem's name.
    ///
    /// Precompiled modules are machine code of this process: they are used where `precompiled` says that the directory is
    /// the installation's own, whose manifest has their sums. Of any other directory all modules are compiled.
    ///
    /// # Errors
    /// There is none.
    pub fn read(dir: &Path, precompiled: bool) -> Result<Vec<Command>, CommandError> {
        let commands = match host_files::read(&dir.join(MANIFEST)) {
            Ok(text) => from_manifest(dir, &text, precompiled)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => from_files(dir)?,
            Err(error) => return Err(CommandError::Unreadable(error.to_string())),
        };
        if commands.is_empty() {
            return Err(CommandError::Empty);
        }
        Ok(commands)
    }
}

fn from_manifest(dir: &Path, text: &[u8], precompiled: bool) -> Result<Vec<Command>, CommandError> {
    let wrong = |message: String| CommandError::Manifest(message);
    let manifest: Manifest =
        serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
    let mut commands = Vec::new();
    let mut names = BTreeSet::new();
    for module in manifest.modules {
        let inside = |name: &str| {
            let plain = !name.is_empty() && Path::new(name).file_name() == Some(OsStr::new(name));
            plain
                .then(|| dir.join(name))
                .ok_or_else(|| wrong(format!("{name:?} is not the name of a file")))
        };
        let precompiled = match (&module.precompiled, module.sha256.precompiled) {
            (Some(name), Some(sum)) if precompiled => Some((inside(name)?, sum)),
            // Without a sum it is not known to be ours.
            _ => None,
        };
        let loadable = Arc::new(CommandModule {
            file: inside(&module.file)?,
            sha256: module.sha256.file,
            precompiled,
            loaded: Mutex::default(),
        });
        for name in &module.commands {
            if !names.insert(name.clone()) {
                return Err(wrong(format!("the command {name:?} is listed twice")));
            }
            commands.push(Command {
                name: name.clone(),
                module: loadable.clone(),
                shared: module.commands.len() > 1,
            });
        }
    }
    Ok(commands)
}

fn from_files(dir: &Path) -> Result<Vec<Command>, CommandError> {
    let unreadable = |error: std::io::Error| CommandError::Unreadable(error.to_string());
    let mut commands = Vec::new();
    for file in host_files::list(dir).map_err(unreadable)? {
        let candidate = file.extension().is_none_or(|extension| extension == "wasm");
        let Some(name) = file.file_stem().and_then(OsStr::to_str) else {
            continue;
        };
        if !candidate || !is_module(&file) {
            continue;
        }
        commands.push(Command {
            name: name.to_owned(),
            module: Arc::new(CommandModule {
                file: file.clone(),
                sha256: None,
                precompiled: None,
                loaded: Mutex::default(),
            }),
            shared: false,
        });
    }
    commands.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(commands)
}

fn is_module(file: &Path) -> bool {
    let mut magic = [0; 4];
    let read = host_files::open(file).and_then(|file| file.read_exact_at(&mut magic, 0));
    read.is_ok() && magic == *MAGIC
}
