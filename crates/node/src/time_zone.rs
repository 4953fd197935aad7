//! The default time zone: UTC, or what `TZ` names. Follows `DateTimeConfigurationChangeNotification` in Node's
//! `src/node_env_var.cc`.
//!
//! # Deviations
//! ICU has one default zone for the operating system process, so only a VM that has its process for itself can change
//! it; elsewhere a warning says so. Programs that run in one VM at the same time with different zones see each
//! other's in `Intl`, not in `Date`. The zone of a program that has ended is not seen by the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::env::Env;

const UTC: &str = "UTC";

/// Zones that running programs have asked for, the latest last.
static WANTED: Mutex<Vec<(u64, Arc<str>)>> = Mutex::new(Vec::new());

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A program's claim on the default zone; dropping it gives the zone back.
#[derive(Default)]
pub struct Claim {
    id: std::cell::Cell<u64>,
}

impl Claim {
    /// Whether ICU knows the zone; the last claim decides what the default is.
    fn set(&self, zone: &str) -> bool {
        if self.id.get() == 0 {
            self.id.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        let mut wanted = WANTED.lock();
        wanted.retain(|(id, _)| *id != self.id.get());
        let known = v8::icu::set_default_time_zone(zone);
        if known {
            wanted.push((self.id.get(), zone.into()));
        } else {
            restore(&wanted);
        }
        known
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.id.get() != 0 {
            let mut wanted = WANTED.lock();
            wanted.retain(|(id, _)| *id != self.id.get());
            restore(&wanted);
        }
    }
}

fn restore(wanted: &[(u64, Arc<str>)]) {
    let zone = wanted.last().map_or(UTC, |(_, zone)| zone);
    // ICU knew it before.
    let _ = v8::icu::set_default_time_zone(zone);
}

/// Makes UTC the default instead of what the host has. Once, before the first isolate.
pub(crate) fn initialize() {
    let known = v8::icu::set_default_time_zone(UTC);
    debug_assert!(known, "ICU has its zones");
}

/// Applies the `TZ` of the isolate's environment. Where it cannot be, the text of a warning.
pub fn apply(scope: &mut v8::PinScope<'_, '_>, env: &Env, value: &str) -> Option<&'static str> {
    let zone = match value.trim_start_matches(':') {
        "" | "UTC0" => UTC,
        zone => zone,
    };
    let claim = env.state::<Claim>();
    if !env.own_time_zone.get() {
        let is_utc = matches!(
            zone,
            UTC | "Etc/UTC" | "GMT" | "Etc/GMT" | "Universal" | "Zulu"
        );
        return (!is_utc).then_some(
            "The time zone of this VM is UTC and cannot be changed: Date and Intl take no notice of process.env.TZ",
        );
    }
    if !claim.set(zone) {
        // As Node: a zone that nobody knows is UTC.
        claim.set(UTC);
    }
    scope.date_time_configuration_change_notification(v8::TimeZoneDetection::Skip);
    None
}
