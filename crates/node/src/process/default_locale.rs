//! The default locale: what `LC_ALL`, `LC_MESSAGES` or `LANG` name when a program starts. Follows ICU's
//! `uprv_getPOSIXIDForCategory` and `uprv_getDefaultLocaleID` (`putil.cpp`).
//!
//! ICU has one default for the operating system process. V8 asks for it once and keeps the answer for the isolate, as it
//! keeps the names of the time zone, so that each program has its isolate ask while the default is its own.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use secure_exec_kernel::Process;

use crate::env::Env;
use crate::js::convert;

/// What C programs have without a locale, for V8; the default while nobody asks.
const NEUTRAL: &str = "en_US";

/// Longer names are cut: ICU keeps each name that was ever its default.
const LONGEST_NAME: usize = 64;

/// A winter's day and a summer's day, milliseconds since 1970.
const DAYS: [f64; 2] = [1_735_689_600_000.0, 1_751_328_000_000.0];

/// Held while ICU's default is that of one program. None of the program's code runs meanwhile.
static DEFAULT: Mutex<()> = Mutex::new(());

/// A program was ended inside of ICU, for want of memory: its thread stays there. From then on all have the neutral locale.
static ABANDONED: AtomicBool = AtomicBool::new(false);

/// How long whoever holds the default may take at most: it needs a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

unsafe extern "C" {
    /// `v8::Isolate::LocaleConfigurationChangeNotification`, which the bindings lack: the isolate asks ICU again.
    #[link_name = "_ZN2v87Isolate37LocaleConfigurationChangeNotificationEv"]
    fn forget_locale(isolate: v8::UnsafeRawIsolatePtr);
    /// `v8::internal::Isolate::clear_cached_icu_objects`: what was made for the locale before.
    #[link_name = "_ZN2v88internal7Isolate24clear_cached_icu_objectsEv"]
    fn forget_formats(isolate: v8::UnsafeRawIsolatePtr);
    /// `v8::internal::Isolate::DefaultLocale`: asks ICU if the isolate has no answer yet. Gives a reference to a string.
    #[link_name = "_ZN2v88internal7Isolate13DefaultLocaleEv"]
    fn keep_locale(isolate: v8::UnsafeRawIsolatePtr) -> *const std::ffi::c_void;
}

/// The locale of a program that has another one than C programs have.
struct Own {
    /// ICU's name.
    name: String,
    /// The language tag.
    tag: String,
    /// `Date.prototype.toString` of before the program's code.
    date_text: Option<v8::Global<v8::Function>>,
}

#[derive(Default)]
struct Chosen {
    own: RefCell<Option<Own>>,
}

/// Makes the neutral locale the default instead of what the host has. Once, before the first isolate.
pub(crate) fn initialize() {
    v8::icu::set_default_locale(NEUTRAL);
}

/// Runs `work` while `name` is ICU's default.
fn with_default<T>(name: &str, work: impl FnOnce() -> T) -> T {
    if ABANDONED.load(Ordering::Relaxed) {
        return work();
    }
    let Some(_mine) = DEFAULT.try_lock_for(PATIENCE) else {
        ABANDONED.store(true, Ordering::Relaxed);
        v8::icu::set_default_locale(NEUTRAL);
        return work();
    };
    if name == NEUTRAL {
        return work();
    }
    v8::icu::set_default_locale(name);
    let result = work();
    v8::icu::set_default_locale(NEUTRAL);
    result
}

/// Gives the isolate the locale of its process, before code of the program runs.
pub fn apply(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    let name = env
        .try_process()
        .map_or_else(|| NEUTRAL.to_owned(), |process| of_process(&process));
    let tag = with_default(&name, || {
        ask(scope);
        (name != NEUTRAL).then(v8::icu::get_language_tag)
    });
    let Some(tag) = tag else { return };
    let date_text = date_text(scope);
    env.state::<Chosen>().own.replace(Some(Own {
        name,
        tag,
        date_text,
    }));
}

