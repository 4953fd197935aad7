//! Filling and byte swapping.

use super::arguments::{array_index, throw_not_a_buffer};
use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::string_bytes::{self, Encoding};

/// What `fill` returns for a value without bytes.
const EMPTY_VALUE: i32 = -1;
/// What `fill` returns for a range outside the buffer.
const OUT_OF_BOUNDS: i32 = -2;

/// `fill(buffer, value, start, end, encoding)`: repeats the bytes of `value`. The library turns the negative results
/// into errors.
pub fn fill(scope: Scope, args: Args, mut rv: Return) {
    let target = args.get(0);
    let Some(length) = convert::with_bytes(target, <[u8]>::len) else {
        throw_not_a_buffer(scope);
        return;
    };
    let Some(start) = array_index(scope, args.get(2), 0) else {
        return;
    };
    let Some(end) = array_index(scope, args.get(3), length) else {
        return;
    };
    if start > end || end > length {
        rv.set_int32(OUT_OF_BOUNDS);
        return;
    }
    let value = args.get(1);
    let pattern = if let Ok(text) = v8::Local::<v8::String>::try_from(value) {
        let encoding = Encoding::from_value(scope, args.get(4), Encoding::Utf8);
        string_bytes::decode(scope, text, encoding)
    } else if let Some(bytes) = convert::bytes(value) {
        bytes
    } else {
        let Some(number) = value.uint32_value(scope) else {
            return;
        };
        vec![number.to_le_bytes()[0]]
    };
    if pattern.is_empty() {
        if start != end {
            rv.set_int32(EMPTY_VALUE);
        }
        return;
    }
    convert::with_bytes_mut(target, |bytes| {
        // Converting the arguments may have run guest code that shrank the buffer.
        let end = end.min(bytes.len());
        if let Some(range) = bytes.get_mut(start..end) {
            repeat(range, &pattern);
        }
    });
}

fn repeat(range: &mut [u8], pattern: &[u8]) {
    if let [byte] = pattern {
        range.fill(*byte);
        return;
    }
    let mut filled = pattern.len().min(range.len());
    range[..filled].copy_from_slice(&pattern[..filled]);
    // Doubles what is there, which keeps the pattern's phase as long as whole patterns are copied.
    while filled < range.len() {
        let count = filled.min(range.len() - filled);
        range.copy_within(..count, filled);
        filled += count;
    }
}

fn swap<const WIDTH: usize>(scope: Scope, args: &Args, rv: &mut Return) {
    let swapped = convert::with_bytes_mut(args.get(0), |bytes| {
        bytes.chunks_exact_mut(WIDTH).for_each(<[u8]>::reverse);
    });
    if swapped.is_none() {
        throw_not_a_buffer(scope);
        return;
    }
    rv.set(args.get(0));
}

/// Swaps the bytes of each 16-bit element in place.
pub fn swap16(scope: Scope, args: Args, mut rv: Return) {
    swap::<2>(scope, &args, &mut rv);
}

/// Swaps the bytes of each 32-bit element in place.
pub fn swap32(scope: Scope, args: Args, mut rv: Return) {
    swap::<4>(scope, &args, &mut rv);
}

/// Swaps the bytes of each 64-bit element in place.
pub fn swap64(scope: Scope, args: Args, mut rv: Return) {
    swap::<8>(scope, &args, &mut rv);
}

#[cfg(test)]
mod tests {
    use super::repeat;

    #[test]
    fn repeats_a_pattern_that_does_not_divide_the_range() {
        let mut range = [0; 8];
        repeat(&mut range, b"abc");
        assert_eq!(&range, b"abcabcab");
        repeat(&mut range[..2], b"xyz");
        assert_eq!(&range[..3], b"xyc");
    }
}
