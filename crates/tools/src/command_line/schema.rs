//! What a JSON Schema says of a value, as far as a command line needs it.
//!
//! The host checks inputs; here a schema only tells which flags there are and how the text behind one is read. What
//! is not understood is no constraint.

use serde_json::{Map, Value};

/// In-place references and combinations that are followed, so that those which run in circles end.
const MOST_NESTED: usize = 16;
/// Alternatives of one schema that are told apart.
const MOST_ALTERNATIVES: usize = 64;

/// Schemas that are looked into for one shape: combinations of references double with each level.
const MOST_EXPANDED: usize = 4096;

/// A type of JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Null,
    Array,
    Object,
}

impl Type {
    /// All of them, in the order in which text is tried when nothing is said: JSON goes before a string.
    const ALL: [Type; 7] = [
        Type::Null,
        Type::Boolean,
        Type::Integer,
        Type::Number,
        Type::Array,
        Type::Object,
        Type::String,
    ];

    fn named(name: &str) -> Option<Type> {
        Type::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Integer => "integer",
            Type::Number => "number",
            Type::Boolean => "boolean",
            Type::Null => "null",
            Type::Array => "array",
            Type::Object => "object",
        }
    }

    /// The narrowest type of a value.
    fn of(value: &Value) -> Option<Type> {
        Type::ALL.into_iter().find(|kind| kind.holds(value))
    }

    /// Is that a value of this type?
    pub(super) fn holds(self, value: &Value) -> bool {
        match self {
            Type::String => value.is_string(),
            // As JSON Schema has it, 1.0 is an integer.
            Type::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Type::Number => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::Null => value.is_null(),
            Type::Array => value.is_array(),
            Type::Object => value.is_object(),
        }
    }
}

/// One way in which a schema can be met: schemas that all hold, none of them a reference or a combination.
#[derive(Clone, Debug)]
pub(super) struct Alternative<'a> {
    parts: Vec<&'a Map<String, Value>>,
}

impl<'a> Alternative<'a> {
    fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.parts.iter().find_map(|part| part.get(keyword))
    }

    /// The values that are listed, if they are.
    pub(super) fn values(&self) -> Option<Vec<&'a Value>> {
        if let Some(value) = self.get("const") {
            return Some(vec![value]);
        }
        let values = self.get("enum")?.as_array()?;
        Some(values.iter().collect())
    }

    /// The types that are allowed, in the order in which the schema names them; `None` if nothing is said of them.
    pub(super) fn types(&self) -> Option<Vec<Type>> {
        let named = self.parts.iter().filter_map(|part| types_of(part));
        named.reduce(|known, more| {
            let both = |kind: &Type| more.contains(kind) || implied(*kind, &more);
            let mut kinds: Vec<Type> = known.iter().copied().filter(both).collect();
            let narrowed = more.iter().filter(|kind| implied(**kind, &known));
            kinds.extend(narrowed);
            kinds
        })
    }

    fn is_typed(&self) -> bool {
        self.types().is_some() || self.values().is_some()
    }
}

/// An integer is a number.
fn implied(kind: Type, others: &[Type]) -> bool {
    kind == Type::Integer && others.contains(&Type::Number)
}

/// Types that one schema names or implies.
fn types_of(schema: &Map<String, Value>) -> Option<Vec<Type>> {
    let mut kinds: Vec<Type> = match schema.get("type") {
        Some(Value::String(name)) => Type::named(name).into_iter().collect(),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            names.filter_map(Type::named).collect()
        }
        _ if schema.contains_key("properties") => vec![Type::Object],
        _ if schema.contains_key("items") => vec![Type::Array],
        _ => return None,
    };
    // OpenAPI 3.0's way of saying it.
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        kinds.push(Type::Null);
    }
    Some(kinds)
}

/// A schema with its references resolved: the ways in which it can be met, in the schema's own order.
#[derive(Clone, Debug)]
pub(super) struct Shape<'a> {
    root: &'a Value,
    pub(super) alternatives: Vec<Alternative<'a>>,
}

