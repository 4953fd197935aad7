//! Messages of DNS as bytes (RFC 1035 section 4): a query to be written, an answer to be read.
//!
//! What is read comes from whoever answers: nothing in it makes a reader go round in circles, or take more memory than a
//! few times what came.

mod answer;
mod name;
mod reader;

pub use answer::{Answer, Data, Record};
pub use name::Name;

use super::status::Status;
use reader::Reader;

/// Class of the internet.
const CLASS_IN: u16 = 1;

/// Bytes of a header.
const HEADER: usize = 12;

/// Bits of its flags: the answer was cut, and the server is to ask others.
const TRUNCATED: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;

/// A question, as it is sent.
pub struct Query {
    name: Name,
    kind: u16,
    bytes: Vec<u8>,
}

/// What a message says about a query.
pub enum Reading {
    /// It answers another one.
    Foreign,
    /// It answers, but not all of it fitted.
    Truncated,
    /// It answers.
    Answer(Answer),
    /// It is no message.
    Malformed,
}

impl Query {
    /// A question about a name, of a type of records.
    ///
    /// # Errors
    /// - `EBADNAME`: no name of a host.
    pub fn new(name: &str, kind: u16) -> Result<Query, Status> {
        let name = Name::parse(name)?;
        let mut bytes = Vec::new();
        for field in [0, RECURSION_DESIRED, 1, 0, 0, 0] {
            bytes.extend_from_slice(&u16::to_be_bytes(field));
        }
        name.write(&mut bytes);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
        Ok(Query { name, kind, bytes })
    }

    /// Its bytes, with a number to know the answer by.
    pub fn with_id(&self, id: u16) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        bytes
    }

    /// What a message says about it; the caller has compared the numbers.
    pub fn read(&self, bytes: &[u8]) -> Reading {
        let mut reader = Reader::new(bytes);
        let Ok(([_, flags, questions, answers, authorities, additional], name, kind, class)) =
            head(&mut reader)
        else {
            return Reading::Malformed;
        };
        if questions != 1 {
            return Reading::Malformed;
        }
        if kind != self.kind || class != CLASS_IN || !name.is_same(&self.name) {
            return Reading::Foreign;
        }
        if flags & TRUNCATED != 0 {
            return Reading::Truncated;
        }
        match Answer::read(&mut reader, flags, name, [answers, authorities, additional]) {
            Ok(answer) => Reading::Answer(answer),
            Err(_) => Reading::Malformed,
        }
    }
}

/// The header's fields and the first question.
fn head(reader: &mut Reader<'_>) -> Result<([u16; 6], Name, u16, u16), reader::Malformed> {
    let mut fields = [0; 6];
    for field in &mut fields {
        *field = reader.u16()?;
    }
    Ok((fields, reader.name()?, reader.u16()?, reader.u16()?))
}

