//! Cyclic redundancy checks of 32 bits, as `cksum` computes them.
//!
//! It takes the place of the crate of the same name, as much as uucore uses of it. That one has the tables of a hundred
//! checks, which compress to two thirds of a megabyte; here they are computed, in microseconds, when a check begins.
//! Nothing of that crate is in it.

/// Bytes that one step takes, each with a table of its own.
const STEP: usize = 16;

type Tables = [[u32; 256]; STEP];

/// Checks that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// That of ISO/IEC 3309, Ethernet and gzip.
    Crc32IsoHdlc,
}

/// A check, in the words of Ross Williams's model (A Painless Guide to CRC Error Detection Algorithms, 1993).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrcParams {
    poly: u32,
    init: u32,
    reflected: bool,
    xorout: u32,
}

impl CrcParams {
    /// # Panics
    /// The width is not 32 bits, or one of the values has more.
    #[must_use]
    pub fn new(
        _name: &'static str,
        width: u8,
        poly: u64,
        init: u64,
        reflected: bool,
        xorout: u64,
        _check: u64,
    ) -> Self {
        assert_eq!(width, 32, "checks of 32 bits only");
        let word = |value| u32::try_from(value).expect("a value of 32 bits");
        Self {
            poly: word(poly),
            init: word(init),
            reflected,
            xorout: word(xorout),
        }
    }
}

/// A check that is under way.
#[derive(Clone, Debug)]
pub struct Digest {
    params: CrcParams,
    tables: Box<Tables>,
    state: u32,
}

impl Digest {
    #[must_use]
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        let CrcAlgorithm::Crc32IsoHdlc = algorithm;
        let all = u64::from(u32::MAX);
        let params = CrcParams::new("CRC-32/ISO-HDLC", 32, 0x04c1_1db7, all, true, all, 0);
        Self::new_with_params(params)
    }

    #[must_use]
    pub fn new_with_params(params: CrcParams) -> Self {
        let mut digest = Self {
            params,
            tables: match params.reflected {
                true => reflected_tables(params.poly),
                false => plain_tables(params.poly),
            },
            state: 0,
        };
        digest.reset();
        digest
    }

    pub fn update(&mut self, data: &[u8]) {
        self.state = match self.params.reflected {
            true => reflected(&self.tables, self.state, data),
            false => plain(&self.tables, self.state, data),
        };
    }

    /// The check of what came so far, in the lower half.
    #[must_use]
    pub fn finalize(&self) -> u64 {
        u64::from(self.state ^ self.params.xorout)
    }

    /// As if nothing had come.
    pub fn reset(&mut self) {
        self.state = match self.params.reflected {
            true => self.params.init.reverse_bits(),
            false => self.params.init,
        };
    }
}

/// What a byte does, the highest bit first, to the check of as many further bytes as the table's number says.
fn plain_tables(poly: u32) -> Box<Tables> {
    let mut tables = Box::new([[0; 256]; STEP]);
    for (byte, entry) in (0..).zip(&mut tables[0]) {
        *entry = (0..8).fold(byte << 24, |crc: u32, _| {
            (crc << 1) ^ (if crc >> 31 == 1 { poly } else { 0 })
        });
    }
    for number in 1..STEP {
        for byte in 0..256 {
            let crc = tables[number - 1][byte];
            tables[number][byte] = (crc << 8) ^ tables[0][usize::from(crc.to_be_bytes()[0])];
        }
    }
    tables
}

/// The same with the lowest bit first.
fn reflected_tables(poly: u32) -> Box<Tables> {
    let poly = poly.reverse_bits();
    let mut tables = Box::new([[0; 256]; STEP]);
    for (byte, entry) in (0..).zip(&mut tables[0]) {
        *entry = (0..8).fold(byte, |crc: u32, _| {
            (crc >> 1) ^ (if crc & 1 == 1 { poly } else { 0 })
        });
    }
    for number in 1..STEP {
        for byte in 0..256 {
            let crc = tables[number - 1][byte];
            tables[number][byte] = (crc >> 8) ^ tables[0][usize::from(crc.to_le_bytes()[0])];
        }
    }
    tables
}

fn plain(tables: &Tables, mut crc: u32, data: &[u8]) -> u32 {
    let (steps, rest) = data.as_chunks::<STEP>();
    for step in steps {
        crc = at_once(tables, crc.to_be_bytes(), step);
    }
    for byte in rest {
        crc = (crc << 8) ^ tables[0][usize::from(crc.to_be_bytes()[0] ^ byte)];
    }
    crc
}

fn reflected(tables: &Tables, mut crc: u32, data: &[u8]) -> u32 {
    let (steps, rest) = data.as_chunks::<STEP>();
    for step in steps {
        crc = at_once(tables, crc.to_le_bytes(), step);
    }
    for byte in rest {
        crc = (crc >> 8) ^ tables[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
    }
    crc
}

/// The check behind sixteen bytes. Each is looked up by itself, which the processor does at the same time; a loop would not
/// be unrolled, since the commands are compiled for size.
#[inline(always)]
fn at_once(tables: &Tables, crc: [u8; 4], step: &[u8; STEP]) -> u32 {
    let after = |table: usize, byte: u8| tables[table][usize::from(byte)];
    after(15, step[0] ^ crc[0])
        ^ after(14, step[1] ^ crc[1])
        ^ after(13, step[2] ^ crc[2])
        ^ after(12, step[3] ^ crc[3])
        ^ after(11, step[4])
        ^ after(10, step[5])
        ^ after(9, step[6])
        ^ after(8, step[7])
        ^ after(7, step[8])
        ^ after(6, step[9])
        ^ after(5, step[10])
        ^ after(4, step[11])
        ^ after(3, step[12])
        ^ after(2, step[13])
        ^ after(1, step[14])
        ^ after(0, step[15])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posix() -> Digest {
        let all = u64::from(u32::MAX);
        Digest::new_with_params(CrcParams::new("", 32, 0x04c1_1db7, 0, false, all, 0))
    }

    #[test]
    fn checks_are_those_of_the_catalogue() {
        let mut digest = posix();
        digest.update(b"123456789");
        assert_eq!(digest.finalize(), 0x765e_7680);
        let mut digest = Digest::new(CrcAlgorithm::Crc32IsoHdlc);
        digest.update(b"123456789");
        assert_eq!(digest.finalize(), 0xcbf4_3926);
        digest.reset();
        assert_eq!(digest.finalize(), 0);
    }

    #[test]
    fn steps_and_single_bytes_are_one() {
        let data: Vec<u8> = (0..1000u32)
            .map(|n| ((n * n) >> 3).to_le_bytes()[0])
            .collect();
        for begin in [posix(), Digest::new(CrcAlgorithm::Crc32IsoHdlc)] {
            let mut bytes = begin.clone();
            for byte in &data {
                bytes.update(&[*byte]);
            }
            for cut in [0, 1, 15, 16, 17, 500, 999, 1000] {
                let mut steps = begin.clone();
                steps.update(&data[..cut]);
                steps.update(&data[cut..]);
                assert_eq!(steps.finalize(), bytes.finalize());
            }
        }
    }
}
