//! What the host attaches to a process that it starts through the API.

use std::cell::Cell;
use std::sync::Arc;

use parking_lot::Mutex;
use secure_exec_kernel::Process;

use crate::callback::{self, Args, Return, Scope};
use crate::embedder::options::Script;
use crate::env::{Env, Slot};
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, string};
use crate::memory::memory_guard;

/// The attachment of a process started by the host; plain `node` processes have none.
pub struct Invocation {
    /// An ES module to run in place of a file (UTF-8), until the program has taken it.
    code: Mutex<Option<Vec<u8>>>,
    has_code: bool,
    /// How it is read, and the file that it is taken for.
    source: Option<(String, Option<String>)>,
    /// See [`Invocation::with_internals`].
    has_internals: bool,
    /// Takes the JSON of each value that the guest hands to `globalThis.__return`.
    on_return: Option<OnReturn>,
}

type OnReturn = Box<dyn Fn(String) + Send + Sync>;

impl Invocation {
    /// An attachment with code to run and somebody who takes the values that are handed back.
    #[must_use]
    pub fn new(code: Option<Vec<u8>>, on_return: Option<OnReturn>) -> Invocation {
        Invocation {
            has_code: code.is_some(),
            code: Mutex::new(code),
            source: None,
            has_internals: false,
            on_return,
        }
    }

    /// How the code is read (`js`, `ts`, `cjs`, `auto`), and the file that it is taken for.
    #[must_use]
    pub fn with_source(self, language: String, filename: Option<String>) -> Invocation {
        Invocation {
            source: Some((language, filename)),
            ..self
        }
    }

    /// The code is the host's own: it may load modules of Node's library and evaluate ES modules.
    #[must_use]
    pub fn with_internals(self) -> Invocation {
        Invocation {
            has_internals: true,
            ..self
        }
    }
}

/// Text of at least this many bytes is kept outside V8's heap, which is smaller than a program may be.
const EXTERNAL_BYTES: usize = 256 << 10;

/// The command that the isolate runs.
#[derive(Default)]
struct Running(Cell<Option<Script>>);

/// The isolate runs a command that is not `node`, or none.
pub(crate) fn set_script(env: &Env, script: Option<Script>) {
    env.state::<Running>().0.set(script);
}

/// The command that is not `node` which the process runs.
pub(crate) fn script(env: &Env) -> Option<Script> {
    env.state::<Running>().0.get()
}

/// Whether the process runs code that is no argument.
pub(crate) fn has_code(env: &Env, process: &Process) -> bool {
    script(env).is_some() || of(process).is_some_and(|invocation| invocation.has_code)
}

/// Options that the code of the process needs besides those of any code.
pub(crate) fn code_options(process: &Process) -> &'static [&'static str] {
    match of(process) {
        Some(invocation) if invocation.has_internals => {
            &["--expose-internals", "--experimental-vm-modules"]
        }
        _ => &[],
    }
}

/// How the code of the process is read, and the file that it is taken for, if somebody has said so.
pub(crate) fn code_source(process: &Process) -> Option<(String, Option<String>)> {
    of(process).and_then(|invocation| invocation.source.clone())
}

/// The code of the process, for whoever asks for the option `--eval`.
pub(crate) fn code<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::String>> {
    let env = Env::of(scope);
    // Workers have a program of their own.
    let process = env.try_process().filter(|_| env.worker().is_none())?;
    let known = env.slot(scope, Slot::Code);
    if let Some(known) = known.and_then(|known| known.try_cast().ok()) {
        return Some(known);
    }
    let code = match script(&env) {
        Some(script) => (script.code)().as_bytes().to_vec(),
        None => of(&process)?.code.lock().take()?,
    };
    let text = source_text(scope, code);
    env.set_slot(scope, Slot::Code, text.into());
    Some(text)
}

/// Text as a string of V8's; what is long without a copy in V8's heap.
fn source_text<'s>(scope: &mut v8::PinScope<'s, '_>, text: Vec<u8>) -> v8::Local<'s, v8::String> {
    let made = if text.len() < EXTERNAL_BYTES {
        v8::String::new_from_utf8(scope, &text, v8::NewStringType::Normal)
    } else if text.is_ascii() {
        v8::String::new_external_onebyte(scope, text.into_boxed_slice())
    } else {
        let units: Vec<u16> = String::from_utf8_lossy(&text).encode_utf16().collect();
        v8::String::new_external_twobyte(scope, units.into_boxed_slice())
    };
    // The API takes no text that is longer than a string can be.
    made.unwrap_or_else(|| string(scope, ""))
}

fn of(process: &Process) -> Option<Arc<Invocation>> {
    process.attachment().cloned()?.downcast().ok()
}

fn attached(env: &Env) -> Option<Arc<Invocation>> {
    of(&env.process())
}

/// Defines the globals that the process's invocation asks for.
pub(crate) fn install(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    let Some(attachment) = attached(&env) else {
        return;
    };
    if attachment.on_return.is_some() {
        let template = v8::FunctionTemplate::new(scope, callback::function(return_value));
        let name = string(scope, "__return");
        template.set_class_name(name);
        if let Some(function) = template.get_function(scope) {
            let global = env.context(scope).global(scope);
            global.define_own_property(
                scope,
                name.into(),
                function.into(),
                v8::PropertyAttribute::DONT_ENUM,
            );
        }
    }
}

/// `globalThis.__return(value)`: `undefined` becomes null, what JSON cannot hold throws here.
fn return_value(scope: Scope, args: Args, _rv: Return) {
    let env = Env::of(scope);
    let Some(attachment) = attached(&env) else {
        return;
    };
    let Some(on_return) = &attachment.on_return else {
        return;
    };
    let value = args.get(0);
    if value.is_undefined() {
        on_return("null".to_owned());
        return;
    }
    let length = v8::Local::<v8::String>::try_from(value).map_or(0, |text| text.length());
    // V8 gives up the operating system process where a copy has no room.
    if !memory_guard::admit(length.saturating_mul(4)) {
        return;
    }
    let Some(json) = v8::json::stringify(scope, value) else {
        // JSON.stringify threw: cycle, BigInt, a getter of the guest's.
        return;
    };
    let json = convert::text(scope, json.into());
    if json == "undefined" && (value.is_function() || value.is_symbol()) {
        exception::throw(
            scope,
            ErrorKind::TypeError,
            "ERR_INVALID_ARG_TYPE",
            "__return() takes a value that JSON can hold, not a function or symbol",
        );
        return;
    }
    on_return(json);
}
