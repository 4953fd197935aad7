//! jq: the language is jaq's, the command line and the output are jq's.

mod input;
mod options;
mod program;
mod write;

use crate::message;
use jaq_core::{Ctx, Vars};
use jaq_json::Val;
use jaq_std::input::RcIter;
use options::Options;
use program::{Data, Filter};
use std::io::{self, BufWriter, Write};

const OUTPUT_ERROR: u8 = 2;
const COMPILE_ERROR: u8 = 3;
const NO_OUTPUT: u8 = 4;
const RUNTIME_ERROR: u8 = 5;

pub fn main(_: &str, arguments: Vec<Vec<u8>>) -> u8 {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(status) => return status,
    };
    let (names, values): (Vec<String>, Vec<Val>) = options.variables().into_iter().unzip();
    let filter = match program::compile(&options.filter, &names, &options.library) {
        Ok(filter) => filter,
        Err(text) => {
            eprintln!("jq: error: {text}\njq: 1 compile error");
            return COMPILE_ERROR;
        }
    };
    program::log_to_stderr();
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = run(&options, &filter, values, &mut out);
    let flushed = out.flush();
    match result.and_then(|status| flushed.map(|()| status)) {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => OUTPUT_ERROR,
        Err(error) => {
            message::warn("jq", &format!("error: {}", message::reason(&error)));
            OUTPUT_ERROR
        }
    }
}

fn run(
    options: &Options,
    filter: &Filter,
    variables: Vec<Val>,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let input = input::Input::new(options);
    let failed = input.failed.clone();
    let name = input.name.clone();
    let inputs = RcIter::new(Box::new(input));
    let data = Data {
        lut: &filter.lut,
        inputs: &inputs,
        name: &name,
    };
    let context = Ctx::<program::Kind>::new(&data, Vars::new(variables));
    let mut state = State {
        status: 0,
        last: None,
    };
    let mut each = |value: Val| -> io::Result<Option<u8>> {
        state.status = 0;
        for result in filter.id.run((context.clone(), value)) {
            match result {
                Ok(value) => {
                    state.last = Some(!matches!(value, Val::Null | Val::Bool(false)));
                    write::output(out, &value, options)?;
                }
                Err(exception) => {
                    out.flush()?;
                    return Ok(state.failed(exception));
                }
            }
        }
        Ok(None)
    };
    if options.null_input {
        if let Some(status) = each(Val::Null)? {
            return Ok(status);
        }
    } else {
        for value in &inputs {
            match value {
                Ok(value) => {
                    if let Some(status) = each(value)? {
                        return Ok(status);
                    }
                }
                Err(text) => {
                    message::warn("jq", &format!("error (at {}): {text}", name.borrow()));
                    return Ok(OUTPUT_ERROR);
                }
            }
        }
    }
    if failed.get() {
        return Ok(OUTPUT_ERROR);
    }
    Ok(match (state.status, options.exit_status, state.last) {
        (0, true, Some(true)) => 0,
        (0, true, Some(false)) => 1,
        (0, true, None) => NO_OUTPUT,
        (status, ..) => status,
    })
}

struct State {
    status: u8,
    /// Whether the last output was neither false nor null.
    last: Option<bool>,
}

impl State {
    /// Reports an exception; a status if the program ends.
    fn failed(&mut self, exception: jaq_core::Exn<'_, Val>) -> Option<u8> {
        match exception.get_halt() {
            Ok(code) => Some((code & 0xff) as u8),
            Err(exception) => {
                let text = match exception.get_err() {
                    Ok(error) => write::error_text(error.into_val()),
                    Err(_) => "break".to_owned(),
                };
                eprintln!("jq: error (at <unknown>){text}");
                self.status = RUNTIME_ERROR;
                None
            }
        }
    }
}
