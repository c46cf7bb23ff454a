//! The generator keeps its word: the same seed gives the same bytes, and feeds are what they claim to be.

use std::collections::HashSet;

use base64::Engine as _;
use f1_ingest_tests::synthetic::feeds::telemetry::{self, Channel};
use f1_ingest_tests::synthetic::feeds::{Topic, topics};
use f1_ingest_tests::synthetic::story::Story;
use f1_ingest_tests::synthetic::{CATALOGUE, Plan, recording};
use flate2::read::DeflateDecoder;
use serde_json::Value;

fn plans() -> impl Iterator<Item = Plan> {
    (0..80).map(Plan::from_seed).chain(CATALOGUE.iter().map(|(_, plan)| plan.clone()))
}

/// The lines of a served feed: time stamp and payload.
fn lines(bytes: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let text = text.strip_prefix('\u{feff}').expect("a BOM");
    assert!(text.is_empty() || text.ends_with("\r\n"), "the last line ends too");
    text.split_terminator("\r\n").map(|line| (line[..12].to_owned(), line[12..].to_owned())).collect()
}

fn is_stamp(stamp: &str) -> bool {
    stamp.char_indices().all(|(i, c)| match i {
        2 | 5 => c == ':',
        8 => c == '.',
        _ => c.is_ascii_digit(),
    })
}

#[test]
fn a_plan_always_gives_the_same_bytes_and_another_seed_other_ones() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let digest = |plan: &Plan, name: &str| {
        recording::write(plan, &folder.path().join(name)).expect("a recording").digest
    };
    let mut seen = HashSet::new();
    for (name, plan) in CATALOGUE {
        let first = digest(plan, "a");
        assert_eq!(first, digest(plan, "b"), "{name}");
        assert!(seen.insert(first), "{name} is another session's twin");
    }
}

#[test]
fn lines_are_json_but_for_those_that_are_torn_on_purpose() {
    for plan in plans() {
        for Topic { name, lines: told } in topics(&plan, &Story::new(&plan)) {
            let lines = lines(&Topic { name, lines: told }.bytes());
            assert_eq!(lines.is_empty(), plan.empty.contains(&name), "{plan:?} {name}");
            assert!(lines.iter().all(|(stamp, _)| is_stamp(stamp)), "{plan:?} {name}");
            let broken =
                lines.iter().filter(|(_, payload)| serde_json::from_str::<Value>(payload).is_err()).count();
            assert!(
                broken <= if plan.quirks { 2 } else { 0 },
                "{plan:?} {name}: {broken} lines are not JSON"
            );
        }
    }
}

#[test]
fn lines_are_in_the_order_of_their_times() {
    for plan in plans() {
        for Topic { name, lines } in topics(&plan, &Story::new(&plan)) {
            let back = lines.windows(2).filter(|pair| pair[0].at > pair[1].at).count();
            assert!(back <= usize::from(plan.quirks), "{plan:?} {name}: goes back {back} times");
        }
    }
}

#[test]
fn telemetry_unpacks_to_samples_of_every_car_that_takes_part() {
    for plan in plans().filter(|plan| plan.telemetry_hz > 0) {
        let story = Story::new(&plan);
        for channel in Channel::ALL {
            let mut bytes = Vec::new();
            telemetry::write(&plan, &story, channel, &mut bytes).expect("a vector takes all");
            let (list, who) =
                if channel == Channel::CarData { ("Entries", "Cars") } else { ("Position", "Entries") };
            let lines = lines(&bytes);
            let mut numbers = HashSet::new();
            let mut broken = 0;
            for (stamp, payload) in &lines {
                assert!(is_stamp(stamp));
                let packed = base64::engine::general_purpose::STANDARD.decode(payload.trim_matches('"'));
                let json = serde_json::from_reader(DeflateDecoder::new(&packed.expect("base64")[..]));
                let Ok(Value::Object(json)) = json else {
                    broken += 1;
                    continue;
                };
                for sample in json[list].as_array().expect("a list of samples") {
                    numbers.extend(sample[who].as_object().expect("cars").keys().cloned());
                }
            }
            assert!(
                broken * 10 <= lines.len(),
                "{plan:?} {channel:?}: {broken} of {} are broken",
                lines.len()
            );
            if !plan.empty.contains(&channel.topic()) {
                let started = story.cars.iter().filter(|car| !car.laps.is_empty());
                assert!(
                    started.map(|car| car.driver.number.to_string()).all(|number| numbers.contains(&number))
                );
            }
        }
    }
}

#[test]
fn the_sessions_together_have_what_makes_sessions_hard() {
    let all: String = plans()
        .flat_map(|plan| topics(&plan, &Story::new(&plan)))
        .map(|topic| String::from_utf8(topic.bytes()).expect("UTF-8"))
        .collect();
    for oddity in [
        r#""Stints":[{"#,
        r#""Stints":{"1""#,
        r#""_deleted""#,
        r#""Messages":[{"#,
        r#""Messages":{"#,
        "SCDeployed",
        "VSCDeployed",
        r#""Status":"Aborted""#,
        r#""Rainfall":"1""#,
        "INTERMEDIATE",
        "DELETED - ",
        "REINSTATED",
        r#""GapToLeader":"1L""#,
        r#""LastLapTime":{"Value":""}"#,
        r#""Sectors":[{"#,
        r#""Retired":true"#,
        r#""Stopped":true"#,
        r#""TyresNotChanged":"1""#,
    ] {
        assert!(all.contains(oddity), "no session has {oddity}");
    }
}
