//! Headers, on their way out and in. Follows `NgHeaders` of Node's `src/node_http_common-inl.h`.

use libnghttp2_sys as ng;

use crate::memory::memory_guard;

/// Headers for a peer. The library hands them over as one text of `name NUL value NUL flags`, and says how many.
pub struct HeaderBlock {
    /// What the entries point into.
    _text: Vec<u8>,
    entries: Vec<ng::nghttp2_nv>,
}

/// The text up to the next NUL, and what follows that.
fn until_nul(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(0, text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

impl HeaderBlock {
    /// The headers of the pair `[text, count]`; `None` for anything else.
    pub fn read(
        scope: &mut v8::PinScope<'_, '_>,
        pair: v8::Local<'_, v8::Value>,
    ) -> Option<HeaderBlock> {
        let pair: v8::Local<v8::Array> = pair.try_cast().ok()?;
        let text: v8::Local<v8::String> = pair.get_index(scope, 0)?.try_cast().ok()?;
        let count = pair.get_index(scope, 1)?.uint32_value(scope)?;
        let text = one_byte(scope, text)?;
        Some(HeaderBlock::parse(
            text,
            usize::try_from(count).unwrap_or(usize::MAX),
        ))
    }

    fn parse(text: Vec<u8>, count: usize) -> HeaderBlock {
        let mut entries = Vec::new();
        let mut rest = &text[..];
        while !rest.is_empty() {
            if entries.len() >= count {
                return HeaderBlock::invalid();
            }
            let (name, after) = until_nul(rest);
            let (value, after) = until_nul(after);
            let (flags, after) = after.split_first().unwrap_or((&0, &[]));
            rest = after;
            // The other flags would have nghttp2 keep what is only lent.
            let flags = flags & u8::try_from(ng::NGHTTP2_NV_FLAG_NO_INDEX).unwrap_or(0);
            entries.push(ng::nghttp2_nv {
                name: name.as_ptr().cast_mut(),
                value: value.as_ptr().cast_mut(),
                namelen: name.len(),
                valuelen: value.len(),
                flags,
            });
        }
        HeaderBlock {
            _text: text,
            entries,
        }
    }

    /// A header that nghttp2 refuses: a NUL in a value has shifted everything behind it.
    fn invalid() -> HeaderBlock {
        let text = vec![0];
        let nul = text.as_ptr().cast_mut();
        let entries = vec![ng::nghttp2_nv {
            name: nul,
            value: nul,
            namelen: 1,
            valuelen: 1,
            flags: 0,
        }];
        HeaderBlock {
            _text: text,
            entries,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Pointer and length, valid as long as `self`.
    pub fn as_raw(&self) -> (*const ng::nghttp2_nv, usize) {
        (self.entries.as_ptr(), self.entries.len())
    }
}

/// A string as Latin-1; `None` where there is no memory for it.
pub fn one_byte(
    scope: &mut v8::PinScope<'_, '_>,
    text: v8::Local<'_, v8::String>,
) -> Option<Vec<u8>> {
    if !memory_guard::admit(text.length()) {
        return None;
    }
    let mut bytes = vec![0; text.length()];
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    Some(bytes)
}

/// A header of a peer's.
pub struct ReceivedHeader {
    name: Vec<u8>,
    value: Vec<u8>,
    is_sensitive: bool,
}

impl ReceivedHeader {
    /// What a header takes besides its text (RFC 9113 6.5.2).
    pub const OVERHEAD: usize = 32;

    /// Copies a header.
    pub fn new(name: &[u8], value: &[u8], flags: u8) -> ReceivedHeader {
        ReceivedHeader {
            name: name.to_vec(),
            value: value.to_vec(),
            is_sensitive: u32::from(flags) & ng::NGHTTP2_NV_FLAG_NO_INDEX != 0,
        }
    }
}

/// `[name, value, …]`, and the names of those that must not be remembered on their way.
pub fn arrays<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    headers: &[ReceivedHeader],
) -> [v8::Local<'s, v8::Value>; 2] {
    let mut all = Vec::with_capacity(headers.len() * 2);
    let mut sensitive = Vec::new();
    for header in headers {
        let name = string(scope, &header.name, v8::NewStringType::Internalized);
        all.push(name);
        all.push(string(scope, &header.value, v8::NewStringType::Normal));
        if header.is_sensitive {
            sensitive.push(name);
        }
    }
    [
        v8::Array::new_with_elements(scope, &all).into(),
        v8::Array::new_with_elements(scope, &sensitive).into(),
    ]
}

/// Bytes as a string of Latin-1.
pub fn string<'s>(
    scope: &v8::PinScope<'s, '_>,
    bytes: &[u8],
    kind: v8::NewStringType,
) -> v8::Local<'s, v8::Value> {
    v8::String::new_from_one_byte(scope, bytes, kind)
        .unwrap_or_else(|| v8::String::empty(scope))
        .into()
}

/// Origins of one text, each ended by a NUL; none where there are more than `count`.
pub fn origins(text: &[u8], count: usize) -> Option<Vec<&[u8]>> {
    let mut origins = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if origins.len() >= count {
            return None;
        }
        let (origin, after) = until_nul(rest);
        origins.push(origin);
        rest = after;
    }
    Some(origins)
}

#[cfg(test)]
mod tests {
    use super::{HeaderBlock, origins};

    fn pairs(block: &HeaderBlock) -> Vec<(Vec<u8>, Vec<u8>, u8)> {
        let of = |pointer: *mut u8, length| {
            // SAFETY: an entry of a live block.
            unsafe { std::slice::from_raw_parts(pointer, length) }.to_vec()
        };
        let entries = block.entries.iter();
        entries
            .map(|nv| (of(nv.name, nv.namelen), of(nv.value, nv.valuelen), nv.flags))
            .collect()
    }

    #[test]
    fn headers_are_read_from_one_text() {
        let block = HeaderBlock::parse(b"a\0b\0\0c\0\0\x07".to_vec(), 2);
        let expected = [
            (b"a".to_vec(), b"b".to_vec(), 0),
            (b"c".to_vec(), Vec::new(), 1),
        ];
        assert_eq!(pairs(&block), expected, "and flags that lend are dropped");
        assert!(HeaderBlock::parse(Vec::new(), 0).is_empty());
    }

    #[test]
    fn a_nul_in_a_value_makes_all_of_it_invalid() {
        let block = HeaderBlock::parse(b"a\0b\0c\0\0".to_vec(), 1);
        assert_eq!(pairs(&block), [(vec![0], vec![0], 0)]);
        let block = HeaderBlock::parse(b"a".to_vec(), 1);
        assert_eq!(pairs(&block), [(b"a".to_vec(), Vec::new(), 0)]);
    }

    #[test]
    fn origins_end_with_a_nul() {
        let found = origins(b"https://a\0https://b\0", 2);
        assert_eq!(found, Some(vec![&b"https://a"[..], b"https://b"]));
        assert_eq!(origins(b"a\0b\0", 1), None);
        assert_eq!(origins(b"", 0), Some(Vec::new()));
    }
}
