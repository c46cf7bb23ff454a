//! `jolpica/dump`: the file that Jolpica gives away, checked against what it promises, by a redirect to a host that nobody
//! could know beforehand and no other document may go to.

use f1_ingest_tests::aws::Aws;
use f1_ingest_tests::binary::{Run, run_in};
use f1_ingest_tests::store::{BUCKET, Store};
use f1_ingest_tests::upstream::{Asked, Reply};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const SIGNED: &str = "/dump.zip?X-Amz-Signature=0123abcd";

/// Longer than a part.
fn zip() -> Vec<u8> {
    let bytes = (0..9u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    b"PK\x03\x04".iter().copied().chain(bytes).collect()
}

/// What Jolpica says of a dump.
/// <https://github.com/jolpica/jolpica-f1/blob/main/docs/endpoints/data/dumps.md>
fn overview(hash: &str, size: usize) -> Value {
    let dump = |kind: &str| {
        json!({"csv": {
            "dump_type": "csv", "file_hash": hash, "file_size": size, "uploaded_at": "2026-11-09T13:45:20.930056Z",
            "download_url": format!("https://api.jolpi.ca/data/dumps/download/{kind}/?dump_type=csv"),
        }})
    };
    let (latest, delayed) = (dump("latest"), dump("delayed"));
    json!({"available_types": ["csv"], "latest_dumps": latest, "delayed_dumps": delayed, "delay_days": 14})
}

fn place(asked: &Asked) -> (String, String) {
    let target = asked.line.split(' ').nth(1).unwrap_or_default().to_owned();
    (asked.header("host").unwrap_or_default().to_owned(), target)
}

/// The hosts of the upstreams, and a bucket.
struct World {
    hosts: Aws,
    store: Store,
}

impl World {
    /// A Jolpica that promises `overview`, and a host that answers with `dump` to what it sends there.
    fn new(overview: Value, dump: Reply) -> World {
        let hosts = Aws::start(move |asked| match place(asked) {
            (host, target) if host == "dumps.example.com" && target == SIGNED => dump.clone(),
            (host, _) if host != "api.jolpi.ca" => Reply::new(404, ""),
            (_, target) => match target.as_str() {
                "/data/dumps/download/" => Reply::json(overview.to_string()),
                "/data/dumps/download/delayed/?dump_type=csv" | "/ergast/f1/drivers.json?limit=100" => {
                    Reply::new(302, "").with("location", &format!("https://dumps.example.com{SIGNED}"))
                }
                _ => Reply::new(404, ""),
            },
        });
        World { hosts, store: Store::start() }
    }

    fn right() -> World {
        let zip = zip();
        World::new(overview(&hex::encode(Sha256::digest(&zip)), zip.len()), Reply::new(200, zip))
    }

    fn run(&self, command: &[&str], more: &[&str]) -> Run {
        let environment = [self.store.environment(), self.hosts.environment()].concat();
        run_in(&[command, &["--bucket", BUCKET, "--retries", "1"], more].concat(), &environment)
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.hosts.asked().iter().map(place).collect()
    }

    fn documents(&self) -> Vec<String> {
        self.store.keys().into_iter().filter(|key| key.starts_with("raw/")).collect()
    }
}

#[test]
fn it_is_stored_as_it_came_in_two_requests_and_a_third_elsewhere() {
    let world = World::right();
    let run = world.run(&["run"], &["--items", "jolpica/dump"]).expect(0);
    let [key] = run.keys()[..] else { panic!("{run:?}") };
    assert!(key.contains("/jolpica/dump/") && key.ends_with(".zip"), "{key}");
    assert!(world.store.object(key) == zip(), "the bytes differ");
    let metadata = world.store.metadata(key.trim_end_matches(".zip"));
    for said in ["application/zip", "sha256", "/data/dumps/download/delayed/"] {
        assert!(metadata.contains(said), "{said}: {metadata}");
    }
    let [overview, gate, dump] = &world.hosts.asked()[..] else { panic!("{:?}", world.asked()) };
    assert_eq!(place(overview), ("api.jolpi.ca".into(), "/data/dumps/download/".into()));
    assert_eq!(place(gate).0, "api.jolpi.ca");
    assert_eq!(place(dump), ("dumps.example.com".into(), SIGNED.into()));
    assert!(
        dump.headers.iter().all(|(name, _)| name != "authorization" && !name.starts_with("f1-")),
        "{dump:?}"
    );
    assert!(!run.stderr.contains("0123abcd") && !metadata.contains("0123abcd"), "the signature shows");
}

#[test]
fn a_lake_keeps_it_where_it_is_asked_for_and_knows_its_keys() {
    let world = World::right();
    let backfill = ["--seasons", "2020", "--endpoints", "dump"];
    let plan = world.run(&["backfill"], &[&backfill[..], &["--plan", "--json"]].concat()).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["items"][0]["requests"], json!({"api.jolpi.ca": 2}), "{plan}");
    assert_eq!(world.asked().len(), 0);
    let key = world.run(&["backfill"], &backfill).expect(0).stdout;
    world.run(&["backfill"], &backfill).expect(0).says(&["stored 0", "1 were there"]);
    assert_eq!(world.asked().len(), 3);
    let again = world.run(&["backfill"], &[&backfill[..], &["--refresh", "1"]].concat()).expect(0);
    again.says(&["stored 0, unchanged 1"]);
    let run = world.run(&["run"], &["--items", "jolpica/dump", "--if-changed"]).expect(0);
    assert_eq!(run.stdout, key);
    let overview = ("api.jolpi.ca".to_owned(), "/data/dumps/download/".to_owned());
    assert_eq!(world.asked()[3..], [overview.clone(), overview], "what has not changed is not loaded again");
    assert_eq!(world.run(&["ls"], &["jolpica/dump"]).expect(0).stdout, key);
    world.run(&["catalog", "rebuild"], &[]).expect(0);
    assert_eq!(world.run(&["verify"], &[]).expect(0).stdout, "1 whole, 0 missing, 0 damaged, 0 unknown\n");
    assert_eq!(world.documents().len(), 1);
}

