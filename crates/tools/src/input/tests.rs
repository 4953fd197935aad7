use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

fn check(schema: &Value, input: &str) -> Verdict {
    Schema::compile(&schema.to_string()).unwrap().check(input)
}

fn errors(schema: &Value, input: &str) -> Vec<String> {
    match check(schema, input) {
        Verdict::Invalid(errors) => errors,
        other => panic!("{input}: {other:?}"),
    }
}

/// Schemas of trees that go through more than one branch.
fn trees() -> Vec<Value> {
    let expr = json!({ "$ref": "#/$defs/expr" });
    let branch = |op: &str| json!({ "type": "object", "properties": { "left": expr, "op": { "const": op } }, "required": ["op"] });
    let leaf = json!({ "type": "object", "properties": { "value": { "type": "number" } }, "required": ["value"], "additionalProperties": false });
    let of = |keyword: &str| json!({ "$ref": "#/$defs/expr", "$defs": { "expr": { keyword: [branch("and"), branch("or"), leaf] } } });
    let unevaluated = json!({ "$ref": "#/$defs/expr", "$defs": { "expr": { "type": "object",
        "allOf": [{ "properties": { "left": expr } }, { "properties": { "left": expr } }],
        "unevaluatedProperties": false, "properties": { "op": {}, "value": { "type": "number" } } } } });
    let this = json!({ "$dynamicRef": "#node" });
    let dynamic = json!({ "$id": "http://x/y", "$dynamicAnchor": "node", "anyOf": [
        { "type": "object", "properties": { "left": this, "op": { "const": "and" } }, "required": ["op"] },
        { "type": "object", "properties": { "left": this, "op": { "const": "or" } }, "required": ["op"] },
        leaf ] });
    let nots = json!({ "$defs": { "expr": { "not": { "anyOf": [{ "properties": { "left": expr } }, { "properties": { "left": { "not": expr } } }] } } }, "$ref": "#/$defs/expr" });
    vec![of("oneOf"), of("anyOf"), unevaluated, dynamic, nots]
}

#[test]
fn trees_with_many_branches_end() {
    for schema in trees() {
        for leaf in [r#"{"value":1}"#, r#"{"value":"no"}"#, r#"{"bogus":1}"#] {
            let schema = Schema::compile(&schema.to_string()).unwrap();
            for depth in 1..=63 {
                let input = format!(
                    "{}{leaf}{}",
                    r#"{"left":"#.repeat(depth),
                    r#","op":"or"}"#.repeat(depth)
                );
                let start = Instant::now();
                let verdict = schema.check(&input);
                // Milliseconds on an idle machine; without a bound days.
                assert!(
                    start.elapsed() < Duration::from_secs(5),
                    "depth {depth}: {verdict:?}"
                );
                if let Verdict::Refused(reason) = verdict {
                    assert_eq!(reason, "it is too complex for the schema of the tool");
                }
            }
        }
    }
}

