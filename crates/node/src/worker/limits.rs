//! `resourceLimits` of a worker. They can lower what the process may use, never raise it.

use crate::memory::sizes::{CODE_RANGE, STACK_SIZE};

/// How many limits there are.
pub const COUNT: usize = 4;

const MB: f64 = (1 << 20) as f64;

/// Part of a thread's stack that native callbacks keep below V8's own limit.
const NATIVE_STACK: usize = 1 << 20;
/// The smallest stack that the library boots on.
const SMALLEST_STACK: usize = 192 << 10;
/// The smallest heap that the library starts in.
const SMALLEST_HEAP: usize = 2 << 20;

/// In megabytes, in the order of the binding's constants: young generation, old generation, code range, stack. Zero or
/// less stands for the default.
#[derive(Clone, Copy, Debug)]
pub struct ResourceLimits(pub [f64; COUNT]);

fn bounded(megabytes: f64, least: usize, most: usize) -> usize {
    if megabytes > 0.0 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is above zero and saturates; a fraction of a byte does not matter"
        )]
        let bytes = (megabytes * MB) as usize;
        bytes.clamp(least, most)
    } else {
        most
    }
}

impl ResourceLimits {
    /// Bound of the old generation, at most that of the process's main thread.
    pub fn old_generation(&self, process: usize) -> usize {
        bounded(self.0[1], SMALLEST_HEAP, process)
    }

    /// Bound of the young generation, if there is one.
    pub fn young_generation(&self) -> Option<usize> {
        (self.0[0] > 0.0).then(|| bounded(self.0[0], 1 << 20, 64 << 20))
    }

    /// How much of the thread's stack JavaScript may use.
    pub fn stack(&self) -> usize {
        bounded(self.0[3], SMALLEST_STACK, STACK_SIZE - NATIVE_STACK)
    }

    /// Fills in the defaults, as `worker.resourceLimits` shows them.
    pub fn fill(&mut self, young: usize, process: usize) {
        let mut default = |index: usize, bytes: usize| {
            if self.0[index] <= 0.0 {
                self.0[index] = bytes as f64 / MB;
            }
        };
        default(0, young);
        default(1, process);
        default(2, CODE_RANGE);
        default(3, STACK_SIZE);
        self.0[1] = self.0[1].min(process as f64 / MB);
    }
}

#[cfg(test)]
mod tests {
    use super::ResourceLimits;

    #[test]
    fn limits_only_lower() {
        let asked = ResourceLimits([0.0, 4096.0, 0.0, 256.0]);
        assert_eq!(asked.old_generation(128 << 20), 128 << 20);
        assert_eq!(asked.stack(), 3 << 20);
        let asked = ResourceLimits([0.0, 16.0, 0.0, 1.0]);
        assert_eq!(asked.old_generation(128 << 20), 16 << 20);
        assert_eq!(asked.stack(), 1 << 20);
        assert_eq!(
            ResourceLimits([0.0, 0.001, 0.0, 0.0]).old_generation(128 << 20),
            2 << 20
        );
    }
}
