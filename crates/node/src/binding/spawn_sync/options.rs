//! The options of a synchronous spawn.

use std::time::Duration;

use secure_exec_kernel::Errno;

use crate::js::exception::{self, ErrorKind};
use crate::process::child_process::{self, Malformed, Program, property, string_list, text};

/// What to run and within which bounds.
pub(super) struct Request {
    pub program: Program,
    pub stdio: Vec<Stdio>,
    pub timeout: Option<Duration>,
    /// Bytes of output, all streams together; `None` for no bound.
    pub max_buffer: Option<f64>,
    pub kill_signal: i32,
}

/// A descriptor of the child.
pub(super) enum Stdio {
    Ignore,
    /// `readable` and `writable` as the child sees it.
    Pipe {
        readable: bool,
        writable: bool,
        input: Vec<u8>,
    },
    Fd(i32),
}

/// SIGTERM.
const DEFAULT_KILL_SIGNAL: i32 = 15;

impl Request {
    /// Reads an options object. The inner error is one that the result object reports.
    pub fn read(
        scope: &mut v8::PinScope<'_, '_>,
        value: v8::Local<'_, v8::Value>,
    ) -> Result<Result<Request, Errno>, Malformed> {
        let Ok(options) = v8::Local::<v8::Object>::try_from(value) else {
            return Ok(Err(Errno::EINVAL));
        };
        let options = v8::Local::new(scope, options);
        let Some(program) = program(scope, options)? else {
            return Ok(Err(Errno::EINVAL));
        };
        let timeout = number(scope, options, "timeout")?.filter(|timeout| *timeout > 0.0);
        let max_buffer = number(scope, options, "maxBuffer")?.filter(|bound| *bound > 0.0);
        let kill_signal = number(scope, options, "killSignal")?;
        let stdio = property(scope, options, "stdio")?;
        let Some(stdio) = stdio_list(scope, stdio)? else {
            return Ok(Err(Errno::EINVAL));
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the library has checked the number"
        )]
        let kill_signal = kill_signal.map_or(DEFAULT_KILL_SIGNAL, |signal| signal as i32);
        Ok(Ok(Request {
            program,
            stdio,
            timeout: timeout.map(|timeout| {
                Duration::try_from_secs_f64(timeout.trunc() / 1000.0).unwrap_or(Duration::MAX)
            }),
            max_buffer,
            kill_signal,
        }))
    }
}

fn program(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
) -> Result<Option<Program>, Malformed> {
    let options = v8::Local::new(scope, options);
    let file = property(scope, options, "file")?;
    let file = text(scope, file)?;
    let arguments = property(scope, options, "args")?;
    let Some(arguments) = string_list(scope, arguments)? else {
        return Ok(None);
    };
    let cwd = property(scope, options, "cwd")?;
    let cwd = if cwd.is_null_or_undefined() {
        None
    } else {
        Some(text(scope, cwd)?)
    };
    let environment = property(scope, options, "envPairs")?;
    let environment = if environment.is_null_or_undefined() {
        Vec::new()
    } else if let Some(environment) = string_list(scope, environment)? {
        environment
    } else {
        return Ok(None);
    };
    let uid = property(scope, options, "uid")?;
    let uid = child_process::id(scope, uid, "uid")?;
    let gid = property(scope, options, "gid")?;
    let gid = child_process::id(scope, gid, "gid")?;
    let detached = property(scope, options, "detached")?.boolean_value(scope);
    Ok(Some(Program {
        file,
        arguments,
        cwd,
        environment,
        detached,
        uid,
        gid,
    }))
}

fn number(
    scope: &mut v8::PinScope<'_, '_>,
    options: v8::Local<'_, v8::Object>,
    name: &'static str,
) -> Result<Option<f64>, Malformed> {
    let options = v8::Local::new(scope, options);
    let value = property(scope, options, name)?;
    if value.is_null_or_undefined() {
        return Ok(None);
    }
    if !value.is_number() {
        let message = format!("options.{name} must be a number");
        exception::throw(
            scope,
            ErrorKind::TypeError,
            "ERR_INVALID_ARG_TYPE",
            &message,
        );
        return Err(Malformed);
    }
    Ok(value.number_value(scope))
}

fn stdio_list(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Option<Vec<Stdio>>, Malformed> {
    let Ok(array) = v8::Local::<v8::Array>::try_from(value) else {
        return Ok(None);
    };
    let mut list = Vec::new();
    for index in 0..array.length() {
        v8::scope!(let scope, scope);
        let item = array.get_index(scope, index).ok_or(Malformed)?;
        let Ok(item) = v8::Local::<v8::Object>::try_from(item) else {
            return Ok(None);
        };
        match one_stdio(scope, item)? {
            Some(stdio) => list.push(stdio),
            None => return Ok(None),
        }
    }
    Ok(Some(list))
}

fn one_stdio(
    scope: &mut v8::PinScope<'_, '_>,
    item: v8::Local<'_, v8::Object>,
) -> Result<Option<Stdio>, Malformed> {
    let item = v8::Local::new(scope, item);
    let kind = property(scope, item, "type")?.to_rust_string_lossy(scope);
    match kind.as_str() {
        "ignore" => Ok(Some(Stdio::Ignore)),
        "pipe" | "overlapped" => {
            let readable = property(scope, item, "readable")?.boolean_value(scope);
            let writable = property(scope, item, "writable")?.boolean_value(scope);
            let input = property(scope, item, "input")?;
            let input = if !readable || input.is_null_or_undefined() {
                Vec::new()
            } else if let Some(input) = child_process::view_bytes(input) {
                input
            } else {
                return Ok(None);
            };
            Ok(Some(Stdio::Pipe {
                readable,
                writable,
                input,
            }))
        }
        "inherit" | "fd" => {
            let fd = property(scope, item, "fd")?;
            Ok(Some(Stdio::Fd(fd.int32_value(scope).ok_or(Malformed)?)))
        }
        // `wrap`: Node aborts here, because its streams belong to another loop.
        _ => Ok(None),
    }
}
