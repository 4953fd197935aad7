//! Defaults that a schema gives for properties that are not there.
//!
//! They are found before validation, so that a property with a default may be required. Branches of `anyOf` and
//! `oneOf` give theirs if only one of them can be meant, by its type and its constants.

use serde_json::{Map, Value};

use super::counted::{exhaust, step};
use super::number::MOST_NESTED;

/// References and branches that are followed without going deeper into the value.
const MOST_IN_PLACE: usize = 16;

/// A default that belongs into the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filled {
    /// Names and positions from the outermost value inwards.
    pub(super) path: Vec<Value>,
    pub(super) value: Value,
}

/// Puts the defaults of `schema` into `value` and says which.
pub(super) fn fill(schema: &Value, value: &mut Value) -> Vec<Filled> {
    let mut filler = Filler {
        root: schema,
        path: Vec::new(),
        filled: Vec::new(),
    };
    filler.fill(schema, value, MOST_IN_PLACE);
    filler.filled
}

/// Does a schema give any default?
pub(super) fn has_any(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key("default") || members.values().any(has_any),
        Value::Array(elements) => elements.iter().any(has_any),
        _ => false,
    }
}

struct Filler<'a> {
    root: &'a Value,
    path: Vec<Value>,
    filled: Vec<Filled>,
}

impl<'a> Filler<'a> {
    fn fill(&mut self, schema: &'a Value, value: &mut Value, left: usize) {
        step(1);
        // No input is nested so deep: these are defaults that bring ever more of themselves.
        if self.path.len() > MOST_NESTED {
            exhaust();
        }
        let Some(schema) = schema.as_object() else {
            return;
        };
        if let Some(left) = left.checked_sub(1) {
            for part in self.in_place(schema, value) {
                self.fill(part, value, left);
            }
        }
        match value {
            Value::Object(members) => self.fill_object(schema, members),
            Value::Array(elements) => self.fill_array(schema, elements),
            _ => {}
        }
    }

    /// Schemas that say something of the same value.
    fn in_place(&self, schema: &'a Map<String, Value>, value: &Value) -> Vec<&'a Value> {
        let mut parts: Vec<&Value> = self.target(schema).into_iter().collect();
        parts.extend(list(schema, "allOf"));
        for keyword in ["anyOf", "oneOf"] {
            let mut meant = list(schema, keyword)
                .iter()
                .filter(|branch| self.could_be(branch, value, MOST_IN_PLACE));
            if let (Some(one), None) = (meant.next(), meant.next()) {
                parts.push(one);
            }
        }
        parts
    }

    fn fill_object(&mut self, schema: &'a Map<String, Value>, members: &mut Map<String, Value>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            step(1);
            self.path.push(name.as_str().into());
            if !members.contains_key(name)
                && let Some(default) = self.default_of(property)
            {
                let (path, value) = (self.path.clone(), default.clone());
                self.filled.push(Filled { path, value });
                members.insert(name.clone(), default.clone());
            }
            if let Some(member) = members.get_mut(name) {
                self.fill(property, member, MOST_IN_PLACE);
            }
            self.path.pop();
        }
        let Some(extra) = schema.get("additionalProperties") else {
            return;
        };
        let known = |name: &str| properties.is_some_and(|known| known.contains_key(name));
        for (name, member) in members.iter_mut().filter(|(name, _)| !known(name)) {
            self.path.push(name.as_str().into());
            self.fill(extra, member, MOST_IN_PLACE);
            self.path.pop();
        }
    }

    fn fill_array(&mut self, schema: &'a Map<String, Value>, elements: &mut [Value]) {
        let first = list(schema, "prefixItems");
        let items = schema.get("items");
        for (index, element) in elements.iter_mut().enumerate() {
            if let Some(schema) = first.get(index).or(items) {
                self.path.push(index.into());
                self.fill(schema, element, MOST_IN_PLACE);
                self.path.pop();
            }
        }
    }

    /// The default of a property, its own or that of what it refers to.
    fn default_of(&self, property: &'a Value) -> Option<&'a Value> {
        let mut schema = property.as_object()?;
        for _ in 0..MOST_IN_PLACE {
            step(1);
            if let Some(default) = schema.get("default") {
                return Some(default);
            }
            schema = self.target(schema)?.as_object()?;
        }
        None
    }

    /// What a schema refers to in the same document.
    fn target(&self, schema: &Map<String, Value>) -> Option<&'a Value> {
        let reference = schema.get("$ref")?.as_str()?;
        self.root.pointer(reference.strip_prefix('#')?)
    }

