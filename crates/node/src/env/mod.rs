//! The state of one isolate: everything native code shares with Node's library.

mod aliased;
pub mod clock;
pub mod compiled;
mod slot;

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use secure_exec_kernel::{Kernel, MemoryUse, Process};

pub use aliased::{Aliased, Element};
pub use slot::Slot;

use crate::embedder::options::NodeOptions;
use crate::event_loop::EventLoop;
use crate::library::tables::tables;
use crate::memory::array_buffers::ArrayBuffers;
use crate::memory::gauge::Gauge;
use crate::options::Options;
use crate::threads::watched::Watched;

/// Per-isolate state, reached from any callback through [`Env::of`]. Single-threaded: interior mutability by
/// `Cell` and `RefCell`, and no `RefCell` borrow is held while JavaScript runs.
pub struct Env {
    slots: RefCell<Vec<Option<v8::Global<v8::Value>>>>,
    aliased: RefCell<Vec<Option<aliased::Memory>>>,
    templates: RefCell<IndexMap<String, v8::Global<v8::FunctionTemplate>>>,
    names: RefCell<HashMap<&'static str, v8::Global<v8::String>>>,
    symbols: RefCell<HashMap<&'static str, v8::Global<v8::Symbol>>>,
    privates: RefCell<HashMap<&'static str, v8::Global<v8::Private>>>,
    states: RefCell<States>,
    isolate_states: RefCell<States>,
    context: RefCell<Option<v8::Global<v8::Context>>>,
    process: RefCell<Option<Arc<Process>>>,
    /// Held so that a guest that is still being torn down never outlives its kernel.
    kernel: RefCell<Option<Arc<Kernel>>>,
    /// Whether the context is one for a worker thread. Decides which scripts boot it.
    pub is_worker: Cell<bool>,
    /// Phases, pending work, handles.
    pub event_loop: EventLoop,
    /// The command line of the process, parsed.
    pub options: RefCell<Options>,
    /// How many callback scopes are open (`callback_scope.rs`).
    pub callback_depth: Cell<u32>,
    /// Set once the process may run no more JavaScript: exit, kill, terminated isolate.
    pub stopping: Cell<bool>,
    /// Clocks stand still within a turn of the event loop.
    pub freeze_clocks: Cell<bool>,
    /// The time zone of the operating system process is this guest's to change.
    pub own_time_zone: Cell<bool>,
    /// How many timers may wait at a time.
    pub max_timers: Cell<usize>,
    /// Set when another program goes on as this process (`execve`).
    pub replaced: Cell<bool>,
    /// Where the isolate writes down how much memory it uses (`heap_usage.rs`).
    pub gauge: RefCell<Option<Arc<Gauge>>>,
    /// Where the process's account learns of it.
    pub memory_use: RefCell<Option<MemoryUse>>,
    /// Who reads the processor time of the isolate's thread.
    pub(crate) watched: RefCell<Option<Arc<Watched>>>,
    /// The memory of the isolate's array buffers.
    pub array_buffers: Arc<ArrayBuffers>,
    /// Set when the heap reached its limit; the program is being ended.
    pub heap_limit_reached: Cell<bool>,
    /// The bound of the JavaScript heap, bytes, once it has one (`heap_limit.rs`).
    pub heap_bound: Cell<Option<usize>>,
    /// A collection of everything has been asked for, because the limit is reached.
    pub heap_collecting: Cell<bool>,
    /// Ends running JavaScript from callbacks that have no isolate at hand.
    pub terminate: RefCell<Option<v8::IsolateHandle>>,
    /// Compiled library functions are remembered (`code_cache.rs`).
    pub profiling: Cell<bool>,
    /// True while the startup snapshot is being built.
    pub building_snapshot: Cell<bool>,
    /// The loop's start, monotonic nanoseconds of the kernel's clock: the zero of `performance.now()`.
    pub time_origin: Cell<u64>,
    /// Wall clock at `time_origin`, microseconds since the epoch.
    pub time_origin_timestamp: Cell<f64>,
}

/// One value of each type.
type States = HashMap<TypeId, Rc<dyn Any>>;

fn state_in<T: Default + 'static>(states: &RefCell<States>) -> Rc<T> {
    let mut states = states.borrow_mut();
    let state = states
        .entry(TypeId::of::<T>())
        .or_insert_with(|| Rc::new(T::default()))
        .clone();
    state.downcast().expect("the key is the type")
}

