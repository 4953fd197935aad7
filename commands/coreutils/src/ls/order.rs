//! The order of entries.

use std::cmp::Ordering;

use secure_exec_cli::bytes;

use super::Entry;
use super::options::{Options, Sort, Stamp};

pub fn sort(entries: &mut [Entry], options: &Options) {
    if options.sort != Sort::None {
        entries.sort_by(|a, b| {
            let order = compare(a, b, options);
            if options.reverse {
                order.reverse()
            } else {
                order
            }
        });
    } else if options.reverse {
        entries.reverse();
    }
    if options.directories_first {
        entries.sort_by_key(|entry| !is_directory(entry));
    }
}

fn is_directory(entry: &Entry) -> bool {
    let target = entry.target.as_ref().and_then(|target| target.stat);
    target.or(entry.stat).is_some_and(|found| found.is_dir())
}

fn compare(a: &Entry, b: &Entry, options: &Options) -> Ordering {
    let (left, right) = (bytes(&a.name), bytes(&b.name));
    let first = match options.sort {
        Sort::Size => size(b).cmp(&size(a)),
        Sort::Time => moment(b, options).cmp(&moment(a, options)),
        Sort::Extension => extension(left).cmp(extension(right)),
        Sort::Version => version(left, right),
        Sort::Width => left.len().cmp(&right.len()),
        Sort::Name | Sort::None => Ordering::Equal,
    };
    first.then_with(|| left.cmp(right))
}

fn size(entry: &Entry) -> u64 {
    entry.stat.map_or(0, |found| found.size)
}

fn moment(entry: &Entry, options: &Options) -> Option<secure_exec_sys::stat::Time> {
    entry.stat.map(|found| match options.stamp {
        Stamp::Modified => found.mtime,
        Stamp::Accessed => found.atime,
        Stamp::Changed => found.ctime,
    })
}

fn extension(name: &[u8]) -> &[u8] {
    name.iter()
        .rposition(|&byte| byte == b'.')
        .map_or(&[], |at| &name[at..])
}

/// Runs of digits by their number, the rest by byte, as version numbers want it.
fn version(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        let (text_a, rest_a) = split(a, |byte| !byte.is_ascii_digit());
        let (text_b, rest_b) = split(b, |byte| !byte.is_ascii_digit());
        let (number_a, rest_a) = split(rest_a, u8::is_ascii_digit);
        let (number_b, rest_b) = split(rest_b, u8::is_ascii_digit);
        let order = text_a.cmp(text_b).then_with(|| numbers(number_a, number_b));
        if order.is_ne() || (rest_a.is_empty() && rest_b.is_empty()) {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn split(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(
        text.iter()
            .position(|byte| !belongs(byte))
            .unwrap_or(text.len()),
    )
}

fn numbers(a: &[u8], b: &[u8]) -> Ordering {
    let bare = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits[zeros..].to_vec()
    };
    let (a, b) = (bare(a), bare(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare_by_number() {
        let mut names: Vec<&[u8]> = vec![b"a-10", b"a-9", b"a", b"a-9.1"];
        names.sort_by(|a, b| version(a, b));
        assert_eq!(names, [&b"a"[..], b"a-9", b"a-9.1", b"a-10"]);
    }
}
