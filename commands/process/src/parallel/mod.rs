//! `parallel`, as the manual of GNU parallel describes it: runs a command for each argument, several at a time.
//!
//! What needs other machines (`--sshlogin` and its kin), Perl (`{= =}`, `--rpl`) or a database is refused.

mod capture;
mod halt;
mod input;
mod job;
mod joblog;
mod options;
mod pipe;
mod runner;
mod template;

use secure_exec_cli::{Args, Failure, Outcome};

use options::{SYNTAX, Settings};
use runner::Runner;
use template::Template;

/// The status for a wrong command line, and for what went wrong with parallel itself.
const WRONG: i32 = 255;

/// What GNU parallel says before the reason.
fn error(message: impl std::fmt::Display) -> Failure {
    Failure {
        status: WRONG,
        message: format!("Error: {message}"),
    }
}

pub fn main(args: &Args) -> Outcome {
    let parsed = SYNTAX.parse(args)?;
    if options::informs(&parsed) {
        return Ok(0);
    }
    let settings = Settings::new(&parsed)?;
    let (command, sources) = input::split(&parsed.operands);
    if settings.pipe {
        // Arguments beside records repeat the command for nothing that the manual tells: they are left out.
        let template = Template::new(&command, &settings, &[])?;
        return Runner::new(&args.name, &settings, template)?.run(pipe::jobs(&settings)?);
    }
    let mut inputs = input::Inputs::new(&settings, &sources)?;
    let names = inputs.header()?;
    let template = Template::new(&command, &settings, &names)?;
    let jobs = job::Jobs::new(inputs, template.clone(), &settings);
    Runner::new(&args.name, &settings, template)?.run(jobs)
}
