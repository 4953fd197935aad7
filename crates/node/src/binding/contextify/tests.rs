//! The binding alone, in an isolate without Node's library.

use crate::binding::test_isolate::with_bindings;

/// Runs `code` with `contextify`, `privateSymbol` and `id` in scope and returns its value as text.
fn run(code: &str) -> String {
    with_bindings(|scope, _| {
        scope.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        let prelude = "const {ContextifyScript, compileFunction, makeContext, compileFunctionForCJSLoader, \
                       containsModuleSyntax} = internalBinding('contextify'); const id = Symbol('id');\
                       const script = (code) => new ContextifyScript(code, 'f.js', 0, 0, undefined, false, undefined, \
                       id);\
                       const runIn = (sandbox, code, timeout = -1) => script(code).runInContext(sandbox, timeout, \
                       true, false, false);\
                       const make = (sandbox, own = false) => makeContext(sandbox, 'n', undefined, true, true, own, \
                       id);\n";
        let source = v8::String::new(scope, &format!("{prelude}{code}")).unwrap();
        v8::tc_scope!(let scope, scope);
        let value = v8::Script::compile(scope, source, None).and_then(|script| script.run(scope));
        match value {
            Some(value) => value.to_rust_string_lossy(scope),
            None => scope
                .exception()
                .map_or("terminated".to_owned(), |e| e.to_rust_string_lossy(scope)),
        }
    })
}

#[test]
fn script_runs_in_the_main_context() {
    assert_eq!(run("runIn(null, 'globalThis.a = 20; a + 1')"), "21");
}

#[test]
fn sandbox_backs_the_globals_of_its_context() {
    let code = "const sandbox = {a: 1}; make(sandbox); runIn(sandbox, 'a += 1; b = a * 10; var c = 3; this.d = 4');
                JSON.stringify(sandbox)";
    assert_eq!(run(code), r#"{"a":2,"b":20,"c":3,"d":4}"#);
}

#[test]
fn global_this_of_a_context_hides_the_sandbox() {
    let code = "const sandbox = {}; make(sandbox); sandbox.self = sandbox;
                runIn(sandbox, 'self === globalThis && Object.keys(globalThis).join()')";
    assert_eq!(run(code), "self");
}

#[test]
fn contexts_have_their_own_intrinsics() {
    assert_eq!(
        run("const s = {}; make(s); String(runIn(s, '[]') instanceof Array)"),
        "false"
    );
}

#[test]
fn vanilla_context_returns_its_global() {
    let code = "const g = make(Symbol()); runIn(g, 'var x = 7; globalThis') === g && g.x";
    assert_eq!(run(code), "7");
}

#[test]
fn indexed_names_reach_the_sandbox() {
    let code = "const s = {5: 'five'}; make(s); runIn(s, 'this[6] = this[5] + 1; delete this[5]');
                JSON.stringify(s)";
    assert_eq!(run(code), r#"{"6":"five1"}"#);
}

#[test]
fn endless_script_times_out_with_an_error_and_the_caller_goes_on() {
    let code = "let e; try { runIn(null, 'for (;;) {}', 20) } catch (error) { e = error } e.code + ' ' + e.message";
    assert_eq!(
        run(code),
        "ERR_SCRIPT_EXECUTION_TIMEOUT Script execution timed out after 20ms"
    );
}

#[test]
fn own_microtask_queue_is_drained_after_the_script() {
    let code = "const s = {out: []}; make(s, true);
                runIn(s, 'Promise.resolve().then(() => out.push(2)); out.push(1)'); s.out.join()";
    assert_eq!(run(code), "1,2");
}

#[test]
fn syntax_error_carries_its_source_frame() {
    let code = "let e; try { script('let let = 1') } catch (error) { e = error } e.stack.split('\\n', 3).join('|')";
    assert_eq!(run(code), "f.js:1|let let = 1|    ^^^");
}

#[test]
fn commonjs_loader_tells_modules_from_errors() {
    let code = "[['return 1'], ['import \"a\"'], ['const require = 1; export {}'], ['await 1'], ['let a = ;']].map(([c]) => {
                  try { return compileFunctionForCJSLoader(c, '/a.js', false, true).canParseAsESM }
                  catch (e) { return e.name } }).join()";
    assert_eq!(run(code), "false,true,true,true,SyntaxError");
}

#[test]
fn compiled_function_sees_parameters_and_extensions() {
    let code = "compileFunction('return a + b', 'f.js', 0, 0, undefined, false, undefined, [{b: 2}], ['a'], id)
                .function(1)";
    assert_eq!(run(code), "3");
}

#[test]
fn code_cache_is_produced_and_accepted() {
    let code = "const a = new ContextifyScript('1 + 1', 'f.js', 0, 0, undefined, true, undefined, id);
                const b = new ContextifyScript('1 + 1', 'f.js', 0, 0, a.cachedData, false, undefined, id);
                [a.cachedDataProduced, b.cachedDataRejected].join()";
    assert_eq!(run(code), "true,false");
}

#[test]
fn nonsense_arguments_throw() {
    let code = "[() => new ContextifyScript(), () => makeContext(), () => makeContext(1, 2, 3, 4, 5, 6, 7),
                 () => compileFunction(1), () => ContextifyScript.prototype.runInContext.call({}, null),
                 () => containsModuleSyntax(), () => compileFunctionForCJSLoader({}, {})]
                .every((f) => { try { f(); return false } catch { return true } })";
    assert_eq!(run(code), "true");
}
