//! The state of one isolate: everything native code shares with Node's library.

mod aliased;
pub mod clock;
pub mod compiled;
mod names;
mod slots;
mod states;
mod templates;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use secure_exec_kernel::{Kernel, Process};

pub use aliased::{Aliased, Element};
pub use slots::Slot;

use crate::event_loop::EventLoop;
use crate::memory::array_buffers::ArrayBuffers;
use crate::memory::js_heap::JsHeap;
use crate::options::Options;
use crate::options::permission::Permissions;
use crate::threads::watched::Watched;
use clock::TimeOrigin;
use names::Names;
use slots::Slots;
use states::States;
use templates::Templates;

/// Per-isolate state, reached from any callback through [`Env::of`]. Single-threaded: interior mutability by
/// `Cell` and `RefCell`, and no `RefCell` borrow is held while JavaScript runs.
pub struct Env {
    slots: Slots,
    aliased: RefCell<Vec<Option<aliased::Memory>>>,
    templates: Templates,
    names: Names,
    states: States,
    isolate_states: States,
    context: RefCell<Option<v8::Global<v8::Context>>>,
    process: RefCell<Option<Arc<Process>>>,
    /// Held so that a guest that is still being torn down never outlives its kernel.
    kernel: RefCell<Option<Arc<Kernel>>>,
    /// Whether the context is one for a worker thread. Decides which scripts boot it.
    pub is_worker: Cell<bool>,
    /// True while the startup snapshot is being built.
    pub building_snapshot: Cell<bool>,
    /// Set once the process may run no more JavaScript: exit, kill, terminated isolate.
    pub stopping: Cell<bool>,
    /// Phases, pending work, handles.
    pub event_loop: EventLoop,
    /// The command line of the process, parsed.
    pub options: RefCell<Options>,
    /// What `--permission` leaves to the program, where it is given.
    pub permissions: RefCell<Option<Permissions>>,
    /// The memory of the isolate's array buffers.
    pub array_buffers: Arc<ArrayBuffers>,
    /// The bound of its JavaScript heap, and who hears of its use.
    pub heap: JsHeap,
    /// The zero of its clocks.
    pub time_origin: TimeOrigin,
    /// Who reads the processor time of the isolate's thread.
    pub(crate) watched: RefCell<Option<Arc<Watched>>>,
    /// Some category of trace events is on (`tracing`).
    pub traces: Cell<bool>,
}

impl Env {
    /// An empty environment; `bootstrap.rs` fills it.
    #[must_use]
    pub fn new(array_buffers: Arc<ArrayBuffers>) -> Rc<Env> {
        Rc::new(Env {
            slots: Slots::default(),
            aliased: RefCell::new((0..Slot::COUNT).map(|_| None).collect()),
            templates: Templates::default(),
            names: Names::default(),
            states: States::default(),
            isolate_states: States::default(),
            context: RefCell::default(),
            process: RefCell::default(),
            kernel: RefCell::default(),
            is_worker: Cell::default(),
            building_snapshot: Cell::default(),
            stopping: Cell::default(),
            event_loop: EventLoop::new(),
            options: RefCell::new(Options::defaults()),
            permissions: RefCell::default(),
            array_buffers,
            heap: JsHeap::default(),
            time_origin: TimeOrigin::default(),
            watched: RefCell::default(),
            traces: Cell::default(),
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

    /// Whether the thread may run no more JavaScript: it is ending, or was told to from outside.
    pub fn is_halted(&self, isolate: &v8::Isolate) -> bool {
        self.stopping.get()
            || self.heap.limit_reached.get()
            || self.event_loop.is_aborted()
            || isolate.is_execution_terminating()
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
        self.names.clear();
        *self.process.borrow_mut() = None;
        *self.kernel.borrow_mut() = None;
        self.isolate_states.clear();
    }

    /// Drops what belongs to the main context and keeps what belongs to the isolate.
    pub fn forget_context(&self) {
        self.slots.clear();
        self.aliased
            .borrow_mut()
            .iter_mut()
            .for_each(|memory| *memory = None);
        self.states.clear();
        *self.context.borrow_mut() = None;
    }
}
