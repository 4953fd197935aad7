//! `internalBinding('icu')`: converters of the Encoding Standard, transcoding, the width of text. Follows Node's
//! `src/node_i18n.cc`; the tables are those of the `encoding_rs` and `icu_properties` crates.

mod converter;
mod transcode;
mod width;

use crate::callback::{Args, Return, Scope};
use crate::js::class::{Definition, illegal_constructor};
use crate::js::exception;

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("hasConverter", converter::has_converter)
        .function("getConverter", converter::get_converter)
        .function("decode", converter::decode)
        .function("transcode", transcode::transcode)
        .function("getStringWidth", width::get_string_width)
        .function("icuErrName", icu_err_name);
    definition.class("Converter", illegal_constructor).hidden();
}

/// ICU's `U_ILLEGAL_ARGUMENT_ERROR`.
const ILLEGAL_ARGUMENT_ERROR: i32 = 1;
/// ICU's `U_INVALID_CHAR_FOUND`.
const INVALID_CHAR_FOUND: i32 = 10;

/// The name of an ICU error (`u_errorName`), for those that this binding reports.
fn icu_err_name(scope: Scope, args: Args, mut rv: Return) {
    let name = match args.get(0).int32_value(scope) {
        Some(0) => "U_ZERO_ERROR",
        Some(ILLEGAL_ARGUMENT_ERROR) => "U_ILLEGAL_ARGUMENT_ERROR",
        Some(INVALID_CHAR_FOUND) => "U_INVALID_CHAR_FOUND",
        Some(11) => "U_TRUNCATED_CHAR_FOUND",
        Some(12) => "U_ILLEGAL_CHAR_FOUND",
        _ => "[BOGUS UErrorCode]",
    };
    rv.set(exception::string(scope, name).into());
}
