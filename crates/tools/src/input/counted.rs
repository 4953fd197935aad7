//! A JSON value whose reading is counted, so that validation ends.
//!
//! A schema that refers to itself in more than one branch makes a validator try each branch at each level: steps
//! double with each level of a small input. Whatever a validator does, it reads the value: each reading is a step,
//! and the last one leaves the validator by unwinding.

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, unique};
use jsonschema::types::JsonType;
use serde_json::{Map, Number, Value};

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// What unwinds when no steps are left.
struct Exhausted;

/// Runs `work` with a number of steps on this thread.
///
/// # Errors
/// The steps did not suffice.
///
/// # Panics
/// With what `work` panics with.
pub(super) fn within<T>(steps: u64, work: impl FnOnce() -> T) -> Result<T, ()> {
    STEPS.set(steps);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    STEPS.set(u64::MAX);
    outcome.map_err(|reason: Box<dyn Any + Send>| {
        if !reason.is::<Exhausted>() {
            resume_unwind(reason);
        }
    })
}

/// Takes steps.
pub(super) fn step(count: usize) {
    match STEPS.get().checked_sub(count as u64) {
        Some(left) => STEPS.set(left),
        None => exhaust(),
    }
}

/// Ends what [`within`] runs, as if it had taken all its steps.
pub(super) fn exhaust() -> ! {
    // Without the hook that reports panics: this is none.
    resume_unwind(Box::new(Exhausted))
}

/// The representation of JSON whose nodes are [`Counted`].
pub(super) struct CountedJson;

/// A value, as validators see it.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a>(pub(super) &'a Value);

impl Json for CountedJson {
    type Node<'a> = Counted<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Counted<'_>) -> T) -> T {
        f(Counted(&Value::String(string.to_owned())))
    }
}

impl<'a> Node<'a, CountedJson> for Counted<'a> {
    type Object = CountedObject<'a>;
    type Array = CountedArray<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<CountedObject<'a>> {
        step(1);
        self.0.as_object().map(CountedObject)
    }

    fn as_array(&self) -> Option<CountedArray<'a>> {
        step(1);
        self.0.as_array().map(|elements| CountedArray(elements))
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        step(1);
        self.0.as_str().map(Cow::Borrowed)
    }

    fn as_number(&self) -> Option<&'a Number> {
        step(1);
        self.0.as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        step(1);
        self.0.as_bool()
    }

    fn is_null(&self) -> bool {
        step(1);
        self.0.is_null()
    }

    fn json_type(&self) -> JsonType {
        step(1);
        match self.0 {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        step(1);
        Cow::Borrowed(self.0)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.0) as usize))
    }
}

pub(super) struct CountedObject<'a>(&'a Map<String, Value>);

impl<'a> Object<'a, CountedJson> for CountedObject<'a> {
    type Node = Counted<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, key: &String) -> Option<Counted<'a>> {
        step(1);
        self.0.get(key).map(Counted)
    }

    fn members(&self) -> Members<'a> {
        Members(self.0.iter())
    }
}

pub(super) struct Members<'a>(serde_json::map::Iter<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Counted<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        step(1);
        let (key, value) = self.0.next()?;
        Some((key, Counted(value)))
    }
}

pub(super) struct CountedArray<'a>(&'a [Value]);

impl<'a> Array<'a, CountedJson> for CountedArray<'a> {
    type Node = Counted<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn elements(&self) -> Elements<'a> {
        Elements(self.0.iter())
    }

    fn is_unique(&self) -> bool {
        step(self.0.len());
        unique::is_unique(self.0)
    }
}

pub(super) struct Elements<'a>(std::slice::Iter<'a, Value>);

impl<'a> Iterator for Elements<'a> {
    type Item = Counted<'a>;

    fn next(&mut self) -> Option<Counted<'a>> {
        step(1);
        self.0.next().map(Counted)
    }
}
