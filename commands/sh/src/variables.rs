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

/// The members of an associative array in bash's order, which is that of its hash table.
pub fn in_order(map: &BTreeMap<String, String>) -> Vec<(&String, &String)> {
    let mut buckets = 1024;
    while map.len() > buckets * 2 {
        buckets *= 4;
    }
    // FNV-1, of which the lowest bits are the bucket.
    let hash = |key: &str| {
        key.bytes().fold(2_166_136_261_u32, |hash, byte| {
            hash.wrapping_mul(16_777_619) ^ u32::from(byte)
        })
    };
    let mut list: Vec<_> = map.iter().collect();
    list.sort_by_cached_key(|(key, _)| hash(key) as usize & (buckets - 1));
    list
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
    /// What it becomes with its first value, when it was declared without one.
    pub indexed: bool,
    pub associative: bool,
}

/// What a function's `local`, or the assignments before a command, hide.
#[derive(Debug, Default)]
struct Scope {
    hidden: Vec<(String, Option<Variable>)>,
    /// Of one command, not of a function.
    temporary: bool,
}

impl Scope {
    fn has(&self, name: &str) -> bool {
        self.hidden.iter().any(|(n, _)| n == name)
    }
}

/// All variables. A function's locals hide the outer ones until it returns (dynamic scope).
#[derive(Debug, Default)]
pub struct Variables {
    map: BTreeMap<String, Variable>,
    scopes: Vec<Scope>,
    /// There is or was a name reference: until then nobody has to look for one.
    pub references: bool,
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
            Value::Assoc(map) => in_order(map)
                .into_iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        }
    }

    /// Whether it is an associative array, or becomes one with its first member.
    pub fn is_assoc(&self) -> bool {
        match self.value {
            Value::Assoc(_) => true,
            Value::Unset => self.attributes.associative,
            _ => false,
        }
    }

    /// Whether it is an indexed array, or becomes one with its first member.
    pub fn is_indexed(&self) -> bool {
        match self.value {
            Value::Array(_) => true,
            Value::Unset => self.attributes.indexed,
            _ => false,
        }
    }

    /// Makes an array that was declared without a value an empty one, before something is stored in it.
    pub fn begin(&mut self) {
        if self.value == Value::Unset {
            if self.attributes.associative {
                self.value = Value::Assoc(BTreeMap::new());
            } else if self.attributes.indexed {
                self.value = Value::Array(BTreeMap::new());
            }
        }
    }

    /// Whether it is a name reference to its own name: in a function, one to the global variable.
    fn is_own_reference(&self, name: &str) -> bool {
        self.attributes.nameref && self.scalar() == Some(name)
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
        let found = self.map.get(name)?;
        if self.references && found.is_own_reference(name) {
            return self.global(name);
        }
        Some(found)
    }

    /// The variable that no function hides.
    fn global(&self, name: &str) -> Option<&Variable> {
        let hidden = self.scopes.iter().flat_map(|scope| &scope.hidden);
        let outermost = hidden.into_iter().find(|(n, _)| n == name);
        outermost.and_then(|(_, old)| old.as_ref())
    }

    /// Whether the name is one that refers to itself.
    pub fn refers_to_itself(&self, name: &str) -> bool {
        self.map
            .get(name)
            .is_some_and(|found| found.is_own_reference(name))
    }

    pub fn entry(&mut self, name: &str) -> &mut Variable {
        let outermost = if self.is_reference(name) && self.refers_to_itself(name) {
            self.scopes.iter().position(|scope| scope.has(name))
        } else {
            None
        };
        let Some(at) = outermost else {
            return self.innermost(name);
        };
        let hidden = &mut self.scopes[at].hidden;
        let found = hidden.iter().position(|(n, _)| n == name).unwrap_or(0);
        hidden[found].1.get_or_insert_default()
    }

    /// Whether the variable that hides all others of this name is a name reference.
    pub fn is_reference(&self, name: &str) -> bool {
        self.references && self.map.get(name).is_some_and(|v| v.attributes.nameref)
    }

    /// The variable of this name that hides all others, even if it refers to itself.
    pub fn innermost(&mut self, name: &str) -> &mut Variable {
        if !self.map.contains_key(name) {
            self.map.insert(name.to_owned(), Variable::default());
        }
        self.map.get_mut(name).expect("it is there or was inserted")
    }

    pub fn remove(&mut self, name: &str) {
        self.map.remove(name);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Variable)> {
        self.map.iter()
    }

    /// Begins a function.
    pub fn push_scope(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Begins a command with assignments of its own.
    pub fn push_temporary(&mut self) {
        self.scopes.push(Scope {
            temporary: true,
            ..Scope::default()
        });
    }

    /// Notes what an assignment of the innermost command hides.
    pub fn hide(&mut self, name: &str) {
        let old = self.map.get(name).cloned();
        if let Some(scope) = self.scopes.last_mut() {
            scope.hidden.push((name.to_owned(), old));
        }
    }

    /// Puts back what the innermost scope hides; gives the names.
    pub fn pop_scope(&mut self) -> Vec<String> {
        let hidden = self.scopes.pop().unwrap_or_default().hidden;
        let mut names = Vec::with_capacity(hidden.len());
        for (name, old) in hidden.into_iter().rev() {
            self.put(&name, old);
            names.push(name);
        }
        names
    }

    fn put(&mut self, name: &str, variable: Option<Variable>) {
        match variable {
            Some(variable) => self.map.insert(name.to_owned(), variable),
            None => self.map.remove(name),
        };
    }

    /// Removes a variable as bash does: one of an outer function, or of the command, gives way to what it hides.
    pub fn unset(&mut self, name: &str) {
        let inner = self.scopes.iter().rposition(|scope| !scope.temporary);
        let Some(at) = self.scopes.iter().rposition(|scope| scope.has(name)) else {
            self.map.remove(name);
            return;
        };
        if inner == Some(at) {
            self.map.insert(name.to_owned(), Variable::default());
            return;
        }
        let scope = &mut self.scopes[at];
        if let Some(entry) = scope.hidden.iter().rposition(|(n, _)| n == name) {
            let (_, old) = scope.hidden.remove(entry);
            self.put(name, old);
        }
    }

    fn function_scope(&self) -> Option<usize> {
        self.scopes.iter().rposition(|scope| !scope.temporary)
    }

    pub fn has_scope(&self) -> bool {
        self.function_scope().is_some()
    }

    /// Whether `name` is local to the running function.
    pub fn is_local(&self, name: &str) -> bool {
        self.function_scope()
            .is_some_and(|at| self.scopes[at].has(name))
    }

    /// Whether some function or command has a variable of this name of its own.
    pub fn is_hidden(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.has(name))
    }

    /// Hides the outer variable of this name until the function returns.
    pub fn make_local(&mut self, name: &str, inherit: bool) {
        if self.is_local(name) {
            return;
        }
        let Some(at) = self.function_scope() else {
            return;
        };
        // A variable set for a call is where the local one begins, and gives way to it if it is this call.
        let nearest = self.scopes.iter().rposition(|scope| scope.has(name));
        let given = nearest.is_some_and(|near| self.scopes[near].temporary);
        let mut old = self.map.remove(name);
        if let Some(variable) = old.as_ref() {
            let export = variable.attributes.export;
            let new = if inherit || given {
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
        if given && nearest == at.checked_sub(1) {
            let outer = &mut self.scopes[at - 1].hidden;
            if let Some(entry) = outer.iter().rposition(|(n, _)| n == name) {
                old = outer.remove(entry).1;
            }
        }
        self.scopes[at].hidden.push((name.to_owned(), old));
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
