//! Modules use those of their own layer and of lower ones: what each crate's documentation says holds.
//!
//! A crate states its layers in the documentation of its `lib.rs`, from the lowest to the highest, behind the heading
//! "Layers": names in backticks, layers apart by `←`. A name is a module or, where a part of one lies lower, a path
//! such as `net::wire`. A crate that states none has none to keep; every module of one that does must be named.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Crates whose layers are kept.
const CRATES: &[&str] = &["kernel"];

/// Each name and its layer, the lowest being 0; what the crate's root re-exports has the layer of where it is from.
struct Layers(HashMap<String, usize>);

impl Layers {
    /// Reads them from a crate's documentation.
    fn read(source: &str) -> Layers {
        let doc: Vec<&str> = source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .collect();
        let text = doc
            .iter()
            .skip_while(|line| line.trim() != "# Layers")
            .skip(1)
            .take_while(|line| !line.trim().starts_with('#'))
            .copied()
            .collect::<Vec<_>>()
            .join(" ");
        let mut layers = HashMap::new();
        for (layer, part) in text.split('←').enumerate() {
            // What stands between two backticks is a list of names.
            for names in part.split('`').skip(1).step_by(2) {
                for name in names.split([',', ' ']).filter(|name| !name.is_empty()) {
                    let former = layers.insert(name.to_owned(), layer);
                    assert_eq!(former, None, "{name} is in two layers");
                }
            }
        }
        assert!(layers.len() > 1, "no layers in the documentation: {text}");
        let mut layers = Layers(layers);
        let code = code_of(source);
        for (at, keyword) in code.match_indices("pub use ") {
            for path in expand(&code[at + keyword.len()..]) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                if let (Some(layer), Some(name)) = (layers.of(&path), path.last()) {
                    layers.0.entry((*name).to_owned()).or_insert(layer);
                }
            }
        }
        layers
    }

    /// The layer of a path below the crate's root: that of its longest beginning that has one.
    fn of(&self, path: &[&str]) -> Option<usize> {
        (1..=path.len())
            .rev()
            .find_map(|length| self.0.get(&path[..length].join("::")).copied())
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The module that a file is, as a path below the crate's root.
fn module_of(source: &Path, file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(source).unwrap().with_extension("");
    let mut parts: Vec<String> = relative
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

/// Code without comments and without the tests inside a module, which may use anything.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path that begins at the crate's root, as `use` lines and code write it, without its braces resolved beyond
/// the first group.
fn paths_in(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        found.extend(expand(rest));
    }
    found
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return members(group).into_iter().flat_map(expand).collect();
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Vec::new();
    }
    match rest.strip_prefix("::") {
        Some(rest) => {
            let mut behind = expand(rest);
            if behind.is_empty() {
                behind.push(Vec::new());
            }
            for path in &mut behind {
                path.insert(0, name.to_owned());
            }
            behind
        }
        None => vec![vec![name.to_owned()]],
    }
}

/// The members of a group in braces, whose opening one has been read.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0, 0);
    let mut found = Vec::new();
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// Uses of a higher layer by a lower one, and modules that no layer has.
fn faults(source: &Path) -> Vec<String> {
    let layers = Layers::read(&std::fs::read_to_string(source.join("lib.rs")).unwrap());
    let mut faults = Vec::new();
    for file in rust_files(source) {
        let module = module_of(source, &file);
        if module == ["lib"] {
            continue;
        }
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        let Some(own) = layers.of(&module) else {
            faults.push(format!("{} is in no layer", module.join("::")));
            continue;
        };
        for path in paths_in(&code_of(&std::fs::read_to_string(&file).unwrap())) {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            // What has no layer is another crate that the root re-exports, or a macro.
            if let Some(used) = layers.of(&path)
                && used > own
            {
                faults.push(format!("{} uses {}", module.join("::"), path.join("::")));
            }
        }
    }
    faults.sort();
    faults.dedup();
    faults
}

#[test]
fn no_module_uses_one_of_a_higher_layer() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for name in CRATES {
        let found = faults(&crates.join(name).join("src"));
        assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    }
}

#[test]
fn layers_and_paths_are_read_as_they_are_written() {
    let layers = Layers::read(
        "//! A crate.\n//!\n//! # Layers\n//! `a, b` ←\n//! `c`, `d::e` ← `d`\n//!\n//! # Other\n//! `f`\n",
    );
    assert_eq!(layers.of(&["b", "x"]), Some(0));
    assert_eq!(layers.of(&["d", "e", "x"]), Some(1));
    assert_eq!(layers.of(&["d", "x"]), Some(2));
    assert_eq!(layers.of(&["f"]), None);
    let code = code_of(
        "use crate::a::{B, c::{D, E}};\nuse crate::f; // crate::g\nlet x = crate::h::i(mycrate::j);\n#[cfg(test)]\nmod tests { use crate::k; }\n",
    );
    let paths: Vec<String> = paths_in(&code).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["a::B", "a::c::D", "a::c::E", "f", "h::i"]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the ban is for the kernel, not for its tests"
)]
fn a_use_of_a_higher_layer_is_found_wherever_it_stands() {
    let source = std::env::temp_dir().join(format!("layers-{}", std::process::id()));
    let files = [
        (
            "lib.rs",
            "//! # Layers\n//! `low` ← `high`\npub use high::Top;\n",
        ),
        ("high.rs", "use crate::low::{A, b::C};"),
        ("low/mod.rs", "use crate::{errno, high::B};"),
        ("low/deep.rs", "fn f() -> crate::Top { crate::high::g() }"),
        ("stray.rs", ""),
    ];
    std::fs::create_dir_all(source.join("low")).unwrap();
    for (name, text) in files {
        std::fs::write(source.join(name), text).unwrap();
    }
    let found = faults(&source);
    std::fs::remove_dir_all(&source).unwrap();
    assert_eq!(
        found,
        [
            "low uses high::B",
            "low::deep uses Top",
            "low::deep uses high::g",
            "stray is in no layer"
        ]
    );
}
