//! How native functions and classes are declared, names and callbacks as data, and the templates of the classes.
//!
//! Declarations are the single source of the binding objects and of the external references that the startup snapshot
//! needs. They must not depend on anything but the code: the list of references has the same order in the process that
//! makes the snapshot and in those that use it.

use std::cell::Cell;

use super::{exception, wrap};
use crate::callback::{self, Args, NativeFunction, Return, Scope};
use crate::env::{Env, Slot};

/// Fills in what is not a function or class: arrays, extra objects.
pub type Initializer = fn(&mut v8::PinScope<'_, '_>, v8::Local<'_, v8::Object>);

/// A native function.
pub struct FunctionDefinition {
    /// Property name.
    pub name: &'static str,
    /// The code.
    pub callback: v8::FunctionCallback,
}

/// A native accessor on a prototype.
pub struct AccessorDefinition {
    /// Property name.
    pub name: &'static str,
    /// Getter.
    pub getter: v8::FunctionCallback,
    /// Setter.
    pub setter: Option<v8::FunctionCallback>,
}

/// A native class.
pub struct ClassDefinition {
    /// Class name; also the key of its template, unique over all bindings.
    pub name: &'static str,
    /// Key of the class whose template it inherits.
    pub parent: Option<&'static str>,
    /// The constructor.
    pub constructor: v8::FunctionCallback,
    /// Prototype methods.
    pub methods: Vec<FunctionDefinition>,
    /// Methods of each instance itself.
    pub instance_methods: Vec<FunctionDefinition>,
    /// Prototype accessors.
    pub accessors: Vec<AccessorDefinition>,
    /// Accessors of each instance itself: enumerable and permanent.
    pub instance_accessors: Vec<AccessorDefinition>,
    /// The method `[Symbol.dispose]` (`SetProtoDispose`).
    pub dispose: Option<v8::FunctionCallback>,
    /// Functions on the class itself.
    pub statics: Vec<FunctionDefinition>,
    /// Whether the class is a property of the binding object; a hidden base class is not.
    pub exported: bool,
}

/// Everything native about one binding.
#[derive(Default)]
pub struct Definition {
    pub(crate) functions: Vec<FunctionDefinition>,
    pub(crate) classes: Vec<ClassDefinition>,
    pub(crate) initializer: Option<Initializer>,
    pub(crate) extra_references: Vec<v8::FunctionCallback>,
    pub(crate) accessor_references: Vec<v8::AccessorNameGetterCallback>,
}

impl Definition {
    /// Adds a function.
    pub fn function(&mut self, name: &'static str, callback: impl NativeFunction) -> &mut Self {
        self.functions.push(FunctionDefinition {
            name,
            callback: callback::raw_function(callback),
        });
        self
    }

    /// Adds a class, to be filled in through the returned definition.
    pub fn class(
        &mut self,
        name: &'static str,
        constructor: impl NativeFunction,
    ) -> &mut ClassDefinition {
        self.classes.push(ClassDefinition {
            name,
            parent: None,
            constructor: callback::raw_function(constructor),
            methods: Vec::new(),
            instance_methods: Vec::new(),
            accessors: Vec::new(),
            instance_accessors: Vec::new(),
            dispose: None,
            statics: Vec::new(),
            exported: true,
        });
        self.classes.last_mut().expect("one was pushed")
    }

    /// Sets what fills in arrays and objects; runs after functions and classes are there.
    pub fn init(&mut self, initializer: Initializer) -> &mut Self {
        self.initializer = Some(initializer);
        self
    }

    /// Declares a callback that is installed by hand (templates made in an initializer) and may be in the snapshot.
    pub fn reference(&mut self, callback: impl NativeFunction) -> &mut Self {
        self.extra_references.push(callback::raw_function(callback));
        self
    }

    /// As [`Definition::reference`], for the getter of lazy data properties; `callback::accessor_getter` makes it.
    pub fn accessor_reference(
        &mut self,
        getter: impl v8::MapFnTo<v8::AccessorNameGetterCallback>,
    ) -> &mut Self {
        self.accessor_references.push(getter.map_fn_to());
        self
    }
}

impl ClassDefinition {
    /// Inherits from the class registered under `parent`, for example `AsyncWrap` or `HandleWrap`.
    pub fn inherits(&mut self, parent: &'static str) -> &mut Self {
        self.parent = Some(parent);
        self
    }

    /// Adds a prototype method.
    pub fn method(&mut self, name: &'static str, callback: impl NativeFunction) -> &mut Self {
        self.methods.push(FunctionDefinition {
            name,
            callback: callback::raw_function(callback),
        });
        self
    }

    /// Adds a method to each instance (`SetInstanceMethod`).
    pub fn instance_method(
        &mut self,
        name: &'static str,
        callback: impl NativeFunction,
    ) -> &mut Self {
        self.instance_methods.push(FunctionDefinition {
            name,
            callback: callback::raw_function(callback),
        });
        self
    }

    /// Adds a read-only prototype accessor.
    pub fn getter(&mut self, name: &'static str, getter: impl NativeFunction) -> &mut Self {
        self.accessors.push(AccessorDefinition {
            name,
            getter: callback::raw_function(getter),
            setter: None,
        });
        self
    }

    /// Adds a prototype accessor.
    pub fn accessor(
        &mut self,
        name: &'static str,
        getter: impl NativeFunction,
        setter: impl NativeFunction,
    ) -> &mut Self {
        self.accessors.push(AccessorDefinition {
            name,
            getter: callback::raw_function(getter),
            setter: Some(callback::raw_function(setter)),
        });
        self
    }

    /// Adds a read-only accessor to each instance.
    pub fn instance_getter(
        &mut self,
        name: &'static str,
        getter: impl NativeFunction,
    ) -> &mut Self {
        self.instance_accessors.push(AccessorDefinition {
            name,
            getter: callback::raw_function(getter),
            setter: None,
        });
        self
    }

    /// Adds `[Symbol.dispose]`.
    pub fn disposed_by(&mut self, dispose: impl NativeFunction) -> &mut Self {
        self.dispose = Some(callback::raw_function(dispose));
        self
    }

    /// Adds a function on the class itself.
    pub fn static_function(
        &mut self,
        name: &'static str,
        callback: impl NativeFunction,
    ) -> &mut Self {
        self.statics.push(FunctionDefinition {
            name,
            callback: callback::raw_function(callback),
        });
        self
    }

    /// Keeps the class off the binding object.
    pub fn hidden(&mut self) -> &mut Self {
        self.exported = false;
        self
    }
}

/// Finds a declared class by its key.
pub type FindClass = fn(&str) -> Option<&'static ClassDefinition>;

/// The classes that an isolate has.
#[derive(Default)]
struct Declared {
    find: Cell<Option<FindClass>>,
}

/// Says where the classes of an isolate are declared.
pub fn declare(env: &Env, find: FindClass) {
    env.isolate_state::<Declared>().find.set(Some(find));
}

/// The template of the declared class `key`, made at the first call together with those it inherits from.
pub fn class_template<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: &str,
) -> Option<v8::Local<'s, v8::FunctionTemplate>> {
    let env = Env::of(scope);
    if let Some(template) = env.template(scope, key) {
        return Some(template);
    }
    let declared = env.isolate_state::<Declared>().find.get()?;
    let class = declared(key)?;
    let parent = class
        .parent
        .and_then(|parent| class_template(scope, parent));
    let template = build_class(scope, class, parent);
    env.set_template(scope, key, template);
    Some(template)
}

