//! `internalBinding('string_decoder')`: strings from chunks that may end inside a character. Follows Node's
//! `src/string_decoder.cc`. The state lives in a `Buffer` of the library, laid out as the binding's constants say.

use crate::callback::{Args, Return, Scope};
use crate::js::class::Definition;
use crate::js::convert;
use crate::js::exception::{self, ErrorKind, throw_invalid_argument};
use crate::js::string_bytes::{self, Encoding};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("decode", decode)
        .function("flush", flush);
}

/// Bytes of an unfinished character, at most four.
const INCOMPLETE_CAPACITY: usize = 4;
/// How many bytes the character still lacks.
const MISSING_BYTES: usize = 4;
/// How many bytes are held.
const BUFFERED_BYTES: usize = 5;
/// Number of the encoding.
const ENCODING: usize = 6;
/// Length of the state.
const STATE_SIZE: usize = 7;

/// A decoder's state, copied out of the library's buffer for one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    incomplete: [u8; INCOMPLETE_CAPACITY],
    missing: usize,
    buffered: usize,
    encoding: Encoding,
}

impl State {
    fn load(bytes: &[u8]) -> Option<State> {
        let bytes: &[u8; STATE_SIZE] = bytes.try_into().ok()?;
        let [a, b, c, d, missing, buffered, encoding] = *bytes;
        Some(State {
            incomplete: [a, b, c, d],
            missing: usize::from(missing).min(INCOMPLETE_CAPACITY),
            buffered: usize::from(buffered).min(INCOMPLETE_CAPACITY),
            encoding: Encoding::from_number(encoding.into())?,
        })
    }

    fn store(&self, bytes: &mut [u8]) {
        if bytes.len() == STATE_SIZE {
            bytes[..INCOMPLETE_CAPACITY].copy_from_slice(&self.incomplete);
            bytes[MISSING_BYTES] = u8::try_from(self.missing).unwrap_or(0);
            bytes[BUFFERED_BYTES] = u8::try_from(self.buffered).unwrap_or(0);
            bytes[ENCODING] = self.encoding as u8;
        }
    }

    /// Bytes that are whole characters together: `head` finishes what was held, `body` comes from `data` alone. What
    /// is left at the end is held.
    fn take<'a>(&mut self, mut data: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let mut head = Vec::new();
        while self.missing > 0 && !data.is_empty() {
            data = self.fill(data);
            if self.missing > 0 {
                break;
            }
            head.extend_from_slice(&self.incomplete[..self.buffered]);
            self.buffered = 0;
            if self.encoding == Encoding::Utf16le && head.len() == 2 && is_lead_surrogate(head[1]) {
                self.hold(&head);
                self.missing = 2;
                head.clear();
            }
        }
        if data.is_empty() {
            return (head, data);
        }
        let held = self.unfinished(data);
        let (body, rest) = data.split_at(data.len() - held);
        if held > 0 {
            self.hold(rest);
        }
        (head, body)
    }

    fn hold(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(INCOMPLETE_CAPACITY);
        self.incomplete[..count].copy_from_slice(&bytes[..count]);
        self.buffered = count;
    }

    /// Takes missing bytes from `data`; returns the rest. A byte that cannot continue a UTF-8 character ends it early.
    fn fill<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let mut count = self
            .missing
            .min(data.len())
            .min(INCOMPLETE_CAPACITY - self.buffered);
        let mut missing = self.missing - count;
        if self.encoding == Encoding::Utf8
            && let Some(end) = data[..count].iter().position(|byte| byte & 0xc0 != 0x80)
        {
            count = end;
            missing = 0;
        }
        if self.buffered + count == INCOMPLETE_CAPACITY {
            missing = 0;
        }
        self.incomplete[self.buffered..self.buffered + count].copy_from_slice(&data[..count]);
        self.buffered += count;
        self.missing = missing;
        &data[count..]
    }

    /// How many bytes at the end of `data` belong to an unfinished character; sets how many that one lacks.
    fn unfinished(&mut self, data: &[u8]) -> usize {
        self.missing = 0;
        match self.encoding {
            Encoding::Utf8 => {
                for (index, byte) in data.iter().rev().take(INCOMPLETE_CAPACITY).enumerate() {
                    let held = index + 1;
                    let length = match byte {
                        0x80..=0xbf => continue,
                        0xc0..=0xdf => 2,
                        0xe0..=0xef => 3,
                        0xf0..=0xf7 => 4,
                        _ => return 0,
                    };
                    if held >= length {
                        return 0;
                    }
                    self.missing = length - held;
                    return held;
                }
                0
            }
            Encoding::Utf16le if data.len() % 2 == 1 => {
                self.missing = 1;
                1
            }
            Encoding::Utf16le if data.last().is_some_and(|byte| is_lead_surrogate(*byte)) => {
                self.missing = 2;
                2
            }
            Encoding::Base64 | Encoding::Base64url if !data.len().is_multiple_of(3) => {
                self.missing = 3 - data.len() % 3;
                data.len() % 3
            }
            _ => 0,
        }
    }

    /// The bytes that are held, at the end of the input.
    fn finish(&mut self) -> Vec<u8> {
        if self.encoding == Encoding::Utf16le && self.buffered % 2 == 1 {
            self.buffered -= 1;
        }
        let rest = self.incomplete[..self.buffered].to_vec();
        self.buffered = 0;
        self.missing = 0;
        rest
    }
}