impl<'a> Shape<'a> {
    /// The shape of a whole schema.
    pub(super) fn of(root: &'a Value) -> Shape<'a> {
        let mut steps = MOST_EXPANDED;
        Shape {
            root,
            alternatives: expand(root, root, MOST_NESTED, &mut steps),
        }
    }

    fn of_all(root: &'a Value, schemas: &[&'a Value]) -> Vec<Alternative<'a>> {
        let mut steps = MOST_EXPANDED;
        let expanded = schemas
            .iter()
            .map(|schema| expand(root, schema, MOST_NESTED, &mut steps));
        expanded.reduce(product).unwrap_or_default()
    }

    /// The alternatives that say something; those that allow anything only if there are no others.
    pub(super) fn telling(&self) -> Vec<&Alternative<'a>> {
        let typed: Vec<_> = self
            .alternatives
            .iter()
            .filter(|one| one.is_typed())
            .collect();
        if typed.is_empty() {
            return self.alternatives.iter().collect();
        }
        typed
    }

    /// May the value be of that type, and is it said?
    pub(super) fn allows(&self, kind: Type) -> bool {
        self.kinds().contains(&kind)
    }

    /// The types that are named, or those of the values that are listed.
    pub(super) fn kinds(&self) -> Vec<Type> {
        let mut kinds = Vec::new();
        for alternative in &self.alternatives {
            let named = match (alternative.values(), alternative.types()) {
                (Some(values), _) => values.into_iter().filter_map(Type::of).collect(),
                (None, types) => types.unwrap_or_default(),
            };
            for kind in named {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
        kinds
    }

    /// The first that the schema says under a keyword, like its `description`.
    pub(super) fn keyword(&self, keyword: &str) -> Option<&'a Value> {
        self.alternatives.iter().find_map(|one| one.get(keyword))
    }

    /// Names of the properties.
    pub(super) fn property_names(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for part in self.alternatives.iter().flat_map(|one| &one.parts) {
            for name in object(part.get("properties"))
                .into_iter()
                .flat_map(Map::keys)
            {
                if !names.contains(&name.as_str()) {
                    names.push(name.as_str());
                }
            }
        }
        names
    }

    /// What a property may be, in any of the alternatives.
    pub(super) fn property(&self, name: &str) -> Option<Shape<'a>> {
        self.child(|part| object(part.get("properties"))?.get(name))
    }

    /// What properties without a name of their own may be, if the schema says that there are any.
    pub(super) fn extra(&self) -> Option<Shape<'a>> {
        self.child(|part| {
            let schema = part.get("additionalProperties")?;
            (*schema != Value::Bool(false)).then_some(schema)
        })
    }

    /// What the element of an array may be; anything if nothing is said.
    pub(super) fn element(&self, index: usize) -> Shape<'a> {
        let found = self.child(|part| {
            let first = |keyword: &str| part.get(keyword)?.as_array()?.get(index);
            let others = part.get("items").filter(|items| !items.is_array());
            first("prefixItems").or_else(|| first("items")).or(others)
        });
        found.unwrap_or(Shape {
            root: self.root,
            alternatives: vec![Alternative { parts: Vec::new() }],
        })
    }

    /// Is that property needed in each of the alternatives?
    pub(super) fn requires(&self, name: &str) -> bool {
        let names = |part: &Map<String, Value>| {
            let required = part.get("required").and_then(Value::as_array);
            required.is_some_and(|names| names.iter().any(|other| other.as_str() == Some(name)))
        };
        let each = |one: &Alternative<'a>| one.parts.iter().any(|part| names(part));
        !self.alternatives.is_empty() && self.alternatives.iter().all(each)
    }

    /// Could that be the value, as far as types and listed values tell?
    pub(super) fn fits(&self, value: &Value) -> bool {
        self.telling().iter().any(|one| {
            let listed = one.values().is_none_or(|values| values.contains(&value));
            let typed = one.types();
            listed && typed.is_none_or(|kinds| kinds.iter().any(|kind| kind.holds(value)))
        })
    }

    /// The alternatives of what each alternative has there, in which all that one of them says of it holds.
    fn child(
        &self,
        find: impl Fn(&'a Map<String, Value>) -> Option<&'a Value>,
    ) -> Option<Shape<'a>> {
        let mut seen: Vec<Vec<*const Value>> = Vec::new();
        let mut alternatives = Vec::new();
        for alternative in &self.alternatives {
            let found: Vec<&Value> = alternative
                .parts
                .iter()
                .filter_map(|part| find(part))
                .collect();
            let same: Vec<*const Value> = found.iter().map(|schema| &raw const **schema).collect();
            if found.is_empty() || seen.contains(&same) {
                continue;
            }
            seen.push(same);
            alternatives.extend(Shape::of_all(self.root, &found));
        }
        alternatives.truncate(MOST_ALTERNATIVES);
        let root = self.root;
        (!alternatives.is_empty()).then_some(Shape { root, alternatives })
    }
}

