//! Randomness, injected by the embedder.

use parking_lot::Mutex;

/// Source of random bytes behind `getrandom(2)`, `/dev/random` and `/dev/urandom`.
pub trait RandomSource: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buf: &mut [u8]);
}

/// Deterministic source for tests; never to be given to a guest whose secrets matter.
#[derive(Debug)]
pub struct SeededRandom {
    state: Mutex<u64>,
}

impl SeededRandom {
    /// Starts the sequence that belongs to `seed`.
    pub fn new(seed: u64) -> SeededRandom {
        SeededRandom {
            state: Mutex::new(seed),
        }
    }
}

impl RandomSource for SeededRandom {
    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn fill(&self, buf: &mut [u8]) {
        let mut state = self.state.lock();
        for chunk in buf.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let bytes = z.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
