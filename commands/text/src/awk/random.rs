//! `rand()`: SplitMix64.

pub struct Random {
    state: u64,
    pub seed: f64,
}

impl Random {
    pub fn new(seed: f64) -> Self {
        Self {
            // A seed of 0 gives what 1 does, as the C library's generator has it.
            state: (if seed == 0.0 { 1.0 } else { seed }).to_bits() ^ 0x9e37_79b9_7f4a_7c15,
            seed,
        }
    }

    /// A number in [0, 1).
    pub fn next(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
