//! Which of the job's sources a request is for. The component fetches one source after the other without saying which,
//! but its URLs say it.

use std::sync::{Mutex, PoisonError};

use f1_ingest_component::options::Job;
use http::Uri;
use percent_encoding::percent_decode_str;

const ALL: [&str; 5] = ["mock", "jolpica", "fastf1", "telemetry", "livetiming"];

/// The sources of one run, and which of them its requests have come to.
pub struct Sources {
    jolpica: Uri,
    /// Sources that are made of a session's data, in the job's order.
    of_session: Vec<&'static str>,
    /// The source of the last request.
    at: Mutex<&'static str>,
}

impl Sources {
    /// The sources that `job` asks for.
    pub fn of(job: &Job) -> Sources {
        let of_session = [
            ("fastf1", job.include_fastf1),
            ("telemetry", job.include_telemetry),
            ("livetiming", job.include_livetiming),
        ];
        Sources {
            jolpica: job.jolpica_url.clone(),
            of_session: of_session.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name).collect(),
            at: Mutex::new(if job.mock_file.is_some() { "mock" } else { "jolpica" }),
        }
    }

    /// The source that the job's next request is for. Data that two sources need are fetched once, for the first of
    /// them. `is_upstream` is false for requests to the store.
    pub fn next(&self, url: &Uri, is_upstream: bool) -> &'static str {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let named = if is_upstream { self.upstream(url, *at) } else { in_key(url) };
        *at = named.unwrap_or(*at);
        *at
    }

    fn upstream(&self, url: &Uri, before: &str) -> Option<&'static str> {
        let path = url.path();
        let wanted = if (url.authority(), path) == (self.jolpica.authority(), self.jolpica.path()) {
            return Some("jolpica");
        } else if before == "livetiming" || is_index_of_a_session(path) {
            // The raw feeds come last, and the session's own index is read for nothing else.
            "livetiming"
        } else if path.ends_with(".z.jsonStream") {
            "telemetry"
        } else {
            "fastf1"
        };
        self.of_session.iter().find(|asked| **asked == wanted).or(self.of_session.first()).copied()
    }
}

/// The source in a key: `raw/<date>/<source>/…` is in the path of an object, and in the query of a listing.
fn in_key(url: &Uri) -> Option<&'static str> {
    let url = url.to_string();
    let text = percent_decode_str(&url).decode_utf8_lossy();
    let source = text.rsplit_once("raw/")?.1.split('/').nth(1)?;
    ALL.into_iter().find(|known| *known == source)
}

/// Whether a path leads to the index of a session. The index of a season lies in a folder that is a year.
fn is_index_of_a_session(path: &str) -> bool {
    let folder = path.strip_suffix("/Index.json").and_then(|folder| folder.rsplit('/').next());
    folder.is_some_and(|folder| folder.parse::<u16>().is_err())
}

#[cfg(test)]
mod tests {
    use f1_ingest_component::options::{Command, read};

    use super::*;

    fn sources(options: &[&str], urls: &[(&str, bool)]) -> Vec<&'static str> {
        let arguments: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let variable = |name: &str| (name == "F1_S3_BUCKET").then(|| "my-raw".to_owned());
        let Ok(Command::Ingest(job)) = read(&arguments, variable) else { panic!("{options:?}") };
        let sources = Sources::of(&job);
        urls.iter().map(|(url, is_upstream)| sources.next(&url.parse().unwrap(), *is_upstream)).collect()
    }

    const RESULTS: (&str, bool) =
        ("https://api.jolpi.ca/ergast/f1/current/last/results.json?limit=100", true);
    const SEASON: (&str, bool) = ("https://livetiming.formula1.com/static/2024/Index.json", true);
    const OWN_INDEX: (&str, bool) = ("https://livetiming.formula1.com/static/2024/A/B/Index.json", true);
    const TIMING: (&str, bool) =
        ("https://livetiming.formula1.com/static/2024/A/B/TimingData.jsonStream", true);
    const CAR: (&str, bool) = ("https://livetiming.formula1.com/static/2024/A/B/CarData.z.jsonStream", true);
    const ERGAST: (&str, bool) = ("https://api.jolpi.ca/ergast/f1/2024/5/results.json", true);

    #[test]
    fn what_is_fetched_is_for_the_first_source_that_is_made_of_it() {
        let fetched = [RESULTS, SEASON, ERGAST, TIMING, CAR];
        let all = ["--include-fastf1", "--include-telemetry", "--include-livetiming"];
        assert_eq!(sources(&all, &fetched), ["jolpica", "fastf1", "fastf1", "fastf1", "telemetry"]);
        assert_eq!(sources(&all[..1], &fetched), ["jolpica", "fastf1", "fastf1", "fastf1", "fastf1"]);
        assert_eq!(
            sources(&all[1..], &fetched),
            ["jolpica", "telemetry", "telemetry", "telemetry", "telemetry"]
        );
        assert_eq!(sources(&all[2..], &[SEASON, CAR]), ["livetiming", "livetiming"]);
        assert_eq!(
            sources(&all, &[CAR, OWN_INDEX, TIMING, CAR]),
            ["telemetry", "livetiming", "livetiming", "livetiming"]
        );
        assert_eq!(sources(&[], &[ERGAST]), ["jolpica"]);
    }

    #[test]
    fn what_is_stored_names_its_source_in_the_key() {
        let stored = [
            (
                "https://s3.eu-west-1.amazonaws.com/my-raw/raw/2026-11-24/telemetry/1795521600.json?uploads=",
                false,
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/my-raw/?list-type=2&prefix=raw%2F2026-11-24%2Ffastf1%2F",
                false,
            ),
            ("https://my-raw.s3.eu-west-1.amazonaws.com/?uploads=&prefix=raw%2F2026", false),
        ];
        assert_eq!(sources(&["--include-fastf1"], &stored), ["telemetry", "fastf1", "fastf1"]);
        assert_eq!(sources(&["--mock-file", "x.json"], &stored[2..]), ["mock"]);
    }
}
