//! Node's library on our bindings: isolates, event loop, modules.
