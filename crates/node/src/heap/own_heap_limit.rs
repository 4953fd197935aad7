//! The heap that a program allows itself: `--max-old-space-size` and its kin, within what the machine allows.

use std::cell::Cell;

use crate::env::Env;
use crate::heap::heap_limit;
use crate::options::Options;

/// The program's own bound, and the machine's that it replaced; bytes.
#[derive(Default)]
struct OwnLimit {
    bound: Cell<Option<usize>>,
    machine: Cell<Option<usize>>,
}

/// Lowers the heap limit of the isolate to what `options` ask for. A bound above the machine's changes nothing.
pub(crate) fn apply(scope: &mut v8::PinScope<'_, '_>, options: &Options) {
    let env = Env::of(scope);
    let Some(program) = env.program() else {
        return;
    };
    // All generations of the heap, where the bound is about the old one.
    let machine = heap_limit::size_limit(scope);
    let bound = wanted(options, machine);
    let Some(bound) = bound.filter(|bound| *bound < program.options.heap_limit_bytes) else {
        return;
    };
    let state = env.state::<OwnLimit>();
    state.bound.set(Some(bound));
    state.machine.set(Some(machine));
    heap_limit::set(scope, &env, bound);
}

fn wanted(options: &Options, machine: usize) -> Option<usize> {
    let part = options
        .text("--max-old-space-size-percentage")
        .unwrap_or_default();
    // Node adds it behind the flags of the command line, and the last one counts.
    if let Ok(part) = part.parse::<f64>() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "the part of a size, between nothing and all of it"
        )]
        let bytes = (machine as f64 * part / 100.0) as usize;
        return Some(bytes);
    }
    options
        .v8
        .max_old_space_mb
        .map(|megabytes| megabytes.saturating_mul(1 << 20))
}

/// Whether the program's own bound counts, not the machine's.
pub(crate) fn is_own(env: &Env) -> bool {
    env.state::<OwnLimit>().bound.get().is_some()
}

/// What the machine allows, where the program allows itself less; bytes.
pub(crate) fn of_machine(env: &Env) -> Option<usize> {
    env.state::<OwnLimit>().machine.get()
}

#[cfg(test)]
mod tests {
    use super::wanted;
    use crate::options::Options;

    #[test]
    fn a_part_of_the_machines_memory_or_a_number_of_mebibytes() {
        let of = |argument: &str| {
            let options = Options::parse(&[argument.to_owned()]).unwrap();
            wanted(&options, 100 << 20)
        };
        assert_eq!(of("--max-old-space-size=64"), Some(64 << 20));
        assert_eq!(of("--max-old-space-size-percentage=50"), Some(50 << 20));
        assert_eq!(of("--expose-gc"), None);
    }
}