impl Env {
    /// An empty environment; `bootstrap.rs` fills it.
    #[must_use]
    pub fn new(array_buffers: Arc<ArrayBuffers>) -> Rc<Env> {
        Rc::new(Env {
            slots: RefCell::new(vec![None; Slot::COUNT]),
            aliased: RefCell::new((0..Slot::COUNT).map(|_| None).collect()),
            templates: RefCell::default(),
            names: RefCell::default(),
            symbols: RefCell::default(),
            privates: RefCell::default(),
            states: RefCell::default(),
            isolate_states: RefCell::default(),
            context: RefCell::default(),
            process: RefCell::default(),
            kernel: RefCell::default(),
            is_worker: Cell::new(false),
            event_loop: EventLoop::new(),
            options: RefCell::new(Options::defaults()),
            callback_depth: Cell::new(0),
            stopping: Cell::new(false),
            freeze_clocks: Cell::new(false),
            own_time_zone: Cell::new(false),
            max_timers: Cell::new(usize::MAX),
            replaced: Cell::new(false),
            gauge: RefCell::default(),
            memory_use: RefCell::default(),
            watched: RefCell::default(),
            array_buffers,
            heap_limit_reached: Cell::new(false),
            heap_bound: Cell::new(None),
            heap_collecting: Cell::new(false),
            terminate: RefCell::default(),
            profiling: Cell::new(false),
            building_snapshot: Cell::new(false),
            time_origin: Cell::new(0),
            time_origin_timestamp: Cell::new(0.0),
        })
    }

    /// The environment of the scope's isolate.
    ///
    /// # Panics
    /// Where the isolate was not made by this crate: that cannot happen in a callback of ours.
    pub fn of(isolate: &v8::Isolate) -> Rc<Env> {
        isolate
            .get_slot::<Rc<Env>>()
            .expect("every isolate of this crate has an Env")
            .clone()
    }

    /// The kernel process that this isolate runs, absent while the snapshot is built and in a spare isolate.
    pub fn try_process(&self) -> Option<Arc<Process>> {
        self.process.borrow().clone()
    }

    /// The kernel process that this isolate runs.
    ///
    /// # Panics
    /// While the snapshot is built: bindings that need a process are not called then.
    pub fn process(&self) -> Arc<Process> {
        self.try_process()
            .expect("guest code runs only inside a process")
    }

    /// The kernel of the process.
    ///
    /// # Panics
    /// As [`Env::process`].
    pub fn kernel(&self) -> Arc<Kernel> {
        self.kernel
            .borrow()
            .clone()
            .expect("guest code runs only inside a process")
    }

    /// Binds the isolate to its process, before any guest code runs.
    pub fn set_process(&self, process: Arc<Process>) {
        *self.kernel.borrow_mut() = process.kernel().ok();
        *self.process.borrow_mut() = Some(process);
    }

    /// Takes what the VM's options say of every thread of a guest, before any guest code runs.
    pub fn set_options(&self, options: &NodeOptions) {
        self.freeze_clocks.set(options.freeze_clocks);
        self.own_time_zone.set(options.own_process);
        self.max_timers.set(options.max_timers);
    }

    /// Whether the thread may run no more JavaScript: it is ending, or was told to from outside.
    pub fn is_halted(&self, isolate: &v8::Isolate) -> bool {
        self.stopping.get()
            || self.heap_limit_reached.get()
            || self.event_loop.is_aborted()
            || isolate.is_execution_terminating()
    }

    /// Stores a value that native code needs again.
    pub fn set_slot(
        &self,
        scope: &v8::PinScope<'_, '_>,
        slot: Slot,
        value: v8::Local<'_, v8::Value>,
    ) {
        self.slots.borrow_mut()[slot as usize] = Some(v8::Global::new(scope, value));
    }

