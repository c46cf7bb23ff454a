//! Which upstream is asked for what, in which order, and what comes of its answers.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chrono::DateTime;
use f1_ingest_component::error::{Kind, Result};
use f1_ingest_component::fastf1::{self, Wanted};
use f1_ingest_component::http::transport::Request;
use f1_ingest_component::job::Job;
use f1_ingest_component::schedule::session_asked_for;
use futures_util::TryStreamExt;
use http::HeaderMap;

use crate::support::{self, Answer, Fake, Time, World, answer, job_with};

const SCHEDULE: &str = "https://schedule.example/";
const OFFICIAL: &str = "https://official.example/static/";
const MIRROR: &str = "https://mirror.example/static/";
const JOLPICA: &str = "https://jolpica.example/ergast/f1/";
const RACE: &str = "2024/2024-03-03_Northern_Grand_Prix/2024-03-03_Race/";

/// Upstreams: what begins with a key is answered with its status and body, the longest key wins; all else
/// is 404. Remembers each URL, marked if the token came along.
struct Upstreams {
    answers: BTreeMap<String, (u16, String)>,
    asked: RefCell<Vec<String>>,
    time: Time,
}

/// A document that was read to its end.
#[derive(Debug)]
struct Fetched {
    body: Vec<u8>,
    metadata: Vec<(&'static str, String)>,
    warnings: Vec<String>,
}

impl Upstreams {
    fn new(now: &str, answers: &[(&str, &str, u16, &str)]) -> Upstreams {
        let answer = |(base, path, status, body): &(&str, &str, u16, &str)| {
            (format!("{base}{path}"), (*status, (*body).to_owned()))
        };
        let time = Time::from(DateTime::parse_from_rfc3339(now).expect("an instant").to_utc());
        Upstreams { answers: answers.iter().map(answer).collect(), asked: RefCell::default(), time }
    }

    fn fetch(&self, arguments: &[&str]) -> Result<Fetched> {
        self.fetch_with(arguments, Some("secret"))
    }

    fn fetch_with(&self, arguments: &[&str], token: Option<&str>) -> Result<Fetched> {
        let job = job(arguments, token);
        pollster::block_on(async {
            let client = support::client(World(self), &job);
            let request = job.items.iter().find_map(|item| item.session()).expect("fastf1 needs a session");
            let session = session_asked_for(&client, &job.upstreams, request).await?;
            let wanted = Wanted { tables: true, telemetry: false };
            let document = fastf1::load(&client, &job.upstreams, &session, wanted).await?.tables()?;
            let body = document.body.try_concat().await?;
            Ok(Fetched { body, metadata: document.metadata, warnings: document.warnings.take() })
        })
    }

    fn asked(&self, base: &str) -> Vec<String> {
        let asked = self.asked.borrow();
        asked.iter().filter_map(|url| url.strip_prefix(base)).map(str::to_owned).collect()
    }
}

impl Fake for Upstreams {
    fn time(&self) -> &Time {
        &self.time
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        let url = request.url.to_string();
        let token = request.headers.get("authorization").map(|token| token.to_str().expect("text"));
        let mark = if token == Some("Bearer secret") { " +token" } else { "" };
        self.asked.borrow_mut().push(format!("{url}{mark}"));
        let found = self.answers.iter().rev().find(|(key, _)| url.starts_with(*key));
        let (status, body) = found.map_or((404, "Not Found"), |(_, (status, body))| (*status, body.as_str()));
        answer(status, HeaderMap::new(), &[body.as_bytes()])
    }
}

fn job(arguments: &[&str], token: Option<&str>) -> Job {
    let results = format!("{JOLPICA}current/last/results.json");
    let base = ["--bucket", "lake", "--dry-run", "--include-fastf1", "--requests-per-second", "0"];
    let urls = ["--schedule-url", SCHEDULE, "--livetiming-url", OFFICIAL, "--livetiming-mirror-url", MIRROR];
    let all = [&base[..], &urls, &["--jolpica-url", &results], arguments].concat();
    let variables: Vec<_> = token.iter().map(|token| ("F1TV_TOKEN", *token)).collect();
    job_with(&all, &variables).expect("a job")
}

const SCHEDULE_2024: &str = r#"{"round_number": {"0": 1}, "country": {"0": "Northland"}, "location": {"0": "North"},
    "official_event_name": {"0": "NORTHERN"}, "event_name": {"0": "Northern Grand Prix"},
    "event_date": {"0": "2024-03-03T17:00:00"}, "event_format": {"0": "conventional"}, "gmt_offset": {"0": "+03:00"},
    "session1": {"0": "Practice 1"}, "session1_date": {"0": "2024-03-01T12:00:00"},
    "session5": {"0": "Race"}, "session5_date": {"0": "2024-03-03T15:00:00"}, "f1_api_support": {"0": true}}"#;

