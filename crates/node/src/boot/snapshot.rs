//! The startup snapshot: a heap in which Node's library is already bootstrapped.
//!
//! Layout of the file: magic, length of the JSON header, header (engine version, template keys, fingerprint of the
//! library, sizes), V8's blob, the code caches of the library's modules. The default context is a bare one with the
//! per-context scripts run, for `node:vm`; context 0 is that of a main thread, context 1 that of a worker thread.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;

use crate::boot::{bootstrap, isolate, per_context, references};
use crate::env::Env;
use crate::library::code_cache;

const MAGIC: &[u8; 8] = b"SXSNAP02";

/// V8 reads its parts in place and wants them aligned.
const ALIGNMENT: usize = 16;

fn pad(file: &mut Vec<u8>) {
    file.resize(file.len().next_multiple_of(ALIGNMENT), b' ');
}

/// Which of the snapshot's contexts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ContextKind {
    /// The main thread of a process.
    Main = 0,
    /// A worker thread.
    Worker = 1,
}

/// A verified snapshot, mapped for the life of the process.
pub struct Snapshot {
    blob: &'static [u8],
    template_keys: Vec<String>,
    has_program: bool,
}

impl Snapshot {
    /// Builds a snapshot, without code caches, with this very engine. `initialize_v8` must have been called. The context of main
    /// threads is one in which a program has run, if one is given ([`bootstrap::preload`]).
    ///
    /// # Errors
    /// What the library threw while it booted, or the program, or what V8 refused.
    pub fn create(program: Option<&str>) -> Result<Vec<u8>, String> {
        let references = references::external_references();
        let mut creator = v8::Isolate::snapshot_creator(Some(Cow::Borrowed(references)), None);
        let env = Env::new(Arc::default());
        env.building_snapshot.set(true);
        isolate::prepare(&mut creator, &env);
        let booted = Self::fill(&mut creator, &env, program);
        // Targets of weak references of this turn are roots until then, and would pull the context into the isolate's part.
        creator.clear_kept_objects();
        let keys = env.template_keys();
        env.clear();
        creator.remove_slot::<Rc<Env>>();
        if let Err(message) = booted {
            // V8 insists on making a blob before such an isolate goes, and cannot make one of half a boot: the isolate
            // is left to the end of the building process.
            std::mem::forget(creator);
            return Err(message);
        }
        let blob = creator
            .create_blob(v8::FunctionCodeHandling::Keep)
            .ok_or("V8 made no snapshot")?;
        Ok(Self::assemble((&blob, program.is_some()), &keys, &[]))
    }

    /// The file of this snapshot with the code caches that this process has collected.
    #[must_use]
    pub fn with_code_caches(&self) -> Vec<u8> {
        let caches = code_cache::current().entries();
        let blob = (self.blob, self.has_program);
        Self::assemble(blob, &self.template_keys, &caches)
    }

    /// Whether a program has run in the context of main threads: such a heap is large, and for one purpose.
    #[must_use]
    pub fn has_program(&self) -> bool {
        self.has_program
    }

