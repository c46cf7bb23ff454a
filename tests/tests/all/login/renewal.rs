//! Runs that sign in by themselves: once, whoever else does, and never so that it could lock the account.

use std::fs;
use std::process::Stdio;

use f1_ingest_tests::binary::Run;
use f1_ingest_tests::f1tv::{MARGIN, USERNAME, now};
use f1_ingest_tests::upstream::Reply;
use serde_json::Value;

use super::{LONG, User};

/// So many such runs at once.
fn at_once(user: &User, runs: usize, arguments: &[String]) -> Vec<Run> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let start = |_| {
        let mut command = user.command(&arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = (0..runs).map(start).collect();
    started.into_iter().map(|child| child.wait_with_output().unwrap().into()).collect()
}

#[test]
fn eight_processes_at_once_sign_in_once() {
    let user = User::who_signs_in(LONG);
    at_once(&user, 8, &user.telemetry()).into_iter().for_each(|run| drop(run.expect(0)));
    assert_eq!(user.f1tv.forms(), 1);
    // All of them are refused at once.
    user.f1tv.revokes();
    at_once(&user, 8, &user.telemetry()).into_iter().for_each(|run| drop(run.expect(0)));
    assert_eq!(user.f1tv.forms(), 2);
    user.f1tv.is_content();
}

#[test]
fn a_refused_token_is_renewed_once() {
    let user = User::who_signs_in(LONG);
    user.runs(&[]).expect(0);
    user.f1tv.revokes();
    user.runs(&[]).expect(0);
    assert_eq!(user.f1tv.forms(), 2);
    // Now whatever there is.
    user.f1tv.answers("livetiming", Reply::new(401, ""));
    user.runs(&[]).expect(1);
    assert_eq!(user.f1tv.forms(), 2, "the token is new because the one before was refused");
    user.f1tv.mends();
    user.runs(&[]).expect(0);
    assert_eq!(user.f1tv.forms(), 2);
    user.f1tv.is_content();
}

#[test]
fn the_environments_token_is_renewed_too() {
    let user = User::who_signs_in(LONG);
    let arguments = user.telemetry();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runs =
        |token: &str| -> Run { user.command(&arguments).env("F1TV_TOKEN", token).output().unwrap().into() };
    runs("refused-by-livetiming").expect(0);
    assert_eq!(user.f1tv.forms(), 1);
    runs(&user.f1tv.issued(MARGIN - 10)).expect(0);
    assert_eq!(user.f1tv.forms(), 1, "the one that is kept is good");
    user.f1tv.is_content();
}

#[test]
fn a_wrong_password_is_sent_once() {
    let user = User::new(LONG);
    let arguments = user.telemetry();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runs = |password: &str| -> Run {
        let mut command = user.command(&arguments);
        command.env("F1_USERNAME", USERNAME).env("F1_PASSWORD", password).output().unwrap().into()
    };
    runs("wrong").expect(1).says(&["step 3 of 5", "wrong user name or password"]);
    runs("wrong").expect(1).says(&[
        "not tried again",
        "could lock the account",
        "wrong user name or password",
    ]);
    assert_eq!(user.f1tv.forms(), 1);
    // Nobody renews the token that there is.
    user.keeps(&user.kept(), &user.f1tv.issued(12 * 3600), now() + 12 * 3600);
    runs("wrong").expect(0).says(&["warn", "ends at", "f1-ingest login"]);
    assert_eq!(user.f1tv.forms(), 1);
    fs::remove_file(user.kept()).unwrap();
    user.f1tv.revokes();
    runs("another").expect(1);
    assert_eq!(user.f1tv.forms(), 2, "who has corrected it need not wait");
    let user = User { signs_in: true, ..user };
    user.runs(&[]).expect(0);
    assert!(!user.path("state/f1-ingest/f1tv-refused.json").exists());
    user.f1tv.is_content();
}

#[test]
fn a_backfill_signs_in_once_and_asks_once_with_a_wrong_password() {
    let mut user = User::who_signs_in(LONG);
    let season = user.session.season.to_string();
    let store = user.text("store");
    let arguments = [
        "backfill",
        "--store",
        &store,
        "--seasons",
        &season,
        "--sources",
        "telemetry,fastf1",
        "--retries",
        "1",
    ];
    let fills = |user: &User| user.does(&[&arguments[..], &["--sessions", &user.session.name]].concat());
    user.f1tv.answers("submit", Reply::new(400, r#"{"message": "Wrong password"}"#));
    fills(&user).expect(1).says(&["wrong user name or password"]);
    assert_eq!(user.f1tv.forms(), 1);
    user.f1tv.mends();
    user.does(&["login"]).expect(0);
    fs::remove_file(user.kept()).unwrap();
    user.f1tv.revokes();
    fills(&user);
    assert_eq!(user.f1tv.forms(), 3);
    user.signs_in = false;
    user.f1tv.is_content();
}

#[test]
fn a_network_that_is_down_does_not_end_a_run_with_other_sources() {
    let user = User::who_signs_in(LONG);
    user.f1tv.answers("settings", Reply::Hangup);
    let run = user.runs(&["--summary", &user.text("summary")]).expect(1);
    run.says(&["warn", "not signed in to F1TV", "step 1 of 5"]);
    let summary: Value = serde_json::from_slice(&fs::read(user.path("summary")).unwrap()).unwrap();
    assert!(summary["warnings"][0].as_str().is_some_and(|it| it.contains("not signed in")), "{summary}");
    user.f1tv.mends();
}

#[test]
fn where_nothing_can_be_kept_a_process_signs_in_for_itself() {
    let user = User::who_signs_in(LONG);
    fs::write(user.path("state"), "no folder").unwrap();
    user.runs(&[]).expect(0).says(&["warn", "this process's alone"]);
    user.f1tv.is_content();
}

#[test]
fn the_end_of_a_token_is_warned_of_a_day_ahead() {
    let mut user = User::new(LONG);
    let files =
        ["--summary", &user.text("summary"), "--metrics-file", &user.text("metrics")].map(str::to_owned);
    let files = files.each_ref().map(String::as_str);
    for (lives, warns) in [(LONG, false), (24 * 3600 - 60, true), (MARGIN - 60, true)] {
        let ends = now() + lives;
        user.keeps(&user.kept(), &user.f1tv.issued(lives), ends);
        let run = user.runs(&files).expect(0);
        let summary: Value = serde_json::from_slice(&fs::read(user.path("summary")).unwrap()).unwrap();
        let metrics = fs::read_to_string(user.path("metrics")).unwrap();
        let warning = summary["warnings"][0].as_str().unwrap_or_default();
        let check = user.checks();
        for said in [run.stderr.as_str(), warning, &check] {
            assert_eq!(
                said.contains("ends at") && said.contains("f1-ingest login"),
                warns,
                "{lives}: {said}"
            );
        }
        let told = summary["token_expires"].as_u64().unwrap();
        assert!(told.abs_diff(ends) < 10, "{summary}");
        assert!(
            metrics.contains(&format!("\nf1_ingest_token_expires_timestamp_seconds {told}\n")),
            "{metrics}"
        );
    }
    assert!(user.checks().contains("note"), "it keeps no run from working");
    user.signs_in = true;
    let run = user.runs(&files).expect(0);
    assert!(!run.stderr.contains("ends at"), "{}", run.stderr);
    assert!(user.checks().contains("sign-in             F1TV's token"), "{}", user.checks());
    fs::remove_file(user.kept()).unwrap();
    user.signs_in = false;
    assert!(user.checks().contains("nobody is signed in"), "{}", user.checks());
    user.f1tv.is_content();
}

impl User {
    /// What `check` says of the sign-in.
    fn checks(&self) -> String {
        let arguments = self.telemetry();
        let arguments: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
        let run = self.does(&[&["check"], &arguments[..]].concat());
        run.stdout.lines().find(|line| line.contains(" sign-in ")).unwrap_or_default().to_owned()
    }
}
