//! `execArgv` of a worker.

use crate::options::{Options, V8_OPTION, option_type};

/// Options of the whole process (`PerProcessOptionsParser`): a worker cannot have its own.
const PROCESS_OPTIONS: [&str; 28] = [
    "--title",
    "--trace-event-categories",
    "--trace-event-file-pattern",
    "--v8-pool-size",
    "--zero-fill-buffers",
    "--debug-arraybuffer-allocations",
    "--security-revert",
    "--completion-bash",
    "--help",
    "--version",
    "--v8-options",
    "--report-compact",
    "--report-dir",
    "--report-filename",
    "--report-on-fatalerror",
    "--icu-data-dir",
    "--openssl-config",
    "--tls-cipher-list",
    "--use-openssl-ca",
    "--use-bundled-ca",
    "--enable-fips",
    "--force-fips",
    "--secure-heap",
    "--secure-heap-min",
    "--disable-proto",
    "--node-snapshot",
    "--run",
    "--disable-wasm-trap-handler",
];

/// Parses `execArgv` of a worker.
///
/// # Errors
/// What a worker may not have: options of the whole process or of V8, and what is no option.
pub fn parse(arguments: &[String]) -> Result<Options, Vec<String>> {
    let refused = |argument: &&String| {
        let name = argument.split('=').next().unwrap_or_default();
        let name = name.replace('_', "-").replacen("--no-", "--", 1);
        name.starts_with('-')
            && (PROCESS_OPTIONS.contains(&name.as_str()) || option_type(&name) == Some(V8_OPTION))
    };
    let invalid: Vec<String> = arguments.iter().filter(refused).cloned().collect();
    if !invalid.is_empty() {
        return Err(invalid);
    }
    let options = Options::parse(arguments).map_err(|error| vec![error.message])?;
    if options.script.is_empty() {
        Ok(options)
    } else {
        Err(options.script)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn is_valid(arguments: &[&str]) -> bool {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        parse(&arguments).is_ok()
    }

    #[test]
    fn a_worker_takes_only_options_of_its_own() {
        assert!(is_valid(&["--no-warnings"]));
        assert!(is_valid(&["--require", "/x.js"]));
        assert!(!is_valid(&["--title=x"]));
        assert!(!is_valid(&["--expose-gc"]));
        assert!(!is_valid(&["--no-such-option"]));
        assert!(!is_valid(&["script.js"]));
    }
}