/// The ways in which a schema can be met. Looks no deeper than `left` says, and takes a step off `steps` for each schema.
fn expand<'a>(
    root: &'a Value,
    schema: &'a Value,
    left: usize,
    steps: &mut usize,
) -> Vec<Alternative<'a>> {
    let anything = || vec![Alternative { parts: Vec::new() }];
    let schema = match schema {
        Value::Object(schema) => schema,
        Value::Bool(false) => return Vec::new(),
        _ => return anything(),
    };
    let own = vec![Alternative {
        parts: vec![schema],
    }];
    let (Some(left), Some(fewer)) = (left.checked_sub(1), steps.checked_sub(1)) else {
        return own;
    };
    *steps = fewer;
    let list = |keyword: &str| schema.get(keyword).and_then(Value::as_array);
    let mut all = own;
    for keyword in ["$ref", "$dynamicRef", "$recursiveRef"] {
        let reference = schema.get(keyword).and_then(Value::as_str);
        if let Some(target) = reference.and_then(|reference| resolve(root, reference)) {
            all = product(all, expand(root, target, left, steps));
        }
    }
    for part in list("allOf").into_iter().flatten() {
        all = product(all, expand(root, part, left, steps));
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(parts) = list(keyword) {
            let ways = parts
                .iter()
                .flat_map(|part| expand(root, part, left, steps));
            all = product(all, ways.take(MOST_ALTERNATIVES).collect());
        }
    }
    all
}

/// Each way of one with each way of the other.
fn product<'a>(left: Vec<Alternative<'a>>, right: Vec<Alternative<'a>>) -> Vec<Alternative<'a>> {
    let mut all = Vec::new();
    let pairs = left
        .iter()
        .flat_map(|one| right.iter().map(move |other| (one, other)));
    for (one, other) in pairs.take(MOST_ALTERNATIVES) {
        let mut parts = one.parts.clone();
        // What holds twice is said once: a schema that refers to itself would double its parts at each level.
        let is_new =
            |part: &&Map<String, Value>| !one.parts.iter().any(|known| std::ptr::eq(*known, *part));
        parts.extend(other.parts.iter().copied().filter(is_new));
        all.push(Alternative { parts });
    }
    all
}

/// The schema in the same document that a reference names: by a JSON pointer, or by an anchor.
fn resolve<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let fragment = reference.strip_prefix('#')?;
    if fragment.is_empty() || fragment.starts_with('/') {
        return root.pointer(&unescaped(fragment));
    }
    let definitions = ["$defs", "definitions"].into_iter();
    let schemas = definitions.filter_map(|keyword| object(root.get(keyword)));
    let mut schemas = std::iter::once(root).chain(schemas.flat_map(Map::values));
    schemas.find(|schema| {
        let named = |keyword: &str| schema.get(keyword).and_then(Value::as_str) == Some(fragment);
        named("$anchor") || named("$dynamicAnchor")
    })
}

/// A fragment of a URI without its percent signs.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = fragment.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        rest = match code.filter(|_| *first == b'%') {
            Some(code) => {
                bytes.push(code);
                more.get(2..).unwrap_or_default()
            }
            None => {
                bytes.push(*first);
                more
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}
