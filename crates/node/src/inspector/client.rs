//! What V8's inspector asks of its embedder. Follows `NodeInspectorClient` in Node's `src/inspector_agent.cc`.

use std::rc::{Rc, Weak};

use v8::inspector::{StringBuffer, StringView, V8InspectorClientImpl};

use super::Agent;
use crate::callback::contain_bare;
use crate::env::Env;
use crate::js::file_url::file_url;

/// The one group of contexts that an isolate has.
pub(super) const CONTEXT_GROUP: i32 = 1;

/// Asked by V8; every method may be called in the middle of JavaScript.
pub(super) struct Client {
    agent: Weak<Agent>,
    isolate: v8::UnsafeRawIsolatePtr,
    /// The main context: the address of a handle that lives as long as the agent has an inspector.
    context: std::ptr::NonNull<v8::Context>,
}

impl Client {
    pub(super) fn new(
        agent: &Rc<Agent>,
        isolate: v8::UnsafeRawIsolatePtr,
        context: std::ptr::NonNull<v8::Context>,
    ) -> Client {
        Client {
            agent: Rc::downgrade(agent),
            isolate,
            context,
        }
    }

    fn with_agent(&self, work: impl FnOnce(&Rc<Agent>)) {
        contain_bare(|| {
            if let Some(agent) = self.agent.upgrade() {
                work(&agent);
            }
        });
    }
}

impl V8InspectorClientImpl for Client {
    fn run_message_loop_on_pause(&self, _context_group_id: i32) {
        self.with_agent(|agent| {
            let mut isolate = self.isolate;
            // SAFETY: V8 calls on the thread of the isolate, which outlives its inspector.
            let isolate = unsafe { v8::Isolate::ref_from_raw_isolate_ptr_mut(&mut isolate) };
            v8::scope!(let scope, isolate);
            let context = Env::of(scope).context(scope);
            let scope = &mut v8::ContextScope::new(scope, context);
            agent.wait_for_resume(scope);
        });
    }

    fn quit_message_loop_on_pause(&self) {
        self.with_agent(|agent| agent.resume());
    }

    fn run_if_waiting_for_debugger(&self, _context_group_id: i32) {
        self.with_agent(|agent| agent.run_if_waiting());
    }

    fn ensure_default_context_in_group(
        &self,
        _context_group_id: i32,
    ) -> Option<v8::Local<'_, v8::Context>> {
        // SAFETY: a local handle is the address of a place that holds the object, as a global one is; this one is released
        // behind the inspector that has this client.
        Some(unsafe {
            std::mem::transmute::<std::ptr::NonNull<v8::Context>, v8::Local<'_, v8::Context>>(
                self.context,
            )
        })
    }

    fn resource_name_to_url(
        &self,
        resource_name: &StringView<'_>,
    ) -> Option<v8::UniquePtr<StringBuffer>> {
        contain_bare(|| {
            let name = resource_name.to_string();
            // A path, and nothing that is a URL already.
            let url = file_url(name.starts_with('/').then_some(&*name)?, false, None)?;
            Some(StringBuffer::create(StringView::from(
                url.href().as_bytes(),
            )))
        })?
    }
}
