//! Where credentials come from: each place that AWS documents, against a fake that checks what it is sent,
//! and moto, which lets nobody in without the right keys, token and signature.

mod files;
mod profiles;
mod services;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use f1_ingest_tests::binary::{Run, command};
use f1_ingest_tests::s3_servers::{Keys, Server};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use tempfile::TempDir;

fn moto() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::moto().expect("tests/run makes target/python"))
}

fn keys(user: &str) -> &'static Keys {
    &moto().offer.users[user]
}

/// A home with these files in its `.aws`.
fn home(files: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(".aws").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

/// Variables that point to moto's bucket, and to this home; no credentials.
fn place(home: &Path) -> Vec<(String, String)> {
    let cache = std::env::var("XDG_CACHE_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cache")))
        .unwrap_or_default();
    let mut place = moto().environment("writer").unwrap();
    place.retain(|(name, _)| !name.contains("KEY"));
    let path = |name: &str| home.join(".aws").join(name).to_str().unwrap().to_owned();
    place.extend([
        ("HOME".into(), home.to_str().unwrap().to_owned()),
        ("XDG_CACHE_HOME".into(), cache),
        ("AWS_CONFIG_FILE".into(), path("config")),
        ("AWS_SHARED_CREDENTIALS_FILE".into(), path("credentials")),
        ("PATH".into(), "/usr/bin:/bin".into()),
    ]);
    place
}

/// One run into moto's bucket, with a log of everything, that shows no secret.
fn run(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let url = upstream.url("/");
    let all = [&["run", "--retries", "1", "--jolpica-url", &url], arguments].concat();
    let mut job = command(&all, &[]);
    job.envs(place(home)).envs(variables.iter().copied()).env("RUST_LOG", "trace");
    let run = Run::from(job.output().unwrap());
    for keys in moto().offer.users.values() {
        for secret in [Some(&keys.secret), keys.token.as_ref()].into_iter().flatten() {
            assert!(!run.stderr.contains(secret) && !run.stdout.contains(secret), "{secret} shows");
        }
    }
    run
}

fn stores(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) {
    let run = run(home, arguments, variables).expect(0);
    let objects = moto().objects();
    assert!(objects.contains_key(run.stdout.trim()), "{:?}", run.stdout);
}
