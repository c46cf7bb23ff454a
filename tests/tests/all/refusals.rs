//! Which refusal it is: as livetiming, its mirror and Jolpica refuse, alone and mixed over the topics of a session, each with
//! its kind, exit code and words; and the proxy that is for livetiming alone.

mod proxy;
mod table;

use std::fs;
use std::time::SystemTime;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use f1_ingest_tests::binary::{Run, run};
use f1_ingest_tests::upstream::{Reply, Upstream};
use serde_json::Value;
use tempfile::TempDir;

use table::table;

/// An S3 behind CloudFront that has no such file.
fn absent() -> Reply {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message>\
               <RequestId>7Q</RequestId><HostId>x=</HostId></Error>";
    Reply::new(403, xml).with("content-type", "application/xml").with("server", "AmazonS3")
}

/// CloudFront, of a data centre's address.
fn blocked() -> Reply {
    let page = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\" \"http://www.w3.org/TR/html4/loose.dtd\">\n\
                <HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY>\n<H1>403 ERROR</H1>\n\
                Request blocked.\nWe can't connect to the server for this app or website at this time.\x1b[31m\n</BODY></HTML>";
    Reply::new(403, page).with("content-type", "text/html").with("server", "CloudFront")
}

/// A page that a browser gets past.
fn robot(status: u16) -> Reply {
    let page = "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title></head><body>Enable JavaScript and \
                cookies to continue</body></html>";
    Reply::new(status, page).with("content-type", "text/html; charset=UTF-8").with("server", "cloudflare")
}

fn plain(status: u16) -> Reply {
    Reply::new(status, "")
}

fn feed() -> Reply {
    Reply::new(200, "\u{feff}00:00:01.000{\"44\": {\"RacingNumber\": \"44\", \"Tla\": \"HAM\"}}\r\n")
}

/// `{"exp": 1714521600}` and `{"SubscriptionStatus": "inactive"}`, as tokens.
const ENDED: &str = "e30.eyJleHAiOiAxNzE0NTIxNjAwfQ.c2ln";
const UNPAID: &str = "e30.eyJTdWJzY3JpcHRpb25TdGF0dXMiOiAiaW5hY3RpdmUifQ.c2ln";

type Answers = fn(&str) -> Reply;

/// A season whose only race began so many hours ago; and what livetiming and its mirror answer to a path.
#[derive(Clone, Copy)]
struct World {
    hours_ago: i64,
    official: Answers,
    mirror: Answers,
    token: Option<&'static str>,
}

const BASE: World =
    World { hours_ago: 100 * 24, official: |_| absent(), mirror: |_| plain(404), token: Some("opaque") };

struct Told {
    run: Run,
    /// The first failure of the summary.
    failure: Value,
    message: String,
}

impl World {
    fn start(self) -> (Upstream, i32) {
        let starts = DateTime::<Utc>::from(SystemTime::now()) - TimeDelta::hours(self.hours_ago);
        let schedule = serde_json::json!({
            "round_number": {"0": 1}, "country": {"0": "Northland"}, "location": {"0": "North"},
            "official_event_name": {"0": "NORTHERN"}, "event_name": {"0": "Northern Grand Prix"},
            "event_date": {"0": starts.format("%FT%T").to_string()}, "event_format": {"0": "conventional"},
            "gmt_offset": {"0": "+00:00"}, "session5": {"0": "Race"},
            "session5_date": {"0": starts.format("%FT%T").to_string()}, "f1_api_support": {"0": true},
        });
        let upstream = Upstream::start([Reply::by(move |asked| {
            let path = asked.line.split(' ').nth(1).unwrap_or_default();
            if path.starts_with("/schedule/") {
                return Reply::json(schedule.to_string());
            }
            match (path.strip_prefix("/official/static/"), path.strip_prefix("/mirror/static/")) {
                (Some(path), _) => (self.official)(path),
                (_, Some(path)) => (self.mirror)(path),
                _ => plain(404),
            }
        })]);
        (upstream, starts.year())
    }