/// The locale of the program as a language tag: `navigator.language`.
pub fn tag(env: &Env) -> String {
    let chosen = env.state::<Chosen>();
    let own = chosen.own.borrow();
    own.as_ref()
        .map_or_else(|| "en-US".to_owned(), |own| own.tag.clone())
}

/// Has the isolate learn the names of its time zone, which is new to it, in its own locale.
pub fn name_time_zone(scope: &mut v8::PinScope<'_, '_>, env: &Env) {
    let chosen = env.state::<Chosen>();
    let own = chosen.own.borrow();
    let Some(Own {
        name,
        date_text: Some(text),
        ..
    }) = &*own
    else {
        return;
    };
    with_default(name, || {
        v8::tc_scope!(let scope, scope);
        let text = v8::Local::new(scope, text);
        for day in DAYS {
            let date = v8::Date::new(scope, day);
            // The engine's own function of a date of its own: it throws nothing and calls nobody.
            date.and_then(|date| text.call(scope, date.into(), &[]));
        }
    });
}

fn date_text(scope: &mut v8::PinScope<'_, '_>) -> Option<v8::Global<v8::Function>> {
    let date = v8::Date::new(scope, 0.0)?;
    let text = convert::get(scope, date.into(), "toString")?;
    let text = v8::Local::<v8::Function>::try_from(text).ok()?;
    Some(v8::Global::new(scope, text))
}

/// Has the isolate ask ICU for the default. An isolate that waited for its program may have asked before.
///
/// What V8 does with the answer comes later, when the program needs it: the first comparison of a process takes ten
/// milliseconds.
fn ask(scope: &mut v8::PinScope<'_, '_>) {
    // SAFETY: the isolate is this thread's; the calls drop what it has cached, and have it keep the name of the default,
    // which is its own. The public and the internal class are two names of one object.
    unsafe {
        forget_locale(scope.as_raw_isolate_ptr());
        forget_formats(scope.as_raw_isolate_ptr());
        keep_locale(scope.as_raw_isolate_ptr());
    }
}

fn of_process(process: &Process) -> String {
    let variables = process.envp();
    let value = |name: &[u8]| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    // An empty one counts, as for ICU.
    let first = [&b"LC_ALL"[..], b"LC_MESSAGES", b"LANG"]
        .into_iter()
        .find_map(value);
    first.map_or_else(|| NEUTRAL.to_owned(), |name| icu_name(&name))
}

/// The name of `language[_COUNTRY][.charset][@variant]` for ICU.
fn icu_name(posix: &str) -> String {
    let plain = |name: &str| matches!(name, "C" | "POSIX");
    if plain(posix) {
        return NEUTRAL.to_owned();
    }
    let end = posix.find(['.', '@']).unwrap_or(posix.len());
    let mut name = posix[..end].to_owned();
    if plain(&name) {
        NEUTRAL.clone_into(&mut name);
    }
    if let Some((_, variant)) = posix.rsplit_once('@') {
        let variant = variant.split('.').next().unwrap_or_default();
        name.push_str(if name.contains('_') { "_" } else { "__" });
        name.push_str(if variant == "nynorsk" { "NY" } else { variant });
    }
    // A NUL cannot be in a variable; what is no ASCII is no name.
    name.retain(|character| character.is_ascii() && character != '\0');
    name.truncate(LONGEST_NAME);
    name
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NAME, NEUTRAL, icu_name};

    #[test]
    fn names_of_posix_become_those_of_icu() {
        assert_eq!(icu_name("de_DE.UTF-8"), "de_DE");
        assert_eq!(icu_name("sr_RS.UTF-8@latin"), "sr_RS_latin");
        assert_eq!(icu_name("sr@latin"), "sr__latin");
        assert_eq!(icu_name("no@nynorsk"), "no__NY");
        assert_eq!(icu_name("C"), NEUTRAL);
        assert_eq!(icu_name("C.UTF-8"), NEUTRAL);
        assert_eq!(icu_name("POSIX"), NEUTRAL);
        assert_eq!(icu_name(""), "");
        assert_eq!(icu_name(&"x".repeat(1000)).len(), LONGEST_NAME);
    }
}
