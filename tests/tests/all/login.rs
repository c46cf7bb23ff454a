//! Signing in to F1TV, and what runs make of it, against a fake of Formula 1's hosts that checks all that it is sent.

mod browser;
mod clock;
mod renewal;
mod secrecy;
mod steps;
mod tokens;

use std::path::{Path, PathBuf};
use std::process::Command;

use f1_ingest_tests::binary::{Run, command};
use f1_ingest_tests::f1tv::{F1tv, PASSWORD, USERNAME};
use f1_ingest_tests::synthetic::recording::Session;
use f1_ingest_tests::synthetic::{Plan, recording};
use tempfile::TempDir;

/// Four days, as a token lives.
const LONG: u64 = 4 * 24 * 3600;

/// A user at a machine of their own, and Formula 1's hosts.
struct User {
    home: TempDir,
    f1tv: F1tv,
    session: Session,
    /// Whether the environment has user name and password.
    signs_in: bool,
}

impl User {
    /// One whose tokens live so many seconds.
    fn new(lives: u64) -> User {
        let home = tempfile::tempdir().expect("a temporary folder");
        let tape = home.path().join("tape");
        let plan = Plan { cars: 2, laps: 3, telemetry_hz: 1, ..Plan::BASE };
        let session = recording::write(&plan, &tape).expect("a recording");
        let f1tv = F1tv::start(lives, &tape);
        User { home, f1tv, session, signs_in: false }
    }

    /// The same, with user name and password in the environment.
    fn who_signs_in(lives: u64) -> User {
        User { signs_in: true, ..User::new(lives) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    /// The file that our token is kept in.
    fn kept(&self) -> PathBuf {
        self.path("state/f1-ingest/f1tv-token.json")
    }

    fn environment(&self) -> Vec<(String, String)> {
        let mut all = self.f1tv.environment();
        let own = [("XDG_STATE_HOME", self.text("state")), ("XDG_DATA_HOME", self.text("data"))];
        all.extend(own.map(|(name, value)| (name.to_owned(), value)));
        all.push(("F1_REQUESTS_PER_SECOND".to_owned(), "0".to_owned()));
        if self.signs_in {
            all.extend(
                [("F1_USERNAME", USERNAME), ("F1_PASSWORD", PASSWORD)].map(|(n, v)| (n.into(), v.into())),
            );
        }
        all
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(arguments, &[]);
        command.envs(self.environment());
        command
    }

    fn does(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().expect("f1-ingest starts").into()
    }

    /// The arguments of a run that stores the session's telemetry in a folder.
    fn telemetry(&self) -> Vec<String> {
        let choice = self.session.choice();
        let fixed = ["run", "--retries", "1", "--sources", "telemetry", "--store"];
        fixed.map(str::to_owned).into_iter().chain([self.text("store")]).chain(choice).collect()
    }

    /// Such a run.
    fn runs(&self, more: &[&str]) -> Run {
        let arguments = self.telemetry();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.does(&arguments)
    }

    /// Puts a token where `login` puts it, or FastF1.
    fn keeps(&self, file: &Path, token: &str, ends: u64) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let json = serde_json::json!({"version": 1, "value": token, "expires_at": ends as f64});
        std::fs::write(file, json.to_string()).expect("a file");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    }
}
