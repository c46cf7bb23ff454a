//! A lake that a test keeps: a made-up Jolpica, a bucket to store in, and the commands between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use f1_ingest_component::jolpica::answer::Answer;
use serde_json::Value;
use tempfile::TempDir;

use crate::beside::Beside;
use crate::binary::{Run, command};
use crate::jolpica::Jolpica;
use crate::s3_servers::Server;
use crate::store::keys;

/// A made-up Jolpica and an empty bucket.
pub struct Lake {
    pub jolpica: Jolpica,
    /// Nobody else has a schedule, if this is not there.
    pub beside: Option<Beside>,
    folder: TempDir,
    /// Where the bucket is, if it is not in the folder.
    server: Option<Server>,
    limits: Vec<String>,
}

impl Lake {
    /// An empty one in a folder, which has no limits.
    pub fn new(jolpica: Jolpica) -> Lake {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let limits = ["--requests-per-second", "0"].map(str::to_owned).to_vec();
        Lake { jolpica, beside: None, folder, server: None, limits }
    }

    /// The same at a server.
    pub fn at(self, server: Server) -> Lake {
        Lake { server: Some(server), ..self }
    }

    /// The same with schedules and feeds.
    pub fn with(self, beside: Beside) -> Lake {
        Lake { beside: Some(beside), ..self }
    }

    /// The same with Jolpica's limits, and an hour of so many seconds.
    pub fn with_an_hour_of(self, seconds: u64) -> Lake {
        let seconds = seconds.to_string();
        let limits = ["--requests-per-second", "4", "--requests-per-hour", "200", "--budget-hour", &seconds];
        Lake { limits: limits.map(str::to_owned).to_vec(), ..self }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The options that name its upstreams.
    pub fn upstreams(&self) -> Vec<String> {
        let url = self.jolpica.url("current/last/results.json");
        let beside = self.beside.as_ref().map_or_else(|| self.jolpica.url("nowhere"), Beside::url);
        let places = ["schedule", "livetiming", "livetiming-mirror"].map(|name| (name, &beside));
        let options = [("jolpica", &url)].into_iter().chain(places);
        options.flat_map(|(name, url)| [format!("--{name}-url"), url.clone()]).collect()
    }

    /// A command line for this lake.
    pub fn arguments(&self, command: &str, more: &[&str]) -> Vec<String> {
        let folder = self.path().to_str().expect("a temporary path is UTF-8");
        let store = if self.server.is_none() { vec!["--store", folder] } else { vec![] };
        let words = [&[command], &store[..], &["--retries", "1"], more].concat();
        let words = words.into_iter().map(str::to_owned);
        words.chain(self.upstreams()).chain(self.limits.iter().cloned()).collect()
    }

    /// A command in the environment that it needs.
    pub fn command(&self, name: &str, more: &[&str], variables: &[(&str, &str)]) -> Command {
        let arguments = self.arguments(name, more);
        let mut command = command(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), variables);
        let writer = self.server.as_ref().and_then(|server| server.environment("writer"));
        command.envs(writer.into_iter().flatten());
        command.env("XDG_STATE_HOME", self.path().join("state"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, command: &str, more: &[&str]) -> Run {
        self.command(command, more, &[]).output().expect("f1-ingest starts").into()
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
        for key in self.documents().keys() {
            *items.entry(item(key).to_owned()).or_default() += 1;
        }
        items
    }

    /// All documents, by their keys.
    fn documents(&self) -> BTreeMap<String, Document> {
        let of_server = self.server.as_ref().map(Server::objects);
        let of_server =
            of_server.into_iter().flatten().map(|(key, object)| (key, Document::Read(object.bytes())));
        let in_folder = keys(&self.bucket()).into_iter().map(|key| {
            let file = self.bucket().join(&key);
            (key, Document::File(file))
        });
        let all = of_server.chain(in_folder);
        all.filter(|(key, _)| key.starts_with("raw/")).collect()
    }

    /// Asserts that all items of a plan are stored once, each with all its rows, and that the catalogue knows them.
    pub fn assert_whole(&self, planned: &[String]) {
        let documents = self.documents();
        let items: Vec<&str> = documents.keys().map(|key| item(key)).collect();
        assert_eq!(sorted(items), sorted(planned.iter().map(String::as_str).collect()), "all items, once");
        for (key, document) in documents.iter().filter(|(key, _)| item(key).starts_with("jolpica/")) {
            let bytes = document.bytes();
            let answer = Answer::read(&bytes).unwrap();
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

/// One of the bucket's.
enum Document {
    File(PathBuf),
    Read(Vec<u8>),
}

impl Document {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Document::File(file) => std::fs::read(file).expect("a file"),
            Document::Read(bytes) => bytes.clone(),
        }
    }
}

/// The item of a document's key.
fn item(key: &str) -> &str {
    let item = key.splitn(3, '/').nth(2).and_then(|rest| rest.rsplit_once('/'));
    item.map(|(item, _)| item).expect("a document's key has an item")
}

fn sorted(mut items: Vec<&str>) -> Vec<&str> {
    items.sort_unstable();
    items
}