    /// The value stored under `slot`.
    pub fn slot<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
    ) -> Option<v8::Local<'s, v8::Value>> {
        self.slots.borrow()[slot as usize]
            .as_ref()
            .map(|value| v8::Local::new(scope, value))
    }

    /// The function stored under `slot`, if a function is.
    pub fn function<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
    ) -> Option<v8::Local<'s, v8::Function>> {
        self.slot(scope, slot)?.try_cast().ok()
    }

    /// The object stored under `slot`, if an object is.
    pub fn object<'s>(
        &self,
        scope: &v8::PinScope<'s, '_>,
        slot: Slot,
    ) -> Option<v8::Local<'s, v8::Object>> {
        self.slot(scope, slot)?.try_cast().ok()
    }

    /// The main context.
    ///
    /// # Panics
    /// Before `set_context`.
    pub fn context<'s>(&self, scope: &v8::PinScope<'s, '_, ()>) -> v8::Local<'s, v8::Context> {
        let context = self.context.borrow();
        v8::Local::new(
            scope,
            context.as_ref().expect("the main context is set at boot"),
        )
    }

    /// Sets the main context.
    pub fn set_context(&self, context: v8::Global<v8::Context>) {
        *self.context.borrow_mut() = Some(context);
    }

    /// Drops every handle into the heap; the isolate is about to be disposed of.
    pub fn clear(&self) {
        self.event_loop.clear();
        self.forget_context();
        self.templates.borrow_mut().clear();
        self.names.borrow_mut().clear();
        self.symbols.borrow_mut().clear();
        self.privates.borrow_mut().clear();
        *self.process.borrow_mut() = None;
        *self.kernel.borrow_mut() = None;
        let states = self.isolate_states.take();
        drop(states);
    }

    /// Drops what belongs to the main context and keeps what belongs to the isolate.
    pub fn forget_context(&self) {
        self.slots
            .borrow_mut()
            .iter_mut()
            .for_each(|slot| *slot = None);
        self.aliased
            .borrow_mut()
            .iter_mut()
            .for_each(|memory| *memory = None);
        // What is dropped here may ask for a state itself.
        let states = self.states.take();
        drop(states);
        *self.context.borrow_mut() = None;
    }

    /// An internalised string, made once.
    pub fn name<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        text: &'static str,
    ) -> v8::Local<'s, v8::String> {
        if let Some(name) = self.names.borrow().get(text) {
            return v8::Local::new(scope, name);
        }
        let name =
            v8::String::new_from_utf8(scope, text.as_bytes(), v8::NewStringType::Internalized)
                .expect("a name in our code is short");
        self.names
            .borrow_mut()
            .insert(text, v8::Global::new(scope, name));
        name
    }

    /// A symbol of `internalBinding('symbols')` by its key there, for example `owner_symbol` or `handle_onclose`.
    pub fn symbol<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        key: &'static str,
    ) -> v8::Local<'s, v8::Symbol> {
        if let Some(symbol) = self.symbols.borrow().get(key) {
            return v8::Local::new(scope, symbol);
        }
        let description = tables()["symbols"][key].as_str().unwrap_or(key);
        let description = v8::String::new(scope, description).expect("a description is short");
        let symbol = v8::Symbol::for_api(scope, description);
        self.symbols
            .borrow_mut()
            .insert(key, v8::Global::new(scope, symbol));
        symbol
    }

    /// A private symbol of `internalBinding('util').privateSymbols` by its key there.
    pub fn private<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        key: &'static str,
    ) -> v8::Local<'s, v8::Private> {
        if let Some(private) = self.privates.borrow().get(key) {
            return v8::Local::new(scope, private);
        }
        let description = tables()["privateSymbols"][key].as_str().unwrap_or(key);
        let description = v8::String::new(scope, description).expect("a description is short");
        let private = v8::Private::for_api(scope, Some(description));
        self.privates
            .borrow_mut()
            .insert(key, v8::Global::new(scope, private));
        private
    }

    /// A module's own state, one value of each type per isolate, made by `Default` at the first use.
    pub fn state<T: Default + 'static>(&self) -> Rc<T> {
        state_in(&self.states)
    }

    /// As [`Env::state`], for what is not of the main context: it stays until [`Env::clear`].
    pub fn isolate_state<T: Default + 'static>(&self) -> Rc<T> {
        state_in(&self.isolate_states)
    }

    /// The class template registered under `key`.
    pub fn template<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
        key: &str,
    ) -> Option<v8::Local<'s, v8::FunctionTemplate>> {
        self.templates
            .borrow()
            .get(key)
            .map(|template| v8::Local::new(scope, template))
    }

    /// Registers a class template; the order of registration is kept for the snapshot.
    pub fn set_template(
        &self,
        scope: &v8::PinScope<'_, '_, ()>,
        key: &str,
        template: v8::Local<'_, v8::FunctionTemplate>,
    ) {
        self.templates
            .borrow_mut()
            .insert(key.to_owned(), v8::Global::new(scope, template));
    }

    /// Saves what the startup snapshot must carry besides the heap itself: the slots, as one array.
    pub fn slots_array<'s>(&self, scope: &v8::PinScope<'s, '_>) -> v8::Local<'s, v8::Array> {
        let undefined: v8::Local<v8::Value> = v8::undefined(scope).into();
        let slots: Vec<v8::Local<v8::Value>> = Slot::ALL
            .iter()
            .map(|slot| self.slot(scope, *slot).unwrap_or(undefined))
            .collect();
        v8::Array::new_with_elements(scope, &slots)
    }

    /// Takes the slots back out of the snapshot.
    pub fn restore_slots(&self, scope: &v8::PinScope<'_, '_>, slots: v8::Local<'_, v8::Array>) {
        for (index, slot) in Slot::ALL.iter().enumerate() {
            let Some(value) = u32::try_from(index)
                .ok()
                .and_then(|index| slots.get_index(scope, index))
            else {
                continue;
            };
            if value.is_undefined() {
                continue;
            }
            match v8::Local::<v8::TypedArray>::try_from(value) {
                Ok(array) => self.adopt_array(scope, *slot, array),
                Err(_) => self.set_slot(scope, *slot, value),
            }
        }
    }

    /// Keys of the registered templates in order.
    pub fn template_keys(&self) -> Vec<String> {
        self.templates.borrow().keys().cloned().collect()
    }
}
