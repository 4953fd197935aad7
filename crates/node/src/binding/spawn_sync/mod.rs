//! `internalBinding('spawn_sync')`: runs a child while no JavaScript of the parent's runs. Follows Node's
//! `src/spawn_sync.cc`.

mod options;
mod runner;

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::exception::string;
use crate::js::{convert, permission, uv};
use crate::options::permission::Access;
use crate::process::child_process::Malformed;
use crate::process::exit;
use options::Request;
use runner::{Outcome, Runner};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition.function("spawn", spawn);
}

/// `spawn(options)`: `{ pid, status, signal, output, error? }`.
fn spawn(scope: Scope, args: Args, mut rv: Return) {
    let env = Env::of(scope);
    let Some(process) = env.try_process() else {
        return;
    };
    let request = Request::read(scope, args.get(0));
    if let Ok(Ok(request)) = &request
        && !permission::require(scope, Access::ChildProcess, &request.program.file)
    {
        return;
    }
    let outcome = match request {
        Err(Malformed) => return,
        Ok(Err(errno)) => Outcome::failed(errno),
        Ok(Ok(request)) => match Runner::start(&process, request) {
            Err(errno) => Outcome::failed(errno),
            Ok(mut runner) => {
                let finished = env
                    .event_loop
                    .block_on(std::future::poll_fn(|cx| runner.poll(cx)));
                if finished.is_none() {
                    // Killed meanwhile: nobody is left to hear of it.
                    exit::unwind_if_aborted(scope);
                    return;
                }
                runner.outcome()
            }
        },
    };
    let result = describe(scope, outcome);
    rv.set(result.into());
}

fn describe<'s>(scope: &mut v8::PinScope<'s, '_>, outcome: Outcome) -> v8::Local<'s, v8::Object> {
    let result = v8::Object::new(scope);
    let null: v8::Local<v8::Value> = v8::null(scope).into();
    if let Some(errno) = outcome.error {
        let number = v8::Integer::new(scope, uv::error(errno)).into();
        convert::set(scope, result, "error", number);
    }
    let signal = outcome.ending.and_then(|ending| ending.signal);
    let status = match outcome.ending {
        Some(ending) if signal.is_none() => v8::Integer::new(scope, ending.status.into()).into(),
        _ => null,
    };
    convert::set(scope, result, "status", status);
    let signal = match signal {
        Some(signal) => string(scope, &format!("{signal:?}")).into(),
        None => null,
    };
    convert::set(scope, result, "signal", signal);
    let output = if outcome.ending.is_some() {
        let mut elements: Vec<v8::Local<v8::Value>> = Vec::new();
        for bytes in outcome.output {
            elements.push(match bytes {
                Some(bytes) => convert::buffer(scope, bytes),
                None => null,
            });
        }
        v8::Array::new_with_elements(scope, &elements).into()
    } else {
        null
    };
    convert::set(scope, result, "output", output);
    let pid = v8::Integer::new(scope, outcome.pid).into();
    convert::set(scope, result, "pid", pid);
    result
}
