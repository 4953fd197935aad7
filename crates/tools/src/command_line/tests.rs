use secure_exec_protocol::ToolExample;
use serde_json::json;

use super::*;

fn tool(schema: &Value) -> Tool {
    Tool {
        name: "weather".into(),
        description: "Tells the weather.".into(),
        schema: schema.to_string(),
        examples: vec![
            ToolExample {
                description: None,
                input: r#"{"city":"Paris"}"#.into(),
            },
            ToolExample {
                description: Some("It's\ntomorrow".into()),
                input: r#"{"city":"L'Isle"}"#.into(),
            },
        ],
        ..Tool::default()
    }
}

fn weather() -> Value {
    json!({
        "type": "object",
        "required": ["city"],
        "properties": {
            "city": { "type": "string", "description": "Where" },
            "days": { "type": "integer", "minimum": 1, "default": 3 },
            "maxItems": { "type": "number" },
            "verbose": { "type": "boolean" },
            "tags": { "type": "array", "items": { "type": "string" } },
            "color": { "enum": ["red", "green", 3, null], "description": "Which" },
            "near": { "type": "object" },
            "any": {},
            "__proto__": { "type": "string" },
        },
    })
}

fn line_of(schema: &Value, words: &[&str]) -> Result<Line, String> {
    let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    parse(&tool(schema), "weather", &words)
}

fn line(words: &[&str]) -> Result<Line, String> {
    line_of(&weather(), words)
}

/// The input as text, so that digits count.
fn input_of(schema: &Value, words: &[&str]) -> String {
    match line_of(schema, words) {
        Ok(Line::Input(json)) => json,
        other => panic!("{words:?}: {other:?}"),
    }
}

/// The value of a lone property `x` with this schema.
fn x(schema: &Value, words: &[&str]) -> String {
    let schema = json!({ "type": "object", "properties": { "x": schema } });
    let input = input_of(&schema, words);
    let inner = input.strip_prefix("{\"x\":").unwrap();
    inner.strip_suffix('}').unwrap().to_owned()
}

fn x_refused(schema: &Value, words: &[&str]) -> String {
    let schema = json!({ "type": "object", "properties": { "x": schema } });
    line_of(&schema, words).unwrap_err()
}

#[test]
fn flags_have_the_types_of_the_schema() {
    let words = [
        "--city",
        "42",
        "--days=3",
        "--max-items",
        "1.5",
        "--verbose",
        "--tags",
        "a",
        "--tags",
        "b",
        "--near",
        r#"{"x":1}"#,
        "--any",
        "[1]",
    ];
    assert_eq!(
        input_of(&weather(), &words),
        r#"{"city":"42","days":3,"maxItems":1.5,"verbose":true,"tags":["a","b"],"near":{"x":1},"any":[1]}"#
    );
    assert_eq!(
        input_of(&weather(), &["--no-verbose"]),
        r#"{"verbose":false}"#
    );
    assert_eq!(
        input_of(&weather(), &["--any", "plain"]),
        r#"{"any":"plain"}"#
    );
    assert_eq!(
        input_of(&weather(), &["--__proto__", "x"]),
        r#"{"__proto__":"x"}"#
    );
}