const INDEX_2024: &str = r#"{"Year": 2024, "Meetings": [{"Number": 1, "Name": "Northern Grand Prix", "Location": "North",
    "Sessions": [{"Key": 4, "Name": "Practice 1", "StartDate": "2024-03-01T12:00:00", "GmtOffset": "03:00:00"},
    {"Key": 5, "Name": "Sprint Qualifying", "StartDate": "2024-03-02T12:00:00", "GmtOffset": "03:00:00"},
    {"Key": 7, "Name": "Race", "StartDate": "2024-03-03T15:00:00", "GmtOffset": "03:00:00", "Path": "2024/north/race/"}]}]}"#;

const RACES_2024: &str = r#"{"MRData": {"RaceTable": {"Races": [{"round": "1", "raceName": "Northern Grand Prix",
    "date": "2024-03-03", "time": "12:00:00Z"}]}}}"#;

const DRIVERS: &str = "00:00:01.000{\"44\": {\"RacingNumber\": \"44\", \"Tla\": \"HAM\"}}\r\n";

const RESULTS: &str = r#"{"MRData": {"RaceTable": {"Races": [{"Results": [{"number": "44", "position": "1",
    "positionText": "1", "grid": "2", "status": "Finished", "points": "25", "laps": "50",
    "Driver": {"driverId": "hamilton", "code": "HAM", "givenName": "L", "familyName": "H"},
    "Constructor": {"constructorId": "mercedes", "name": "Mercedes"}}]}]}}}"#;

const LATER: &str = "2024-06-01T12:00:00Z";

#[test]
fn schedules_are_asked_in_fastf1s_order() {
    let schedules = [
        (SCHEDULE, "schedule_2024.json", SCHEDULE_2024),
        (OFFICIAL, "2024/Index.json", INDEX_2024),
        (JOLPICA, "2024.json", RACES_2024),
    ];
    for missing in 0..3 {
        let mut answers = vec![(OFFICIAL, "2024/2024-03-03_Northern", 200, DRIVERS)];
        answers.push((OFFICIAL, "2024/north/race/", 200, DRIVERS));
        answers.extend(schedules[missing..].iter().map(|(base, path, body)| (*base, *path, 200, *body)));
        let upstreams = Upstreams::new(LATER, &answers);
        let document = upstreams.fetch(&[]).expect("one of the schedules is there");
        assert_eq!(document.metadata[..2], [("season", "2024".into()), ("round", "1".into())]);
        let asked = |base, path: &str| upstreams.asked(base).iter().any(|asked| asked.starts_with(path));
        assert_eq!(asked(JOLPICA, "2024.json"), missing == 2, "{missing} are missing");
        let folder = if missing < 2 { "2024/north/race/DriverList" } else { RACE };
        assert!(asked(OFFICIAL, folder), "{:?}", upstreams.asked(OFFICIAL));
    }
    let error = Upstreams::new(LATER, &[(SCHEDULE, "", 503, "")]).fetch(&[]).expect_err("nothing is there");
    assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)), "{error}");
}

