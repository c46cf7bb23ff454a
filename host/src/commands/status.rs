//! `f1-ingest status`: what a bucket holds, what is missing of the newest session, and how the last runs went.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat};
use clap::Parser;
use f1_ingest_component::catalog::Reading;
use f1_ingest_component::catalog::record::RunNote;
use serde_json::{Value, json};

use crate::budget::{Budget, Left};
use crate::command_line::take;
use crate::lake::{Lake, LakeOptions};
use crate::stdio::announce;

/// How many of the last runs are shown.
const RUNS: usize = 5;

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest status", disable_help_flag = true)]
struct StatusLine {
    #[command(flatten)]
    lake: LakeOptions,
}

/// Prints what the catalogue says.
pub fn status(arguments: Vec<String>) -> Result<u8> {
    let (line, arguments) = take::<StatusLine>(arguments)?;
    let Some(lake) = Lake::of_line::<StatusLine>(&line.lake, &arguments)? else {
        return Ok(0);
    };
    let status = Status::of(&lake.read_and_compact()?);
    let left = Budget::of(&lake.job).and_then(|budget| budget.left().ok());
    let bucket = &lake.job.bucket.name;
    announce(&match line.lake.json {
        true => {
            let mut json = status.to_json(bucket);
            json["budget"] = left.map_or(Value::Null, |Left { left, of, next }| {
                json!({"left": left, "of": of, "next": next.map(|next| next.timestamp())})
            });
            format!("{json:#}\n")
        }
        false => {
            let left = left.map(|left| format!("\njolpica: {left}\n")).unwrap_or_default();
            status.to_text(bucket) + &left
        }
    });
    Ok(0)
}

/// Items and documents of one source and season.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    items: usize,
    documents: usize,
    bytes: u64,
}

/// A session, with which sources are stored of it, and which of others but not of it.
#[derive(Debug, PartialEq, Eq)]
struct Newest {
    session: String,
    stored: Vec<String>,
    missing: Vec<String>,
}

#[derive(Debug)]
struct Status {
    all: Count,
    /// By source and season; what is of all seasons is under none.
    counts: BTreeMap<(String, Option<i32>), Count>,
    newest: Option<Newest>,
    /// Item, when, why.
    absent: Vec<(String, i64, String)>,
    failing: Vec<(String, i64, String)>,
    runs: Vec<RunNote>,
    damaged: Vec<String>,
}

impl Status {
    fn of(reading: &Reading) -> Status {
        let (mut counts, mut all) = (BTreeMap::new(), Count::default());
        let (mut absent, mut failing) = (Vec::new(), Vec::new());
        // Sessions as (season, round), with what is stored of each: source and session.
        let mut sessions: BTreeMap<(i32, u32), BTreeSet<(&str, &str)>> = BTreeMap::new();
        for (item, known) in &reading.lake.items {
            let parts: Vec<&str> = item.split('/').collect();
            let (source, season) = (parts[0], parts.get(1).and_then(|season| season.parse::<i32>().ok()));
            if !known.versions.is_empty() {
                let count: &mut Count = counts.entry((source.to_owned(), season)).or_default();
                for count in [count, &mut all] {
                    count.items += 1;
                    count.documents += known.versions.len();
                    count.bytes += known.versions.iter().map(|version| version.size).sum::<u64>();
                }
                if let ([source, season, round, session], Some(_)) = (parts.as_slice(), season)
                    && let (Ok(season), Ok(round)) = (season.parse(), round.parse())
                    && *source != "jolpica"
                {
                    sessions.entry((season, round)).or_default().insert((source, session));
                }
            }
            let said =
                |said: &f1_ingest_component::catalog::lake::Said| (item.clone(), said.at, said.why.clone());
            absent.extend(known.absent.as_ref().map(said));
            failing.extend(known.failed.as_ref().map(said));
        }
        Status {
            all,
            counts,
            newest: newest(&sessions),
            absent,
            failing,
            runs: reading.lake.runs.iter().rev().take(RUNS).cloned().collect(),
            damaged: reading.damaged.clone(),
        }
    }

