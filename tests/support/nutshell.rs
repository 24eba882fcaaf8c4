//! One session with the nutshell, as somebody types it: up, demo, a look
//! around, down, up again, purge. The same for containers and for processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A nutshell that is gone when the test ends, however it ends.
pub(crate) struct Nutshell {
    program: PathBuf,
    options: Vec<String>,
    directory: PathBuf,
}

impl Nutshell {
    /// `directory` holds everything; `options` say what nutshell it is.
    pub(crate) fn new(directory: &Path, options: &[&str]) -> Self {
        Nutshell::with_program(Path::new(env!("CARGO_BIN_EXE_conpaas")), directory, options)
    }

    /// The same with another program.
    pub(crate) fn with_program(program: &Path, directory: &Path, options: &[&str]) -> Self {
        let mut options: Vec<String> = options.iter().map(|&word| word.to_owned()).collect();
        options.push("--state-dir".to_owned());
        options.push(directory.to_str().expect("the test chose plain names").to_owned());
        Nutshell { program: program.to_owned(), options, directory: directory.to_owned() }
    }

    /// Runs it to any end.
    pub(crate) fn run(&self, word: &str, rest: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(["nutshell", word]).args(&self.options).args(rest).stdin(Stdio::null()).env_remove("NETNS");
        command.output().expect("the program is there")
    }

    /// Runs it to a good end and gives what it prints.
    pub(crate) fn succeed(&self, word: &str, rest: &[&str]) -> String {
        let output = self.run(word, rest);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let log = std::fs::read_to_string(self.directory.join("director.log")).unwrap_or_default();
        let log: Vec<&str> = log.lines().rev().take(40).collect();
        let log: Vec<&str> = log.into_iter().rev().collect();
        let status = output.status;
        assert!(status.success(), "{word}: {status}\n{stdout}\n{stderr}\ndirector.log ends:\n{}", log.join("\n"));
        stdout
    }

    /// Runs a command in the nutshell's shell.
    pub(crate) fn type_command(&self, words: &[&str]) -> String {
        let rest: Vec<&str> = std::iter::once("--").chain(words.iter().copied()).collect();
        self.succeed("shell", &rest)
    }
}

impl Drop for Nutshell {
    fn drop(&mut self) {
        let _best_effort = self.run("down", &["--purge"]);
    }
}

/// The whole session. `is_clean` looks, after each `down`, for what is left on the machine.
pub(crate) fn play(nutshell: &Nutshell, is_clean: impl Fn() -> Result<(), String>) {
    let output = nutshell.succeed("up", &[]);
    let line = output.lines().find(|line| line.contains("password ")).expect("the password is shown");
    let password = line.rsplit(' ').next().expect("a line has a last word").to_owned();
    assert!(password.len() >= 16, "{line}");
    assert!(!nutshell.succeed("up", &[]).contains("password"), "a second up shows no password");
    let kept = files_with(&nutshell.directory, &password);
    assert!(kept.is_empty(), "the password is kept in {kept:?}");

    let output = nutshell.succeed("demo", &[]);
    assert_eq!(output.matches("Hello from ").count(), 2, "{output}");
    assert_eq!(output.matches(", 1 peer(s)").count(), 2, "each node knows the other: {output}");
    assert!(output.contains("$ conpaas application create hello"), "{output}");
    let again = nutshell.succeed("demo", &[]);
    assert!(!again.contains("$ conpaas"), "a second demo finds everything done: {again}");
    assert_eq!(again.matches("Hello from ").count(), 2, "{again}");
    let own = nutshell.type_command(&["conpaas", "demo"]);
    assert!(!own.contains("$ conpaas"), "the user's own demo finds the same done: {own}");
    assert_eq!(own.matches("Hello from ").count(), 2, "{own}");

    assert!(nutshell.succeed("status", &[]).contains("hello"));
    assert!(nutshell.type_command(&["conpaas", "application", "list"]).contains("RUNNING"));

    nutshell.succeed("down", &[]);
    is_clean().expect("nothing runs after down");
    let output = nutshell.run("status", &[]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    nutshell.succeed("down", &[]);

    nutshell.succeed("up", &[]);
    let list = nutshell.type_command(&["conpaas", "application", "list"]);
    assert!(list.contains("hello") && list.contains("STOPPED"), "the records are still there: {list}");
    nutshell.succeed("down", &["--purge"]);
    is_clean().expect("nothing runs after down --purge");
    assert!(!nutshell.directory.exists(), "the data is gone");
}

fn files_with(directory: &Path, secret: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else { return found };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files_with(&path, secret));
        } else if path.is_file() {
            let content = std::fs::read(&path).unwrap_or_default();
            if content.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}
