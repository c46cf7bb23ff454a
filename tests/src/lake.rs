//! A lake that a test keeps: a made-up Jolpica, a folder to store in, and the commands between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use f1_ingest_component::jolpica::answer::Answer;
use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Run, run};
use crate::jolpica::Jolpica;
use crate::store::keys;

/// A made-up Jolpica and an empty folder to store in.
pub struct Lake {
    pub jolpica: Jolpica,
    folder: TempDir,
}

impl Lake {
    /// An empty one.
    pub fn new(jolpica: Jolpica) -> Lake {
        Lake { jolpica, folder: tempfile::tempdir().expect("there is room for a folder") }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A command line for this lake.
    pub fn arguments<'a>(&self, command: &'a str, more: &[&'a str]) -> Vec<String> {
        let (store, url) = (
            self.path().to_str().expect("a temporary path is UTF-8"),
            self.jolpica.url("current/last/results.json"),
        );
        // Nobody else has a schedule.
        let nowhere = self.jolpica.url("nowhere");
        let places = [
            command,
            "--store",
            store,
            "--jolpica-url",
            &url,
            "--requests-per-second",
            "0",
            "--retries",
            "1",
            "--schedule-url",
            &nowhere,
            "--livetiming-url",
            &nowhere,
            "--livetiming-mirror-url",
            &nowhere,
        ];
        places.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    /// Runs a command to its end.
    pub fn run(&self, command: &str, more: &[&str]) -> Run {
        let arguments = self.arguments(command, more);
        run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[])
    }

    /// Runs a backfill to its end.
    pub fn backfill(&self, more: &[&str]) -> Run {
        self.run("backfill", more)
    }

    /// What a command says as JSON.
    pub fn json(&self, command: &str, more: &[&str]) -> Value {
        let run = self.run(command, &[more, &["--json"]].concat());
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"))
    }

    /// The folder of its bucket.
    pub fn bucket(&self) -> PathBuf {
        self.path().join("f1-data")
    }

    /// The files of the catalogue.
    pub fn catalog(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![self.bucket().join("catalog")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }

    /// How many documents there are of each item.
    pub fn items(&self) -> BTreeMap<String, usize> {
        let mut items = BTreeMap::new();
        for key in keys(&self.bucket()) {
            if let Some(rest) = key.strip_prefix("raw/") {
                let (item, _) = rest.split_once('/').unwrap().1.rsplit_once('/').unwrap();
                *items.entry(item.to_owned()).or_default() += 1;
            }
        }
        items
    }

    /// Asserts that all items of a plan are stored once, each with all its rows, and that the catalogue knows them.
    pub fn assert_whole(&self, planned: &[String]) {
        let items = self.items();
        assert_eq!(items.keys().collect::<Vec<_>>(), sorted(planned), "all items");
        let twice: Vec<_> = items.iter().filter(|(_, count)| **count != 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        for key in keys(&self.bucket()).iter().filter(|key| key.starts_with("raw/")) {
            let document = std::fs::read(self.bucket().join(key)).unwrap();
            let answer = Answer::read(&document).unwrap();
            assert_eq!(answer.table.map(|(_, rows)| rows.count()), Some(answer.total), "{key}");
        }
        let verify = self.json("verify", &[]);
        assert_eq!(verify["whole"], planned.len(), "{verify}");
        for wrong in ["missing", "damaged", "unknown"] {
            assert_eq!(verify[wrong], Value::Array(Vec::new()), "{verify}");
        }
    }

    /// The items that a plan has.
    pub fn planned(&self, more: &[&str]) -> Vec<String> {
        let plan = self.json("backfill", &[more, &["--plan"]].concat());
        let items = plan["items"].as_array().unwrap().iter();
        items.map(|item| item["item"].as_str().unwrap().to_owned()).collect()
    }
}

fn sorted(items: &[String]) -> Vec<&String> {
    let mut items: Vec<&String> = items.iter().collect();
    items.sort();
    items
}
