//! WebAssembly commands.