fn build_class<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    class: &ClassDefinition,
    parent: Option<v8::Local<'_, v8::FunctionTemplate>>,
) -> v8::Local<'s, v8::FunctionTemplate> {
    let template = v8::FunctionTemplate::builder_raw(class.constructor).build(scope);
    let name = exception::string(scope, class.name);
    template.set_class_name(name);
    template
        .instance_template(scope)
        .set_internal_field_count(wrap::INTERNAL_FIELDS);
    if let Some(parent) = parent {
        template.inherit(parent);
    }
    // A signature makes V8 refuse a receiver that is no instance, with a TypeError.
    let signature = v8::Signature::new(scope, template);
    let prototype = template.prototype_template(scope);
    for method in &class.methods {
        let (name, function) = method_template(scope, method, signature);
        prototype.set(name, function.into());
    }
    for accessor in &class.accessors {
        let (name, getter, setter) = accessor_templates(scope, accessor, signature);
        let attributes = v8::PropertyAttribute::DONT_ENUM;
        prototype.set_accessor_property(name, Some(getter), setter, attributes);
    }
    let instance = template.instance_template(scope);
    for method in &class.instance_methods {
        let (name, function) = method_template(scope, method, signature);
        instance.set(name, function.into());
    }
    for accessor in &class.instance_accessors {
        let (name, getter, setter) = accessor_templates(scope, accessor, signature);
        let attributes = v8::PropertyAttribute::DONT_DELETE;
        instance.set_accessor_property(name, Some(getter), setter, attributes);
    }
    if let Some(dispose) = class.dispose
        && let Some(symbol) = dispose_symbol(scope)
    {
        let function = v8::FunctionTemplate::builder_raw(dispose)
            .signature(signature)
            .build(scope);
        prototype.set(symbol, function.into());
    }
    template
}

fn method_template<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    method: &FunctionDefinition,
    signature: v8::Local<'s, v8::Signature>,
) -> (v8::Local<'s, v8::Name>, v8::Local<'s, v8::FunctionTemplate>) {
    let name = exception::string(scope, method.name);
    let function = v8::FunctionTemplate::builder_raw(method.callback)
        .signature(signature)
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build(scope);
    function.set_class_name(name);
    (name.into(), function)
}

fn accessor_templates<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    accessor: &AccessorDefinition,
    signature: v8::Local<'s, v8::Signature>,
) -> (
    v8::Local<'s, v8::Name>,
    v8::Local<'s, v8::FunctionTemplate>,
    Option<v8::Local<'s, v8::FunctionTemplate>>,
) {
    let name = exception::string(scope, accessor.name);
    let getter = v8::FunctionTemplate::builder_raw(accessor.getter)
        .signature(signature)
        .build(scope);
    let setter = accessor.setter.map(|setter| {
        v8::FunctionTemplate::builder_raw(setter)
            .signature(signature)
            .build(scope)
    });
    (name.into(), getter, setter)
}

/// `Symbol.dispose`, as it was before the guest's code ran: V8 has no function that tells it.
fn dispose_symbol<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Name>> {
    let primordials = Env::of(scope).object(scope, Slot::Primordials)?;
    let key = exception::string(scope, "SymbolDispose");
    primordials.get(scope, key.into())?.try_cast().ok()
}

/// The constructor of a class that JavaScript cannot make instances of.
pub fn illegal_constructor(scope: Scope, _args: Args, _rv: Return) {
    exception::throw(
        scope,
        exception::ErrorKind::TypeError,
        "ERR_ILLEGAL_CONSTRUCTOR",
        "Illegal constructor",
    );
}
