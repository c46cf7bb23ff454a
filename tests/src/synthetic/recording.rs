//! A recording folder: `index.json` maps each URL to `{status, file, headers}`, the bodies lie beside it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::feeds::telemetry::{self, Channel};
use super::feeds::topics;
use super::json::Json;
use super::story::Story;
use super::{Kind, Plan, calendar, jolpica};
use crate::binary::choice;

const LIVETIMING: &str = "https://livetiming.formula1.com/static/";
const SCHEDULE: &str = "https://raw.githubusercontent.com/theOehrly/f1schedule/master/";
const JOLPICA: &str = "https://api.jolpi.ca/ergast/f1/";

/// What to ask for to get the session of a recording: its `session.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    pub season: i32,
    pub round: i64,
    /// `FP1`, `Q`, `SQ`, `SS`, `S` or `R`.
    #[serde(rename = "session")]
    pub name: String,
    /// livetiming's path below `static/`.
    pub path: String,
    /// SHA-256 of all that was written, in hex; of telemetry before it was compressed.
    pub digest: String,
}

impl Session {
    /// The options that choose it.
    pub fn choice(&self) -> [String; 6] {
        choice(self.season, self.round, &self.name)
    }
}

/// Writes all that the upstreams have about the session of `plan` into `folder`, and which session it is
/// into its `session.json`. The folder is made; what lies in it is overwritten.
pub fn write(plan: &Plan, folder: &Path) -> io::Result<Session> {
    let story = Story::new(plan);
    let weekend = &story.weekend;
    let mut recording = Recording { folder: folder.to_owned(), index: Vec::new(), digest: Sha256::new() };
    let has = |name: &str| !plan.missing.contains(&name);

    let base = format!("{LIVETIMING}{}", weekend.path());
    let mut names = Vec::new();
    for topic in topics(plan, &story) {
        recording.add(
            &format!("{base}{}.jsonStream", topic.name),
            "application/octet-stream",
            &topic.bytes(),
        )?;
        names.push(topic.name);
    }
    for channel in Channel::ALL {
        if plan.telemetry_hz > 0 && has(channel.topic()) {
            let mut body = recording
                .create(&format!("{base}{}.jsonStream", channel.topic()), "application/octet-stream")?;
            recording.digest.update(telemetry::write(plan, &story, channel, &mut body)?);
            body.flush()?;
            names.push(channel.topic());
        }
    }
    let json = |value: Json| format!("\u{feff}{value}").into_bytes();
    recording.add(&format!("{base}Index.json"), "application/json", &json(calendar::topics(&names)))?;
    if has("Index") {
        let url = format!("{LIVETIMING}{}/Index.json", weekend.season);
        recording.add(&url, "application/json", &json(calendar::index(plan, weekend)))?;
    }
    if has("schedule") {
        let url = format!("{SCHEDULE}schedule_{}.json", weekend.season);
        recording.add(
            &url,
            "text/plain; charset=utf-8",
            calendar::f1schedule(weekend).to_string().as_bytes(),
        )?;
    }
    for (path, document) in jolpica::documents(plan, &story) {
        recording.add(&format!("{JOLPICA}{path}"), "application/json", document.to_string().as_bytes())?;
    }
    let digest = recording.finish()?;

    let session = Session {
        season: plan.season,
        round: weekend.event().round,
        name: match plan.kind {
            Kind::Practice => "FP1",
            Kind::Qualifying => "Q",
            Kind::SprintQualifying if plan.season == 2023 => "SS",
            Kind::SprintQualifying => "SQ",
            Kind::Sprint => "S",
            Kind::Race => "R",
        }
        .to_owned(),
        path: weekend.path(),
        digest,
    };
    let about = Json::with([
        ("season", session.season.into()),
        ("round", session.round.into()),
        ("session", session.name.as_str().into()),
        ("path", session.path.as_str().into()),
        ("digest", session.digest.as_str().into()),
    ]);
    fs::write(folder.join("session.json"), format!("{about}\n"))?;
    Ok(session)
}

/// Reads the `session.json` of a recording.
pub fn read(folder: &Path) -> Session {
    let text = fs::read(folder.join("session.json")).expect("a recording of ours has a session.json");
    serde_json::from_slice(&text).expect("it is JSON")
}

/// The recordings in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of recordings").flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

struct Recording {
    folder: PathBuf,
    index: Vec<(String, Json)>,
    digest: Sha256,
}

impl Recording {
    fn add(&mut self, url: &str, kind: &str, body: &[u8]) -> io::Result<()> {
        self.digest.update(body);
        self.create(url, kind)?.write_all(body)
    }

    /// Opens the body of a URL, whose path may hold anything: it is percent-encoded here.
    fn create(&mut self, url: &str, kind: &str) -> io::Result<BufWriter<File>> {
        let url = percent_encoded(url);
        let file = url.trim_start_matches("https://").to_owned();
        let path = self.folder.join(&file);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        let entry = Json::with([
            ("status", 200.into()),
            ("file", file.into()),
            (
                "headers",
                Json::Object(vec![
                    ("content-type".into(), kind.into()),
                    ("last-modified".into(), "Mon, 06 May 2024 12:00:00 GMT".into()),
                ]),
            ),
        ]);
        self.index.push((url, entry));
        Ok(BufWriter::new(File::create(path)?))
    }

    fn finish(mut self) -> io::Result<String> {
        let index = format!("{}\n", Json::Object(self.index));
        self.digest.update(&index);
        fs::write(self.folder.join("index.json"), index)?;
        Ok(hex::encode(self.digest.finalize()))
    }
}

/// A URL as it goes over the wire.
pub fn percent_encoded(url: &str) -> String {
    // And what is beyond ASCII.
    const ENCODED: &AsciiSet = &CONTROLS.add(b' ');
    utf8_percent_encode(url, ENCODED).to_string()
}
