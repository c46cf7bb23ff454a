//! A key is printed when its object is on the disk: what a run with `--store` synced by then, as the kernel saw it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use f1_ingest_tests::binary::{Run, command, f1_ingest};
use f1_ingest_tests::skip::skip;
use f1_ingest_tests::store::BUCKET;

/// Files and folders whose content was on the disk when a line was written to stdout, and what had a name before its
/// content was.
#[derive(Default)]
struct Synced {
    now: BTreeSet<PathBuf>,
    named_too_early: BTreeSet<PathBuf>,
}

impl Synced {
    /// Reads what `strace -f -y` wrote, up to the line.
    fn before(line: &str, trace: &str) -> Synced {
        let mut synced = Synced::default();
        let mut begun = std::collections::BTreeMap::new();
        for row in trace.lines() {
            let Some((thread, call)) = row.split_once(' ') else { continue };
            let call = call.trim_start();
            if let Some(start) = call.strip_suffix("<unfinished ...>") {
                begun.insert(thread, start);
                continue;
            }
            let call = match call.split_once(" resumed>") {
                Some((_, rest)) => format!("{}{rest}", begun.remove(thread).unwrap_or_default()),
                None => call.to_owned(),
            };
            if call.starts_with("write(1<") && call.contains(line) {
                return synced;
            }
            if call.trim_end().ends_with("= 0") {
                synced.hear(&call);
            }
        }
        panic!("{line} was not written");
    }

    fn hear(&mut self, call: &str) {
        let quoted: Vec<&str> = call.split('"').skip(1).step_by(2).collect();
        if call.starts_with("fsync(") || call.starts_with("fdatasync(") {
            let file = call.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            self.now.extend(file.map(|(file, _)| PathBuf::from(file)));
        } else if let (true, [old, new, ..]) = (call.starts_with("rename"), &quoted[..]) {
            let (old, new) = (Path::new(old), Path::new(new));
            match self.now.remove(old) {
                true => drop(self.now.insert(new.to_owned())),
                false => drop(self.named_too_early.insert(new.to_owned())),
            }
            for folder in [old.parent(), new.parent()].into_iter().flatten() {
                self.now.remove(folder);
            }
        } else if let (true, [made, ..]) = (call.starts_with("mkdir"), &quoted[..]) {
            self.now.remove(Path::new(made).parent().unwrap_or(Path::new("/")));
        }
    }
}

#[test]
fn a_key_is_printed_when_its_object_is_on_the_disk() {
    let traces = |what: &str| {
        [
            "-f",
            "-y",
            "-s",
            "300",
            "-e",
            "trace=fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,write",
            "-o",
            what,
        ]
        .map(str::to_owned)
    };
    let tries = Command::new("strace").args(traces("/dev/null")).arg("true").output();
    if !tries.is_ok_and(|tried| tried.status.success()) {
        skip("there is no strace, or it may not trace");
        return;
    }
    let top = tempfile::tempdir().unwrap();
    let at = |name: &str| top.path().canonicalize().unwrap().join(name);
    // In one piece, in parts, and in place of nothing but a folder that is to be made.
    for (name, length) in [("short", 10), ("long", 6 << 20)] {
        let (store, file, trace) = (at(name), at("m.json"), at("trace"));
        fs::write(&file, format!("\"{}\"", "x".repeat(length))).unwrap();
        let arguments = ["run", "--bucket", BUCKET, "--retries", "1", "--part-size", "5MiB", "--store"];
        let variables = command(&[], &[]);
        let variables =
            variables.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let mut traced = Command::new("strace");
        traced.env_clear().envs(variables).stdin(Stdio::null()).args(traces(trace.to_str().unwrap()));
        traced.arg(f1_ingest()).args(arguments).arg(&store).arg("--mock-file").arg(&file);
        let run = Run::from(traced.output().unwrap()).expect(0);
        let key = run.stdout.trim();
        let synced = Synced::before(key, &fs::read_to_string(&trace).unwrap());
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let about = |what: &str| {
            store.join(format!(".bucket-{}.object-{}.{what}.json", encoded(BUCKET), encoded(key)))
        };
        let object = store.join(BUCKET).join(key);
        let folders = object.ancestors().skip(1).take_while(|folder| *folder != top.path().parent().unwrap());
        let wanted: Vec<_> = [object.clone(), about("metadata"), about("internal")]
            .into_iter()
            .chain(folders.map(Path::to_owned).take_while(|folder| folder.starts_with(at(""))))
            .collect();
        assert!(wanted.len() > 8, "{wanted:?}");
        for path in &wanted {
            assert!(synced.now.contains(path), "{name}: {} is not synced", path.display());
        }
        assert!(
            !synced.named_too_early.contains(&object),
            "{name}: it had its name before its bytes were there"
        );
    }
}
