//! How a binding is declared: names and callbacks, as data.
//!
//! Declarations are the single source of the binding objects and of the external references that the startup snapshot
//! needs. They must not depend on anything but the code: the list of references has the same order in the process that
//! makes the snapshot and in those that use it.

use crate::callback::{self, NativeFunction};

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
    /// Prototype accessors.
    pub accessors: Vec<AccessorDefinition>,
    /// Functions on the class itself.
    pub statics: Vec<FunctionDefinition>,
    /// Whether the class is a property of the binding object; a hidden base class is not.
    pub exported: bool,
}

/// Everything native about one binding.
#[derive(Default)]
pub struct Definition {
    pub(super) functions: Vec<FunctionDefinition>,
    pub(super) classes: Vec<ClassDefinition>,
    pub(super) initializer: Option<Initializer>,
    pub(super) extra_references: Vec<v8::FunctionCallback>,
    pub(super) accessor_references: Vec<v8::AccessorNameGetterCallback>,
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
            accessors: Vec::new(),
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