#[test]
fn one_that_is_not_as_promised_is_not_stored() {
    let (zip, sha256) = (zip(), hex::encode(Sha256::digest(zip())));
    for (overview, named) in [
        (overview(&sha256, zip.len() + 1), "bytes with SHA-256"),
        (overview(&"0".repeat(64), zip.len()), "bytes with SHA-256"),
        (json!({"detail": "gone"}), "no list of dumps"),
    ] {
        let world = World::new(overview, Reply::new(200, zip.clone()));
        let run = world.run(&["run"], &["--items", "jolpica/dump"]).expect(1);
        run.says(&["jolpica", named, "https://api.jolpi.ca/data/dumps/download/"]);
        assert_eq!(world.documents(), [""; 0]);
    }
    let world = World::new(json!({"delayed_dumps": {}}), Reply::new(200, zip));
    world.run(&["run"], &["--items", "jolpica/dump"]).expect(75).says(&["names no CSV dump"]);
}

#[test]
fn nothing_else_may_go_where_nobody_has_named() {
    let world = World::right();
    let run = world.run(&["run"], &["--items", "jolpica/drivers,jolpica/dump"]).expect(1);
    run.says(&["https://api.jolpi.ca/ergast/f1/drivers.json", "a host that this run may not reach"]);
    assert_eq!(
        world.asked().iter().filter(|(host, _)| host == "dumps.example.com").count(),
        1,
        "the dump's own"
    );

    // Where the dump's host sends on to.
    let on = Reply::new(302, "").with("location", "https://third.example.com/dump.zip");
    let world = World::new(overview(&"0".repeat(64), 1), on);
    let run = world.run(&["run"], &["--items", "jolpica/dump"]).expect(1);
    run.says(&["https://dumps.example.com/dump.zip", "a host that this run may not reach"]);
    assert!(world.asked().iter().all(|(host, _)| host != "third.example.com"));
}
