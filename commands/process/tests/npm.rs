//! `npm` and `npx` without npm.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

/// A package with scripts and an installed program.
struct Project(PathBuf);

impl Project {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("secure-exec-npm-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("node_modules/.bin")).expect("a directory for programs");
        fs::create_dir_all(folder.join("src/deep")).expect("a directory below");
        let package = r#"{ "name": "demo", "version": "1.2.3", "config": { "port": "8080" }, "scripts": {
            "pretest": "echo before", "test": "echo testing $npm_lifecycle_event", "posttest": "echo after",
            "where": "pwd | sed 's,.*/,,'", "args": "printf '<%s>'", "fails": "exit 3", "prefails": "echo pre",
            "postfails": "echo never", "tool": "tool one", "start": "echo started",
            "env": "echo $npm_package_name $npm_package_version $npm_package_config_port" } }"#;
        fs::write(folder.join("package.json"), package).expect("a package");
        let tool = folder.join("node_modules/.bin/tool");
        fs::write(&tool, "#!/bin/sh\necho tool \"$@\"\nexit ${STATUS:-0}\n").expect("a program");
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755))
            .expect("an executable program");
        for name in ["npm", "npx"] {
            symlink(env!("CARGO_BIN_EXE_process"), folder.join(name)).expect("a link");
        }
        Self(folder)
    }

    /// Runs a line below the package; gives output, messages and status.
    fn run(&self, line: &str) -> (String, String, Option<i32>) {
        let output = Command::new("/bin/sh")
            .args(["-c", line])
            .current_dir(self.0.join("src/deep"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.0.display()))
            .output()
            .expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            text(&output.stdout),
            text(&output.stderr),
            output.status.code(),
        )
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn scripts_run_with_those_before_and_after() {
    let project = Project::new("scripts");
    let (output, _, status) = project.run("npm test");
    let wanted = "\n> demo@1.2.3 pretest\n> echo before\n\nbefore\n\n> demo@1.2.3 test\n> echo testing \
                  $npm_lifecycle_event\n\ntesting test\n\n> demo@1.2.3 posttest\n> echo after\n\nafter\n";
    assert_eq!((output.as_str(), status), (wanted, Some(0)));
    assert_eq!(
        project.run("npm -s run fails"),
        ("pre\n".into(), String::new(), Some(3))
    );
    assert_eq!(project.run("npm start --silent").0, "started\n");
}

#[test]
fn scripts_run_in_the_package_with_its_variables_and_programs() {
    let project = Project::new("place");
    let folder = project
        .0
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert_eq!(project.run("npm -s run where").0, format!("{folder}\n"));
    assert_eq!(project.run("npm -s run env").0, "demo 1.2.3 8080\n");
    assert_eq!(project.run("npm -s run tool").0, "tool one\n");
    assert_eq!(project.run("npm -s run args -- 'a b' c").0, "<a b><c>");
}

#[test]
fn npx_runs_installed_programs() {
    let project = Project::new("npx");
    assert_eq!(
        project.run("npx tool --flag 'a b'"),
        ("tool --flag a b\n".into(), String::new(), Some(0))
    );
    assert_eq!(project.run("STATUS=4 npx --yes tool").2, Some(4));
    assert_eq!(project.run("npm exec -- tool x").0, "tool x\n");
    assert_eq!(project.run("npx -c 'tool y | cat'").0, "tool y\n");
    let (_, messages, status) = project.run("npx nosuchprogram");
    assert!(messages.contains("nothing is downloaded"), "{messages}");
    assert_eq!(status, Some(127));
}

#[test]
fn what_needs_the_registry_fails() {
    let project = Project::new("fails");
    let (_, messages, status) = project.run("npm install --save-dev left-pad");
    assert!(
        messages.starts_with("npm: packages cannot be downloaded"),
        "{messages}"
    );
    assert!(messages.contains("missing here: left-pad\n"), "{messages}");
    assert_eq!(status, Some(1));
    let (_, messages, status) = project.run("npm publish");
    assert!(
        messages.starts_with("npm: publish: not available"),
        "{messages}"
    );
    assert_eq!(status, Some(1));
    let (_, messages, status) = project.run("npm run nope");
    assert!(
        messages.starts_with("npm: Missing script: \"nope\""),
        "{messages}"
    );
    assert_eq!(status, Some(1));
    assert_eq!(project.run("npm run nope --if-present").2, Some(0));
    assert_eq!(project.run("cd / && npm test").2, Some(1));
    assert!(project.run("npm run").0.contains("  fails\n    exit 3\n"));
}

#[test]
fn an_installation_succeeds_where_nothing_is_missing() {
    let project = Project::new("install");
    let (output, messages, status) = project.run("npm ci");
    assert_eq!((output.as_str(), status), ("", Some(1)));
    assert!(messages.contains("no package-lock.json"), "{messages}");
    let (output, _, status) = project.run("npm install");
    assert!(output.starts_with("\nup to date in "), "{output}");
    assert_eq!(status, Some(0));
    let lock = fs::read_to_string(project.0.join("package-lock.json")).expect("a lock");
    let wanted = r#"{
  "name": "demo",
  "version": "1.2.3",
  "lockfileVersion": 3,
  "requires": true,
  "packages": {
    "": {
      "name": "demo",
      "version": "1.2.3"
    }
  }
}
"#;
    assert_eq!(lock, wanted);
    assert_eq!(
        project.run("npm ci --silent"),
        (String::new(), String::new(), Some(0))
    );
    let package = r#"{ "dependencies": { "there": "1", "@a/b": "2" }, "devDependencies": { "tool": "3" },
        "scripts": { "postinstall": "echo after", "prepare": "exit 5" } }"#;
    fs::write(project.0.join("package.json"), package).expect("a package");
    for name in ["there", "@a/b"] {
        let folder = project.0.join("node_modules").join(name);
        fs::create_dir_all(&folder).expect("a directory");
        fs::write(folder.join("package.json"), "{}").expect("a package");
    }
    let (_, messages, status) = project.run("npm i");
    assert!(messages.contains("missing here: tool\n"), "{messages}");
    assert_eq!(status, Some(1));
    let (output, _, status) = project.run("npm i --omit=dev");
    assert!(output.contains("> echo after\n\nafter\n"), "{output}");
    assert_eq!(status, Some(5));
    assert_eq!(project.run("npm i --omit=dev --ignore-scripts").2, Some(0));
}
