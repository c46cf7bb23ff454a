//! The refusals of livetiming, alone and mixed, and what becomes of a run.

use f1_ingest_tests::upstream::Reply;

use super::{Answers, BASE, ENDED, UNPAID, World, absent, blocked, feed, plain, robot};

pub type Case = (&'static str, World, &'static str, i32, &'static [&'static str]);

/// A name, a world, and the kind, exit code and words of what becomes of a run.
pub fn table() -> Vec<Case> {
    let official = |official: Answers| World { official, ..BASE };
    vec![
        ("never published", BASE, "not-found", 1, &["has nothing of", "never published", "check"]),
        (
            "nobody has it",
            official(|_| plain(404)),
            "not-found",
            1,
            &["has nothing of", "never published", "HTTP 404"],
        ),
        (
            "not published yet",
            World { hours_ago: 1, ..BASE },
            "not-published",
            75,
            &["has not published", "is expected by 20", "try again then"],
        ),
        (
            "late",
            World { hours_ago: 5, ..BASE },
            "not-published",
            75,
            &["has not published", "was expected by 20", "try again later"],
        ),
        (
            "absent or hidden",
            World { token: None, ..BASE },
            "not-found",
            1,
            &["never published", "f1-ingest login", "F1TV_TOKEN"],
        ),
        (
            "blocked",
            official(|_| blocked()),
            "blocked",
            1,
            &[
                "refuses this address",
                "another machine",
                "HTTPS_PROXY",
                "--livetiming-proxy",
                "its mirror does not have it (HTTP 404)",
            ],
        ),
        (
            "blocked on the day",
            World { hours_ago: 1, ..official(|_| blocked()) },
            "blocked",
            1,
            &["refuses this address"],
        ),
        (
            "blocked, as its mirror is",
            World { mirror: |_| blocked(), ..official(|_| blocked()) },
            "blocked",
            1,
            &["its mirror refuses this address too (HTTP 403)"],
        ),
        (
            "a 403 that says nothing, of all files",
            official(|_| plain(403)),
            "blocked",
            1,
            &["refuses this address", "2023/Index.json"],
        ),
        (
            "a 403 that says nothing, but not of one that is there",
            official(|path| if path == "2023/Index.json" { Reply::json("{}") } else { plain(403) }),
            "not-found",
            1,
            &["has nothing of", "never published"],
        ),
        (
            "a 403 that says nothing, without a token",
            World { token: None, ..official(|_| plain(403)) },
            "blocked",
            1,
            &["refuses this address", "or a sign-in is wanted", "f1-ingest login"],
        ),
        (
            "a 403 that says nothing, with a token that has ended",
            World { token: Some(ENDED), ..official(|_| plain(403)) },
            "sign-in",
            1,
            &["has ended, at 2024-05-01T00:00:00Z"],
        ),
        (
            "sign-in",
            World { token: None, ..official(|_| plain(401)) },
            "sign-in",
            1,
            &["wants a sign-in (HTTP 401)", "f1-ingest login", "F1_USERNAME and F1_PASSWORD", "F1TV_TOKEN"],
        ),
        (
            "a token that ended",
            World { token: Some(ENDED), ..official(|_| plain(401)) },
            "sign-in",
            1,
            &["has ended, at 2024-05-01T00:00:00Z", "f1-ingest login"],
        ),
        (
            "a token without subscription",
            World { token: Some(UNPAID), ..official(|_| plain(401)) },
            "sign-in",
            1,
            &["without an active subscription"],
        ),
        ("a token refused", official(|_| plain(401)), "sign-in", 1, &["is not accepted", "f1-ingest login"]),
        (
            "bot protection",
            official(|_| robot(403)),
            "bot-protection",
            75,
            &["robot", "in an hour", "--user-agent", "HTTPS_PROXY", "--livetiming-proxy"],
        ),
        ("bot protection by 503", official(|_| robot(503)), "bot-protection", 75, &["robot", "HTTP 503"]),
        (
            "rate limit",
            official(|_| plain(429).with("retry-after", "3600")),
            "rate-limited",
            75,
            &["too many requests", "try again after 20"],
        ),
        (
            "absent, blocked",
            official(|path| if path.contains("TimingData") { blocked() } else { absent() }),
            "blocked",
            1,
            &["TimingData", "refuses this address"],
        ),
        (
            "absent, sign-in, blocked, robot",
            official(|path| match path {
                _ if path.contains("TimingData") => blocked(),
                _ if path.contains("WeatherData") => plain(401),
                _ if path.contains("Position") => robot(403),
                _ => absent(),
            }),
            "sign-in",
            1,
            &["WeatherData", "is not accepted"],
        ),
        (
            "absent, robot",
            official(|path| if path.contains("TimingData") { robot(403) } else { absent() }),
            "bot-protection",
            75,
            &["TimingData", "robot"],
        ),
        (
            "blocked, a limit",
            official(|path| match path.contains("TimingData") {
                true => plain(429).with("retry-after", "3600"),
                false => blocked(),
            }),
            "blocked",
            1,
            &["refuses this address"],
        ),
        (
            "some come, one for a robot",
            official(|path| match path {
                _ if path.contains("DriverList") => feed(),
                _ if path.contains("TimingData") => robot(403),
                _ => absent(),
            }),
            "bot-protection",
            75,
            &["TimingData", "robot"],
        ),
    ]
}