    fn to_text(&self, bucket: &str) -> String {
        let Count { items, documents, bytes } = self.all;
        let mut text = format!("{bucket}: {items} items in {documents} documents, {}\n", size(bytes));
        if self.all == Count::default() {
            text.push_str(
                "nothing is stored yet; `f1-ingest backfill --seasons 1950.. --plan` shows what could be\n",
            );
        }
        text.push_str(&self.table());
        if let Some(Newest { session, stored, missing }) = &self.newest {
            text.push_str(&format!("\nnewest session: {session}, with {}", stored.join(", ")));
            match missing.is_empty() {
                true => text.push('\n'),
                false => text.push_str(&format!("; without {}\n", missing.join(", "))),
            }
        }
        for (title, said) in [("failing", &self.failing), ("absent", &self.absent)] {
            if !said.is_empty() {
                text.push_str(&format!("\n{title}: {}\n", said.len()));
                let some = said.iter().rev().take(RUNS);
                some.for_each(|(item, at, why)| text.push_str(&format!("  {} {item}: {why}\n", time(*at))));
            }
        }
        if !self.runs.is_empty() {
            text.push_str("\nlast runs:\n");
        }
        for run in &self.runs {
            let RunNote {
                command, began, ended, exit_code, stored, unchanged, absent, failed, later, ..
            } = run;
            let end = exit_code.map_or("not ended, or killed".into(), |code| format!("exit code {code}"));
            text.push_str(&format!(
                "  {} {command}, {} s, {end}: stored {stored}, unchanged {unchanged}, absent {absent}, failed {failed}, \
                 not now {later}\n",
                time(*began),
                ended - began
            ));
        }
        for damaged in &self.damaged {
            text.push_str(&format!("damaged: {damaged}; `f1-ingest catalog rebuild` makes a new snapshot\n"));
        }
        text
    }

    /// Documents by season (rows) and source (columns).
    fn table(&self) -> String {
        let sources: BTreeSet<&String> = self.counts.keys().map(|(source, _)| source).collect();
        let seasons: BTreeSet<Option<i32>> = self.counts.keys().map(|(_, season)| *season).collect();
        if sources.is_empty() {
            return String::new();
        }
        let mut text = format!("\n{:>8}", "season");
        sources.iter().for_each(|source| text.push_str(&format!("{source:>12}")));
        text.push('\n');
        for season in seasons {
            let name = season.map_or("all".into(), |season| season.to_string());
            text.push_str(&format!("{name:>8}"));
            for source in &sources {
                let count = self.counts.get(&((*source).clone(), season)).map(|count| count.items);
                text.push_str(&format!("{:>12}", count.map_or("-".into(), |count| count.to_string())));
            }
            text.push('\n');
        }
        text
    }

    fn to_json(&self, bucket: &str) -> Value {
        let count = |Count { items, documents, bytes }: &Count| json!({"items": items, "documents": documents, "bytes": bytes});
        let counts = self.counts.iter().map(|((source, season), of)| {
            let mut json = count(of);
            json["source"] = source.clone().into();
            json["season"] = (*season).into();
            json
        });
        let said = |all: &[(String, i64, String)]| {
            let said = all.iter().map(|(item, at, why)| json!({"item": item, "at": at, "why": why}));
            said.collect::<Vec<_>>()
        };
        let newest = self.newest.as_ref().map(|Newest { session, stored, missing }| {
            json!({"session": session, "stored": stored, "missing": missing})
        });
        json!({
            "bucket": bucket,
            "all": count(&self.all),
            "counts": counts.collect::<Vec<_>>(),
            "newest": newest,
            "absent": said(&self.absent),
            "failing": said(&self.failing),
            "runs": self.runs,
            "damaged": self.damaged,
        })
    }
}

/// The newest session of the newest round, by the order of a weekend.
fn newest(sessions: &BTreeMap<(i32, u32), BTreeSet<(&str, &str)>>) -> Option<Newest> {
    const WEEKEND: [&str; 8] = ["FP1", "FP2", "FP3", "SQ", "SS", "S", "Q", "R"];
    let ((season, round), stored) = sessions.last_key_value()?;
    let place = |session: &str| WEEKEND.iter().position(|name| *name == session);
    let last = stored.iter().map(|(_, session)| *session).max_by_key(|session| place(session))?;
    let of_it: Vec<String> = stored
        .iter()
        .filter(|(_, session)| *session == last)
        .map(|(source, _)| (*source).to_owned())
        .collect();
    let sources: BTreeSet<&str> = sessions.values().flatten().map(|(source, _)| *source).collect();
    let missing =
        sources.into_iter().filter(|source| !of_it.iter().any(|it| it == source)).map(str::to_owned);
    Some(Newest { session: format!("{season}/{round:02}/{last}"), missing: missing.collect(), stored: of_it })
}

fn time(seconds: i64) -> String {
    let time = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_session_says_what_is_missing_of_it() {
        let mut reading = Reading::default();
        for item in [
            "fastf1/2024/05/Q",
            "telemetry/2024/05/Q",
            "fastf1/2024/05/R",
            "jolpica/2024/results",
            "jolpica/seasons",
        ] {
            reading.lake.add_key(&format!("raw/1970-01-01/{item}/5.json"), 7);
        }
        let status = Status::of(&reading);
        let newest = Newest {
            session: "2024/05/R".into(),
            stored: vec!["fastf1".into()],
            missing: vec!["telemetry".into()],
        };
        assert_eq!(status.newest, Some(newest));
        assert_eq!(status.all, Count { items: 5, documents: 5, bytes: 35 });
        assert_eq!(status.counts[&("fastf1".into(), Some(2024))].items, 2);
        let table = status.table();
        assert!(table.contains("    2024           2           1           1"), "{table}");
    }
}
