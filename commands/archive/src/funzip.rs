//! `funzip`: the first member of an archive that comes through a pipe, or a gzip file.

use crate::codec::Codec;
use crate::zipfile::{Checked, method};
use flate2::bufread::DeflateDecoder;
use secure_exec_cli::{Args, Failure, Outcome, bytes, os_string};
use secure_exec_sys::errno;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

const BAD_DATA: i32 = 3;
/// Sum and sizes are behind the data.
const DESCRIBED: u16 = 8;

fn broken(text: &str) -> Failure {
    eprintln!("funzip error: {text}");
    Failure::silent(BAD_DATA)
}

pub fn main(args: Args) -> Outcome {
    let operand = args.list.iter().find(|word| !bytes(word).starts_with(b"-"));
    let raw: Box<dyn Read> = match operand {
        Some(name) => {
            let path = PathBuf::from(os_string(bytes(name)));
            Box::new(File::open(&path).map_err(|error| {
                broken(&format!(
                    "cannot open input file: {}",
                    errno::message(&error)
                ))
            })?)
        }
        None => Box::new(io::stdin()),
    };
    let mut input = BufReader::with_capacity(1 << 16, raw);
    let start = input.fill_buf()?.to_vec();
    let mut out = io::BufWriter::new(io::stdout());
    if start.starts_with(b"\x1f\x8b") {
        let mut data = Codec::Gzip.decoder(input)?;
        io::copy(&mut data, &mut out)
            .map_err(|_| broken("invalid compressed data--format violated"))?;
    } else if start.starts_with(b"PK\x03\x04") {
        member(&mut input, &mut out)?;
    } else {
        return Err(broken("input not a zip or gzip file"));
    }
    io::Write::flush(&mut out)?;
    Ok(0)
}

fn member(input: &mut impl BufRead, out: &mut impl io::Write) -> Result<(), Failure> {
    let mut head = [0; 30];
    let cut = |_: io::Error| broken("unexpected end of file");
    input.read_exact(&mut head).map_err(cut)?;
    let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let long = |at: usize| u32::from(word(at)) | u32::from(word(at + 2)) << 16;
    let described = word(6) & DESCRIBED != 0;
    if word(6) & 1 != 0 {
        return Err(broken("input is encrypted"));
    }
    let skipped = u64::from(word(26)) + u64::from(word(28));
    io::copy(&mut input.take(skipped), &mut io::sink())?;
    let (crc, packed, size) = (long(14), long(18), long(22));
    let (found, count) = match word(8) {
        method::STORED if !described => {
            let mut data = Checked::new(input.take(packed.into()), None);
            io::copy(&mut data, out)?;
            data.sum()
        }
        method::DEFLATED => {
            let mut data = Checked::new(DeflateDecoder::new(&mut *input), None);
            io::copy(&mut data, out)
                .map_err(|_| broken("invalid compressed data--format violated"))?;
            data.sum()
        }
        _ => return Err(broken("first entry not deflated or stored--cannot unpack")),
    };
    let crc = if described {
        let mut tail = [0; 8];
        input.read_exact(&mut tail).map_err(cut)?;
        let at = if tail.starts_with(b"PK\x07\x08") {
            4
        } else {
            0
        };
        u32::from_le_bytes([tail[at], tail[at + 1], tail[at + 2], tail[at + 3]])
    } else {
        if size != u32::MAX && u64::from(size) != count {
            return Err(broken("invalid compressed data--length error"));
        }
        crc
    };
    if crc != found {
        return Err(broken("invalid compressed data--crc error"));
    }
    Ok(())
}
