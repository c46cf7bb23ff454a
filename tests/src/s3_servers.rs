//! S3 servers in processes of their own: three that nobody here wrote (`tests/s3/`), and ours.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::binary::root;
use crate::installed::{installed, python};
use crate::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};

/// Access keys, and the token of a session.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    pub key: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Keys {
    pub fn variables(&self) -> Vec<(String, String)> {
        let token = self.token.iter().map(|token| ("AWS_SESSION_TOKEN", token));
        [("AWS_ACCESS_KEY_ID", &self.key), ("AWS_SECRET_ACCESS_KEY", &self.secret)]
            .into_iter()
            .chain(token)
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

/// What a server says of itself when it answers. It has an empty bucket [`BUCKET`].
#[derive(Debug, Deserialize)]
pub struct Offer {
    /// Name and version.
    pub name: String,
    pub endpoint: String,
    pub region: String,
    /// `writer` may do everything, `stranger` nothing; `session` has a token. Not every server has all.
    pub users: BTreeMap<String, Keys>,
    /// The ARN of a role with an STS at the same endpoint.
    pub role: Option<String>,
}

/// A server that ends with the test.
pub struct Server {
    pub offer: Offer,
    _process: Process,
}

enum Process {
    Python { _script: Script },
    Ours { _store: Store },
}

/// Runs until its stdin is closed, and then clears away what it started and wrote.
struct Script(Child);

impl Drop for Script {
    fn drop(&mut self) {
        // Closes it.
        let _ = self.0.wait();
    }
}

impl Server {
    /// All of them, None for those that are not installed. Without Python nothing reads what ours stored.
    pub fn all() -> [Option<Server>; 4] {
        [Server::swift(), Server::moto(), Server::radosgw(), python().map(|_| Server::embedded())]
    }

    /// OpenStack Swift with its s3api.
    pub fn swift() -> Option<Server> {
        Server::python("run_swift.py")
    }

    /// moto, with its checks of signatures and permissions switched on.
    pub fn moto() -> Option<Server> {
        Server::python("run_moto.py")
    }

    /// Ceph's radosgw, if `tests/run` could unpack it of Debian's packages.
    pub fn radosgw() -> Option<Server> {
        installed("radosgw").and_then(|_| Server::python("run_radosgw.py"))
    }

    /// `f1-ingest store`.
    pub fn embedded() -> Server {
        let store = Store::start();
        let writer = Keys { key: ACCESS_KEY.into(), secret: SECRET_KEY.into(), token: None };
        let offer = Offer {
            name: "f1-ingest store".into(),
            endpoint: store.endpoint(),
            region: "us-east-2".into(),
            users: BTreeMap::from([("writer".into(), writer)]),
            role: None,
        };
        Server { offer, _process: Process::Ours { _store: store } }
    }

    fn python(script: &str) -> Option<Server> {
        let mut process = Command::new(python()?)
            .arg(root().join("tests/s3").join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let stdout = process.stdout.take().expect("stdout is piped");
        let process = Script(process);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("the server writes text");
        let offer = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{script} says {line:?}: {e}"));
        Some(Server { offer, _process: Process::Python { _script: process } })
    }

    /// The environment of a run that writes here as `user`, if the server has such a user.
    pub fn environment(&self, user: &str) -> Option<Vec<(String, String)>> {
        let place = [
            ("F1_S3_BUCKET", BUCKET),
            ("AWS_ENDPOINT_URL_S3", &self.offer.endpoint),
            ("AWS_REGION", &self.offer.region),
        ];
        let place = place.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(self.offer.users.get(user)?.variables().into_iter().chain(place).collect())
    }

    /// All objects in the bucket, read by boto3.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        let output = self.boto3("read_all.py", &[BUCKET]);
        serde_json::from_slice(&output).expect("read_all.py prints JSON")
    }

    /// Another's object, written by boto3.
    pub fn put(&self, key: &str, body: &str) {
        self.boto3("put.py", &[BUCKET, key, body]);
    }

    /// What a script of `tests/s3/` prints.
    fn boto3(&self, script: &str, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(python().expect("Python was there when the server started"))
            .arg(root().join("tests/s3").join(script))
            .args(arguments)
            .envs(self.environment("writer").expect("every server has a writer"))
            .env("AWS_DEFAULT_REGION", &self.offer.region)
            .output()
            .expect("Python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

/// An object as boto3 sees it.
#[derive(Debug, Deserialize)]
pub struct Object {
    /// Byte n is character n.
    body: String,
    #[serde(rename = "type")]
    pub content_type: String,
    pub metadata: BTreeMap<String, String>,
}

impl Object {
    pub fn bytes(&self) -> Vec<u8> {
        self.body.chars().map(|c| u8::try_from(c).expect("a byte is a character below 256")).collect()
    }
}