    fn assemble(
        (blob, has_program): (&[u8], bool),
        keys: &[String],
        caches: &[(String, &'static [u8])],
    ) -> Vec<u8> {
        let sizes: Vec<_> = caches.iter().map(|(id, data)| (id, data.len())).collect();
        let header = json!({
            "v8": v8::V8::get_version(),
            "templates": keys,
            "node": crate::library::tables::tables()["process"]["version"],
            "blob": blob.len(),
            "program": has_program,
            "caches": sizes,
        });
        let header = header.to_string();
        let mut file = Vec::with_capacity(blob.len() + header.len() + 16);
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&u64::try_from(header.len()).unwrap_or(0).to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        pad(&mut file);
        let length = u64::try_from(file.len() - 16).unwrap_or(0).to_le_bytes();
        file[8..16].copy_from_slice(&length);
        file.extend_from_slice(blob);
        for (_, data) in caches {
            pad(&mut file);
            file.extend_from_slice(data);
        }
        file
    }

    fn fill(
        creator: &mut v8::OwnedIsolate,
        env: &Rc<Env>,
        program: Option<&str>,
    ) -> Result<(), String> {
        v8::scope!(let scope, creator);
        let plain = v8::Context::new(scope, v8::ContextOptions::default());
        {
            let scope = &mut v8::ContextScope::new(scope, plain);
            per_context::initialize_context(scope).ok_or("the per-context scripts failed")?;
        }
        let mut contexts = Vec::new();
        for kind in [ContextKind::Main, ContextKind::Worker] {
            env.forget_context();
            env.is_worker.set(kind == ContextKind::Worker);
            let context = v8::Context::new(scope, v8::ContextOptions::default());
            let scope = &mut v8::ContextScope::new(scope, context);
            env.set_context(v8::Global::new(scope, context));
            bootstrap::boot(scope)?;
            bootstrap::warm(scope)?;
            if let Some(program) = program.filter(|_| kind == ContextKind::Main) {
                bootstrap::preload(scope, program)?;
            }
            let slots = env.slots_array(scope);
            scope.add_context_data(context, slots);
            contexts.push(context);
        }
        for key in env.template_keys() {
            if let Some(template) = env.template(scope, &key) {
                scope.add_isolate_data(template);
            }
        }
        scope.set_default_context(plain);
        for context in contexts {
            scope.add_context(context);
        }
        Ok(())
    }

    /// Reads the header of a snapshot file in memory.
    ///
    /// # Errors
    /// Another format or another engine.
    pub fn parse(file: &'static [u8]) -> Result<Snapshot, String> {
        let magic = file.get(..8).ok_or("the snapshot is too short")?;
        if magic != MAGIC {
            return Err("no snapshot of ours".to_owned());
        }
        let length: [u8; 8] = file
            .get(8..16)
            .and_then(|b| b.try_into().ok())
            .ok_or("the snapshot is too short")?;
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|e| e.to_string())?;
        let header = file
            .get(16..16 + length)
            .ok_or("the snapshot's header is cut off")?;
        let header: serde_json::Value =
            serde_json::from_slice(header).map_err(|e| e.to_string())?;
        if header["v8"] != v8::V8::get_version() {
            return Err(format!(
                "the snapshot is of V8 {}, this is {}",
                header["v8"],
                v8::V8::get_version()
            ));
        }
        let body = file.get(16 + length..).unwrap_or_default();
        let blob_length = header["blob"]
            .as_u64()
            .and_then(|length| usize::try_from(length).ok());
        let blob_length = blob_length.ok_or("the snapshot's header has no size")?;
        let blob = body.get(..blob_length).ok_or("the snapshot is cut off")?;
        let caches = body.get(blob_length.next_multiple_of(ALIGNMENT)..);
        Self::offer_caches(&header, caches.unwrap_or_default())?;
        let keys = header["templates"].as_array().into_iter().flatten();
        let template_keys = keys
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
        Ok(Snapshot {
            blob,
            template_keys,
            has_program: header["program"] == true,
        })
    }

    /// Makes the process compile library modules from the caches of this snapshot.
    fn offer_caches(header: &serde_json::Value, mut rest: &'static [u8]) -> Result<(), String> {
        let caches: Vec<(String, usize)> =
            serde_json::from_value(header["caches"].clone()).map_err(|e| e.to_string())?;
        for (id, length) in caches {
            let data = rest.get(..length).ok_or("a code cache is cut off")?;
            code_cache::current().insert(&id, data);
            rest = rest
                .get(length.next_multiple_of(ALIGNMENT)..)
                .unwrap_or_default();
        }
        Ok(())
    }

    /// V8's part.
    pub(crate) fn startup_data(&self) -> v8::StartupData {
        v8::StartupData::from(self.blob)
    }

    /// Restores the context of a main or worker thread and what belongs to it.
    pub(crate) fn restore<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_, ()>,
        env: &Rc<Env>,
        kind: ContextKind,
    ) -> Result<v8::Local<'s, v8::Context>, String> {
        let index = kind as usize;
        let context = v8::Context::from_snapshot(scope, index, v8::ContextOptions::default())
            .ok_or("the snapshot lacks a context")?;
        let scope = &mut v8::ContextScope::new(scope, context);
        env.set_context(v8::Global::new(scope, context));
        let slots = scope
            .get_context_data_from_snapshot_once::<v8::Array>(0)
            .map_err(|error| format!("the snapshot has no slots: {error}"))?;
        env.restore_slots(scope, slots);
        for (index, key) in self.template_keys.iter().enumerate() {
            let template = scope
                .get_isolate_data_from_snapshot_once::<v8::FunctionTemplate>(index)
                .map_err(|error| format!("the snapshot has no template {key}: {error}"))?;
            env.set_template(scope, key, template);
        }
        Ok(context)
    }
}
