//! The order of names with version numbers in them, as `filevercmp(3)` of gnulib has it: by Debian's rules, with
//! suffixes like `.tar.gz` left out at first.

use std::cmp::Ordering;

/// Orders two names.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let first = |name: &[u8]| match name {
        b"" => 0,
        b"." => 1,
        b".." => 2,
        [b'.', ..] => 3,
        _ => 4,
    };
    let by_kind = first(a).cmp(&first(b));
    if by_kind.is_ne() || first(a) < 3 {
        return by_kind;
    }
    let (bare_a, bare_b) = (without_suffixes(a), without_suffixes(b));
    revisions(bare_a, bare_b)
        .then_with(|| revisions(a, b))
        .then_with(|| a.cmp(b))
}

/// A name without the suffixes at its end: each a period, a letter or `~`, and letters, digits and `~`.
fn without_suffixes(name: &[u8]) -> &[u8] {
    let start = usize::from(name.first() == Some(&b'.'));
    let mut end = name.len();
    loop {
        let part = &name[start..end];
        let Some(at) = part.iter().rposition(|&byte| byte == b'.') else {
            return &name[..end];
        };
        let is_suffix = match &part[at + 1..] {
            [first, rest @ ..] => {
                (first.is_ascii_alphabetic() || *first == b'~')
                    && rest
                        .iter()
                        .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'~')
            }
            [] => false,
        };
        if !is_suffix || at == 0 {
            return &name[..end];
        }
        end = start + at;
    }
}

/// How a byte that is no digit sorts: `~` before the end, letters before the rest.
fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -2,
        None => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

/// Runs of digits by their number, what is between them by rank.
fn revisions(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let digit = |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit);
        while (!a.is_empty() && !digit(a)) || (!b.is_empty() && !digit(b)) {
            let order = rank(a.first()).cmp(&rank(b.first()));
            if order.is_ne() {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (number_a, rest_a) = number(a);
        let (number_b, rest_b) = number(b);
        let order = number_a
            .len()
            .cmp(&number_b.len())
            .then_with(|| number_a.cmp(number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// The digits at the start without leading zeros, and the rest.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zeros = text[..end].iter().take_while(|&&byte| byte == b'0').count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn versions_compare_by_number_and_suffixes_last() {
        let mut names: Vec<&[u8]> = vec![
            b"a-10",
            b"a-9",
            b"a",
            b"a-9.1",
            b"b.tar.gz",
            b"b-1.tar.gz",
            b".x",
            b"1.0~rc",
            b"1.0",
        ];
        names.sort_by(|a, b| compare(a, b));
        let expected: [&[u8]; 9] = [
            b".x",
            b"1.0~rc",
            b"1.0",
            b"a",
            b"a-9",
            b"a-9.1",
            b"a-10",
            b"b.tar.gz",
            b"b-1.tar.gz",
        ];
        assert_eq!(names, expected);
    }
}