#[test]
fn before_a_seasons_first_race_it_is_the_last_one_of_the_year_before() {
    let schedule = SCHEDULE_2024.replace("2024-", "2023-");
    let answers = [
        (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024),
        (SCHEDULE, "schedule_2023.json", 200, schedule.as_str()),
        (OFFICIAL, "2023/2023-03-03_Northern_Grand_Prix/2023-03-03_Race/", 200, DRIVERS),
    ];
    for now in ["2024-01-01T12:00:00Z", "2024-03-03T00:00:00Z"] {
        let document = Upstreams::new(now, &answers).fetch(&[]).expect("2023 had a race");
        assert_eq!(document.metadata[0].1, "2023");
    }
    // Nobody has a schedule of a year that has just begun.
    let document = Upstreams::new("2024-01-01T00:00:01Z", &answers[1..]).fetch(&[]).expect("2023 had a race");
    assert_eq!(document.metadata[0].1, "2023");
    let document =
        Upstreams::new(LATER, &answers).fetch(&["--as-of", "2024-02-01"]).expect("2023 had a race");
    assert_eq!(document.metadata[0].1, "2023");
    let error = Upstreams::new("2024-02-01T00:00:00Z", &answers).fetch(&["--season", "2024"]);
    assert_eq!(error.expect_err("it has not begun").kind, Kind::NotPublished);
}

#[test]
fn the_mirror_is_asked_for_what_the_official_host_refuses_and_never_sees_the_token() {
    for status in [400, 401, 403, 404, 500] {
        let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
        let mirror = (MIRROR, "2024/2024-03-03_Northern", 200, DRIVERS);
        let upstreams = Upstreams::new(LATER, &[schedule, (OFFICIAL, "", status, ""), mirror]);
        let document = upstreams.fetch(&[]).expect("the mirror has it");
        assert!(document.body.starts_with(b"{\"laps\":"), "{status}");
        assert!(upstreams.asked(OFFICIAL).contains(&format!("{RACE}DriverList.jsonStream +token")));
        assert!(upstreams.asked(MIRROR).contains(&format!("{RACE}DriverList.jsonStream")));
        let asked = upstreams.asked.borrow();
        assert!(asked.iter().all(|url| url.starts_with(OFFICIAL) == url.ends_with("+token")), "{asked:?}");
    }
}

#[test]
fn a_block_is_told_from_a_gap_by_a_file_that_is_known_to_be_there() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let fetch = |now, answers: &[(&str, &str, u16, &str)], token| {
        Upstreams::new(now, answers).fetch_with(&[], token).expect_err("there is nothing")
    };
    // What a refusal does not say of itself.
    let (race_day, refused) = ("2024-03-03T12:30:00Z", (OFFICIAL, "", 403, "<html>403 Forbidden</html>"));
    let known = (OFFICIAL, "2023/Index.json", 200, "{}");
    assert_eq!(fetch(race_day, &[schedule, refused], Some("secret")).kind, Kind::Blocked);
    assert_eq!(fetch(race_day, &[schedule, refused, known], Some("secret")).kind, Kind::NotPublished);
    assert_eq!(fetch(LATER, &[schedule, refused, known], Some("secret")).kind, Kind::NotFound);
    assert_eq!(fetch(race_day, &[schedule], None).kind, Kind::NotPublished);
    let error = fetch(LATER, &[schedule, refused], None);
    assert!(error.kind == Kind::Blocked && error.message.contains("set F1TV_TOKEN"), "{error}");
    let error = fetch(LATER, &[schedule, refused], Some(ENDED));
    assert!(
        error.kind == Kind::SignIn && error.message.contains("ended, at 2024-05-01T00:00:00Z"),
        "{error}"
    );

    // What it does.
    let absent = (OFFICIAL, "", 403, "<Error><Code>AccessDenied</Code></Error>");
    for (now, kind) in [(race_day, Kind::NotPublished), (LATER, Kind::NotFound)] {
        for token in [None, Some("secret")] {
            let error = fetch(now, &[schedule, absent], token);
            assert_eq!(error.kind, kind, "{error}");
            assert_eq!(error.message.contains("F1TV_TOKEN"), token.is_none(), "{error}");
        }
    }
    let blocked = (OFFICIAL, "2023/Index.json", 403, "<html>Request blocked</html>");
    assert_eq!(fetch(race_day, &[schedule, absent, blocked], None).kind, Kind::Blocked);

    let sign_in = (OFFICIAL, "", 401, "");
    let error = fetch(LATER, &[schedule, sign_in], None);
    assert_eq!(error.kind, Kind::SignIn);
    assert!(error.message.contains("set F1TV_TOKEN") && error.message.contains(OFFICIAL), "{error}");
    for (token, words) in
        [("secret", "is not accepted"), (ENDED, "has ended"), (UNPAID, "without an active subscription")]
    {
        let error = fetch(LATER, &[schedule, sign_in], Some(token));
        assert!(error.kind == Kind::SignIn && error.message.contains(words), "{error}");
        assert!(!error.message.contains(token), "{error}");
    }
}

