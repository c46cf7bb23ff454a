//! Tokens: where they are kept, which one counts, who may read them, and what is said of them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use f1_ingest_tests::binary::{Run, probe};
use f1_ingest_tests::f1tv::now;
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};

use super::{LONG, User};

/// Gives a token to `login --token-stdin`.
fn takes(user: &User, token: &str) -> Run {
    let mut command = user.command(&["login", "--token-stdin"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn the_status_says_who_until_when_and_of_which_subscription() {
    let user = User::new(LONG);
    user.does(&["login", "--status"]).expect(1).says(&["nobody is signed in", "f1-ingest login"]);
    for (lives, code) in [(LONG, 0), (24 * 3600 + 60, 0), (24 * 3600 - 60, 75)] {
        takes(&user, &user.f1tv.issued(lives)).expect(0);
        let run = user.does(&["login", "--status"]).expect(code);
        for words in ["Joe Racer", "F1 TV Pro Annual (active)", "until 20", user.kept().to_str().unwrap()] {
            assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
        }
    }
    user.keeps(&user.kept(), "opaque", now() - 1);
    user.does(&["login", "--status"]).expect(1).says(&["has ended"]);
    user.does(&["logout"]).expect(0);
    assert!(!user.kept().exists());
    user.does(&["login", "--status"]).expect(1);
    user.does(&["logout"]).expect(0);
    assert!(user.f1tv.asked().is_empty(), "none of it asks anybody");
}

#[test]
fn what_is_no_token_is_not_kept() {
    let user = User::new(LONG);
    takes(&user, "").expect(2).says(&["no token"]);
    takes(&user, "two words").expect(2).says(&["no token"]);
    takes(&user, "opaque").expect(2).says(&["no token"]);
    takes(&user, &user.f1tv.issued(0)).expect(2).says(&["has ended"]);
    assert!(!user.kept().exists());
    user.f1tv.twists("claims", |claims| claims["SubscriptionStatus"] = "inactive".into());
    takes(&user, &user.f1tv.issued(LONG)).expect(0).says(&["not active"]);
}

#[test]
fn the_environments_token_goes_before_ours_and_ours_before_fastf1s() {
    let user = User::new(LONG);
    let [theirs, ours, given] = [(); 3].map(|()| user.f1tv.issued(LONG));
    let fastf1 = user.path("data/fastf1/f1auth_token.json");
    let mut uses = [0; 3];
    for (at, expected) in [None, Some(0), Some(1)].into_iter().enumerate() {
        match at {
            1 => user.keeps(&fastf1, &theirs, now() + LONG),
            2 => user.keeps(&user.kept(), &ours, now() + LONG),
            _ => {}
        }
        user.runs(&[]).expect(if at == 0 { 1 } else { 0 });
        let now = user.f1tv.uses();
        for (which, uses) in uses.iter_mut().enumerate() {
            let had = now[which] > std::mem::replace(uses, now[which]);
            assert_eq!(had, expected == Some(which), "token {which} at {at}");
        }
    }
    let arguments = user.telemetry();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run: Run = user.command(&arguments).env("F1TV_TOKEN", &given).output().unwrap().into();
    run.expect(0);
    assert!(user.f1tv.uses()[2] > 0 && user.f1tv.uses()[1] == uses[1]);
    user.does(&["logout"]).expect(0).says(&["FastF1's own token", fastf1.to_str().unwrap()]);
    assert!(fastf1.exists());
    user.f1tv.is_content();
}

#[test]
fn a_file_that_others_can_read_or_own_is_not_used() {
    let user = User::new(LONG);
    user.keeps(&user.kept(), &user.f1tv.issued(LONG), now() + LONG);
    let is_refused = |words: &[&str]| {
        user.does(&["login", "--status"]).expect(1).says(words);
        user.runs(&[]).expect(1).says(words);
        assert_eq!(user.f1tv.uses(), [0]);
    };
    fs::set_permissions(user.kept(), fs::Permissions::from_mode(0o644)).unwrap();
    is_refused(&["f1tv-token.json", "others can read", "644", "chmod 600"]);
    fs::set_permissions(user.kept(), fs::Permissions::from_mode(0o600)).unwrap();
    // Only root can give a file away.
    if std::os::unix::fs::chown(user.kept(), Some(65534), None).is_ok() {
        is_refused(&["belongs to another user"]);
        std::os::unix::fs::chown(user.kept(), Some(0), None).unwrap();
    }
    fs::write(user.kept(), "{").unwrap();
    is_refused(&["does not hold a token", "f1-ingest login"]);
    takes(&user, &user.f1tv.issued(LONG)).expect(0);
    user.runs(&[]).expect(0);
}

#[test]
fn a_run_has_the_token_only_if_a_source_needs_it() {
    let user = User::who_signs_in(LONG);
    let (store, jolpica) = (user.text("store"), Upstream::start([Reply::json(RESULTS)]));
    user.does(&["run", "--retries", "1", "--store", &store, "--jolpica-url", &jolpica.url("/f1")]).expect(0);
    assert_eq!(user.f1tv.forms(), 0);
    user.runs(&[]).expect(0);
    assert_eq!(user.f1tv.forms(), 1);
    user.runs(&["--replay", &user.text("tape")]).expect(0);
    user.runs(&["--livetiming-url", "https://livetiming-mirror.fastf1.dev/static/"]).expect(1);
    user.f1tv.is_content();
}

#[test]
fn the_sandbox_sees_the_token_if_a_source_needs_it_and_never_the_password() {
    let user = User::who_signs_in(LONG);
    for (source, sees) in [("jolpica", false), ("fastf1", true)] {
        let component = probe().to_str().unwrap();
        let told = ["run", "--component", component, "--user-agent", "env", "--sources", source];
        let run = user.does(&[&told[..], &["--store", &user.text("store")]].concat()).expect(0);
        assert_eq!(run.stdout.contains("F1TV_TOKEN="), sees, "{}", run.stdout);
        assert!(!run.stdout.contains("F1_USERNAME") && !run.stdout.contains("F1_PASSWORD"), "{}", run.stdout);
        assert!(run.stdout.contains("F1_S3_BUCKET="), "{}", run.stdout);
    }
}
