//! Two weeks, a day of which lasts seconds here: what counts is how much longer a token lives than the five minutes before
//! its end in which it is renewed, and that is four days of these.

use std::thread::sleep;
use std::time::{Duration, Instant};

use f1_ingest_tests::f1tv::MARGIN;
use f1_ingest_tests::server::Server;
use serde_json::{Value, json};

use super::User;

const DAY: Duration = Duration::from_secs(3);
const LIFE: u64 = MARGIN + 4 * DAY.as_secs();
const DAYS: u32 = 14;

/// Does something each day.
fn daily(mut work: impl FnMut()) {
    let began = Instant::now();
    for day in 1..=DAYS {
        work();
        sleep((DAY * day).saturating_sub(began.elapsed()));
    }
}

/// Every token was of use, and there were no more than two weeks need. That none was got before its time, the fake sees.
fn was_well_signed_in(user: &User) {
    user.f1tv.is_content();
    let uses = user.f1tv.uses();
    assert!(uses.iter().all(|uses| *uses > 0), "{uses:?}");
    assert_eq!(user.f1tv.forms(), uses.len());
    assert!((2..=5).contains(&uses.len()), "{} sign-ins", uses.len());
}

#[test]
fn two_weeks_of_daily_runs_need_a_sign_in_for_each_token() {
    let user = User::who_signs_in(LIFE);
    daily(|| drop(user.runs(&[]).expect(0)));
    was_well_signed_in(&user);
}

#[test]
fn two_weeks_of_a_service_need_a_sign_in_for_each_token() {
    let user = User::who_signs_in(LIFE);
    let store = user.text("store");
    let options =
        ["serve", "--listen", "127.0.0.1:0", "--store", &store, "--retries", "1", "--sources", "telemetry"];
    let server = Server::ours(&options, &user.environment());
    let [_, season, _, round, _, session] = user.session.choice();
    let chosen =
        json!({"season": season.parse::<i64>().unwrap(), "round": round, "session": session}).to_string();
    daily(|| {
        let (status, report) = server.ask("POST", "/ingest", &chosen);
        assert_eq!(status, 200, "{report}");
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["warnings"], json!([]), "{report}");
    });
    let (_, page) = server.ask("GET", "/metrics", "");
    assert!(page.contains("\nf1_ingest_token_expires_timestamp_seconds "), "{page}");
    was_well_signed_in(&user);
}