/// `{"exp": 1714521600}`
const ENDED: &str = "e30.eyJleHAiOiAxNzE0NTIxNjAwfQ.c2ln";
/// `{"SubscriptionStatus": "inactive"}`
const UNPAID: &str = "e30.eyJTdWJzY3JpcHRpb25TdGF0dXMiOiAiaW5hY3RpdmUifQ.c2ln";

#[test]
fn what_is_not_published_is_said_when_to_be_expected() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let says = |now, words: &str| {
        let error = Upstreams::new(now, &[schedule]).fetch(&[]).expect_err("there is nothing");
        assert!(error.kind == Kind::NotPublished && error.message.contains(words), "{error}");
    };
    // Two hours and 63 minutes after noon, the start.
    says("2024-03-03T12:30:00Z", "is expected by 2024-03-03T15:03Z, try again then");
    says("2024-03-03T15:03:00Z", "was expected by 2024-03-03T15:03Z, try again later");
}

#[test]
fn mixed_refusals_are_the_one_to_act_on() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let (drivers, timing) = (format!("{RACE}DriverList"), format!("{RACE}TimingData"));
    let absent = (OFFICIAL, "", 403, "<Error><Code>AccessDenied</Code></Error>");
    let page = "<!DOCTYPE html><html><b>Just a moment...</b></html>";
    let robot = (OFFICIAL, timing.as_str(), 403, page);
    let table = [
        ((403, "<html>Request blocked</html>"), None, Kind::Blocked),
        ((401, ""), None, Kind::SignIn),
        ((403, page), None, Kind::BotProtection),
        ((503, page), None, Kind::BotProtection),
        ((401, ""), Some(robot), Kind::SignIn),
        ((403, "<html>Request blocked</html>"), Some(robot), Kind::Blocked),
        ((503, ""), Some(robot), Kind::BotProtection),
        ((200, DRIVERS), Some(robot), Kind::BotProtection),
        ((404, ""), None, Kind::NotFound),
    ];
    for ((status, body), other, kind) in table {
        let answers = [schedule, absent, (OFFICIAL, drivers.as_str(), status, body)];
        let answers: Vec<_> = answers.into_iter().chain(other).collect();
        let error =
            Upstreams::new(LATER, &answers).fetch_with(&[], Some("secret")).expect_err("it is refused");
        assert_eq!(error.kind, kind, "{status} {body}: {error}");
        assert!(!error.message.contains(['<', '>']), "{error}");
        let is_told = kind == Kind::NotFound || error.message.contains("its mirror") || other.is_some();
        assert!(is_told, "{error}");
    }
    // What others come beside is left out, and said.
    let answers =
        [schedule, (OFFICIAL, "", 403, "<html>Request blocked</html>"), (OFFICIAL, &drivers, 200, DRIVERS)];
    let document = Upstreams::new(LATER, &answers).fetch(&[]).expect("the drivers are there");
    let warnings = document.warnings.join("\n");
    assert!(
        warnings.contains("TimingData is missing: ") && warnings.contains("refuses this address"),
        "{warnings}"
    );
}

