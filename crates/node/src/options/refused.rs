//! Options of Node that this machine does not have. They are refused by name: one that was accepted and did nothing would
//! mislead. `docs/node-options.md` lists them.

use super::{BOOLEAN, BadOption, V8_OPTION};
use crate::library::tables::tables;

/// Why a flag of V8 that no single isolate can have is refused.
pub(super) const V8_FLAG: &str = "V8's flags belong to all programs of the machine at once";

const INSPECTOR: &str = "this part of the inspector is not there";
const PROFILER: &str = "V8's profilers are out of a guest's reach";
const AUDIT: &str = "what the permission model would deny is not collected";
const SNAPSHOT: &str = "a guest starts from the machine's snapshot and cannot make its own";
const OPENSSL: &str = "OpenSSL is configured by the host for all programs of the machine";
const TRACING: &str = "native code does not report these events";
const WEB_STORAGE: &str = "web storage is not there yet";
const ADDONS: &str = "a guest cannot load native addons";
const MEMORY: &str = "memory is laid out and watched by the machine";

/// Options by the reason why they are refused. A boolean is refused where it is given with another value than its
/// default, any other option in any case.
const REFUSED: [(&str, &[&str]); 11] = [
    (
        INSPECTOR,
        &[
            "--inspect-brk-node",
            "--experimental-inspector-network-resource",
            "--experimental-storage-inspection",
            "--experimental-worker-inspection",
        ],
    ),
    (
        PROFILER,
        &[
            "--heapsnapshot-near-heap-limit",
            "--prof-process",
            "--track-heap-objects",
        ],
    ),
    (AUDIT, &["--permission-audit"]),
    (
        SNAPSHOT,
        &[
            "--build-snapshot",
            "--build-snapshot-config",
            "--experimental-sea-config",
            "--snapshot-blob",
        ],
    ),
    (
        OPENSSL,
        &[
            "--enable-fips",
            "--force-fips",
            "--openssl-config",
            "--openssl-legacy-provider",
            "--openssl-shared-config",
            "--secure-heap",
            "--secure-heap-min",
            "--use-openssl-ca",
            "--use-system-ca",
        ],
    ),
    (
        TRACING,
        &[
            "--trace-env",
            "--trace-env-js-stack",
            "--trace-env-native-stack",
            "--trace-promises",
            "--trace-sigint",
            "--trace-sync-io",
            "--trace-tls",
        ],
    ),
    (
        WEB_STORAGE,
        &["--experimental-webstorage", "--localstorage-file"],
    ),
    (
        ADDONS,
        &[
            "--force-context-aware",
            "--force-node-api-uncaught-exceptions-policy",
        ],
    ),
    (
        MEMORY,
        &[
            "--debug-arraybuffer-allocations",
            "--disable-wasm-trap-handler",
            "--node-memory-debug",
            "--report-on-fatalerror",
            "--use-largepages",
            "--verify-base-objects",
        ],
    ),
    (
        V8_FLAG,
        &[
            "--experimental-shadow-realm",
            "--v8-options",
            "--v8-pool-size",
        ],
    ),
    (
        "the machine has its own",
        &[
            "--experimental-config-file",
            "--experimental-stream-iter",
            "--icu-data-dir",
            "--security-revert",
        ],
    ),
];

/// Refuses the option `name`, which the command line calls `written`.
///
/// # Errors
/// The machine does not have the option.
pub(super) fn check(name: &str, written: &str, kind: i64, negated: bool) -> Result<(), BadOption> {
    if kind == V8_OPTION || (kind == BOOLEAN && is_default(name, negated)) {
        return Ok(());
    }
    let found = REFUSED.iter().find(|(_, names)| names.contains(&name));
    match found {
        Some((reason, _)) => Err(refusal(written, reason)),
        None => Ok(()),
    }
}

fn is_default(name: &str, negated: bool) -> bool {
    let default = tables()["options"]["values"][name].as_bool();
    default.unwrap_or(false) != negated
}

/// What is said of an option that the machine does not have.
pub(super) fn refusal(name: &str, reason: &str) -> BadOption {
    BadOption::from(format!("{name} is not available in this machine: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::REFUSED;
    use crate::options::{Options, option_type};

    #[test]
    fn every_refused_option_is_one_of_nodes() {
        for name in REFUSED.iter().flat_map(|(_, names)| *names) {
            assert!(option_type(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_message_names_what_was_written() {
        let message = |argument: &str| {
            let arguments = [argument.to_owned()];
            Options::parse(&arguments).unwrap_err().message
        };
        for written in [
            "--icu-data-dir=x",
            "--inspect-brk-node",
            "--permission-audit",
        ] {
            let name = written.split('=').next().unwrap();
            let start = format!("{name} is not available in this machine: ");
            assert!(message(written).starts_with(&start), "{written}");
        }
        assert!(Options::parse(&["--no-inspect".to_owned()]).is_ok());
    }
}
