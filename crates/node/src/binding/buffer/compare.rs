//! Ordering of buffers.

use std::cmp::Ordering;

use super::arguments::{array_index, throw_not_a_buffer};
use crate::callback::{Args, Return, Scope};
use crate::js::convert;
use crate::js::exception::{self, ErrorKind};

/// `compare(a, b)`: -1, 0 or 1.
pub fn compare(scope: Scope, args: Args, mut rv: Return) {
    let order = convert::with_bytes(args.get(0), |a| {
        convert::with_bytes(args.get(1), |b| a.cmp(b))
    });
    match order.flatten() {
        Some(order) => rv.set_int32(number(order)),
        None => throw_not_a_buffer(scope),
    }
}

/// `compareOffset(source, target, targetStart, sourceStart, targetEnd, sourceEnd)`.
pub fn compare_offset(scope: Scope, args: Args, mut rv: Return) {
    let Some(target_start) = array_index(scope, args.get(2), 0) else {
        return;
    };
    let Some(source_start) = array_index(scope, args.get(3), 0) else {
        return;
    };
    let Some(target_end) = array_index(scope, args.get(4), 0) else {
        return;
    };
    let Some(source_end) = array_index(scope, args.get(5), 0) else {
        return;
    };
    let order = convert::with_bytes(args.get(0), |source| {
        convert::with_bytes(args.get(1), |target| {
            let target_end = target_end.min(target.len());
            let source_end = source_end.min(source.len());
            if source_start > source.len() {
                return Err("The value of \"sourceStart\" is out of range.");
            }
            if target_start > target.len() {
                return Err("The value of \"targetStart\" is out of range.");
            }
            let source = source.get(source_start..source_end).unwrap_or_default();
            let target = target.get(target_start..target_end).unwrap_or_default();
            Ok(source.cmp(target))
        })
    });
    match order.flatten() {
        Some(Ok(order)) => rv.set_int32(number(order)),
        Some(Err(message)) => {
            exception::throw(scope, ErrorKind::RangeError, "ERR_OUT_OF_RANGE", message)
        }
        None => throw_not_a_buffer(scope),
    }
}

fn number(order: Ordering) -> i32 {
    match order {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}
