//! Domains of the protocol that are Node's and not V8's (`src/inspector/*.cc`), and what Node adds to V8's.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::message::{self, Command};
use super::network::Network;
use super::session::Session;
use super::workers::NodeWorker;
use crate::env::{Env, Slot};
use crate::js::{convert, exception};

/// What a session has switched on.
#[derive(Default)]
pub(super) struct NodeDomains {
    /// `NodeRuntime.notifyWhenWaitingForDisconnect`.
    retains_context: Cell<bool>,
    /// `NodeRuntime.enable`.
    runtime: Cell<bool>,
    pub(super) network: Network,
    pub(super) workers: NodeWorker,
}

impl NodeDomains {
    /// Whether the context of a program that has ended stays for the session.
    pub(super) fn retains_context(&self) -> bool {
        self.retains_context.get()
    }
}

impl Session {
    /// The answer to a command that V8 does not have; None for one that V8 answers.
    pub(super) fn answer(
        self: &Rc<Self>,
        scope: &mut v8::PinScope<'_, '_>,
        command: &Command<'_>,
    ) -> Option<String> {
        let id = command.id?;
        let (domain, name) = command.method.split_once('.')?;
        let done = |done: bool| done.then(|| message::response(id, &json!({})));
        match domain {
            "NodeRuntime" => {
                let known = self.runtime_command(name, command);
                if name == "enable" && self.is_waiting_for_frontend() {
                    self.tell_waiting(scope);
                }
                done(known)
            }
            "NodeWorker" => self.worker_command(scope, id, name, command),
            "Network"
                if Env::of(scope)
                    .options
                    .borrow()
                    .flag("--experimental-network-inspection") =>
            {
                self.network_command(id, name, command)
            }
            "Debugger" => {
                self.note_async_depth(name, command);
                None
            }
            _ => None,
        }
    }

    /// Tells that the program waits for `Runtime.runIfWaitingForDebugger`.
    pub(super) fn tell_waiting(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.domains.runtime.get() {
            let text = message::notification("NodeRuntime.waitingForDebugger", &json!({}));
            self.deliver(scope, text);
        }
    }

    /// Tells that the program has ended, where that was asked for. Whether it was: its context stays until then.
    pub(super) fn tell_end(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        let retains = self.domains.retains_context.get();
        if retains {
            let text = message::notification("NodeRuntime.waitingForDisconnect", &json!({}));
            self.deliver(scope, text);
        }
        retains
    }

    fn runtime_command(&self, name: &str, command: &Command<'_>) -> bool {
        match name {
            "enable" => self.domains.runtime.set(true),
            "disable" => self.domains.runtime.set(false),
            "notifyWhenWaitingForDisconnect" => {
                let enabled = command
                    .object()
                    .is_ok_and(|params| params["enabled"] == true);
                self.domains.retains_context.set(enabled);
            }
            _ => return false,
        }
        true
    }

    fn note_async_depth(&self, name: &str, command: &Command<'_>) {
        match name {
            "disable" => self.set_async_depth(0),
            "setAsyncCallStackDepth" => {
                let depth = command
                    .object()
                    .ok()
                    .and_then(|params| params["maxDepth"].as_i64());
                self.set_async_depth(depth.unwrap_or(0));
            }
            _ => {}
        }
    }
}

/// Events that say what has set them off.
const INITIATED: [&str; 2] = ["Network.requestWillBeSent", "Network.webSocketCreated"];

/// Frames of its stack that are told of.
const INITIATOR_FRAMES: usize = 200;

/// By which script an event was set off (`createInitiator` in Node's `src/inspector/network_agent.cc`). Scripts have the
/// names here that V8 has for them: the path of a CommonJS module, not its URL.
pub(super) fn initiator(scope: &mut v8::PinScope<'_, '_>, event: &str) -> Option<Value> {
    if !INITIATED.contains(&event) {
        return None;
    }
    let stack = v8::StackTrace::current_stack_trace(scope, INITIATOR_FRAMES)?;
    let mut frames = Vec::new();
    for index in 0..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            continue;
        };
        let name = frame.get_function_name(scope);
        let name = name.map(|name| name.to_rust_string_lossy(scope));
        let url = frame.get_script_name_or_source_url(scope);
        let url = url.map(|url| url.to_rust_string_lossy(scope));
        frames.push(json!({
            "functionName": name.unwrap_or_default(),
            "scriptId": frame.get_script_id().to_string(),
            "url": url.unwrap_or_default(),
            "lineNumber": frame.get_line_number().saturating_sub(1),
            "columnNumber": frame.get_column().saturating_sub(1),
        }));
    }
    Some(json!({ "type": "script", "stack": { "callFrames": frames } }))
}

/// Runs `work` with what the console of a debugger has besides V8's own (`installAdditionalCommandLineAPI`): `require`, as
/// a global for as long as the evaluation takes, unless there is one. V8's interface of Rust has no place for it.
pub(super) fn with_command_line<T>(
    scope: &mut v8::PinScope<'_, '_>,
    command: &Command<'_>,
    work: impl FnOnce(&mut v8::PinScope<'_, '_>) -> T,
) -> T {
    let installed = wants_command_line(command)
        .then(|| install_require(scope))
        .flatten();
    let result = work(scope);
    if let Some((global, key)) = installed {
        global.delete(scope, key.into());
    }
    result
}

fn wants_command_line(command: &Command<'_>) -> bool {
    let evaluates =
        ["Runtime.evaluate", "Debugger.evaluateOnCallFrame"].contains(&&*command.method);
    evaluates
        && command.members().is_ok_and(|members| {
            let is_on = members.get("includeCommandLineAPI");
            let elsewhere = ["contextId", "uniqueContextId"];
            is_on.is_some_and(|value| value.get() == "true")
                && !elsewhere.iter().any(|name| members.contains_key(*name))
        })
}

/// Makes the console's `require`, which stays the same from then on.
fn make_require<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Value>> {
    let env = Env::of(scope);
    let installer = env.function(scope, Slot::ConsoleExtensionInstaller)?;
    let target = v8::Object::new(scope);
    exception::catch(scope, |scope| {
        installer.call(scope, target.into(), &[target.into()])
    })
    .ok()?;
    let require = convert::get(scope, target, "require")?;
    env.set_slot(scope, Slot::ConsoleRequire, require);
    Some(require)
}

fn install_require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
) -> Option<(v8::Local<'s, v8::Object>, v8::Local<'s, v8::String>)> {
    let env = Env::of(scope);
    let context = env.context(scope);
    let global = context.global(scope);
    let key = env.name(scope, "require");
    if global.has(scope, key.into())? {
        return None;
    }
    let require = match env.slot(scope, Slot::ConsoleRequire) {
        Some(require) => require,
        None => make_require(scope)?,
    };
    let attributes = v8::PropertyAttribute::DONT_ENUM;
    global.define_own_property(scope, key.into(), require, attributes)?;
    Some((global, key))
}
