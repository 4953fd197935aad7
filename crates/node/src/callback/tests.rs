//! Every kind of callback, with one that fails in it.

use crate::binding::test_isolate::with_bindings;

/// What `code` throws, as `code: message`; `defects` is the binding whose functions fail.
fn thrown(code: &str) -> String {
    with_bindings(|scope, _| {
        let source = format!(
            "const defects = internalBinding('secure_exec_defects'); const {{Defect}} = defects;
             try {{ {code}; 'nothing' }} catch (error) {{ `${{error.code}}: ${{error.message}}` }}"
        );
        let source = v8::String::new(scope, &source).unwrap();
        let script = v8::Script::compile(scope, source, None).unwrap();
        script.run(scope).unwrap().to_rust_string_lossy(scope)
    })
}

fn assert_contained(codes: &[&str]) {
    for code in codes {
        assert_eq!(
            thrown(code),
            "ERR_INTERNAL_ASSERTION: internal error",
            "{code}"
        );
    }
}

#[test]
fn functions_and_classes() {
    assert_contained(&[
        "defects.call()",
        "defects.borrowTwice()",
        "new Defect(true)",
        "new Defect(false).method()",
        "new Defect(false).getter",
        "new Defect(false).accessor",
        "new Defect(false).accessor = 1",
        "Defect.of()",
        "[1].map(() => defects.call())",
    ]);
}

#[test]
fn property_handlers() {
    for key in ["'name'", "'0'"] {
        assert_contained(&[
            &format!("defects.handlers()[{key}]"),
            &format!("defects.handlers()[{key}] = 1"),
            &format!("{key} in defects.handlers()"),
            &format!("delete defects.handlers()[{key}]"),
            &format!("Object.defineProperty(defects.handlers(), {key}, {{value: 1}})"),
            &format!("Object.getOwnPropertyDescriptor(defects.handlers(), {key})"),
        ]);
    }
    assert_contained(&["Object.keys(defects.handlers())"]);
}

#[test]
fn data_accessors() {
    assert_contained(&["defects.accessor().value", "defects.accessor().value = 1"]);
}

#[test]
fn delegates_of_serializers() {
    assert_contained(&["defects.serialize(() => {})"]);
}

#[test]
fn collections_go_on() {
    assert_eq!(thrown("defects.collect()"), "nothing");
}

#[test]
fn what_failed_once_works_again() {
    let code = "try { new Defect(true) } catch {} new Defect(false); throw new Error('fine')";
    assert_eq!(thrown(code), "undefined: fine");
}
