//! `../shared`: recordings of real upstreams and what FastF1 makes of them. Not part of the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::binary::{choice, root};
use crate::golden::python;
use crate::skip::note;

/// A path in `../shared` (or in `$F1_SHARED`). None if it is absent, which is no failure anywhere: the project has
/// to pass without it. `tests/run` says at its end which it was.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("F1_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join(path);
    let is_there = found.exists();
    note(if is_there { "shared-used" } else { "shared-absent" }, path);
    is_there.then_some(found)
}

/// A recorded session, and a folder with what FastF1 made of it.
pub struct Session {
    pub name: String,
    /// The options that choose it.
    pub choice: [String; 6],
    /// The folders that have its answers, the first one that has an answer first.
    pub recordings: Vec<PathBuf>,
    pub expected: PathBuf,
}

/// All recorded sessions, by name. None if they are absent.
pub fn sessions() -> Option<Vec<Session>> {
    let (expected, recordings) = (shared("expected")?, shared("recordings")?);
    let folders =
        fs::read_dir(expected).expect("expected is a folder").map(|folder| folder.expect("a folder"));
    let mut sessions: Vec<_> = folders.map(|folder| session(folder.path(), &recordings)).collect();
    sessions.sort_by(|one, other| one.name.cmp(&other.name));
    Some(sessions)
}

fn session(expected: PathBuf, recordings: &Path) -> Session {
    // Such as 2024-chinese-SQ.
    let name = expected.file_name().and_then(|name| name.to_str()).expect("names are UTF-8").to_owned();
    let info = fs::read(expected.join("info.json")).expect("a session has an info.json");
    let info: Value = serde_json::from_slice(&info).expect("it is JSON");
    let (season, session) =
        (name[..4].parse().expect("a season"), name.rsplit('-').next().expect("a session"));
    // The order is that of recordings/README.md.
    let folders = match recordings.join(&name).exists() {
        true => [&name, "jolpica", "base"],
        false => ["derived", "base", "telemetry"],
    };
    Session {
        choice: choice(season, info["round"].as_i64().expect("a round"), session),
        recordings: folders.map(|folder| recordings.join(folder)).to_vec(),
        name,
        expected,
    }
}

impl Session {
    /// The telemetry that FastF1 makes of the session now, with the tool beside the recordings. It is kept below
    /// `target/` for as long as tool and recordings are the same. The test is skipped if there is no FastF1.
    pub fn telemetry_by_fastf1(&self) -> Option<String> {
        let (tool, python) = (shared("tools/fastf1_reference.py")?, python()?);
        let mut digest = Sha256::new();
        for file in self.recordings.iter().map(|folder| folder.join("index.json")).chain([tool.clone()]) {
            digest.update(fs::read(file).expect("recordings have indexes"));
        }
        let made = format!("target/fastf1/{}-{}", self.name, &hex::encode(digest.finalize())[..16]);
        let made = root().join(made);
        if !made.exists() {
            let part = made.with_extension("part");
            let mut command = Command::new(python);
            command.arg(tool).args(&self.choice).arg("--out").arg(&part);
            for recording in &self.recordings {
                command.arg("--recording").arg(recording);
            }
            // FastF1 lists some drivers in the order of a set.
            let output = command.env("PYTHONHASHSEED", "0").output().expect("Python starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            fs::rename(part, &made).expect("the folder is new");
        }
        Some(fs::read_to_string(made.join("telemetry.json")).expect("the session has telemetry"))
    }
}
