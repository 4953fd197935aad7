//! Streaming decoders for `TextDecoder`.

use std::cell::RefCell;

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding};

use crate::callback::{Args, Return, Scope};
use crate::js::class::class_template;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::{convert, string_bytes, wrap};

/// Decode what is held back, and start anew.
const FLUSH: u32 = 1;
/// Throw at the first invalid sequence.
const FATAL: u32 = 2;
/// Keep a byte order mark as a character.
const IGNORE_BOM: u32 = 4;

struct Converter {
    encoding: &'static Encoding,
    fatal: bool,
    ignore_bom: bool,
    decoder: RefCell<Decoder>,
}

impl Converter {
    fn new(encoding: &'static Encoding, flags: u32) -> Converter {
        let ignore_bom = flags & IGNORE_BOM != 0;
        let decoder = RefCell::new(new_decoder(encoding, ignore_bom));
        Converter {
            encoding,
            fatal: flags & FATAL != 0,
            ignore_bom,
            decoder,
        }
    }

    /// The text of `bytes`; `None` where they are invalid and the converter is fatal. Starts anew after `flush` and
    /// after an error.
    fn decode(&self, bytes: &[u8], flush: bool) -> Option<Vec<u16>> {
        let mut decoder = self.decoder.borrow_mut();
        let text = decode_all(&mut decoder, bytes, flush, self.fatal);
        if flush || text.is_none() {
            *decoder = new_decoder(self.encoding, self.ignore_bom);
        }
        text
    }
}

fn new_decoder(encoding: &'static Encoding, ignore_bom: bool) -> Decoder {
    if ignore_bom {
        encoding.new_decoder_without_bom_handling()
    } else {
        encoding.new_decoder_with_bom_removal()
    }
}

#[expect(clippy::fn_params_excessive_bools, reason = "options of `TextDecoder`")]
fn decode_all(decoder: &mut Decoder, bytes: &[u8], last: bool, fatal: bool) -> Option<Vec<u16>> {
    let mut text = vec![0_u16; decoder.max_utf16_buffer_length(bytes.len())?];
    let (mut read, mut written) = (0, 0);
    loop {
        let (source, target) = (&bytes[read..], &mut text[written..]);
        let (full, r, w) = if fatal {
            let (result, r, w) = decoder.decode_to_utf16_without_replacement(source, target, last);
            match result {
                DecoderResult::InputEmpty => (false, r, w),
                DecoderResult::OutputFull => (true, r, w),
                DecoderResult::Malformed(..) => return None,
            }
        } else {
            let (result, r, w, _) = decoder.decode_to_utf16(source, target, last);
            (result == CoderResult::OutputFull, r, w)
        };
        read += r;
        written += w;
        if !full {
            text.truncate(written);
            return Some(text);
        }
        text.resize(text.len() + bytes.len() - read + 16, 0);
    }
}

/// The encoding called `label`, unless it is one that ICU has no converter for.
fn encoding_for(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.as_bytes())?;
    let absent = encoding == encoding_rs::REPLACEMENT || encoding == encoding_rs::X_USER_DEFINED;
    (!absent).then_some(encoding)
}

/// `hasConverter(name)`.
pub fn has_converter(scope: Scope, args: Args, mut rv: Return) {
    let label = convert::text(scope, args.get(0));
    rv.set_bool(encoding_for(&label).is_some());
}

/// `getConverter(name, flags)`: undefined for an unknown name.
pub fn get_converter(scope: Scope, args: Args, mut rv: Return) {
    let label = convert::text(scope, args.get(0));
    let flags = args.get(1).uint32_value(scope).unwrap_or(0);
    let Some(encoding) = encoding_for(&label) else {
        return;
    };
    let Some(template) = class_template(scope, "Converter") else {
        return;
    };
    let Some(object) = template.instance_template(scope).new_instance(scope) else {
        return;
    };
    wrap::wrap(scope, object, Converter::new(encoding, flags));
    rv.set(object.into());
}

/// `decode(converter, input, flags, encodingName)`.
pub fn decode(scope: Scope, args: Args, mut rv: Return) {
    let Some(converter) = wrap::unwrap::<Converter>(scope, args.get(0)) else {
        throw_invalid_argument(scope, "The \"converter\" argument must be a Converter");
        return;
    };
    let flags = args.get(2).uint32_value(scope).unwrap_or(0);
    let text = convert::with_bytes(args.get(1), |bytes| {
        converter.decode(bytes, flags & FLUSH != 0)
    });
    match text {
        Some(Some(text)) => {
            match v8::String::new_from_two_byte(scope, &text, v8::NewStringType::Normal) {
                Some(text) => rv.set(text.into()),
                None => string_bytes::throw_string_too_long(scope),
            }
        }
        Some(None) => {
            let name = convert::text(scope, args.get(3));
            let message = format!("The encoded data was not valid for encoding {name}");
            exception::throw(
                scope,
                ErrorKind::TypeError,
                "ERR_ENCODING_INVALID_ENCODED_DATA",
                &message,
            );
        }
        None => throw_invalid_argument(
            scope,
            "The \"input\" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Converter, FATAL, IGNORE_BOM, encoding_for};

    fn converter(label: &str, flags: u32) -> Converter {
        Converter::new(encoding_for(label).expect("a known label"), flags)
    }

    #[test]
    fn character_over_two_chunks() {
        let converter = converter("shift_jis", FATAL);
        assert_eq!(converter.decode(&[0x82], false), Some(vec![]));
        assert_eq!(converter.decode(&[0xa0], true), Some(vec![0x3042]));
    }

    #[test]
    fn byte_order_mark_is_dropped_once_unless_ignored() {
        let bytes = [0xff, 0xfe, 0xff, 0xfe];
        assert_eq!(
            converter("utf-16le", 0).decode(&bytes, true),
            Some(vec![0xfeff])
        );
        assert_eq!(
            converter("utf-16le", IGNORE_BOM).decode(&bytes, true),
            Some(vec![0xfeff, 0xfeff])
        );
    }

    #[test]
    fn fatal_converter_recovers_after_an_error() {
        let converter = converter("utf-16le", FATAL);
        assert_eq!(converter.decode(&[0, 0xd8], true), None);
        assert_eq!(converter.decode(&[0x61, 0], true), Some(vec![0x61]));
    }
}
