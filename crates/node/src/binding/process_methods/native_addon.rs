//! What takes the place of packages with machine code, which a guest cannot load.

/// Packages by the beginning of their names, and what does the same as WebAssembly, as JavaScript or in Node.js itself. The
/// first that fits counts.
const ALTERNATIVES: &[(&str, &str)] = &[
    ("@esbuild/", "esbuild-wasm"),
    ("esbuild", "esbuild-wasm"),
    ("@img/", "@img/sharp-wasm32"),
    ("sharp", "@img/sharp-wasm32"),
    ("@next/swc-", "@next/swc-wasm-nodejs"),
    ("@oxc-parser/binding", "@oxc-parser/binding-wasm32-wasi"),
    ("@oxc-resolver/binding", "@oxc-resolver/binding-wasm32-wasi"),
    ("@parcel/watcher", "@parcel/watcher-wasm"),
    ("@rolldown/binding", "@rolldown/binding-wasm32-wasi"),
    ("@rollup/rollup-", "@rollup/wasm-node"),
    ("rollup", "@rollup/wasm-node"),
    ("@rspack/binding", "@rspack/binding-wasm32-wasi"),
    ("@swc/core", "@swc/wasm"),
    ("@tailwindcss/oxide", "@tailwindcss/oxide-wasm32-wasi"),
    (
        "@unrs/resolver-binding",
        "@unrs/resolver-binding-wasm32-wasi",
    ),
    ("argon2", "hash-wasm"),
    ("bcrypt", "bcryptjs"),
    ("better-sqlite3", "node:sqlite"),
    ("lightningcss", "lightningcss-wasm"),
    ("node-sass", "sass"),
    ("sass-embedded", "sass"),
    ("sqlite3", "node:sqlite"),
];

/// Where packages are.
const NODE_MODULES: &str = "node_modules";

/// What the package that a file belongs to could be replaced by, with the package's name.
pub(super) fn alternative(file: &str) -> Option<(String, &'static str)> {
    let package = package_of(file)?;
    let mut known = ALTERNATIVES.iter();
    let (_, instead) = known.find(|(begin, _)| package.starts_with(begin))?;
    Some((package, instead))
}

/// The innermost package that a file is in.
fn package_of(file: &str) -> Option<String> {
    let names: Vec<&str> = file.split('/').collect();
    let modules = names.iter().rposition(|name| *name == NODE_MODULES)?;
    let name = *names.get(modules + 1)?;
    if !name.starts_with('@') {
        return Some(name.to_owned());
    }
    Some(format!("{name}/{}", names.get(modules + 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_known_by_their_names() {
        let instead =
            |file| alternative(file).map(|(package, instead)| format!("{package} {instead}"));
        let rollup = "/app/node_modules/@rollup/rollup-linux-x64-gnu/rollup.linux-x64-gnu.node";
        assert_eq!(
            instead(rollup).as_deref(),
            Some("@rollup/rollup-linux-x64-gnu @rollup/wasm-node")
        );
        let nested = "/node_modules/.pnpm/bcrypt@5/node_modules/bcrypt/lib/bcrypt.node";
        assert_eq!(instead(nested).as_deref(), Some("bcrypt bcryptjs"));
        assert_eq!(instead("/node_modules/other/x.node"), None);
        assert_eq!(instead("/tmp/bcrypt.node"), None);
        assert_eq!(instead("/node_modules/@img"), None);
    }
}
