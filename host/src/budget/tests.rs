use std::cell::RefCell;
use std::fs::{self, File};
use std::path::Path;

use super::*;

const MINUTE: u64 = 60_000;
const NOW: u64 = 1_795_521_600_000;

fn budget(host: &str, requests: usize) -> Budget {
    let hour = Limit { requests, window: HOUR };
    Budget { host: host.to_owned(), second: Limit::a_second(0), hour }
}

/// Whether a request may go out now.
fn may(budget: &Budget, noted: &mut Noted, now: u64) -> bool {
    matches!(budget.turn(noted, Duration::from_millis(now)), Turn::After(_))
}

#[test]
fn each_host_has_a_budget_of_its_own_and_none_is_kept_for_longer_than_it_counts() {
    let (one, other) = (budget("one", 2), budget("other", 2));
    let mut noted = Noted::default();
    assert!(may(&one, &mut noted, NOW) && may(&one, &mut noted, NOW) && !may(&one, &mut noted, NOW));
    assert!(may(&other, &mut noted, NOW + 30 * MINUTE));
    assert!(may(&other, &mut noted, NOW + 61 * MINUTE));
    assert_eq!(noted.sent.keys().collect::<Vec<_>>(), ["other"]);
    assert!(may(&one, &mut noted, NOW + 61 * MINUTE));
}

#[test]
fn a_turn_that_is_too_far_ahead_is_not_taken() {
    let mut budget = budget("one", 200);
    budget.second = Limit::a_second(1);
    let mut noted = Noted::default();
    let now = Duration::from_millis(NOW);
    for second in 0..=10 {
        assert_eq!(budget.turn(&mut noted, now), Turn::After(Duration::from_secs(second)));
    }
    for _ in 0..2 {
        assert_eq!(budget.turn(&mut noted, now), Turn::UsedUp(Duration::from_secs(11)));
    }
    assert_eq!(noted.sent["one"].len(), 11);
}

#[test]
fn what_was_lost_counts_as_used_up_at_every_host_for_an_hour() {
    let (one, other) = (budget("one", 2), budget("other", 2));
    // The last one is of a clock that was a year ahead.
    for lost in [NOW, NOW + 365 * 24 * 60 * MINUTE] {
        let mut noted = Noted { lost: Some(lost), ..Noted::default() };
        assert!(!may(&one, &mut noted, NOW));
        assert!(!may(&other, &mut noted, NOW + 59 * MINUTE));
        assert!(may(&one, &mut noted, NOW + 61 * MINUTE));
        assert!(may(&other, &mut noted, NOW + 2 * 60 * MINUTE));
        assert_eq!(noted.lost, None);
    }
}

#[test]
fn what_is_left_is_said() {
    let next = DateTime::from_timestamp_millis(NOW as i64);
    let said = |left, next| Left { left, of: 200, next }.to_string();
    assert_eq!(said(187, None), "187 of 200 requests left in this hour");
    assert_eq!(
        said(0, next),
        "0 of 200 requests left in this hour; the next one is free at 2026-11-24T12:00:00Z"
    );
}

#[test]
fn a_host_is_one_whatever_its_scheme_and_case() {
    let of = |url: &str| host(&url.parse().unwrap());
    for same in ["https://API.jolpi.ca/x", "http://api.jolpi.ca", "https://api.jolpi.ca:443/"] {
        assert_eq!(of(same), "api.jolpi.ca");
    }
    assert_eq!(of("http://127.0.0.1:8000/x"), "127.0.0.1:8000");
}

/// Counts one request in a file; gives what was complained of.
async fn count(file: &Path) -> Result<Vec<String>> {
    let complaints = RefCell::default();
    let complain = |why: &str| RefCell::<Vec<String>>::borrow_mut(&complaints).push(why.to_owned());
    let count = |noted: &mut Noted| noted.sent.entry("host".to_owned()).or_default().push(NOW);
    noted::changed(file, Duration::from_millis(50), complain, count).await?;
    Ok(complaints.into_inner())
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_once_and_what_it_held_counts_from_when_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state/f1-ingest/requests.json");
    assert_eq!(count(&file).await.unwrap(), [""; 0]);
    let whole = fs::read(&file).unwrap();
    for damaged in [b"" as &[u8], &whole[..whole.len() - 1], &[0; 4096], b"{}", b"{\"sent\":{\"host\":[-1]}}"]
    {
        fs::write(&file, damaged).unwrap();
        let written = SystemTime::now() - Duration::from_secs(7200);
        File::options().append(true).open(&file).unwrap().set_modified(written).unwrap();
        let [complaint] = &count(&file).await.unwrap()[..] else { panic!("not one complaint") };
        assert!(complaint.contains("requests.json is damaged"), "{complaint}");
        assert_eq!(fs::read(file.with_extension("damaged")).unwrap(), damaged);
        let noted = noted::read(&file).unwrap();
        let written = written.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((noted.lost, noted.sent["host"].len()), (Some(millis(written)), 1));
        assert_eq!(count(&file).await.unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("plain"), "").unwrap();
    fs::create_dir(at("requests.json")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("pipe.json")).status().unwrap().success());
    let held = File::create(at("held.lock")).unwrap();
    held.lock().unwrap();
    for (file, named, why) in [
        ("plain/requests.json", "plain: ", "exists"),
        ("requests.json", "requests.json: ", "not a file"),
        ("pipe.json", "pipe.json: ", "not a file"),
        ("held.json", "held.lock: ", "does not let go"),
    ] {
        let error = format!("{:#}", count(&at(file)).await.unwrap_err());
        assert!(error.contains(named) && error.contains(why), "{error}");
    }
    drop(held);
    assert_eq!(count(&at("held.json")).await.unwrap(), [""; 0]);
}
