//! The sessions recorded in `../shared`, against what FastF1 made of them.

use f1_ingest_tests::compare::{Value, compare};
use f1_ingest_tests::ours::{self, Replay, Source};
use f1_ingest_tests::shared::shared;

#[test]
fn every_cell_of_a_recorded_session_is_fastf1s() {
    let (Some(expected), Some(recordings)) = (shared("expected"), shared("recordings")) else { return };
    let folders = ["derived", "base", "telemetry"].map(|folder| recordings.join(folder));
    let replay = Replay::of(&folders.each_ref().map(|folder| folder.as_path()));
    let mut sessions: Vec<_> = std::fs::read_dir(expected).expect("a folder").flatten().collect();
    sessions.sort_by_key(|session| session.file_name());
    let mut differing = Vec::new();
    for folder in &sessions {
        let name = folder.file_name().into_string().expect("a name");
        let read = |file| std::fs::read(folder.path().join(file)).expect("a file of the session");
        let info: serde_json::Value = serde_json::from_slice(&read("info.json")).expect("JSON");
        let expected: Value = serde_json::from_slice(&read("fastf1.json")).expect("JSON");
        let season = name.get(..4).and_then(|season| season.parse().ok()).expect("a season");
        let (round, session) = (info["round"].as_i64().expect("a round"), name.rsplit('-').next());
        let actual =
            ours::document(&replay, Source::Fastf1, season, round, session.expect("a session")).expect(&name);
        let agreement = compare(&expected, &actual);
        println!("{name}: {agreement}");
        if !agreement.is_complete() {
            differing.push(format!("{name}: {agreement}"));
        }
    }
    assert!(!sessions.is_empty() && differing.is_empty(), "{differing:#?}");
}
