//! `dd`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/dd.html), with the usual
//! flags of the GNU tool.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::time::Instant;

use secure_exec_cli::{Args, Failure, Outcome, fail, human_size, parse_size, quote, report};
use secure_exec_sys::errno;

struct Options {
    input: Option<String>,
    output: Option<String>,
    input_block: usize,
    output_block: usize,
    count: Option<u64>,
    skip: u64,
    seek: u64,
    conversions: Vec<String>,
    input_flags: Vec<String>,
    output_flags: Vec<String>,
    status: String,
}

/// Whole and partial blocks.
#[derive(Default)]
struct Counted {
    whole: u64,
    partial: u64,
}

pub fn main(args: &Args) -> Outcome {
    let options = parse(args)?;
    let start = Instant::now();
    let mut input = open_input(&options)?;
    let mut output = open_output(&options)?;
    let copied = copy(&options, &mut input, &mut output)?;
    if options.status != "none" {
        tell(&options, &copied, start);
    }
    Ok(0)
}

fn parse(args: &Args) -> Result<Options, Failure> {
    let mut options = Options {
        input: None,
        output: None,
        input_block: 512,
        output_block: 512,
        count: None,
        skip: 0,
        seek: 0,
        conversions: Vec::new(),
        input_flags: Vec::new(),
        output_flags: Vec::new(),
        status: String::new(),
    };
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    for arg in &args.list {
        let text = arg.to_string_lossy().into_owned();
        let hint =
            |message: String| fail(format!("{message}\nTry 'dd --help' for more information."));
        let Some((name, value)) = text.split_once('=') else {
            return Err(hint(format!("unrecognized operand {}", quote(&text))));
        };
        let number =
            || number(value).ok_or_else(|| fail(format!("invalid number: {}", quote(value))));
        let size = || {
            let size = number()?;
            let size = usize::try_from(size)
                .ok()
                .filter(|size| (1..=1 << 30).contains(size));
            size.ok_or_else(|| fail(format!("invalid number: {}", quote(value))))
        };
        match name {
            "if" => options.input = Some(value.to_owned()),
            "of" => options.output = Some(value.to_owned()),
            "bs" => (options.input_block, options.output_block) = (size()?, size()?),
            "ibs" => options.input_block = size()?,
            "obs" => options.output_block = size()?,
            "count" => options.count = Some(number()?),
            "skip" | "iseek" => options.skip = number()?,
            "seek" | "oseek" => options.seek = number()?,
            "conv" => options.conversions.extend(list(value)),
            "iflag" => options.input_flags.extend(list(value)),
            "oflag" => options.output_flags.extend(list(value)),
            "status" => value.clone_into(&mut options.status),
            _ => return Err(hint(format!("unrecognized operand {}", quote(&text)))),
        }
    }
    const CONVERSIONS: [&str; 10] = [
        "ucase",
        "lcase",
        "swab",
        "sync",
        "noerror",
        "notrunc",
        "excl",
        "nocreat",
        "fsync",
        "fdatasync",
    ];
    match options
        .conversions
        .iter()
        .find(|each| !CONVERSIONS.contains(&each.as_str()))
    {
        Some(other) => Err(fail(format!("invalid conversion: {}", quote(other)))),
        None => Ok(options),
    }
}

/// A product of numbers with suffixes: `2x512`, `4k`, `1w`.
fn number(text: &str) -> Option<u64> {
    // As strtoumax(3) has it, blanks may stand before the digits.
    text.trim_ascii_start()
        .split('x')
        .try_fold(1_u64, |product, part| {
            let size = part.strip_suffix('w').map_or_else(
                || parse_size(part),
                |words| Some(words.parse::<u64>().ok()? * 2),
            );
            product.checked_mul(size?)
        })
}

impl Options {
    fn converts(&self, name: &str) -> bool {
        self.conversions.iter().any(|each| each == name)
    }

    fn has_input_flag(&self, name: &str) -> bool {
        self.input_flags.iter().any(|each| each == name)
    }

    fn has_output_flag(&self, name: &str) -> bool {
        self.output_flags.iter().any(|each| each == name)
    }
}

fn open_input(options: &Options) -> Result<Box<dyn Read>, Failure> {
    let factor = if options.has_input_flag("skip_bytes") {
        1
    } else {
        options.input_block as u64
    };
    let skipped = options.skip.saturating_mul(factor);
    let Some(path) = &options.input else {
        // Without a buffer: what follows the blocks is for whoever reads the same input next.
        // SAFETY: nothing else in this program reads or closes the standard input.
        let mut input = unsafe { File::from_raw_fd(0) };
        io::copy(&mut Read::by_ref(&mut input).take(skipped), &mut io::sink())?;
        return Ok(Box::new(input));
    };
    let mut file =
        File::open(path).map_err(|error| fail(report("failed to open", path, &error)))?;
    if skipped > 0 && file.seek(SeekFrom::Start(skipped)).is_err() {
        io::copy(&mut Read::by_ref(&mut file).take(skipped), &mut io::sink())?;
    }
    Ok(Box::new(file))
}

