//! A real S3 server on loopback that verifies signatures: `f1-ingest store`, in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Running, command};
use crate::installed::python;

pub const BUCKET: &str = "lake";
pub const ACCESS_KEY: &str = "AKIDTEST";
pub const SECRET_KEY: &str = "a-secret-that-must-not-show";

/// The server, its folder and one empty bucket in it.
pub struct Store {
    pub address: SocketAddr,
    folder: TempDir,
    _server: Running,
}

impl Store {
    pub fn start() -> Store {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("there is room for a bucket");
        let path = folder.path().to_str().expect("a temporary path is UTF-8");
        let keys = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
        let mut server = command(
            &[
                "store",
                path,
                "--listen",
                "127.0.0.1:0",
                "--name",
                ".amazonaws.com",
                "--name",
                ".amazonaws.com.cn",
            ],
            &keys,
        )
        .stdout(Stdio::piped())
        .spawn()
        .expect("f1-ingest starts");
        let output = BufReader::new(server.stdout.take().expect("stdout is piped"));
        let server = Running(server);
        let address = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split("http://").nth(1)?.split_whitespace().next()?.parse().ok())
            .expect("the store prints its endpoint");
        Store { address, folder, _server: server }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The environment that lets a run write here.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.endpoint())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// The keys of all objects, sorted.
    pub fn keys(&self) -> Vec<String> {
        keys(&self.bucket())
    }

    pub fn object(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.bucket().join(key)).unwrap_or_else(|e| panic!("{key}: {e}"))
    }

    /// What a Python script prints as JSON that reads or writes here with boto3, as `s3`; `sys.argv` has the bucket and
    /// these arguments.
    pub fn boto3(&self, script: &str, arguments: &[&str]) -> Option<Value> {
        let output = Command::new(python()?)
            .args(["-c", &format!("import boto3, json, sys; s3 = boto3.client('s3')\n{script}"), BUCKET])
            .args(arguments)
            .envs(self.environment())
            .env("AWS_DEFAULT_REGION", "us-east-2")
            .output()
            .expect("Python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(serde_json::from_slice(&output.stdout).expect("the script prints JSON"))
    }

    /// What s3s-fs keeps beside an object: its metadata and headers, as JSON.
    pub fn metadata(&self, key: &str) -> String {
        let seconds = key.rsplit('/').next().unwrap_or(key).trim_end_matches(".json");
        let files = std::fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let files = files.map(|entry| entry.path()).filter(|path| path.is_file());
        files
            .filter_map(|file| std::fs::read_to_string(file).ok())
            .find(|text| text.contains(seconds))
            .unwrap_or_else(|| panic!("no metadata of {key}"))
    }
}

/// Bucket and credentials of this module at another endpoint, such as a proxy before the store.
pub fn environment(endpoint: &str) -> Vec<(String, String)> {
    [
        ("F1_S3_BUCKET", BUCKET),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_ENDPOINT_URL_S3", endpoint),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// The files of uploads and of writes that were begun and not ended, in a store's folder.
pub fn unfinished(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("a store has a folder").map(|file| file.expect("a file"));
    let names = files.map(|file| file.file_name().into_string().expect("names are UTF-8"));
    names.filter(|name| name.contains(".upload") || name.starts_with(".tmp")).collect()
}

/// Makes open uploads older than any run may last, so that they are surely dead.
pub fn grow_old(folder: &Path) {
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(8 * 24 * 3600);
    for name in unfinished(folder) {
        let file = std::fs::File::options().write(true).open(folder.join(name)).expect("a file");
        file.set_modified(long_ago).expect("a time of its own");
    }
}

/// The keys of the objects that lie as files in a bucket's folder.
pub fn keys(bucket: &Path) -> Vec<String> {
    let mut keys = Vec::new();
    let mut folders = vec![bucket.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    keys.extend(path.strip_prefix(bucket).ok().and_then(Path::to_str).map(str::to_owned))
                }
            }
        }
    }
    keys.retain(|key| key.starts_with("raw/"));
    keys.sort();
    keys
}