    /// Could the value be meant by that branch, as far as types and constants tell?
    fn could_be(&self, schema: &Value, value: &Value, left: usize) -> bool {
        step(1);
        let (Some(schema), Some(left)) = (schema.as_object(), left.checked_sub(1)) else {
            return true;
        };
        let typed = match schema.get("type") {
            Some(Value::String(name)) => is_type(value, name),
            Some(Value::Array(names)) => {
                let mut names = names.iter().filter_map(Value::as_str);
                names.any(|name| is_type(value, name))
            }
            _ => true,
        };
        let constant = schema.get("const").is_none_or(|constant| constant == value);
        let among = list(schema, "enum");
        let listed = among.is_empty() || among.contains(value);
        let target = self.target(schema);
        let members = schema.get("properties").and_then(Value::as_object);
        typed
            && constant
            && listed
            && target.is_none_or(|target| self.could_be(target, value, left))
            && members.into_iter().flatten().all(|(name, property)| {
                let constants = property.get("const").or_else(|| property.get("enum"));
                match (constants, value.get(name)) {
                    (Some(_), Some(member)) => self.could_be(property, member, left),
                    (Some(_), None) => !value.is_object() || property.get("default").is_some(),
                    (None, _) => true,
                }
            })
    }
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    let list = schema.get(keyword).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "number" | "integer" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::counted::within;
    use super::*;

    fn filled(schema: &Value, mut value: Value) -> Value {
        let before = value.clone();
        let all = within(10_000, || fill(schema, &mut value)).unwrap();
        // The list alone makes the same of the input.
        let mut other = before;
        for Filled { path, value } in all {
            let pointer = path.iter().map(|step| match step {
                Value::String(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
                index => format!("/{index}"),
            });
            let pointer: Vec<String> = pointer.collect();
            let (last, parents) = pointer.split_last().unwrap();
            let parent = other.pointer_mut(&parents.concat()).unwrap();
            let name = last.trim_start_matches('/').to_owned();
            parent.as_object_mut().unwrap().insert(name, value);
        }
        assert_eq!(other, value);
        value
    }

    #[test]
    fn absent_properties_get_their_defaults() {
        let schema = json!({ "$defs": { "n": { "type": "integer", "default": 7 } }, "properties": {
            "a": { "default": 1 }, "b": { "$ref": "#/$defs/n" }, "c": {},
            "inner": { "default": {}, "properties": { "d": { "default": [1] } } },
            "rows": { "items": { "properties": { "e": { "default": null } } } },
            "map": { "additionalProperties": { "properties": { "f": { "default": "x" } } } },
        }, "allOf": [{ "properties": { "g": { "default": false } } }] });
        assert_eq!(
            filled(&schema, json!({})),
            json!({ "g": false, "a": 1, "b": 7, "inner": { "d": [1] } })
        );
        let given = json!({ "a": null, "b": 2, "g": 1, "inner": { "d": 3 }, "rows": [{}, { "e": 1 }], "map": { "k": {} } });
        assert_eq!(
            filled(&schema, given),
            json!({ "a": null, "b": 2, "g": 1, "inner": { "d": 3 }, "rows": [{ "e": null }, { "e": 1 }], "map": { "k": { "f": "x" } } })
        );
    }

    #[test]
    fn of_branches_the_one_that_is_meant_counts() {
        let branch = |kind: &str, name: &str| json!({ "type": "object", "properties": { "kind": { "const": kind }, name: { "default": 1 } } });
        let schema = json!({ "oneOf": [branch("a", "x"), branch("b", "y"), { "type": "null" }] });
        assert_eq!(
            filled(&schema, json!({ "kind": "b" })),
            json!({ "kind": "b", "y": 1 })
        );
        assert_eq!(filled(&schema, json!({})), json!({}));
        assert_eq!(filled(&schema, json!(null)), json!(null));
        let maybe = json!({ "properties": { "o": { "anyOf": [{ "type": "null" }, { "type": "object", "properties": { "n": { "default": 2 } } }] } } });
        assert_eq!(
            filled(&maybe, json!({ "o": {} })),
            json!({ "o": { "n": 2 } })
        );
    }

    #[test]
    fn defaults_without_end_run_out_of_steps() {
        let schema = json!({ "properties": { "next": { "$ref": "#", "default": {} } } });
        assert!(within(500, || fill(&schema, &mut json!({}))).is_err());
        let circle = json!({ "$ref": "#", "allOf": [{ "$ref": "#" }, { "$ref": "#" }] });
        assert!(within(500, || fill(&circle, &mut json!({}))).is_err());
    }
}
