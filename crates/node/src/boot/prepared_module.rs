//! `__preparedModule`: for commands that run a WebAssembly module of which the embedder has the machine code.
//!
//! Without an argument it gives the module, or nothing; what it is made of is the embedder's and is reached by no guest. With a
//! module it gives the bytes that the embedder keeps: the length of its WebAssembly (64 bits, little-endian), that, and
//! the code of what of it has run. With the word `script` it gives the bytes for the large ES module that the program has
//! compiled, whose code cache is used where its text comes again ([`kept_script`]). The command takes the function off the globals before it runs anything else.

use crate::binding::module_wrap::kept_script;
use crate::callback::{self, Args, Return, Scope};
use crate::env::Env;
use crate::js::exception::string;
use crate::js::{convert, machine_code};
use crate::memory::memory_guard;
use crate::process::invocation;

const NAME: &str = "__preparedModule";

/// What the embedder calls the bytes.
const FILE: &str = "module";

/// Defines the global in the processes of commands that have such a module.
pub(crate) fn install(scope: &mut v8::PinScope<'_, '_>) {
    let env = Env::of(scope);
    if !invocation::script(&env).is_some_and(|script| script.has_module) {
        return;
    }
    let template = v8::FunctionTemplate::new(scope, callback::function(prepared_module));
    if let Some(function) = template.get_function(scope) {
        let global = env.context(scope).global(scope);
        let name = string(scope, NAME).into();
        global.set(scope, name, function.into());
    }
}

fn prepared_module(scope: Scope, args: Args, mut rv: Return) {
    if let Ok(module) = v8::Local::<v8::WasmModuleObject>::try_from(args.get(0)) {
        if let Some(bytes) = bytes(module)
            && memory_guard::admit(bytes.len())
        {
            rv.set(convert::buffer(scope, bytes));
        }
        return;
    }
    if args.get(0).is_string() {
        if let Some(bytes) = kept_script::bytes(scope)
            && memory_guard::admit(bytes.len())
        {
            rv.set(convert::buffer(scope, bytes));
        }
        return;
    }
    if let Some(module) = module(scope) {
        rv.set(module.into());
    }
}

fn bytes(module: v8::Local<'_, v8::WasmModuleObject>) -> Option<Vec<u8>> {
    let module = module.get_compiled_module();
    machine_code::optimize(&module);
    let code = machine_code::serialize(&module)?;
    let wire_bytes = module.get_wire_bytes_ref();
    let length = (wire_bytes.len() as u64).to_le_bytes();
    Some([&length, wire_bytes, &code].concat())
}

fn module<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
    let program = Env::of(scope).program()?;
    let kept = &program.options.kept_module;
    let known = kept.with(|module| v8::WasmModuleObject::from_compiled_module(scope, module));
    if let Some(known) = known {
        return known;
    }
    let file = program.options.host.as_ref()?.prepared(FILE)?;
    let (wire_bytes, code) = split(&file)?;
    // V8 copies both.
    if !memory_guard::admit(file.len()) {
        return None;
    }
    let module = machine_code::deserialize(scope, wire_bytes, code)?;
    kept.keep(module.get_compiled_module());
    Some(module)
}

/// WebAssembly and code.
fn split(file: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_file_is_split_by_its_length_or_not_at_all() {
        let file = [&3u64.to_le_bytes(), &b"abcde"[..]].concat();
        assert_eq!(split(&file), Some((&b"abc"[..], &b"de"[..])));
        assert_eq!(split(&file[..10]), None);
        assert_eq!(split(&file[..7]), None);
        assert_eq!(split(&[0xff; 12]), None);
    }
}
