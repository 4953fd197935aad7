//! `internalBinding('report')`: diagnostic reports (`process.report`). Follows Node's `src/node_report.cc`.

use crate::callback::{Args, Return, Scope};
use crate::env::Env;
use crate::js::class::Definition;
use crate::js::{convert, exception};
use crate::process::diagnostic_report::{self, Cause, Settings, write};

/// Declares the binding.
pub fn define(definition: &mut Definition) {
    definition
        .function("writeReport", write_report)
        .function("getReport", get_report)
        .function("getCompact", get_compact)
        .function("setCompact", set_compact)
        .function("getExcludeNetwork", get_exclude_network)
        .function("setExcludeNetwork", set_exclude_network)
        .function("getExcludeEnv", get_exclude_env)
        .function("setExcludeEnv", set_exclude_env)
        .function("getDirectory", get_directory)
        .function("setDirectory", set_directory)
        .function("getFilename", get_filename)
        .function("setFilename", set_filename)
        .function("getSignal", get_signal)
        .function("setSignal", set_signal)
        .function("shouldReportOnFatalError", should_report_on_fatal_error)
        .function("setReportOnFatalError", set_report_on_fatal_error)
        .function("shouldReportOnSignal", should_report_on_signal)
        .function("setReportOnSignal", set_report_on_signal)
        .function(
            "shouldReportOnUncaughtException",
            should_report_on_uncaught_exception,
        )
        .function(
            "setReportOnUncaughtException",
            set_report_on_uncaught_exception,
        );
}

macro_rules! flag {
    ($get:ident, $set:ident, $field:ident, $option:literal) => {
        fn $get(scope: Scope, _args: Args, mut rv: Return) {
            let env = Env::of(scope);
            let value = env.state::<Settings>().$field.get();
            rv.set_bool(value.unwrap_or_else(|| env.options.borrow().flag($option)));
        }

        fn $set(scope: Scope, args: Args, _rv: Return) {
            Env::of(scope)
                .state::<Settings>()
                .$field
                .set(Some(args.get(0).is_true()));
        }
    };
}

macro_rules! text {
    ($get:ident, $set:ident, $field:ident, $option:literal) => {
        fn $get(scope: Scope, _args: Args, mut rv: Return) {
            let env = Env::of(scope);
            let value = env.state::<Settings>().$field.borrow().clone();
            let value = value.or_else(|| env.options.borrow().text($option).map(str::to_owned));
            rv.set(exception::string(scope, &value.unwrap_or_default()).into());
        }

        fn $set(scope: Scope, args: Args, _rv: Return) {
            let value = convert::text(scope, args.get(0));
            Env::of(scope)
                .state::<Settings>()
                .$field
                .replace(Some(value));
        }
    };
}

flag!(get_compact, set_compact, compact, "--report-compact");
flag!(
    get_exclude_network,
    set_exclude_network,
    exclude_network,
    "--report-exclude-network"
);
flag!(
    get_exclude_env,
    set_exclude_env,
    exclude_env,
    "--report-exclude-env"
);
flag!(
    should_report_on_fatal_error,
    set_report_on_fatal_error,
    on_fatal_error,
    "--report-on-fatalerror"
);
flag!(
    should_report_on_signal,
    set_report_on_signal,
    on_signal,
    "--report-on-signal"
);
flag!(
    should_report_on_uncaught_exception,
    set_report_on_uncaught_exception,
    on_uncaught_exception,
    "--report-uncaught-exception"
);
text!(get_directory, set_directory, directory, "--report-dir");
text!(get_filename, set_filename, filename, "--report-filename");
text!(get_signal, set_signal, signal, "--report-signal");

/// `getReport(error)`: the report as JSON text.
fn get_report(scope: Scope, args: Args, mut rv: Return) {
    let report = diagnostic_report::build(scope, "JavaScript API", "GetReport", None, args.get(0));
    rv.set(exception::string(scope, &report.to_string()).into());
}

/// `writeReport(event, trigger, file, error)`: writes the report and returns the name of the file.
fn write_report(scope: Scope, args: Args, mut rv: Return) {
    let event = convert::text(scope, args.get(0));
    let trigger = convert::text(scope, args.get(1));
    let name = args.get(2);
    let name = name.is_string().then(|| convert::text(scope, name));
    let cause = Cause {
        event: &event,
        trigger: &trigger,
    };
    let name = write(scope, &cause, name, args.get(3));
    rv.set(exception::string(scope, &name).into());
}
