//! A crate in a folder of its own, with every fault.

use super::layers::Layers;
use super::sources::{code_of, expand, uses_in};
use super::{LARGEST_CIRCLE, faults};

fn name(path: &str) -> Vec<String> {
    path.split("::").map(str::to_owned).collect()
}

#[test]
fn layers_are_read_as_they_are_written() {
    let layers = Layers::read(
        "//! A crate.\n//!\n//! # Layers\n//! `a, b` ←\n//! `c`, `d::e` ← `d`.\n//!\n//! `f`\n",
    )
    .unwrap();
    assert_eq!(layers.of(&name("b::x")), Some(0));
    assert_eq!(layers.of(&name("d::e::x")), Some(1));
    assert_eq!(layers.of(&name("d::x")), Some(2));
    assert_eq!(layers.of(&name("f")), None);
    assert!(Layers::read("//! # Layers\n//! `a` ← `a, b`\n").is_err());
    assert!(Layers::read("//! A crate.\n").is_err());
}

#[test]
fn trees_of_names_are_read_as_they_are_written() {
    let code = code_of(
        "use crate::a::{B, c::{D, E}};\npub use f as g; // use h\n#[cfg(test)]\nmod tests { use i; }\n",
    );
    let found: Vec<(String, bool)> = uses_in(&code)
        .flat_map(|(tree, is_public)| expand(tree).into_iter().map(move |path| (path, is_public)))
        .map(|(path, is_public)| (path.join("::"), is_public))
        .collect();
    let expected = [
        ("crate::a::B", false),
        ("crate::a::c::D", false),
        ("crate::a::c::E", false),
        ("f", true),
    ];
    assert_eq!(
        found,
        expected.map(|(path, is_public)| (path.to_owned(), is_public))
    );
}

/// The faults of a crate with these files.
fn faults_of(crate_name: &str, files: &[(&str, &str)]) -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("layers-{crate_name}-{}", std::process::id()));
    for (name, text) in files {
        let file = folder.join("src").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let found = faults(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    found.unwrap()
}

#[test]
fn a_use_of_a_higher_layer_is_found_wherever_it_stands() {
    let found = faults_of(
        "arrows",
        &[
            (
                "lib.rs",
                "//! # Layers\n//! `low` ← `high`\nmod high;\npub use high::Top;\n",
            ),
            ("high.rs", "use crate::low::{A, b::C};"),
            (
                "low/mod.rs",
                "mod deep;\n#[cfg(test)]\nmod tests;\npub use deep::D;\nuse crate::{errno, high::B};",
            ),
            (
                "low/deep.rs",
                "fn f() -> crate::Top { super::super::high::g(x::crate::high::no) }",
            ),
            ("low/tests.rs", "use crate::high::B;"),
            ("stray.rs", ""),
        ],
    );
    assert_eq!(
        found,
        [
            "low uses high::B",
            "low::deep uses high::Top",
            "low::deep uses high::g",
            "stray is in no layer"
        ]
    );
}

#[test]
fn a_large_circle_is_found_through_what_modules_re_export() {
    let ring = |count: usize| {
        let mut files = vec![(
            "lib.rs".to_owned(),
            "//! # Layers\n//! `low` ← `ring`\n".to_owned(),
        )];
        let exports = (0..count).map(|number| format!("pub use m{number}::F{number};\n"));
        files.push(("ring/mod.rs".to_owned(), exports.collect()));
        files.push(("low.rs".to_owned(), String::new()));
        files.extend((0..count).map(|number| {
            let next = (number + 1) % count;
            let text = format!("use super::F{next};\n");
            (format!("ring/m{number}.rs"), text)
        }));
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        faults_of(&format!("ring-{count}"), &files)
    };
    assert!(ring(LARGEST_CIRCLE).is_empty());
    let found = ring(LARGEST_CIRCLE + 1);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("a circle of 16: ring::m0, "));
}
