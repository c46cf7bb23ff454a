//! The release host, built when a test first asks for it, and one run of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

fn cargo(arguments: &[&str]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // What cargo says of the test's own package makes build scripts run anew.
    for (name, _) in std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST"))
    {
        command.env_remove(name);
    }
    let status = command.args(arguments).current_dir(root()).status().expect("cargo starts");
    assert!(status.success(), "cargo {arguments:?} failed");
}

fn target() -> PathBuf {
    // <target>/<profile>/deps/<test>
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(3).expect("a test lies in a target directory").to_owned()
}

/// `f1-ingest`, built in release: a debug host takes seconds to compile the component.
pub fn f1_ingest() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        cargo(&["build", "--release", "--quiet", "--package", "f1-ingest", "--bin", "f1-ingest"]);
        target().join("release/f1-ingest")
    })
}

/// `tests/probe`, a component that tries what it was not given.
pub fn probe() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let build =
            ["build", "--release", "--quiet", "--package", "f1-ingest-probe", "--target", "wasm32-wasip2"];
        cargo(&build);
        target().join("wasm32-wasip2/release/f1-ingest-probe.wasm")
    })
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The keys on stdout.
    pub fn keys(&self) -> Vec<&str> {
        self.stdout.lines().collect()
    }

    /// Asserts the exit code, and shows what was printed if it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that some line on stderr has all of `words`.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Run {
        let said = self.stderr.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(said, "no line on stderr has all of {words:?}:\n{}", self.stderr);
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// `f1-ingest` with an environment of nothing but `variables` (and what it needs to find its cache).
pub fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(f1_ingest());
    command.args(arguments).env_clear().stdin(Stdio::null());
    for name in ["HOME", "XDG_CACHE_HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    // No profile of whoever runs the tests, and no cloud that they may run in.
    command.envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_CONFIG_FILE", "")]);
    command.env("AWS_SHARED_CREDENTIALS_FILE", "");
    // Jolpica is a server of the test's own: it takes nothing of this machine's hour.
    command.env("F1_REQUESTS_PER_HOUR", "0");
    command.envs(variables.iter().copied());
    command
}

/// Runs `f1-ingest` to its end.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    command(arguments, variables).output().expect("f1-ingest starts").into()
}

/// Runs `f1-ingest` to its end in this environment.
pub fn run_in(arguments: &[&str], environment: &[(String, String)]) -> Run {
    command(arguments, &[]).envs(environment.iter().cloned()).output().expect("f1-ingest starts").into()
}

/// The options that choose a session.
pub fn choice(season: i32, round: i64, session: &str) -> [String; 6] {
    let (season, round) = (season.to_string(), round.to_string());
    ["--season".into(), season, "--round".into(), round, "--session".into(), session.to_owned()]
}

/// A process that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