#[test]
fn what_is_missing_is_null_and_said() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let results = (JOLPICA, "2024/1/results.json", 200, RESULTS);
    let upstreams = Upstreams::new(LATER, &[schedule, results]);
    let document = upstreams.fetch(&[]).expect("Jolpica has the results");
    let body = String::from_utf8(document.body).expect("JSON is UTF-8");
    assert!(body.starts_with(r#"{"laps":null,"weather":null,"results":[{"DriverNumber":"44""#), "{body}");
    let warnings = document.warnings.join("\n");
    assert!(
        warnings.contains("livetiming has nothing of 2024 round 1, Northern Grand Prix, Race"),
        "{warnings}"
    );

    let drivers = format!("{RACE}DriverList");
    let answers = [schedule, results, (OFFICIAL, drivers.as_str(), 200, DRIVERS)];
    let document = Upstreams::new(LATER, &answers).fetch(&[]).expect("the drivers are there");
    let warnings = document.warnings.join("\n");
    for topic in ["TimingData", "WeatherData", "CarData.z"] {
        assert!(warnings.contains(&format!("{topic} is missing: ")), "{topic}: {warnings}");
    }
    assert!(!warnings.contains("DriverList is missing"), "{warnings}");
}

#[test]
fn jolpicas_pages_are_all_read() {
    let page = |offset: usize, race: &str| {
        format!(
            r#"{{"MRData": {{"limit": "1", "offset": "{offset}", "total": "2", "RaceTable": {{"Races": [{race}]}}}}}}"#
        )
    };
    let races = [(0, 1, "2024-03-03"), (1, 2, "2024-03-10")].map(|(offset, round, date)| {
        page(
            offset,
            &format!(r#"{{"season": "2024", "round": "{round}", "raceName": "{round}.", "date": "{date}"}}"#),
        )
    });
    let results = [(0, 44), (1, 16)].map(|(offset, number)| {
        let row = format!(r#"{{"number": "{number}", "Driver": {{"driverId": "{number}"}}}}"#);
        page(offset, &format!(r#"{{"season": "2024", "round": "2", "Results": [{row}]}}"#))
    });
    let answers = [
        (JOLPICA, "2024.json", 200, races[0].as_str()),
        (JOLPICA, "2024.json?limit=100&offset=1", 200, races[1].as_str()),
        (JOLPICA, "2024/2/results.json", 200, results[0].as_str()),
        (JOLPICA, "2024/2/results.json?limit=100&offset=1", 200, results[1].as_str()),
    ];
    let document = Upstreams::new(LATER, &answers).fetch(&[]).expect("Jolpica has all of it");
    let body = String::from_utf8(document.body).expect("JSON is UTF-8");
    assert_eq!(document.metadata[1], ("round", "2".into()), "the second page has the last race");
    for driver in [r#"{"DriverNumber":"44""#, r#"{"DriverNumber":"16""#] {
        assert!(body.contains(driver), "{driver} is not in {body}");
    }
}

#[test]
fn what_may_come_later_is_not_stored_without() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let drivers = format!("{RACE}DriverList");
    let feed = (OFFICIAL, drivers.as_str(), 200, DRIVERS);
    let timing = format!("{RACE}TimingData");
    let broken = (OFFICIAL, timing.as_str(), 503, "");
    let error = Upstreams::new(LATER, &[schedule, feed, broken]).fetch(&[]).expect_err("TimingData may come");
    assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)));
    for (status, body, kind) in
        [(503, "", Kind::Unavailable), (429, "", Kind::RateLimited), (200, "<html>", Kind::NotJson)]
    {
        let results = (JOLPICA, "2024/1/results.json", status, body);
        let error =
            Upstreams::new(LATER, &[schedule, feed, results]).fetch(&[]).expect_err("results may come");
        let refused = Some(status).filter(|status| *status != 200);
        assert_eq!((error.kind, error.status, error.until), (kind, refused, None), "{error}");
    }
}

#[test]
fn a_mirror_that_fails_for_a_while_is_no_gap() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let (drivers, timing) = (format!("{RACE}DriverList"), format!("{RACE}TimingData"));
    let mirror = [(MIRROR, drivers.as_str(), 200, DRIVERS), (MIRROR, timing.as_str(), 503, "")];
    let fetch = |official| {
        Upstreams::new(LATER, &[&[schedule, (OFFICIAL, "", official, "")], &mirror[..]].concat()).fetch(&[])
    };
    let error = fetch(401).expect_err("the mirror serves the session");
    assert_eq!((error.kind, error.status), (Kind::Unavailable, Some(503)));
    fetch(404).expect("the official host knows that there is no TimingData");
}

#[test]
fn a_page_is_no_feed() {
    let schedule = (SCHEDULE, "schedule_2024.json", 200, SCHEDULE_2024);
    let page = (OFFICIAL, "2024/2024-03-03_Northern", 200, "<!DOCTYPE html>");
    let error = Upstreams::new(LATER, &[schedule, page]).fetch(&[]).expect_err("a page has no laps");
    assert_eq!(error.kind, Kind::NotJson);
}

#[test]
fn the_token_shows_nowhere() {
    let job = job(&[], Some("secret"));
    assert!(!format!("{job:?}").contains("secret"));
}