    /// Runs a command for a source.
    fn does(self, command: &str, source: &str) -> Told {
        let (upstream, season) = self.start();
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (store, summary, season) = (path("store"), path("summary.json"), season.to_string());
        let urls =
            ["/schedule", "/official/static", "/mirror/static", "/f1/x.json"].map(|path| upstream.url(path));
        let all = [command, "--sources", source, "--season", &season, "--round", "1", "--retries", "1"];
        let urls = [
            ["--schedule-url", &urls[0]],
            ["--livetiming-url", &urls[1]],
            ["--livetiming-mirror-url", &urls[2]],
            ["--jolpica-url", &urls[3]],
        ];
        let more = ["--requests-per-second", "0", "--store", &store, "--summary", &summary];
        let variables: Vec<_> = self.token.iter().map(|token| ("F1TV_TOKEN", *token)).collect();
        let run = run(&[&all[..], urls.as_flattened(), &more].concat(), &variables);
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(!told.contains(['<', '\x1b']), "a host's own words:\n{told}");
        assert!(self.token.is_none_or(|token| !told.contains(token)), "the token shows:\n{told}");
        let report: Value =
            fs::read(&summary).map_or(Value::Null, |json| serde_json::from_slice(&json).expect("JSON"));
        let failure = report["failed"][0].clone();
        let message = failure["message"].as_str().unwrap_or_default().to_owned();
        Told { run, failure, message }
    }
}

#[test]
fn each_refusal_of_livetimings_has_its_kind_code_and_words() {
    for (name, world, kind, code, words) in table() {
        for source in ["fastf1", "livetiming"] {
            let Told { run, failure, message } = world.does("run", source);
            assert_eq!(
                (run.code, failure["kind"].as_str()),
                (code, Some(kind)),
                "{name}, {source}: {}",
                run.stderr
            );
            assert!(
                words.iter().all(|word| message.contains(word)),
                "{name}, {source}: {words:?} in\n{message}"
            );
            assert!(!message.chars().any(char::is_control), "{name}: {message:?}");
        }
    }
}

#[test]
fn a_check_says_the_same_before_the_first_run() {
    for (name, world, _, code, words) in table() {
        // The feeds of a check are these two.
        let is_mixed =
            name.contains("some come") || name.starts_with("absent, ") || name == "blocked, a limit";
        if is_mixed {
            continue;
        }
        let Told { run, .. } = world.does("check", "fastf1");
        let mark = if code == 75 { "note    livetiming " } else { "FAILED  livetiming " };
        let line = run.stdout.lines().find(|line| line.starts_with(mark));
        let line = line.unwrap_or_else(|| panic!("{name}: nothing of livetiming:\n{}", run.stdout));
        assert!(words.iter().all(|word| line.contains(word)), "{name}: {words:?} in\n{line}");
    }
}

#[test]
fn a_topic_that_is_refused_beside_others_is_named_with_the_reason() {
    let some = |path: &str| if path.contains("DriverList") { feed() } else { blocked() };
    let world = World { official: some, ..BASE };
    for source in ["fastf1", "livetiming"] {
        let Told { run, .. } = world.does("run", source);
        run.expect(0).says(&["TimingData is missing", "refuses this address", "its mirror does not have it"]);
    }
}

#[test]
fn each_refusal_of_jolpicas_has_its_kind_code_and_words() {
    let json = |status, body: &str| Reply::new(status, body).with("content-type", "application/json");
    let table: Vec<(Reply, &str, i32, &[&str])> = vec![
        (
            json(403, r#"{"detail": "Query parameters whose name contains \"cache\" are not allowed."}"#),
            "unavailable",
            1,
            &["parameter", "\"cache\"", "leave it out"],
        ),
        (
            json(403, r#"{"detail": "Your IP address has been blocked."}"#),
            "blocked",
            1,
            &["refuses this address", "another machine", "HTTPS_PROXY"],
        ),
        (plain(403), "blocked", 1, &["refuses this address"]),
        (robot(403), "bot-protection", 75, &["robot", "in an hour", "--user-agent"]),
        (robot(503), "bot-protection", 75, &["robot", "HTTP 503"]),
        (plain(429), "rate-limited", 75, &["too many requests", "in an hour"]),
    ];
    for (reply, kind, code, words) in table {
        let upstream = Upstream::start([reply]);
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (store, summary, url) = (path("store"), path("summary.json"), upstream.url("/f1/x.json"));
        let fixed =
            ["run", "--retries", "2", "--store", &store, "--summary", &summary, "--jolpica-url", &url];
        let run = run(&fixed, &[]).expect(code);
        assert!(!run.stderr.contains('<'), "{}", run.stderr);
        let report: Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
        let failure = &report["failed"][0];
        assert_eq!(failure["kind"], kind, "{report}");
        let message = failure["message"].as_str().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{words:?} in {message}");
        if kind != "rate-limited" {
            assert_eq!(upstream.asked().len(), 1, "{kind}: to ask again makes it no better");
        }
    }
}