#[test]
fn values_may_be_empty_or_begin_with_a_dash() {
    let string = json!({ "type": "string" });
    assert_eq!(x(&string, &["--x", ""]), r#""""#);
    assert_eq!(x(&string, &["--x="]), r#""""#);
    assert_eq!(x(&string, &["--x", "-1"]), r#""-1""#);
    assert_eq!(x(&string, &["--x", "--x"]), r#""--x""#);
    assert_eq!(x(&string, &["--x=a=b"]), r#""a=b""#);
    assert_eq!(
        x(&json!({ "type": "number" }), &["--x", "-1.5e3"]),
        "-1.5e3"
    );
    assert_eq!(x(&json!({ "type": "integer" }), &["--x=-7"]), "-7");
    assert_eq!(
        x_refused(&json!({ "type": "number" }), &["--x", ""]),
        r#"--x must be a number, not """#
    );
}

#[test]
fn the_first_alternative_that_can_take_the_text_does() {
    let nullable = [
        json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
        json!({ "oneOf": [{ "type": "null" }, { "type": "string" }] }),
        json!({ "type": ["string", "null"] }),
        json!({ "type": "string", "nullable": true }),
        json!({ "allOf": [{ "type": ["string", "null"] }, { "minLength": 1 }] }),
    ];
    for schema in nullable {
        assert_eq!(x(&schema, &["--x", "12345"]), r#""12345""#, "{schema}");
        assert_eq!(x(&schema, &["--x", "true"]), r#""true""#, "{schema}");
        assert_eq!(x(&schema, &["--x", "[1]"]), r#""[1]""#, "{schema}");
    }
    let number = json!({ "anyOf": [{ "type": "number" }, { "type": "string" }] });
    assert_eq!(x(&number, &["--x", "5"]), "5");
    assert_eq!(x(&number, &["--x", "five"]), r#""five""#);
    let maybe = json!({ "type": ["integer", "null"] });
    assert_eq!(x(&maybe, &["--x", "5"]), "5");
    assert_eq!(x(&maybe, &["--x", "null"]), "null");
    assert_eq!(
        x_refused(&maybe, &["--x", "5.5"]),
        r#"--x must be an integer or null, not "5.5""#
    );
    let auto = json!({ "anyOf": [{ "enum": ["auto"] }, { "type": "integer" }] });
    assert_eq!(x(&auto, &["--x", "auto"]), r#""auto""#);
    assert_eq!(x(&auto, &["--x", "5"]), "5");
    // A part that says nothing of the type leaves it to the others.
    let partly = json!({ "anyOf": [{}, { "type": "string" }] });
    assert_eq!(x(&partly, &["--x", "5"]), r#""5""#);
}

#[test]
fn listed_values_are_taken_by_their_text() {
    let schema = json!({ "enum": ["red", "5", 5, 1.5, true, null, "null"] });
    for (text, json) in [
        ("red", "\"red\""),
        ("5", "\"5\""),
        ("1.5", "1.5"),
        ("null", "\"null\""),
    ] {
        assert_eq!(x(&schema, &["--x", text]), json);
    }
    assert_eq!(x(&schema, &["--x=true"]), "true");
    let titled = json!({ "oneOf": [{ "const": "a", "title": "A" }, { "const": 2 }] });
    assert_eq!(x(&titled, &["--x", "2"]), "2");
    assert_eq!(
        x_refused(&titled, &["--x", "b"]),
        r#"--x must be a or 2, not "b""#
    );
}

#[test]
fn numbers_keep_their_digits() {
    let integer = json!({ "type": "integer" });
    let large = "9007199254740993";
    assert_eq!(x(&integer, &["--x", large]), large);
    let larger = "123456789012345678901234567890";
    assert_eq!(x(&integer, &["--x", larger]), larger);
    assert_eq!(x(&json!({}), &["--x", larger]), larger);
    assert_eq!(x(&integer, &["--x", "3.0"]), "3.0");
    let list = json!({ "type": "array", "items": integer });
    assert_eq!(
        x(&list, &["--x", &format!("[{large}]"), "--x", "2"]),
        format!("[{large},2]")
    );
    for text in ["3.5", "1e400", "0x10", "007", "+5", "5 apples", "NaN", ""] {
        let refused = x_refused(&integer, &["--x", text]);
        assert_eq!(refused, format!("--x must be an integer, not {text:?}"));
    }
}

#[test]
fn arrays_take_elements_or_json() {
    let strings = json!({ "type": "array", "items": { "type": "string" } });
    assert_eq!(x(&strings, &["--x", "a"]), r#"["a"]"#);
    assert_eq!(x(&strings, &["--x", "1", "--x=a,b"]), r#"["1","a,b"]"#);
    assert_eq!(
        x(&strings, &["--x", r#"["a"]"#, "--x", "b"]),
        r#"["a","b"]"#
    );
    assert_eq!(x(&strings, &["--x=[]"]), "[]");
    assert_eq!(x(&strings, &["--x", "[1]", "--x", "[a"]), r#"["[1]","[a"]"#);
    assert_eq!(x(&strings, &["--x", ""]), r#"[""]"#);
    let numbers = json!({ "type": "array", "items": { "type": "number" } });
    assert_eq!(x(&numbers, &["--x", "1", "--x", "-2.5"]), "[1,-2.5]");
    assert_eq!(
        x_refused(&numbers, &["--x", "1", "--x", "two"]),
        r#"--x must be a number each time, not "two""#
    );
    let listed = json!({ "type": "array", "items": { "enum": ["a", "b"] } });
    assert_eq!(x(&listed, &["--x", "a", "--x", "b"]), r#"["a","b"]"#);
    assert!(x_refused(&listed, &["--x", "c", "--x", "b"]).contains("a or b each time, not \"c\""));
    let rows =
        json!({ "type": "array", "items": { "type": "array", "items": { "type": "integer" } } });
    assert_eq!(x(&rows, &["--x", "[1,2]", "--x", "[3]"]), "[[1,2],[3]]");
    assert_eq!(x(&rows, &["--x", "[[1,2],[3]]"]), "[[1,2],[3]]");
    let pair =
        json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }] });
    assert_eq!(x(&pair, &["--x", "1", "--x", "2"]), r#"["1",2]"#);
    let either = json!({ "anyOf": [{ "type": "string" }, strings] });
    assert_eq!(x(&either, &["--x", "a"]), r#""a""#);
    assert_eq!(x(&either, &["--x", "a", "--x", "b"]), r#"["a","b"]"#);
    let maybe = json!({ "type": ["array", "null"], "items": { "type": "integer" } });
    assert_eq!(x(&maybe, &["--x", "1"]), "[1]");
    assert_eq!(
        x_refused(&json!({ "type": "string" }), &["--x", "a", "--x", "b"]),
        "--x takes one value, and it is given 2 times"
    );
}

#[test]
fn booleans_stand_alone_or_take_a_value() {
    let schema = json!({ "type": "boolean" });
    assert_eq!(x(&schema, &["--x"]), "true");
    assert_eq!(x(&schema, &["--x=false"]), "false");
    assert_eq!(x(&schema, &["--x", "false"]), "false");
    assert_eq!(x(&schema, &["--no-x"]), "false");
    assert_eq!(x(&json!({ "type": ["boolean", "null"] }), &["--x"]), "true");
    let maybe = json!({ "anyOf": [{ "type": "boolean" }, { "type": "string" }] });
    assert_eq!(x(&maybe, &["--x"]), "true");
    assert_eq!(x(&maybe, &["--x", "auto"]), r#""auto""#);
    assert_eq!(x(&maybe, &["--no-x"]), "false");
    assert_eq!(x_refused(&schema, &["--no-x=1"]), "--no-x takes no value");
    assert!(x_refused(&schema, &["--x=yes"]).contains("true or false"));
    let both = json!({ "type": "object", "properties": {
        "cache": { "type": "boolean" }, "noCache": { "type": "string" } } });
    assert_eq!(input_of(&both, &["--no-cache", "x"]), r#"{"noCache":"x"}"#);
}

#[test]
fn objects_take_parts_or_json() {
    let schema = json!({ "type": "object", "properties": {
        "userOptions": { "type": "object", "properties": {
            "maxItems": { "type": "integer" }, "deep": { "type": "object", "properties": { "on": { "type": "boolean" } } } } },
        "env": { "type": "object", "additionalProperties": { "type": "string" } },
        "maybe": { "anyOf": [{ "type": "object", "properties": { "n": { "type": "integer" } } }, { "type": "null" }] },
        "dotted.name": { "type": "integer" },
    } });
    assert_eq!(
        input_of(
            &schema,
            &[
                "--user-options.max-items",
                "3",
                "--userOptions.deep.on",
                "--env.A=1",
                "--env.a.b",
                "2"
            ]
        ),
        r#"{"userOptions":{"maxItems":3,"deep":{"on":true}},"env":{"A":"1","a.b":"2"}}"#
    );
    assert_eq!(
        input_of(&schema, &["--no-user-options.deep.on"]),
        r#"{"userOptions":{"deep":{"on":false}}}"#
    );
    assert_eq!(
        input_of(&schema, &["--maybe.n", "1"]),
        r#"{"maybe":{"n":1}}"#
    );
    assert_eq!(input_of(&schema, &["--maybe", "null"]), r#"{"maybe":null}"#);
    assert_eq!(
        input_of(&schema, &["--dotted.name", "1"]),
        r#"{"dotted.name":1}"#
    );
    assert_eq!(
        line_of(&schema, &["--env", "{}", "--env.A", "1"]),
        Err("--env.A is given as a whole and in parts".into())
    );
    assert_eq!(
        line_of(&schema, &["--user-options.nope", "1"])
            .map_err(|told| told.contains("unknown flag --user-options.nope")),
        Err(true)
    );
    let map = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
    assert_eq!(input_of(&map, &["--A_b", "1"]), r#"{"A_b":1}"#);
}

#[test]
fn references_and_combinations_give_flags() {
    let schema = json!({
        "$ref": "#/$defs/query",
        "$defs": {
            "id": { "$anchor": "id", "type": ["string", "null"] },
            "query": {
                "allOf": [
                    { "properties": { "zip": { "$ref": "#id" }, "size": { "minimum": 1 } } },
                    { "properties": { "size": { "type": "integer" } }, "required": ["zip"] },
                ],
                "oneOf": [
                    { "properties": { "kind": { "const": "a" }, "left": { "type": "string" } } },
                    { "properties": { "kind": { "const": "b" }, "right": { "$ref": "#/$defs/query" } } },
                ],
            },
        },
    });
    assert_eq!(
        input_of(
            &schema,
            &[
                "--zip",
                "1",
                "--size",
                "2",
                "--kind",
                "b",
                "--left",
                "3",
                "--right.left",
                "4"
            ]
        ),
        r#"{"zip":"1","size":2,"kind":"b","left":"3","right":{"left":"4"}}"#
    );
    assert!(
        line_of(&schema, &["--kind", "c"])
            .unwrap_err()
            .contains("a or b")
    );
    let Ok(Line::Help(help)) = line_of(&schema, &["--help"]) else {
        panic!()
    };
    assert!(help.contains("--zip <string|null>"), "{help}");
    assert!(help.contains("--kind <a|b>"), "{help}");
    // References that run in circles say nothing.
    let circle = json!({ "$ref": "#", "properties": { "x": { "$ref": "#/properties/x" } } });
    assert_eq!(input_of(&circle, &["--x", "1"]), r#"{"x":1}"#);
    let tree = json!({ "$defs": { "t": { "anyOf": [{ "$ref": "#/$defs/t" }, { "$ref": "#/$defs/t" }, { "type": "string" }] } },
        "properties": { "x": { "$ref": "#/$defs/t" } } });
    assert_eq!(input_of(&tree, &["--x", "1"]), r#"{"x":"1"}"#);
}

#[test]
fn names_have_flags_in_every_spelling() {
    let schema = json!({ "type": "object", "properties": {
        "URL": { "type": "string" }, "HTMLPage": {}, "userID": {}, "parseHTML2JSON": {}, "snake_case": {}, "$filter": {} } });
    for (flag, name) in [
        ("url", "URL"),
        ("URL", "URL"),
        ("u-r-l", "URL"),
        ("html-page", "HTMLPage"),
        ("user-id", "userID"),
        ("userID", "userID"),
        ("parse-html2-json", "parseHTML2JSON"),
        ("parse-html2json", "parseHTML2JSON"),
        ("parse-html-2-json", "parseHTML2JSON"),
        ("snake-case", "snake_case"),
        ("snake_case", "snake_case"),
        ("snakeCase", "snake_case"),
        ("filter", "$filter"),
        ("$filter", "$filter"),
    ] {
        assert_eq!(
            input_of(&schema, &[&format!("--{flag}=a")]),
            format!(r#"{{"{name}":"a"}}"#)
        );
    }
}

#[test]
fn names_that_collide_are_given_themselves() {
    let schema = json!({ "type": "object", "properties": { "userId": {}, "user_id": {}, "json": {}, "help": {} } });
    assert_eq!(
        input_of(&schema, &["--userId=a", "--user_id=b"]),
        r#"{"userId":"a","user_id":"b"}"#
    );
    assert_eq!(
        line_of(&schema, &["--user-id=a"]),
        Err("--user-id can mean --userId or --user_id: give the name itself".into())
    );
    let Ok(Line::Help(help)) = line_of(&schema, &["--help"]) else {
        panic!()
    };
    assert!(
        help.contains("  --userId <value>\n  --user_id <value>\n"),
        "{help}"
    );
    assert!(help.contains("\"json\": by --json alone"), "{help}");
}

#[test]
fn repeated_name_json_and_stdin() {
    let json = Ok(Line::Input("{}".into()));
    assert_eq!(line(&["weather", "--json", "{}"]), json);
    assert_eq!(line(&["--json={}"]), json);
    assert_eq!(
        line(&["--json-file", "in.json"]),
        Ok(Line::File(b"in.json".to_vec()))
    );
    assert_eq!(
        line(&["--json-file=in.json"]),
        Ok(Line::File(b"in.json".to_vec()))
    );
    assert_eq!(line(&["--json-file", "-"]), Ok(Line::Stdin));
    assert_eq!(line(&[]), Ok(Line::Stdin));
    assert!(matches!(
        line(&["weather", "--city", "x", "--help"]),
        Ok(Line::Help(_))
    ));
}

#[test]
fn mistakes_are_told() {
    let told = |words: &[&str]| line(words).unwrap_err();
    assert!(
        told(&["--nope", "1"]).starts_with("unknown flag --nope; the flags are --city, --days")
    );
    assert!(told(&["--ciyt", "1"]).starts_with("unknown flag --ciyt; did you mean --city? "));
    assert!(told(&["--MaxItem", "1"]).contains("did you mean --max-items? "));
    assert!(told(&["--verb"]).contains("did you mean --verbose? "));
    assert_eq!(
        told(&["--days", "x"]),
        r#"--days must be an integer, not "x""#
    );
    assert_eq!(
        told(&["--color", "blue"]),
        r#"--color must be red, green, 3 or null, not "blue""#
    );
    assert_eq!(told(&["--days"]), "--days needs a value");
    assert!(told(&["stray"]).starts_with("unexpected argument"));
    assert!(told(&["-x"]).starts_with("unexpected argument"));
    assert!(told(&["--", "x"]).starts_with("unexpected argument"));
    for words in [
        ["--json", "{}", "more"],
        ["--json={}", "--city", "x"],
        ["--city=x", "--json", "{}"],
    ] {
        assert_eq!(
            told(&words),
            "--json takes one value and no other arguments"
        );
    }
    assert_eq!(told(&["--json"]), "--json needs a value");
    let none = line_of(&json!({}), &["--x"]).unwrap_err();
    assert_eq!(
        none,
        "unknown flag --x; the tool has no flags but --json, --json-file and --help"
    );
}

#[test]
fn help_lists_flags_and_examples() {
    let Ok(Line::Help(help)) = line(&["--help"]) else {
        panic!()
    };
    let expected = r#"Tells the weather.

Usage: weather [flags]
       weather --json '{...}'
       weather --json-file <path>
       ... | weather

Flags:
  --city <string>             Where (required)
  --days <integer>            (default: 3; at least 1)
  --max-items <number>
  --[no-]verbose
  --tags <string...>          (may be repeated)
  --color <red|green|3|null>  Which
  --near <object>
  --any <value>
  --proto <string>

Examples:
  weather --json '{"city":"Paris"}'
  # It's tomorrow
  weather --json '{"city":"L'\''Isle"}'
"#;
    assert_eq!(help, expected);
}

#[test]
fn lists_of_lists_without_an_innermost_end() {
    let list = json!({ "type": "array", "items": { "$ref": "#/$defs/list" } });
    let either = json!({ "type": "array", "items": { "anyOf": [{ "type": "array" }, { "$ref": "#/$defs/list" }] } });
    for definition in [list, either] {
        let schema = json!({ "properties": { "x": { "$ref": "#/$defs/list" } }, "$defs": { "list": definition } });
        assert_eq!(input_of(&schema, &["--x=[[],[[]]]"]), r#"{"x":[[],[[]]]}"#);
        let bare = line_of(&schema, &["--x", "word"]).unwrap_err();
        assert_eq!(bare, r#"--x must be a JSON array, not "word""#);
        line_of(&schema, &["--x", "a", "--x", "b"]).unwrap_err();
    }
    let matrix = json!({ "properties": { "x": { "type": "array", "items": { "type": "array", "items": { "type": "integer" } } } } });
    assert_eq!(input_of(&matrix, &["--x", "7"]), r#"{"x":[[7]]}"#);
}

#[test]
fn schemas_that_hold_themselves_several_times_are_read_soon() {
    let own = json!({ "$ref": "#" });
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let schema = json!({ keyword: [own, own, own, own], "properties": { "x": { "allOf": [own, own, own] } }, "$ref": "#" });
        let started = std::time::Instant::now();
        let _ = line_of(&schema, &["--x.x.x.x", "1", "--unknown", "--help"]);
        // Some milliseconds; without a bound years.
        assert!(started.elapsed().as_secs() < 10);
    }
}
