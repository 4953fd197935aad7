//! A line of a list of checksums, as `md5sum`, `cksum` and BSD's `md5` write it.

use uucore::checksum::{AlgoKind, HashLength, SizedAlgoKind};

/// What a line asks for.
pub struct Line {
    pub algorithm: SizedAlgoKind,
    /// In hexadecimal or base 64 digits.
    pub sum: String,
    pub name: Vec<u8>,
}

/// How digests of a list are written.
#[derive(Clone, Copy)]
pub struct Form {
    /// The algorithm of lines that do not name theirs; without one all must.
    pub algorithm: Option<AlgoKind>,
    /// Whether digests may be in base 64.
    pub has_base64: bool,
}

/// Lines without a mark of the mode behind the digest, as BSD has them. One such line makes all of its list so, and one of GNU's the
/// other way round: names may begin with blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Unknown,
    Gnu,
    Bsd,
}

/// Algorithms that lines may name, from the longest name on.
const TAGS: &[(&str, AlgoKind)] = &[
    ("SHAKE128", AlgoKind::Shake128),
    ("SHAKE256", AlgoKind::Shake256),
    ("BLAKE2b", AlgoKind::Blake2b),
    ("BLAKE3", AlgoKind::Blake3),
    ("SHA224", AlgoKind::Sha224),
    ("SHA256", AlgoKind::Sha256),
    ("SHA384", AlgoKind::Sha384),
    ("SHA512", AlgoKind::Sha512),
    ("SHA1", AlgoKind::Sha1),
    ("SHA2", AlgoKind::Sha2),
    ("SHA3", AlgoKind::Sha3),
    ("MD5", AlgoKind::Md5),
    ("SM3", AlgoKind::Sm3),
];

/// Reads a line without its end; `None`: it is none of a list.
pub fn parse(line: &[u8], form: Form, layout: &mut Layout) -> Option<Line> {
    let line = line.trim_ascii_start();
    let (line, is_escaped) = line
        .strip_prefix(b"\\")
        .map_or((line, false), |rest| (rest, true));
    let (algorithm, sum, name) = tagged(line, form).or_else(|| untagged(line, form, layout))?;
    let name = if is_escaped {
        unescape(name)?
    } else {
        name.to_vec()
    };
    let line = Line {
        algorithm,
        sum: String::from_utf8(sum.to_vec()).ok()?,
        name,
    };
    line.has_length().then_some(line)
}

/// `MD5 (name) = digest`, also without the blanks, as OpenSSL writes it.
fn tagged(line: &[u8], form: Form) -> Option<(SizedAlgoKind, &[u8], &[u8])> {
    let (tag, kind) = TAGS
        .iter()
        .find(|(tag, _)| line.starts_with(tag.as_bytes()))?;
    if form.algorithm.is_some_and(|wanted| wanted != *kind) {
        return None;
    }
    let mut rest = &line[tag.len()..];
    let mut length = None;
    if let Some(after) = rest.strip_prefix(b"-") {
        let digits = after
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        length = Some(std::str::from_utf8(&after[..digits]).ok()?.parse().ok()?);
        rest = &after[digits..];
    }
    let rest = rest.strip_prefix(b" ").unwrap_or(rest).strip_prefix(b"(")?;
    let end = rest.iter().rposition(|byte| *byte == b')')?;
    let sum = rest[end + 1..].trim_ascii_start().strip_prefix(b"=")?;
    let algorithm = sized(*kind, length)?;
    Some((algorithm, sum.trim_ascii_start(), &rest[..end]))
}

/// The digest, a blank, the mark of the mode, and the name.
fn untagged<'a>(
    line: &'a [u8],
    form: Form,
    layout: &mut Layout,
) -> Option<(SizedAlgoKind, &'a [u8], &'a [u8])> {
    let kind = form.algorithm?;
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t'))?;
    let (sum, rest) = (&line[..end], &line[end + 1..]);
    let algorithm = match kind {
        AlgoKind::Blake2b | AlgoKind::Blake3 | AlgoKind::Shake128 | AlgoKind::Shake256 => {
            sized(kind, Some(sum.len() * 4))
        }
        // Their length tells which it is.
        AlgoKind::Sha2 | AlgoKind::Sha3 => sized(kind, Some(sum.len() * 4)),
        _ => sized(kind, None),
    }?;
    let is_marked = rest.len() > 1 && matches!(rest[0], b' ' | b'*');
    let name = match (is_marked, *layout) {
        (false, Layout::Gnu) => return None,
        (false, _) => {
            *layout = Layout::Bsd;
            rest
        }
        (true, Layout::Bsd) => rest,
        (true, _) => {
            *layout = Layout::Gnu;
            &rest[1..]
        }
    };
    (!name.is_empty()).then_some(())?;
    let is_digest = |byte: &u8| {
        byte.is_ascii_hexdigit()
            || (form.has_base64 && (byte.is_ascii_alphanumeric() || b"+/=".contains(byte)))
    };
    sum.iter().all(is_digest).then_some((algorithm, sum, name))
}

/// The algorithm with a digest of so many bits, if it has such digests.
fn sized(kind: AlgoKind, bits: Option<usize>) -> Option<SizedAlgoKind> {
    let is_possible = match (kind, bits) {
        (AlgoKind::Blake2b, Some(bits)) => (8..=512).contains(&bits) && bits % 8 == 0,
        (AlgoKind::Sha2 | AlgoKind::Sha3, bits) => {
            bits.is_some_and(|bits| [224, 256, 384, 512].contains(&bits))
        }
        (_, Some(bits)) => (8..=1 << 16).contains(&bits) && bits % 8 == 0,
        (_, None) => true,
    };
    is_possible.then_some(())?;
    SizedAlgoKind::from_unsized(kind, bits.map(HashLength::from_bits)).ok()
}

/// A name in which backslashes and ends of lines are escaped.
fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name.iter();
    while let Some(byte) = rest.next() {
        plain.push(match byte {
            b'\\' => match rest.next()? {
                b'\\' => b'\\',
                b'n' => b'\n',
                b'r' => b'\r',
                _ => return None,
            },
            0 => return None,
            byte => *byte,
        });
    }
    Some(plain)
}

impl Line {
    /// Whether the digest is as long as those of the algorithm are.
    fn has_length(&self) -> bool {
        let bits = match self.algorithm {
            SizedAlgoKind::Md5 => 128,
            SizedAlgoKind::Sha1 => 160,
            SizedAlgoKind::Sm3 => 256,
            other => other.bitlen(),
        };
        let is_hex = self.sum.bytes().all(|byte| byte.is_ascii_hexdigit());
        let base64 = bits.div_ceil(24) * 4;
        (is_hex && self.sum.len() == bits / 4) || self.sum.len() == base64
    }
}