/// The number of a message.
pub fn id(bytes: &[u8]) -> Option<u16> {
    (bytes.len() >= HEADER).then(|| u16::from_be_bytes([bytes[0], bytes[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to `query` with records as bytes.
    fn reply(query: &Query, flags: u16, records: &[&[u8]]) -> Vec<u8> {
        let mut bytes = query.with_id(7);
        bytes[2..4].copy_from_slice(&(0x8000 | flags).to_be_bytes());
        let count = u16::try_from(records.len()).unwrap();
        bytes[6..8].copy_from_slice(&count.to_be_bytes());
        bytes.extend(records.concat());
        bytes
    }

    fn answer(query: &Query, bytes: &[u8]) -> Answer {
        match query.read(bytes) {
            Reading::Answer(answer) => answer,
            _ => panic!("no answer"),
        }
    }

    #[test]
    fn query_is_header_and_question() {
        let query = Query::new("a.bc", 28).unwrap();
        let expected = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x1c\0\x01";
        assert_eq!(query.with_id(0x1234), expected);
        assert_eq!(id(expected), Some(0x1234));
        assert_eq!(id(&expected[..11]), None);
    }

    #[test]
    fn records_are_read_with_their_names_uncompressed() {
        let query = Query::new("a.bc", 1).unwrap();
        let cname = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01x\xc0\x0e";
        let a = b"\xc0\x22\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04";
        let answer = answer(&query, &reply(&query, 0, &[cname, a]));
        assert_eq!(answer.records.len(), 2);
        let Data::Cname(name) = &answer.records[0].data else {
            panic!("a CNAME");
        };
        assert_eq!(name.text(), "x.bc");
        assert_eq!(answer.records[1].ttl, 5);
        assert!(matches!(&answer.records[1].data, Data::A(ip) if ip.octets() == [1, 2, 3, 4]));
    }

    #[test]
    fn answers_to_others_are_told_apart() {
        let query = Query::new("a.bc", 1).unwrap();
        let other = Query::new("a.bd", 1).unwrap();
        let loud = Query::new("A.BC", 1).unwrap();
        assert!(matches!(
            query.read(&reply(&other, 0, &[])),
            Reading::Foreign
        ));
        assert!(matches!(
            query.read(&reply(&loud, 0, &[])),
            Reading::Answer(_)
        ));
        assert!(matches!(
            query.read(&reply(&query, TRUNCATED, &[])),
            Reading::Truncated
        ));
    }

    #[test]
    fn nothing_malformed_is_read() {
        let query = Query::new("a.bc", 1).unwrap();
        let whole = reply(
            &query,
            0,
            &[b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x01\x02\x03\x04"],
        );
        for length in 0..whole.len() {
            assert!(
                matches!(query.read(&whole[..length]), Reading::Malformed),
                "{length}"
            );
        }
        let bad: [&[u8]; 6] = [
            // A pointer to itself, one to what follows, one beyond the end.
            b"\xc0\x16\0\x01\0\x01\0\0\0\x05\0\0",
            b"\xc0\x20\0\x01\0\x01\0\0\0\x05\0\0",
            b"\xff\xff\0\x01\0\x01\0\0\0\x05\0\0",
            // A label of a kind that there is not.
            b"\x80a\0\x01\0\x01\0\0\0\x05\0\0",
            // An address of two bytes, a text without a string.
            b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x02\x01\x02",
            b"\xc0\x0c\0\x10\0\x01\0\0\0\x05\0\0",
        ];
        for record in bad {
            let bytes = reply(&query, 0, &[record]);
            assert!(
                matches!(query.read(&bytes), Reading::Malformed),
                "{record:?}"
            );
        }
        let mut many = whole.clone();
        many[6..8].copy_from_slice(&u16::MAX.to_be_bytes());
        assert!(matches!(query.read(&many), Reading::Malformed));
    }

    #[test]
    fn whatever_comes_is_read_to_an_end() {
        let query = Query::new("a.bc", 255).unwrap();
        let whole = reply(
            &query,
            0,
            &[
                b"\xc0\x0c\0\x23\0\x01\0\0\0\x05\0\x0f\0\x01\0\x02\x01s\x01E\x03!x!\xc0\x0c\0",
                b"\xc0\x0c\0\x06\0\x01\0\0\0\x05\0\x18\xc0\x0c\xc0\x0c01234567890123456789",
                b"\xc0\x0c\0\x10\0\x01\0\0\0\x05\0\x05\x01a\x02bc",
            ],
        );
        assert!(matches!(query.read(&whole), Reading::Answer(_)));
        // Every byte with every value, and two at a time by a sequence that is always the same.
        for at in 0..whole.len() {
            for value in 0..=u8::MAX {
                let mut bytes = whole.clone();
                bytes[at] = value;
                let _read = query.read(&bytes);
            }
        }
        let mut state = 1_usize;
        for _ in 0..50_000 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let at = (state >> 33) % bytes.len();
                bytes[at] = state.to_be_bytes()[4];
            }
            let _read = query.read(&bytes);
        }
    }
}
