//! `pr`: files in pages and columns (POSIX.1-2024, `pr`; the manual of the GNU coreutils).

mod header;
mod input;
mod options;
mod page;
mod row;

use std::io::{self, BufWriter, Write};

use secure_exec_cli::{Args, Outcome, warn};
use secure_exec_sys::errno;

use input::Input;
use options::{Options, Order};
use page::Printer;

pub fn main(args: &Args) -> Outcome {
    let mut options = Options::parse(args)?;
    let mut status = 0;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut inputs = Vec::new();
    for name in &options.files {
        match Input::open(name) {
            Ok(input) => inputs.push(input),
            Err(error) => {
                status = 1;
                if !options.silent {
                    let (name, why) = (crate::cat::shown(name), errno::message(&error));
                    warn(&args.name, format_args!("{name}: {why}"));
                }
            }
        }
    }
    if options.order == Order::Merged {
        options.columns = inputs.len().max(1);
        Printer::new(&options)?.print(&mut inputs, &mut out)?;
    } else {
        for input in inputs {
            Printer::new(&options)?.print(&mut [input], &mut out)?;
        }
    }
    out.flush()?;
    Ok(status)
}
