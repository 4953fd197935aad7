//! The order of entries.

use std::cmp::Ordering;

use secure_exec_cli::bytes;

use super::Entry;
use super::options::{Options, Sort, Stamp};
use crate::version;

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
        Sort::Version => version::compare(left, right),
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
