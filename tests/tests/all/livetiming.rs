//! Raw feeds: what is stored gives the bytes back that livetiming sent, whatever they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use f1_ingest_component::raw_feeds::entries::Entries;
use f1_ingest_tests::binary::{Run, run};
use f1_ingest_tests::restore;
use f1_ingest_tests::store::keys;
use f1_ingest_tests::synthetic::{CATALOGUE, FULL_LENGTH, recording};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The entries of a feed that comes in chunks of this size.
fn entries(feed: &[u8], chunk: usize) -> String {
    let (mut entries, mut out) = (Entries::default(), b"[".to_vec());
    feed.chunks(chunk).for_each(|chunk| entries.push(chunk, &mut out));
    entries.finish(&mut out);
    out.push(b']');
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Feeds as they should be and as they should not, and their entries.
const FEEDS: &[(&[u8], &str)] = &[
    (b"\xef\xbb\xbf", "[]"),
    (b"", "[[null,null]]"),
    (b"\xef\xbb", r#"[[null,null],[null,{"base64":"77s="}]]"#),
    (
        b"\xef\xbb\xbf00:00:01.234{\"a\": 1.50, \"a\":\"\\u00e9\"}\r\n00:00:02.000\"q1ZK\"\r\n",
        r#"[["00:00:01.234",{"a": 1.50, "a":"\u00e9"}],["00:00:02.000","q1ZK"]]"#,
    ),
    (b"00:00:01.000{}\r\n", r#"[[null,null],["00:00:01.000",{}]]"#),
    (b"\xef\xbb\xbf00:00:01.000{\"a\":\r\n", r#"[[null,"00:00:01.000{\"a\":\r\n"]]"#),
    (b"\xef\xbb\xbf00:00:01.000 {}\r\n", r#"[[null,"00:00:01.000 {}\r\n"]]"#),
    (b"\xef\xbb\xbf00:00:01.000{}\n00:00:02.000{}\r\n", r#"[[null,"00:00:01.000{}\n00:00:02.000{}\r\n"]]"#),
    (b"\xef\xbb\xbf00:00:01.000[1,\n2]\r\n\r\n", "[[\"00:00:01.000\",[1,\n2]],[null,\"\\r\\n\"]]"),
    (b"\xef\xbb\xbf00:00:01.000{}", r#"[[null,"00:00:01.000{}"]]"#),
    (b"\xef\xbb\xbf00:00:01.000\"\xff\"\r\n", r#"[[null,{"base64":"MDA6MDA6MDEuMDAwIv8iDQo="}]]"#),
    (b"\xef\xbb\xbf00:00:01.000\"\\ud800\"\r\n", r#"[[null,"00:00:01.000\"\\ud800\"\r\n"]]"#),
    (b"\xef\xbb\xbf00:00:01.0001e999\r\n", r#"[[null,"00:00:01.0001e999\r\n"]]"#),
    (b"\xef\xbb\xbf\xef\xbb\xbf\r\nnull\r\n", "[[null,\"\u{feff}\\r\\n\"],[null,\"null\\r\\n\"]]"),
];

#[test]
fn a_feed_has_the_entries_that_the_rule_says() {
    for (feed, expected) in FEEDS {
        for chunk in [1, 2, 3, 1000] {
            assert_eq!(entries(feed, chunk), *expected, "in chunks of {chunk}");
        }
        assert_eq!(restore::feed(expected), *feed, "{expected}");
    }
}

#[test]
fn a_line_without_end_is_held_in_part_only() {
    let feed = [b"\xef\xbb\xbf00:00:01.000\"".as_slice(), &b"\xc3\xa9".repeat(2 << 20), b"\"\r\n"].concat();
    let entries = entries(&feed, 64 << 10);
    assert!(restore::feed(&entries) == feed);
    let longest = serde_json::from_str::<Vec<[Value; 2]>>(&entries).expect("JSON");
    let longest = longest.iter().map(|[_, payload]| payload.to_string().len()).max();
    assert!(longest.is_some_and(|longest| longest < 3 << 20), "{longest:?}");
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "\u{feff}",
        "\r\n",
        "\n",
        "\r",
        "00:00:01.000",
        "{\"a\":1}",
        "{\"a\":1,\"a\":[null]}",
        "\"text\"",
        " ",
        "\\",
        "\"",
        "é",
        "<html>",
        "0",
        "[[[[",
    ];
    let known = proptest::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec());
    let any = proptest::collection::vec(any::<u8>(), 0..4);
    proptest::collection::vec(prop_oneof![8 => known, 1 => any], 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_given_back(feed in pieces(), mark: bool, chunk in 1..50_usize) {
        let feed = if mark { ["\u{feff}".as_bytes(), &feed].concat() } else { feed };
        let entries = entries(&feed, chunk);
        prop_assert_eq!(restore::feed(&entries), feed, "{}", entries);
    }
}

/// Stores a recorded session's feeds; gives what became of it and the document.
fn store(recording: &Path, arguments: &[&str]) -> (Run, Option<Vec<u8>>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (replay, store) = (recording.to_str().expect("UTF-8"), folder.path().to_str().expect("UTF-8"));
    let fixed = ["run", "--retries", "1", "--include-livetiming", "--replay", replay, "--store", store];
    let run = run(&[&fixed, arguments].concat(), &[]);
    let bucket = folder.path().join("f1-data");
    let key = keys(&bucket).into_iter().find(|key| key.contains("/livetiming/"));
    (run, key.map(|key| fs::read(bucket.join(key)).expect("an object is a file")))
}

/// What a recording has of a session's feeds, by topic.
fn recorded(recording: &Path, path: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = recording.join("livetiming.formula1.com/static").join(recording::percent_encoded(path));
    let files = fs::read_dir(folder).expect("the session's folder").flatten();
    files
        .filter_map(|file| {
            let topic = file.file_name().to_str()?.strip_suffix(".jsonStream")?.to_owned();
            Some((topic, fs::read(file.path()).expect("a feed")))
        })
        .collect()
}

#[test]
fn every_feed_of_a_session_is_given_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let chosen = ["race-2018", "race-noise", "practice-no-messages", "race-empty-telemetry"];
    for (name, plan) in CATALOGUE.iter().filter(|(name, _)| chosen.contains(name)) {
        let recording = folder.path().join(name);
        let session = recording::write(plan, &recording).expect("a recording");
        let (run, document) = store(&recording, &session.choice().each_ref().map(String::as_str));
        run.expect(0);
        let document = document.expect("it is stored");
        assert_eq!(restore::feeds(&document), recorded(&recording, &session.path), "{name}");
        let document: Value = serde_json::from_slice(&document).expect("it is JSON");
        assert_eq!(document["session"]["path"], session.path.as_str());
        assert_eq!(document["missing"], json!({}), "{name}");
    }
}

const SESSION: &str = "static/2024/2024-03-03_Northern_Grand_Prix/2024-03-03_Race/";

const SCHEDULE: &str = r#"{"round_number": {"0": 1}, "country": {"0": "Northland"}, "location": {"0": "North"},
    "official_event_name": {"0": "NORTHERN"}, "event_name": {"0": "Northern Grand Prix"},
    "event_date": {"0": "2024-03-03T17:00:00"}, "event_format": {"0": "conventional"}, "gmt_offset": {"0": "+03:00"},
    "session5": {"0": "Race"}, "session5_date": {"0": "2024-03-03T15:00:00"}, "f1_api_support": {"0": true}}"#;

/// Records answers to URLs, and the schedule of a season with one race.
fn tape(folder: &Path, answers: &[(&str, u16, &[u8])]) {
    let schedule = "https://raw.githubusercontent.com/theOehrly/f1schedule/master/schedule_2024.json";
    let mut index = serde_json::Map::new();
    for (n, (url, status, body)) in answers.iter().chain(&[(schedule, 200, SCHEDULE.as_bytes())]).enumerate()
    {
        fs::write(folder.join(n.to_string()), body).expect("there is room");
        index.insert((*url).to_owned(), json!({"status": status, "file": n.to_string()}));
    }
    fs::write(folder.join("index.json"), Value::from(index).to_string()).expect("there is room");
}

fn official(file: &str) -> String {
    format!("https://livetiming.formula1.com/{SESSION}{file}")
}

/// Stores what a tape has of its race.
fn store_race(answers: &[(String, u16, &[u8])]) -> (Run, Option<Vec<u8>>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let answers: Vec<_> = answers.iter().map(|(url, status, body)| (url.as_str(), *status, *body)).collect();
    tape(folder.path(), &answers);
    store(folder.path(), &["--season", "2024", "--round", "1"])
}

#[test]
fn feeds_that_are_broken_are_given_back_too() {
    let names: Vec<String> = (0..FEEDS.len()).map(|n| format!("Feed{n}")).collect();
    let listed: serde_json::Map<_, _> = names
        .iter()
        .map(|name| (name.clone(), json!({"KeyFramePath": "x", "StreamPath": format!("{name}.jsonStream")})))
        .collect();
    let index = json!({"Feeds": listed}).to_string();
    let mut answers = vec![(official("Index.json"), 200, index.as_bytes())];
    answers.extend(
        names
            .iter()
            .zip(FEEDS)
            .map(|(name, (feed, _))| (official(&format!("{name}.jsonStream")), 200, *feed)),
    );
    let (run, document) = store_race(&answers);
    run.expect(1).says(&["jolpica"]);
    let restored = restore::feeds(&document.expect("it is stored"));
    for (name, (feed, _)) in names.iter().zip(FEEDS) {
        assert_eq!(restored.get(name).map(Vec::as_slice), Some(*feed), "{name}");
    }
    assert_eq!(restored.len(), FEEDS.len());
}

#[test]
fn a_topic_that_is_missing_is_named_with_the_status() {
    let feed = b"\xef\xbb\xbf00:00:01.000{}\r\n";
    let index = br#"{"Feeds": {"SessionInfo": {"StreamPath": "SessionInfo.jsonStream"},
        "TeamRadio": {"StreamPath": "TeamRadio.jsonStream"}, "Gone": {"StreamPath": "Gone.jsonStream"},
        "Elsewhere": {"StreamPath": "../../Elsewhere.jsonStream"}}}"#;
    let answers = [
        (official("Index.json"), 200, index.as_slice()),
        (official("SessionInfo.jsonStream"), 200, feed),
        (official("TeamRadio.jsonStream"), 403, b"<Code>AccessDenied</Code>"),
    ];
    let (run, document) = store_race(&answers);
    run.says(&["TeamRadio is missing", "403"]).says(&["Gone is missing", "404"]);
    let document: Value = serde_json::from_slice(&document.expect("it is stored")).expect("it is JSON");
    assert_eq!(document["missing"], json!({"TeamRadio": 403, "Gone": 404}));
    assert_eq!(document["feeds"], json!({"SessionInfo": [["00:00:01.000", {}]]}));
    let session = json!({"season": 2024, "round": 1, "event": "Northern Grand Prix", "session": "R",
        "path": SESSION.trim_start_matches("static/")});
    assert_eq!(document["session"], session);

    // Without the session's index every topic that there may be is asked for.
    let (_, document) = store_race(&answers[1..]);
    let document: Value = serde_json::from_slice(&document.expect("it is stored")).expect("it is JSON");
    assert_eq!(document["feeds"], json!({"SessionInfo": [["00:00:01.000", {}]]}));
    let missing = document["missing"].as_object().expect("an object");
    assert_eq!((&missing["TeamRadio"], &missing["WeatherData"]), (&json!(403), &json!(404)));
    assert!(missing.len() > 30, "{missing:?}");
}

#[test]
fn nothing_is_stored_of_a_session_without_a_feed_or_with_a_page_for_one() {
    let (run, document) = store_race(&[]);
    run.expect(1).says(&["livetiming", "has nothing of 2024 round 1, Northern Grand Prix, Race"]);
    assert!(document.is_none());

    let feed = b"\xef\xbb\xbf00:00:01.000{}\r\n".as_slice();
    let answers = [
        (official("SessionInfo.jsonStream"), 200, feed),
        (official("Heartbeat.jsonStream"), 200, b"<!DOCTYPE html><html>sign in</html>"),
    ];
    let (run, document) = store_race(&answers);
    run.expect(1).says(&["livetiming", "HTML", "Heartbeat"]);
    assert!(document.is_none());
}

#[test]
fn a_feed_that_breaks_off_goes_on_from_there() {
    let feed = ["\u{feff}".to_owned(), "00:00:01.000{\"a\":\"é\"}\r\n".repeat(20_000)].concat().into_bytes();
    let sent = feed.len() / 2;
    let range = format!("bytes {sent}-{}/{}", feed.len() - 1, feed.len());
    let upstream = Upstream::start([
        Reply::json(RESULTS),
        Reply::json(SCHEDULE),
        // No index of the season, at either host.
        Reply::new(404, ""),
        Reply::new(404, ""),
        Reply::json(r#"{"Feeds": {"SessionInfo": {"StreamPath": "SessionInfo.jsonStream"}}}"#),
        Reply::cut_short(&feed[..], sent).with("etag", "\"1\""),
        Reply::new(206, &feed[sent..]).with("content-range", &range),
    ]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [jolpica, other] = ["/f1/current/last/results.json", "/static"].map(|path| upstream.url(path));
    let urls = ["--schedule-url", "--livetiming-url", "--livetiming-mirror-url"].map(|name| [name, &other]);
    let store = folder.path().to_str().expect("UTF-8");
    let fixed = ["run", "--include-livetiming", "--season", "2024", "--round", "1", "--store", store];
    let pace = ["--requests-per-second", "0", "--jolpica-url", &jolpica];
    run(&[&fixed[..], &pace, &urls.concat()].concat(), &[]).expect(0).says(&["going on from there"]);
    let bucket = folder.path().join("f1-data");
    let key = keys(&bucket).into_iter().find(|key| key.contains("/livetiming/")).expect("it is stored");
    let restored = restore::feeds(&fs::read(bucket.join(key)).expect("an object is a file"));
    assert!(restored == BTreeMap::from([("SessionInfo".to_owned(), feed)]));
    let asked = upstream.asked();
    let last = asked.last().expect("requests");
    assert_eq!(last.header("range"), Some(format!("bytes={sent}-").as_str()));
    assert_eq!((last.header("if-range"), asked.len()), (Some("\"1\""), 7));
}

#[test]
fn a_race_of_full_length_fits_into_32_mebibytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let session = recording::write(&FULL_LENGTH, folder.path()).expect("a recording");
    let mut arguments = vec!["--max-memory", "32MiB"];
    let choice = session.choice();
    arguments.extend(choice.iter().map(String::as_str));
    let (run, document) = store(folder.path(), &arguments);
    run.expect(0);
    let restored = restore::feeds(&document.expect("it is stored"));
    let size: usize = restored.values().map(Vec::len).sum();
    println!("{size} bytes of feeds");
    assert!(size > 15_000_000 && restored == recorded(folder.path(), &session.path));
}
