//! What a test leaves out for want of a program: noted, so that `tests/run` says so at its end, and a failure in CI.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write;
use std::thread;

use crate::binary::root;

/// Notes that the running test leaves something out, and why. With `CI=true` or `F1_NO_SKIP=1` in the environment,
/// which promise that everything is installed, it fails instead.
#[track_caller]
pub fn skip(why: &str) {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|given| given == value);
    assert!(!is("CI", "true") && !is("F1_NO_SKIP", "1"), "nothing may be skipped here, but {why}");
    note("skipped", why);
}

/// Adds a line about the running test to one of the lists that `tests/run` prints.
pub(crate) fn note(list: &str, what: &str) {
    let folder = root().join("target/notes");
    create_dir_all(&folder).expect("there is room for a folder");
    let file = OpenOptions::new().create(true).append(true).open(folder.join(list));
    let line = format!("{}: {what}\n", thread::current().name().unwrap_or("a test's thread"));
    // In one piece: other tests write too.
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("there is room for a line");
    eprint!("{list}: {line}");
}
