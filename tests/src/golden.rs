//! What the real FastF1 makes of the synthetic sessions: `tests/golden/<name>.json.gz`, written by
//! `tests/golden/make.py`, which says how.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;

use crate::binary::root;
use crate::compare::Value;
use crate::skip::skip;

/// The committed golden files.
pub fn folder() -> PathBuf {
    root().join("tests/golden")
}

/// Reads the golden file of a session: `session`, `fastf1`, `telemetry`, `warnings` and `error`.
pub fn read(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json.gz"));
    let file = std::fs::File::open(&path)
        .unwrap_or_else(|e| panic!("{}: {e}; make it with make.py", path.display()));
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).expect("a golden file is gzip");
    serde_json::from_str(&text).expect("a golden file is JSON")
}

/// A Python that has FastF1: `$F1_FASTF1_PYTHON`, else the one of `tests/run`. The test is skipped if there is none.
pub fn python() -> Option<PathBuf> {
    let python = std::env::var_os("F1_FASTF1_PYTHON")
        .map_or_else(|| root().join("target/python/bin/python"), PathBuf::from);
    let has_fastf1 = Command::new(&python)
        .args(["-c", "import fastf1; assert fastf1.__version__ == '3.9.0'"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_fastf1 {
        skip(&format!("there is no FastF1 3.9.0 at {}; tests/run installs it", python.display()));
        return None;
    }
    Some(python)
}

/// Has FastF1 load the sessions in `recordings` and writes golden files of them into `out`. False if there is no Python
/// with FastF1.
pub fn make(recordings: &Path, out: &Path) -> bool {
    let Some(python) = python() else { return false };
    let script = folder().join("make.py");
    let output = Command::new(python).arg(script).arg(recordings).arg(out).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}
