//! Variables, their attributes and the scopes of functions.

use std::collections::BTreeMap;

/// What a variable holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    #[default]
    Unset,
    Scalar(String),
    Array(BTreeMap<i64, String>),
    Assoc(BTreeMap<String, String>),
}

/// A variable with its attributes.
#[derive(Clone, Debug, Default)]
pub struct Variable {
    pub value: Value,
    pub attributes: Attributes,
}

/// The attributes `declare` gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub export: bool,
    pub readonly: bool,
    pub integer: bool,
    pub upper: bool,
    pub lower: bool,
    pub nameref: bool,
}

/// What a function's `local` hides.
type Scope = Vec<(String, Option<Variable>)>;

/// All variables. A function's locals hide the outer ones until it returns (dynamic scope).
#[derive(Debug, Default)]
pub struct Variables {
    map: BTreeMap<String, Variable>,
    scopes: Vec<Scope>,
}

impl Variable {
    /// The value as `$name` gives it: of an array, the member 0.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Unset => None,
            Value::Scalar(text) => Some(text),
            Value::Array(map) => map.get(&0).map(String::as_str),
            Value::Assoc(map) => map.get("0").map(String::as_str),
        }
    }

    /// The members with their keys; of a scalar, itself at 0.
    pub fn elements(&self) -> Vec<(String, String)> {
        match &self.value {
            Value::Unset => Vec::new(),
            Value::Scalar(text) => vec![("0".to_owned(), text.clone())],
            Value::Array(map) => map
                .iter()
                .map(|(k, v)| (k.to_string(), v.clone()))
                .collect(),
            Value::Assoc(map) => map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        }
    }

    /// `text` as this variable's attributes change it.
    pub fn fit(&self, text: String) -> String {
        if self.attributes.upper {
            text.to_uppercase()
        } else if self.attributes.lower {
            text.to_lowercase()
        } else {
            text
        }
    }
}

impl Variables {
    pub fn find(&self, name: &str) -> Option<&Variable> {
        self.map.get(name)
    }

    pub fn entry(&mut self, name: &str) -> &mut Variable {
        if !self.map.contains_key(name) {
            self.map.insert(name.to_owned(), Variable::default());
        }
        self.map.entry(name.to_owned()).or_default()
    }

    pub fn remove(&mut self, name: &str) {
        self.map.remove(name);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Variable)> {
        self.map.iter()
    }

    pub fn push_scope(&mut self) {
        self.scopes.push(Scope::new());
    }

    pub fn pop_scope(&mut self) {
        for (name, old) in self.scopes.pop().into_iter().flatten().rev() {
            match old {
                Some(variable) => self.map.insert(name, variable),
                None => self.map.remove(&name),
            };
        }
    }

    pub fn has_scope(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// Whether `name` is local to the running function.
    pub fn is_local(&self, name: &str) -> bool {
        self.scopes
            .last()
            .is_some_and(|scope| scope.iter().any(|(n, _)| n == name))
    }

    /// Hides the outer variable of this name until the function returns.
    pub fn make_local(&mut self, name: &str, inherit: bool) {
        if self.is_local(name) {
            return;
        }
        let Some(scope) = self.scopes.last_mut() else {
            return;
        };
        let old = self.map.remove(name);
        if let Some(variable) = old.as_ref() {
            let export = variable.attributes.export;
            let new = if inherit {
                variable.clone()
            } else {
                Variable {
                    value: Value::Unset,
                    attributes: Attributes {
                        export,
                        ..Attributes::default()
                    },
                }
            };
            self.map.insert(name.to_owned(), new);
        }
        scope.push((name.to_owned(), old));
    }

    /// The hidden variables go on being hidden, but nothing is remembered: for a subshell.
    pub fn exported(&self) -> impl Iterator<Item = (&String, &str)> {
        self.map
            .iter()
            .filter(|(_, v)| v.attributes.export)
            .filter_map(|(name, v)| match &v.value {
                Value::Scalar(text) => Some((name, text.as_str())),
                _ => None,
            })
    }
}
