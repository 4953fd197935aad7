//! Commands that are written in JavaScript and run as programs of `node` do: what speaks protocols that Node's library
//! has, so that the machine has one HTTP and one TLS.

use std::sync::LazyLock;

use secure_exec_node::Script;

/// A command of the modules in its folder, each behind those that it imports.
macro_rules! script {
    ($name:literal, $($module:literal),+) => {
        Script {
            name: $name,
            code: || {
                static CODE: LazyLock<String> = LazyLock::new(|| {
                    joined(&[$(include_str!(concat!("../../commands/", $module))),+])
                });
                &CODE
            },
            has_module: false,
        }
    };
}

/// Python by one of its names, whose own module calls the others.
macro_rules! python {
    ($name:literal, $main:literal) => {
        Script {
            has_module: true,
            ..script!(
                $name,
                "python3/options.mjs",
                "python3/package.mjs",
                "python3/files.mjs",
                "python3/interrupts.mjs",
                "python3/machine.mjs",
                "python3/ending.mjs",
                "python3/module.mjs",
                "python3/memory.mjs",
                "python3/processes.mjs",
                "python3/run.mjs",
                $main
            )
        }
    };
}

/// All of them.
pub(super) const SCRIPTS: &[Script] = &[
    script!(
        "curl",
        "curl/options.mjs",
        "curl/payload.mjs",
        "curl/jar.mjs",
        "curl/outside.mjs",
        "curl/exchange.mjs",
        "curl/main.mjs"
    ),
    script!("host-command", "host-command/main.mjs"),
    script!("nc", "curl/outside.mjs", "nc/main.mjs"),
    script!("netstat", "ss/table.mjs", "netstat/main.mjs"),
    script!("ping", "ping/main.mjs"),
    python!("python", "python/main.mjs"),
    python!("python3", "python3/main.mjs"),
    script!(
        "sqlite3",
        "sqlite3/text.mjs",
        "sqlite3/modes.mjs",
        "sqlite3/shell.mjs",
        "sqlite3/dump.mjs",
        "sqlite3/import.mjs",
        "sqlite3/dots.mjs",
        "sqlite3/main.mjs"
    ),
    script!("ss", "ss/table.mjs", "ss/main.mjs"),
    script!("wget", "curl/outside.mjs", "wget/main.mjs"),
];

/// The modules of a command as one: each stands behind those that it imports, so what they import of each other is there.
fn joined(modules: &[&str]) -> String {
    let mut code = String::new();
    for line in modules.iter().flat_map(|module| module.lines()) {
        if !(line.starts_with("import ") && line.contains("from \".")) {
            code.push_str(line.strip_prefix("export ").unwrap_or(line));
            code.push('\n');
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::{SCRIPTS, joined};

    #[test]
    fn imports_of_each_other_and_exports_are_gone() {
        let code = joined(&[
            "import { a } from \"node:a\";\nexport const b = a;\n",
            "import { b } from \"./b.mjs\";\nb();\n",
        ]);
        assert_eq!(code, "import { a } from \"node:a\";\nconst b = a;\nb();\n");
        for script in SCRIPTS {
            let code = (script.code)();
            assert!(!code.contains("from \"."), "{}", script.name);
            assert!(!code.contains("\nexport "), "{}", script.name);
        }
    }
}
