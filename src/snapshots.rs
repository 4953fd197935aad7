//! Files of a machine at one moment, as JavaScript holds them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{AsyncTask, Buffer, ObjectFinalize};
use napi::{Env, Error, Result, Status, Task};
use napi_derive::napi;
use secure_exec_broker::{FileSnapshot, Segment};
use secure_exec_snapshots::{Change, Changed, Files, ImageBounds, Segments, Tar, diff};

use crate::config::call_number;

/// Bytes of a tar that are made at once.
const PIECE: usize = 256 << 10;

/// Files of a machine at one moment.
#[napi(custom_finalize)]
pub struct NativeSnapshot {
    /// Until it is let go of.
    snapshot: Option<Arc<FileSnapshot>>,
    files: u64,
    bytes: u64,
    /// What the garbage collector was told of.
    external: i64,
}

impl NativeSnapshot {
    /// Looks at what a VM process says that its files are.
    ///
    /// # Errors
    /// It is not possible.
    pub fn new(snapshot: Arc<FileSnapshot>) -> io::Result<NativeSnapshot> {
        let files = files(&snapshot)?;
        Ok(NativeSnapshot {
            files: files.count(),
            bytes: files.bytes(),
            snapshot: Some(snapshot),
            external: 0,
        })
    }

    /// What it stands for.
    ///
    /// # Errors
    /// It was let go of. `lib/` asks for nothing of it then.
    pub fn shared(&self) -> Result<Arc<FileSnapshot>> {
        let gone = || Error::new(Status::GenericFailure, "the snapshot has been disposed");
        self.snapshot.clone().ok_or_else(gone)
    }
}

#[napi]
impl NativeSnapshot {
    /// Files, links and pipes, by their names.
    #[napi(getter, catch_unwind)]
    pub fn files(&self) -> f64 {
        call_number(self.files)
    }

    /// Bytes of the regular files.
    #[napi(getter, catch_unwind)]
    pub fn bytes(&self) -> f64 {
        call_number(self.bytes)
    }

    /// Lets go of the memory.
    #[napi(catch_unwind)]
    pub fn release(&mut self, env: Env) -> Result<()> {
        self.snapshot = None;
        self.weigh(env)
    }

    /// Tells the garbage collector how much it frees with this: memory that is not in its heap.
    #[napi(catch_unwind)]
    pub fn weigh(&mut self, env: Env) -> Result<()> {
        let first = self
            .snapshot
            .as_ref()
            .and_then(|held| held.segments.first());
        let bytes = first.map_or(0, |segment| segment.length());
        let change = i64::try_from(bytes).unwrap_or(i64::MAX) - self.external;
        self.external += change;
        env.adjust_external_memory(change).map(drop)
    }

    /// What has changed from these files to others.
    #[napi(catch_unwind, ts_return_type = "Promise<ChangedFile[]>")]
    pub fn diff(&self, later: &NativeSnapshot) -> Result<AsyncTask<Difference>> {
        Ok(AsyncTask::new(Difference {
            before: self.shared()?,
            after: later.shared()?,
        }))
    }

    /// The files as a tar.
    #[napi(catch_unwind)]
    pub fn tar(&self) -> Result<SnapshotTar> {
        let files = files(&self.shared()?).map_err(failed)?;
        let tar = Arc::new(Mutex::new(Tar::new(files)));
        Ok(SnapshotTar { tar })
    }
}

impl ObjectFinalize for NativeSnapshot {
    fn finalize(self, env: Env) -> Result<()> {
        env.adjust_external_memory(-self.external).map(drop)
    }
}

/// A file that has changed.
#[napi(object, object_from_js = false)]
pub struct ChangedFile {
    pub path: String,
    pub change: String,
}

/// A comparison, on a thread of the pool.
pub struct Difference {
    before: Arc<FileSnapshot>,
    after: Arc<FileSnapshot>,
}

impl Task for Difference {
    type Output = Vec<Changed>;
    type JsValue = Vec<ChangedFile>;

    fn compute(&mut self) -> Result<Vec<Changed>> {
        let (before, after) = (files(&self.before), files(&self.after));
        let changes = before.and_then(|before| diff(&before, &after?));
        changes.map_err(failed)
    }

    fn resolve(&mut self, _env: Env, changes: Vec<Changed>) -> Result<Vec<ChangedFile>> {
        let changed = changes.into_iter().map(|Changed { path, change }| {
            let change = match change {
                Change::Added => "added",
                Change::Modified => "modified",
                Change::Removed => "removed",
                Change::Metadata => "metadata",
            };
            ChangedFile {
                path: format!("/{}", String::from_utf8_lossy(&path)),
                change: change.into(),
            }
        });
        Ok(changed.collect())
    }
}

/// A tar that is being made.
#[napi]
pub struct SnapshotTar {
    tar: Arc<Mutex<Tar>>,
}

#[napi]
impl SnapshotTar {
    /// The next bytes; none at the end.
    #[napi(catch_unwind, ts_return_type = "Promise<Buffer>")]
    pub fn next(&self) -> AsyncTask<Piece> {
        AsyncTask::new(Piece {
            tar: self.tar.clone(),
        })
    }
}

/// A piece of a tar, on a thread of the pool.
pub struct Piece {
    tar: Arc<Mutex<Tar>>,
}

impl Task for Piece {
    type Output = Vec<u8>;
    type JsValue = Buffer;

    fn compute(&mut self) -> Result<Vec<u8>> {
        let mut tar = self.tar.lock().unwrap_or_else(PoisonError::into_inner);
        tar.next_piece(PIECE).map_err(failed)
    }

    fn resolve(&mut self, _env: Env, piece: Vec<u8>) -> Result<Buffer> {
        Ok(piece.into())
    }
}

fn files(snapshot: &Arc<FileSnapshot>) -> io::Result<Files> {
    let image = snapshot.image()?;
    let segments = Box::new(Sealed(snapshot.clone()));
    let bounds = ImageBounds {
        names: snapshot.most_names,
        stored_bytes: snapshot.most_bytes,
        file_bytes: snapshot.most_file_bytes,
    };
    Files::new(&image, bounds, segments)
}

fn failed(error: io::Error) -> Error {
    Error::new(Status::GenericFailure, error.to_string())
}

/// The memory of a snapshot.
struct Sealed(Arc<FileSnapshot>);

impl Sealed {
    fn segment(&self, index: usize) -> Option<&Segment> {
        self.0.segments.get(index).map(|segment| &**segment)
    }
}

impl Segments for Sealed {
    fn lengths(&self) -> Vec<u64> {
        let segments = self.0.segments.iter();
        segments.map(|segment| segment.length()).collect()
    }

    fn identity(&self, index: usize) -> u64 {
        self.segment(index).map_or(0, Segment::number)
    }

    fn read(&self, index: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let segment = self.segment(index).ok_or(io::ErrorKind::NotFound)?;
        segment.read(offset, buffer)
    }
}
