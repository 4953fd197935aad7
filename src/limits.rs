//! The table of limits, as `lib/` and the documents read it.

use std::collections::HashMap;

use napi_derive::napi;
use secure_exec_broker::protocol::VmLimits;
use secure_exec_broker::protocol::limits;

use crate::config::whole;

/// A row of the table of limits.
#[napi(object, object_from_js = false)]
pub struct LimitRow {
    /// `limits.resources.maxPipes`.
    pub path: String,
    /// `count`, `bytes`, `mebibytes`, `milliseconds`.
    pub unit: String,
    /// Absent for no limit.
    pub default: Option<f64>,
    pub least: f64,
    pub most: Option<f64>,
    /// Whether `Infinity` is taken.
    pub infinite: bool,
    /// Whether the VM keeps it; else `lib/` does.
    pub native: bool,
    pub note: String,
    pub guest: String,
    pub host: String,
}

/// Every limit: `lib/` checks its options by it, the documents are made from it.
#[napi(catch_unwind)]
pub fn limit_table() -> Vec<LimitRow> {
    let row = |row: &limits::LimitRow| LimitRow {
        path: row.path.into(),
        unit: row.unit.name().into(),
        default: row.default.map(double),
        least: double(row.least),
        most: row.most.map(double),
        infinite: row.infinite,
        native: row.is_of_the_vm(),
        note: row.note.into(),
        guest: row.guest.into(),
        host: row.host.into(),
    };
    limits::TABLE.iter().map(row).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the numbers of the table are far below 2^53"
)]
fn double(value: u64) -> f64 {
    value as f64
}

/// Bounds by path; an absent one has its default, an infinite one is none.
pub(crate) fn vm_limits(given: &HashMap<String, f64>) -> VmLimits {
    let mut vm_limits = VmLimits::default();
    for (path, value) in given {
        if let Some(row) = limits::find(path) {
            let value = value.is_finite().then(|| whole(Some(*value), 0));
            row.set(&mut vm_limits, value);
        }
    }
    vm_limits
}
