//! `indexOf` and `lastIndexOf`.

use memchr::memmem;

use super::arguments::throw_not_a_buffer;
use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::exception::throw_invalid_argument;
use crate::js::string_bytes::{self, Encoding};

/// Where to look, by the library's arguments `byteOffset, dir, end`.
#[derive(Clone, Copy)]
struct Search {
    offset: i64,
    forward: bool,
    end: Option<i64>,
}

impl Search {
    /// The start of the search for a needle of `needle_length` bytes: clamped as `Buffer.prototype.indexOf` documents;
    /// `None` where nothing can match.
    fn start(self, length: usize, needle_length: usize) -> Option<usize> {
        let whole = i64::try_from(length).unwrap_or(i64::MAX);
        let needle = i64::try_from(needle_length).unwrap_or(i64::MAX);
        let start = if self.offset < 0 {
            if self.offset.saturating_add(whole) >= 0 {
                whole + self.offset
            } else if self.forward || needle == 0 {
                0
            } else {
                return None;
            }
        } else if self.offset.saturating_add(needle) <= whole {
            self.offset
        } else if needle == 0 {
            whole
        } else if self.forward {
            return None;
        } else {
            whole - 1
        };
        usize::try_from(start).ok()
    }

    /// The position of `needle`; matches start at multiples of `unit` bytes.
    fn find(self, haystack: &[u8], needle: &[u8], unit: usize) -> Option<usize> {
        let start = self.start(haystack.len(), needle.len())?;
        let end = match self.end {
            Some(end) => usize::try_from(end).unwrap_or(0).min(haystack.len()),
            None => haystack.len(),
        };
        if needle.is_empty() {
            return Some(start.min(end));
        }
        let haystack = &haystack[..end - end % unit];
        if needle.len() < unit || needle.len() > haystack.len() {
            return None;
        }
        let needle = &needle[..needle.len() - needle.len() % unit];
        let start = start - start % unit;
        if self.forward {
            let mut from = start;
            while from < haystack.len() {
                let found = from + memmem::find(&haystack[from..], needle)?;
                if found.is_multiple_of(unit) {
                    return Some(found);
                }
                from = found + 1;
            }
            return None;
        }
        let mut to = start.saturating_add(needle.len()).min(haystack.len());
        loop {
            let found = memmem::rfind(&haystack[..to], needle)?;
            if found % unit == 0 {
                return Some(found);
            }
            to = found + needle.len() - 1;
        }
    }
}

fn search(
    scope: &mut v8::PinScope<'_, '_>,
    offset: v8::Local<'_, v8::Value>,
    forward: v8::Local<'_, v8::Value>,
    end: v8::Local<'_, v8::Value>,
) -> Option<Search> {
    let offset = offset.integer_value(scope)?;
    let end = if end.is_undefined() {
        None
    } else {
        Some(end.integer_value(scope)?)
    };
    Some(Search {
        offset,
        forward: forward.is_true(),
        end,
    })
}

fn unit_of(encoding: Encoding) -> usize {
    if encoding == Encoding::Utf16le { 2 } else { 1 }
}

fn index(found: Option<usize>) -> f64 {
    found.map_or(-1.0, |found| found as f64)
}

/// `indexOfString(buffer, value, byteOffset, encoding, dir, end)`.
pub fn index_of_string(scope: Scope, args: Args, mut rv: Return) {
    let Ok(value) = v8::Local::<v8::String>::try_from(args.get(1)) else {
        throw_invalid_argument(scope, "argument must be a string");
        return;
    };
    let Some(search) = search(scope, args.get(2), args.get(4), args.get(5)) else {
        return;
    };
    let encoding = Encoding::from_value(scope, args.get(3), Encoding::Utf8);
    let needle = string_bytes::decode(scope, value, encoding);
    let found = convert::with_bytes(args.get(0), |bytes| {
        search.find(bytes, &needle, unit_of(encoding))
    });
    match found {
        Some(found) => rv.set_double(index(found)),
        None => throw_not_a_buffer(scope),
    }
}

/// `indexOfBuffer(buffer, value, byteOffset, encoding, dir, end)`.
pub fn index_of_buffer(scope: Scope, args: Args, mut rv: Return) {
    let Some(search) = search(scope, args.get(2), args.get(4), args.get(5)) else {
        return;
    };
    let encoding = Encoding::from_value(scope, args.get(3), Encoding::Utf8);
    let found = convert::with_bytes(args.get(0), |bytes| {
        convert::with_bytes(args.get(1), |needle| {
            search.find(bytes, needle, unit_of(encoding))
        })
    });
    match found.flatten() {
        Some(found) => rv.set_double(index(found)),
        None => throw_not_a_buffer(scope),
    }
}

/// `indexOfNumber(buffer, value, byteOffset, dir, end)`.
pub fn index_of_number(scope: Scope, args: Args, mut rv: Return) {
    let Some(value) = args.get(1).uint32_value(scope) else {
        return;
    };
    let Some(search) = search(scope, args.get(2), args.get(3), args.get(4)) else {
        return;
    };
    let needle = [value.to_le_bytes()[0]];
    match convert::with_bytes(args.get(0), |bytes| search.find(bytes, &needle, 1)) {
        Some(found) => rv.set_double(index(found)),
        None => throw_not_a_buffer(scope),
    }
}

#[cfg(test)]
mod tests {
    use super::Search;

    fn find(haystack: &str, needle: &str, offset: i64, forward: bool, end: i64) -> Option<usize> {
        Search {
            offset,
            forward,
            end: Some(end),
        }
        .find(haystack.as_bytes(), needle.as_bytes(), 1)
    }

    #[test]
    fn end_bounds_the_search_and_offset_counts_from_the_whole_length() {
        assert_eq!(find("abcabc", "c", 0, true, -1), None);
        assert_eq!(find("abcabc", "a", -3, true, 3), None);
        assert_eq!(find("abcabc", "a", -3, true, 5), Some(3));
        assert_eq!(find("abcabc", "c", 6, false, 5), Some(2));
        assert_eq!(find("abcabc", "", 9, true, 3), Some(3));
        assert_eq!(find("abcabc", "", 2, true, 1), Some(1));
    }

    #[test]
    fn backward_search_starts_at_or_before_the_offset() {
        assert_eq!(find("aaaa", "aa", 2, false, 4), Some(2));
        assert_eq!(find("aaaa", "aa", 1, false, 4), Some(1));
        assert_eq!(find("aaaa", "aa", -9, false, 4), None);
    }

    #[test]
    fn utf16_matches_are_aligned() {
        let search = Search {
            offset: 0,
            forward: true,
            end: None,
        };
        assert_eq!(search.find(&[0, 1, 2, 1, 2, 3], &[1, 2], 2), None);
        assert_eq!(search.find(&[0, 1, 1, 2], &[1, 2], 2), Some(2));
    }
}