fn is_lead_surrogate(high_byte: u8) -> bool {
    high_byte & 0xfc == 0xd8
}

fn load(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<State> {
    let state = convert::with_bytes(value, State::load).flatten();
    if state.is_none() {
        throw_invalid_argument(
            scope,
            "The first argument must be the state of a StringDecoder",
        );
    }
    state
}

/// `decode(state, data)`: the string of the characters that are complete now.
fn decode(scope: Scope, args: Args, mut rv: Return) {
    let Some(mut state) = load(scope, args.get(0)) else {
        return;
    };
    if !args.get(1).is_array_buffer_view() {
        let message =
            "The \"buf\" argument must be an instance of Buffer, TypedArray, or DataView.";
        exception::throw(scope, ErrorKind::TypeError, "ERR_INVALID_ARG_TYPE", message);
        return;
    }
    // No JavaScript runs while strings are made.
    let text = convert::with_bytes(args.get(1), |data| {
        let (head, body) = state.take(data);
        let head = string_bytes::encode(scope, &head, state.encoding)?;
        let body = string_bytes::encode(scope, body, state.encoding)?;
        join(scope, head, body)
    });
    convert::with_bytes_mut(args.get(0), |bytes| state.store(bytes));
    if let Some(text) = text.flatten() {
        rv.set(text);
    }
}

fn join<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    head: v8::Local<'s, v8::Value>,
    body: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let (Ok(first), Ok(second)) = (
        v8::Local::<v8::String>::try_from(head),
        v8::Local::<v8::String>::try_from(body),
    ) else {
        // The encoding "buffer": there is no unfinished character.
        return Some(body);
    };
    if first.length() == 0 {
        return Some(body);
    }
    let joined = v8::String::concat(scope, first, second);
    if joined.is_none() {
        string_bytes::throw_string_too_long(scope);
    }
    joined.map(Into::into)
}

/// `flush(state)`: the string of an unfinished character at the end of the input.
fn flush(scope: Scope, args: Args, mut rv: Return) {
    let Some(mut state) = load(scope, args.get(0)) else {
        return;
    };
    let rest = state.finish();
    convert::with_bytes_mut(args.get(0), |bytes| state.store(bytes));
    if let Some(text) = string_bytes::encode(scope, &rest, state.encoding) {
        rv.set(text);
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, State};

    fn state(encoding: Encoding) -> State {
        State {
            incomplete: [0; 4],
            missing: 0,
            buffered: 0,
            encoding,
        }
    }

    #[test]
    fn utf8_character_over_three_chunks() {
        let mut state = state(Encoding::Utf8);
        assert_eq!(state.take(b"a\xe2"), (vec![], &b"a"[..]));
        assert_eq!((state.missing, state.buffered), (2, 1));
        assert_eq!(state.take(b"\x82"), (vec![], &b""[..]));
        assert_eq!(state.take(b"\xacb"), (b"\xe2\x82\xac".to_vec(), &b"b"[..]));
    }

    #[test]
    fn byte_that_starts_a_new_character_ends_the_unfinished_one() {
        let mut state = state(Encoding::Utf8);
        state.take(b"\xe2\x82");
        assert_eq!(
            state.take(b"\xc3\xa9"),
            (b"\xe2\x82".to_vec(), &b"\xc3\xa9"[..])
        );
    }

    #[test]
    fn utf16_surrogate_pair_split_at_any_byte() {
        let bytes = [0x3d, 0xd8, 0x4d, 0xdc];
        for cut in 1..4 {
            let mut state = state(Encoding::Utf16le);
            let (head, body) = state.take(&bytes[..cut]);
            let mut text = [head, body.to_vec()].concat();
            let (head, body) = state.take(&bytes[cut..]);
            text.extend(head);
            text.extend(body);
            assert_eq!(text, bytes, "cut at {cut}");
            assert_eq!(state.buffered, 0);
        }
    }

    #[test]
    fn base64_holds_back_to_a_multiple_of_three() {
        let mut state = state(Encoding::Base64);
        assert_eq!(state.take(b"abcd"), (vec![], &b"abc"[..]));
        assert_eq!(state.finish(), b"d");
    }
}
