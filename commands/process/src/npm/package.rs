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
    /// Names of packages that it needs, and whether only for its development.
    pub dependencies: Vec<(String, bool)>,
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
        let needs = |section: &str, is_dev: bool| {
            let names = parsed[section].as_object().into_iter().flatten();
            names
                .map(|(name, _)| (name.clone(), is_dev))
                .collect::<Vec<_>>()
        };
        let mut dependencies = needs("dependencies", false);
        dependencies.extend(needs("devDependencies", true));
        Some(Self {
            dependencies,
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

    /// Names of packages that it needs and that are not in its `node_modules`.
    pub fn missing(&self, omits_dev: bool) -> Vec<String> {
        let installed = self.directory.join("node_modules");
        let wanted = self
            .dependencies
            .iter()
            .filter(|(_, is_dev)| !(*is_dev && omits_dev));
        wanted
            .map(|(name, _)| name)
            .filter(|name| !installed.join(name).join("package.json").exists())
            .cloned()
            .collect()
    }

    /// The lock of a package that needs no other.
    pub fn lock(&self) -> String {
        let folder = self.directory.file_name().unwrap_or_default();
        let name = match self.name.as_str() {
            "" => folder.to_string_lossy().into_owned(),
            name => name.to_owned(),
        };
        let mut lock = serde_json::Map::from_iter([("name".to_owned(), Value::from(name))]);
        let mut own = serde_json::Map::new();
        if !self.name.is_empty() {
            own.insert("name".to_owned(), self.name.clone().into());
        }
        if !self.version.is_empty() {
            lock.insert("version".to_owned(), self.version.clone().into());
            own.insert("version".to_owned(), self.version.clone().into());
        }
        lock.insert("lockfileVersion".to_owned(), 3.into());
        lock.insert("requires".to_owned(), true.into());
        let mut packages = serde_json::Map::new();
        if !own.is_empty() {
            packages.insert(String::new(), Value::Object(own));
        }
        lock.insert("packages".to_owned(), Value::Object(packages));
        format!("{:#}\n", Value::Object(lock))
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
