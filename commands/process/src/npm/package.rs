//! A package: its directory and what its `package.json` says.

use std::fs;
use std::path::PathBuf;

use secure_exec_sys::path::getcwd;
use serde_json::Value;

#[derive(Clone, Debug, Default)]
pub struct Package {
    pub directory: PathBuf,
    pub name: String,
    pub version: String,
    pub scripts: Vec<(String, String)>,
    /// `npm_package_...` and the value, for what is not nested deeply.
    pub variables: Vec<(String, String)>,
}

impl Package {
    /// The package of the working directory or of one above.
    pub fn nearest() -> Option<Self> {
        let here = getcwd().ok()?;
        here.ancestors()
            .find_map(|directory| Self::read(directory.to_path_buf()))
    }

    fn read(directory: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(directory.join("package.json")).ok()?;
        let parsed: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        let text = |name: &str| parsed[name].as_str().unwrap_or_default().to_owned();
        let scripts = parsed["scripts"].as_object().into_iter().flatten();
        let scripts = scripts
            .filter_map(|(name, command)| Some((name.clone(), command.as_str()?.to_owned())));
        let mut variables = Vec::new();
        for (name, value) in [("name", &parsed["name"]), ("version", &parsed["version"])] {
            if let Some(text) = value.as_str() {
                variables.push((format!("npm_package_{name}"), text.to_owned()));
            }
        }
        for section in ["config", "engines", "bin"] {
            for (key, value) in parsed[section].as_object().into_iter().flatten() {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                variables.push((
                    format!("npm_package_{section}_{}", variable_name(key)),
                    value,
                ));
            }
        }
        Some(Self {
            name: text("name"),
            version: text("version"),
            scripts: scripts.collect(),
            variables,
            directory,
        })
    }

    /// `name@version`, as far as there are such.
    pub fn title(&self) -> String {
        match (self.name.as_str(), self.version.as_str()) {
            ("", _) => String::new(),
            (name, "") => name.to_owned(),
            (name, version) => format!("{name}@{version}"),
        }
    }

    pub fn script(&self, name: &str) -> Option<String> {
        let found = self.scripts.iter().find(|(each, _)| each == name);
        found.map(|(_, command)| command.clone())
    }
}

fn variable_name(key: &str) -> String {
    key.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
