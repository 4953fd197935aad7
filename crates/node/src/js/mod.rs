//! Between Rust and JavaScript: values, errors, native objects, and the one way to call into JavaScript.

pub mod active;
pub mod async_wrap;
pub mod callback_scope;
pub mod class;
pub(crate) mod context_settings;
pub mod convert;
pub mod decorate;
pub mod exception;
pub mod file_url;
pub mod handle;
pub(crate) mod machine_code;
pub mod permission;
pub mod string_bytes;
pub mod transfer;
pub mod uv;
pub(crate) mod wrap;
