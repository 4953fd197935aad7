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
use crate::process::default_locale;

const UTC: &str = "UTC";

/// ICU's zone without a name: what a zone that nobody knows looks like.
const NAMELESS: &str = "Factory";

static ZONES: Mutex<Zones> = Mutex::new(Zones {
    wanted: Vec::new(),
    current: None,
});

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What running programs want, and what ICU has.
struct Zones {
    /// The latest last.
    wanted: Vec<(u64, Arc<str>)>,
    /// None for UTC.
    current: Option<Arc<str>>,
}

impl Zones {
    /// Makes `zone` ICU's default. False where ICU does not know it.
    fn switch(&mut self, zone: &str) -> bool {
        if self.current.as_deref().unwrap_or(UTC) == zone {
            return true;
        }
        let known = v8::icu::set_default_time_zone(zone);
        if known {
            self.current = (zone != UTC).then(|| zone.into());
        }
        known
    }

    fn withdraw(&mut self, claim: u64) {
        self.wanted.retain(|(id, _)| *id != claim);
    }

    /// Makes the latest claim the default again; ICU knew it before.
    fn restore(&mut self) {
        let zone = self.wanted.last().map(|(_, zone)| zone.clone());
        let _ = self.switch(zone.as_deref().unwrap_or(UTC));
    }
}

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
        let mut zones = ZONES.lock();
        zones.withdraw(self.id.get());
        let known = zones.switch(zone);
        if known {
            zones.wanted.push((self.id.get(), zone.into()));
        } else {
            zones.restore();
        }
        known
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.id.get() != 0 {
            let mut zones = ZONES.lock();
            zones.withdraw(self.id.get());
            zones.restore();
        }
    }
}

/// Makes UTC the default instead of what the host has. Once, before the first isolate.
pub(crate) fn initialize() {
    let known = v8::icu::set_default_time_zone(UTC);
    debug_assert!(known, "ICU has its zones");
}

/// Applies the `TZ` of the isolate's environment, an empty one where it has none. Where it cannot be, the text of a
/// warning.
///
/// Every program claims a zone when it starts, UTC too: the thread of the program before it may still have one.
pub fn apply(scope: &mut v8::PinScope<'_, '_>, env: &Env, value: &str) -> Option<&'static str> {
    let named = value.trim_start_matches(':');
    let offset = posix_offset(named);
    let zone = match named {
        "" | "UTC0" => UTC,
        zone => offset.as_deref().unwrap_or(zone),
    };
    let claim = env.state::<Claim>();
    let is_own = env
        .program()
        .is_some_and(|program| program.options.own_process);
    if !is_own {
        let is_utc = matches!(
            zone,
            UTC | "Etc/UTC" | "GMT" | "Etc/GMT" | "Universal" | "Zulu"
        );
        return (!is_utc).then_some(
            "The time zone of this VM is UTC and cannot be changed: Date and Intl take no notice of process.env.TZ",
        );
    }
    if !claim.set(zone) {
        // As Node: a zone that nobody knows has the time of UTC, but not its name.
        claim.set(NAMELESS);
    }
    scope.date_time_configuration_change_notification(v8::TimeZoneDetection::Skip);
    default_locale::name_time_zone(scope, env);
    None
}

/// The zone of POSIX's `NAME[+-]hours`, west of Greenwich where it is positive, by ICU's name.
fn posix_offset(value: &str) -> Option<String> {
    let digits_at = value.find(|character: char| !character.is_ascii_alphabetic())?;
    let (name, offset) = value.split_at(digits_at);
    let (sign, hours) = match offset.strip_prefix('-') {
        Some(hours) => ('+', hours),
        None => ('-', offset.strip_prefix('+').unwrap_or(offset)),
    };
    let is_number = !hours.is_empty() && hours.bytes().all(|byte| byte.is_ascii_digit());
    let hours: u8 = hours
        .parse()
        .ok()
        .filter(|_| is_number && name.len() >= 3)?;
    // ICU knows these by name.
    let known = hours == 0 && name == "GMT";
    (hours < 24 && !known).then(|| format!("GMT{sign}{hours:02}:00"))
}

#[cfg(test)]
mod tests {
    use super::posix_offset;

    #[test]
    fn offsets_of_posix_count_westwards() {
        assert_eq!(posix_offset("GMT+5").as_deref(), Some("GMT-05:00"));
        assert_eq!(posix_offset("XYZ-11").as_deref(), Some("GMT+11:00"));
        assert_eq!(posix_offset("EST5").as_deref(), Some("GMT-05:00"));
        for other in [
            "",
            "UTC",
            "EST5EDT",
            "Etc/GMT+5",
            "A3",
            "GMT0",
            "GMT-05:00",
            "XYZ24",
        ] {
            assert_eq!(posix_offset(other), None, "{other}");
        }
    }
}