fn open_output(options: &Options) -> Result<Box<dyn Write>, Failure> {
    let factor = if options.has_output_flag("seek_bytes") {
        1
    } else {
        options.output_block as u64
    };
    let sought = options.seek.saturating_mul(factor);
    let Some(path) = &options.output else {
        return seeking_stdout(sought);
    };
    let mut open = OpenOptions::new();
    open.write(true).append(options.has_output_flag("append"));
    if options.converts("excl") {
        open.create_new(true);
    } else {
        open.create(!options.converts("nocreat"));
    }
    let failed = |error: io::Error| fail(report("failed to open", path, &error));
    let mut file = open.open(path).map_err(failed)?;
    if file.metadata().is_ok_and(|found| found.is_file()) {
        if !options.converts("notrunc") && !options.has_output_flag("append") {
            file.set_len(sought).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(sought)).map_err(failed)?;
    }
    Ok(Box::new(file))
}

/// Standard output, which `seek=` moves on and never cuts.
fn seeking_stdout(sought: u64) -> Result<Box<dyn Write>, Failure> {
    if sought > 0 {
        // SAFETY: the descriptor stays open; the file that has it is never dropped.
        let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(1) });
        let distance = i64::try_from(sought).unwrap_or(i64::MAX);
        file.seek(SeekFrom::Current(distance))
            .map_err(|error| fail(report("cannot seek", "standard output", &error)))?;
    }
    Ok(Box::new(io::stdout()))
}

fn copy(
    options: &Options,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<(Counted, Counted, u64), Failure> {
    let (mut read, mut written, mut total) = (Counted::default(), Counted::default(), 0_u64);
    let by_bytes = options.has_input_flag("count_bytes");
    let mut left = options.count.filter(|_| by_bytes).unwrap_or(u64::MAX);
    let mut pending = Vec::new();
    let keeps_blocks = options.input_block == options.output_block;
    while left > 0
        && (by_bytes
            || options
                .count
                .is_none_or(|count| read.whole + read.partial < count))
    {
        let size = options
            .input_block
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut block = read_block(input, size, options.has_input_flag("fullblock"))
            .map_err(|error| fail(format!("error reading: {}", errno::message(&error))))?;
        if block.is_empty() {
            break;
        }
        left -= block.len() as u64;
        if block.len() == options.input_block {
            read.whole += 1
        } else {
            read.partial += 1
        }
        if options.converts("sync") {
            block.resize(options.input_block, 0);
        }
        convert(options, &mut block);
        pending.extend(block);
        while pending.len() >= options.output_block || keeps_blocks && !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(options.output_block));
            total += put(output, &pending, options.output_block, &mut written)?;
            pending = rest;
        }
    }
    if !pending.is_empty() {
        total += put(output, &pending, options.output_block, &mut written)?;
    }
    output.flush()?;
    Ok((read, written, total))
}

fn put(
    output: &mut dyn Write,
    block: &[u8],
    size: usize,
    written: &mut Counted,
) -> Result<u64, Failure> {
    output
        .write_all(block)
        .map_err(|error| fail(format!("error writing: {}", errno::message(&error))))?;
    if block.len() == size {
        written.whole += 1
    } else {
        written.partial += 1
    }
    Ok(block.len() as u64)
}

/// One read, which may give less, or as many as it takes.
fn read_block(input: &mut dyn Read, size: usize, full: bool) -> io::Result<Vec<u8>> {
    let mut block = vec![0; size];
    let mut length = 0;
    while length < size {
        match input.read(&mut block[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if !full {
            break;
        }
    }
    block.truncate(length);
    Ok(block)
}

fn convert(options: &Options, block: &mut [u8]) {
    if options.converts("swab") {
        block.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    }
    if options.converts("ucase") {
        block.make_ascii_uppercase();
    }
    if options.converts("lcase") {
        block.make_ascii_lowercase();
    }
}

fn tell(options: &Options, (read, written, total): &(Counted, Counted, u64), start: Instant) {
    eprintln!("{}+{} records in", read.whole, read.partial);
    eprintln!("{}+{} records out", written.whole, written.partial);
    if options.status == "noxfer" {
        return;
    }
    let seconds = start.elapsed().as_secs_f64();
    let plural = if *total == 1 { "byte" } else { "bytes" };
    let sizes = match total {
        0..1000 => String::new(),
        1000..1024 => format!(" ({}B)", spaced(*total, 1000)),
        _ => format!(" ({}B, {}iB)", spaced(*total, 1000), spaced(*total, 1024)),
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate"
    )]
    let rate = (*total as f64 / seconds.max(1e-9)) as u64;
    eprintln!(
        "{total} {plural}{sizes} copied, {seconds:.6} s, {}B/s",
        spaced(rate, 1000)
    );
}

/// `1.5 k`: the unit apart.
fn spaced(size: u64, base: u64) -> String {
    let text = human_size(size, base);
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => format!("{} {}", &text[..at], &text[at..]),
        None => format!("{text} "),
    }
}
