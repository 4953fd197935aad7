//! `find`, by the [standard](https://pubs.opengroup.org/onlinepubs/9799919799/utilities/find.html), with the
//! usual primaries of the GNU tool.

mod evaluate;
mod execute;
mod expression;
mod parse;
mod printf;
mod walk;

use secure_exec_cli::{Args, Outcome};

use parse::Command;

pub fn main(args: &Args) -> Outcome {
    let command = Command::parse(&args.list)?;
    walk::run(&args.name, command)
}