#[test]
fn small_trees_are_still_checked() {
    let schema = &trees()[1];
    let input = |leaf: &str| format!(r#"{{"left":{{"left":{leaf},"op":"and"}},"op":"or"}}"#);
    assert_eq!(
        check(schema, &input(r#"{"value":1}"#)),
        Verdict::Valid(None)
    );
    assert!(!errors(schema, &input(r#"{"value":"no"}"#)).is_empty());
}

#[test]
fn references_in_place_without_end_end() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "anyOf": [{ "$ref": "#/$defs/a" }], "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "allOf": [{ "$ref": "#/$defs/a" }] } } }),
        json!({ "$dynamicAnchor": "me", "allOf": [{ "$dynamicRef": "#me" }] }),
    ] {
        if let Ok(compiled) = Schema::compile(&schema.to_string()) {
            let verdict = compiled.check(r#"{"a":{}}"#);
            assert!(
                !matches!(verdict, Verdict::Refused(ref why) if why.contains("JSON:")),
                "{schema}: {verdict:?}"
            );
        }
    }
}

#[test]
fn large_inputs_have_steps_enough() {
    let schema = json!({ "type": "array", "items": { "anyOf": [
        { "type": "string" },
        { "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] },
        { "type": "object", "additionalProperties": false } ] } });
    let input = format!("[{}{{}}]", "{},".repeat(349_000));
    assert_eq!(check(&schema, &input), Verdict::Valid(None));
    let wrong = format!("[{}{{}}]", "1,".repeat(349_000));
    assert_eq!(errors(&schema, &wrong).len(), 1);
}

#[test]
fn patterns_go_back_a_bounded_number_of_times() {
    let schema = json!({ "type": "string", "pattern": "^(?=(a+)+$)(a|a)*\\1b" });
    let start = Instant::now();
    assert!(matches!(
        check(&schema, &format!("\"{}\"", "a".repeat(5000))),
        Verdict::Invalid(_)
    ));
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// What a guest gives is as long as it likes; one pass over it for each place would take minutes.
#[test]
fn patterns_that_look_around_take_no_longer_on_long_texts() {
    for pattern in ["(?<!x)[a-z]+@", "(?=.*[A-Z])(?=.*[0-9]).{8,}", "(a+)+\\1b"] {
        let one = json!({ "type": "string", "pattern": pattern });
        let many = json!({ "items": { "pattern": pattern } });
        let members = json!({ "patternProperties": { pattern: false } });
        let part = format!("\"{}\"", "a".repeat(9000));
        let start = Instant::now();
        let text = format!("\"{}\"", "a".repeat(1 << 20));
        assert!(matches!(check(&one, &text), Verdict::Invalid(_)));
        let list = format!("[{}{part}]", format!("{part},").repeat(100));
        assert!(matches!(check(&many, &list), Verdict::Invalid(_)));
        let _ = check(&members, &format!("{{{part}:1}}"));
        assert!(start.elapsed() < Duration::from_secs(10), "{pattern}");
    }
}

#[test]
fn patterns_of_passwords_work_on_what_people_type() {
    let schema = json!({ "pattern": "(?=.*[A-Z])(?=.*[0-9]).{8,}" });
    assert_eq!(check(&schema, r#""correct Horse 9""#), Verdict::Valid(None));
    assert_eq!(errors(&schema, r#""correct horse""#).len(), 1);
}

#[test]
fn formats_are_checked() {
    let schema = json!({ "properties": { "when": { "type": "string", "format": "date-time" }, "mail": { "format": "email" }, "other": { "format": "nobody-knows" } } });
    assert_eq!(
        check(
            &schema,
            r#"{"when":"2024-02-29T12:00:00Z","mail":"a@example.com","other":"x"}"#
        ),
        Verdict::Valid(None)
    );
    assert_eq!(
        errors(&schema, r#"{"when":"nonsense","mail":"no"}"#).len(),
        2
    );
    assert!(errors(&schema, r#"{"when":"2023-02-29T12:00:00Z"}"#)[0].starts_with("/when: "));
}

#[test]
fn defaults_are_filled_in_before_the_check() {
    let schema = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer", "default": 3 }, "list": { "items": { "properties": { "m": { "default": "x" } } } } } });
    assert_eq!(
        check(&schema, "{}"),
        Verdict::Valid(Some(r#"[[["n"],3]]"#.into()))
    );
    assert_eq!(
        check(&schema, r#"{"n":1,"list":[{"m":1},{}]}"#),
        Verdict::Valid(Some(r#"[[["list",1,"m"],"x"]]"#.into()))
    );
    let wrong = json!({ "properties": { "n": { "type": "integer", "default": "three" } } });
    assert_eq!(errors(&wrong, "{}").len(), 1);
    let endless = json!({ "properties": { "next": { "$ref": "#", "default": {} } } });
    assert_eq!(
        Schema::compile(&endless.to_string()).err(),
        Some("its defaults have no end".into())
    );
}

#[test]
fn what_would_be_changed_is_refused() {
    let schema = json!({ "properties": { "id": { "type": "integer" } } });
    assert!(
        matches!(check(&schema, r#"{"id":9007199254740993}"#), Verdict::Refused(why) if why.starts_with("9007199254740993 is"))
    );
    assert_eq!(
        check(&schema, r#"{"id":9007199254740991}"#),
        Verdict::Valid(None)
    );
    assert!(matches!(
        check(&schema, r#"{"id":1e400}"#),
        Verdict::Refused(_)
    ));
    assert!(matches!(check(&schema, r#"{"id":"#), Verdict::Refused(_)));
}

#[test]
fn schemas_that_are_none_and_other_documents_are_refused() {
    for schema in [
        json!({ "type": 5 }),
        json!({ "$ref": "http://127.0.0.1:1/" }),
        json!({ "$ref": "#/nowhere" }),
        json!({ "pattern": "(" }),
    ] {
        assert!(Schema::compile(&schema.to_string()).is_err(), "{schema}");
    }
}

#[test]
fn errors_are_short() {
    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    let all = errors(
        &json!({ "properties": { "a": { "type": "integer" } } }),
        &long,
    );
    assert!(all[0].len() < 600);
}

#[test]
fn a_late_mistake_in_a_large_input_is_told_in_general() {
    let schema =
        json!({ "type": "array", "items": { "anyOf": [{ "type": "number" }, { "const": "a" }] } });
    let many = format!("[{}\"b\"]", "1,".repeat(100_000));
    assert_eq!(
        errors(&schema, &many),
        ["it does not match the schema of the tool"]
    );
}
