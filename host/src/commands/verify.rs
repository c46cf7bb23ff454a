//! `f1-ingest verify`: reads every object back and compares it with what the catalogue says.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Parser;
use f1_ingest_component::catalog::lake::Version;
use f1_ingest_component::s3::key::Key;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::command_line::take;
use crate::lake::{Lake, LakeOptions, document};
use crate::stdio::announce;

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest verify", disable_help_flag = true)]
struct VerifyLine {
    /// Read so many objects, taken evenly from all, not every one
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    #[command(flatten)]
    lake: LakeOptions,
}

/// Objects by what is wrong with them.
#[derive(Default)]
struct Found {
    whole: usize,
    /// In the catalogue, and not in the bucket.
    missing: Vec<String>,
    /// Key, and how it differs.
    damaged: Vec<(String, String)>,
    /// In the bucket, and no document of ours.
    unknown: Vec<String>,
    /// Only their length could be compared, as nobody noted their hash.
    unhashed: usize,
}

/// Compares. Gives exit code 0 if nothing is missing or damaged, else 1.
pub fn verify(arguments: Vec<String>) -> Result<u8> {
    let (line, arguments) = take::<VerifyLine>(arguments)?;
    let Some(lake) = Lake::of_line::<VerifyLine>(&line.lake, &arguments)? else {
        return Ok(0);
    };
    let reading = lake.read_and_compact()?;
    let (mut found, mut keys) = (Found::default(), BTreeSet::new());
    let mut all = Vec::new();
    for (item, known) in &reading.lake.items {
        for version in &known.versions {
            let key = Key::new(item, version.seconds)?.to_string();
            all.push((key.clone(), *version));
            keys.insert(key);
        }
    }
    let listed = lake.documents()?;
    found.unknown = listed.iter().filter(|key| !keys.contains(*key)).cloned().collect();
    let there: BTreeSet<&String> = listed.iter().collect();
    let (missing, all): (Vec<_>, Vec<_>) = all.into_iter().partition(|(key, _)| !there.contains(key));
    found.missing = missing.into_iter().map(|(key, _)| key).collect();
    let step = line.sample.map_or(1, |sample| all.len().div_ceil(sample.max(1)).max(1));
    for (key, version) in all.into_iter().step_by(step) {
        compare(&lake, key, version, &mut found)?;
    }
    announce(&match line.lake.json {
        true => format!("{:#}\n", found.to_json()),
        false => found.to_text(),
    });
    Ok((!found.missing.is_empty() || !found.damaged.is_empty()).into())
}

fn compare(lake: &Lake, key: String, version: Version, found: &mut Found) -> Result<()> {
    let Some(object) = lake.get(&key)? else {
        found.missing.push(key);
        return Ok(());
    };
    let own = object.header("x-amz-meta-sha256").map(str::to_owned);
    let stored = object.body.len() as u64;
    let bytes = match document(object) {
        Ok(bytes) => bytes,
        Err(error) => {
            found.damaged.push((key, format!("it cannot be decompressed: {error}")));
            return Ok(());
        }
    };
    let is_long = |length: u64| length == version.size || version.sha256.is_none() && stored == version.size;
    if !is_long(bytes.len() as u64) {
        found.damaged.push((key, format!("{} bytes, not {}", bytes.len(), version.size)));
        return Ok(());
    }
    match version.hash().or(own) {
        None => {
            found.unhashed += 1;
            found.whole += 1;
        }
        Some(hash) if hex::encode(Sha256::digest(&bytes)) == hash => found.whole += 1,
        Some(_) => found.damaged.push((key, "its bytes do not have the SHA-256 that was noted".into())),
    }
    Ok(())
}

impl Found {
    fn to_text(&self) -> String {
        let Found { whole, missing, damaged, unknown, unhashed } = self;
        let mut text = String::new();
        missing.iter().for_each(|key| text.push_str(&format!("missing  {key}\n")));
        damaged.iter().for_each(|(key, why)| text.push_str(&format!("damaged  {key}: {why}\n")));
        unknown.iter().for_each(|key| text.push_str(&format!("unknown  {key}\n")));
        let hashes = if *unhashed > 0 { format!(" ({unhashed} by length only)") } else { String::new() };
        text.push_str(&format!(
            "{whole} whole{hashes}, {} missing, {} damaged, {} unknown\n",
            missing.len(),
            damaged.len(),
            unknown.len()
        ));
        text
    }

    fn to_json(&self) -> serde_json::Value {
        let damaged = self.damaged.iter().map(|(key, why)| json!({"key": key, "why": why}));
        json!({
            "whole": self.whole,
            "unhashed": self.unhashed,
            "missing": self.missing,
            "damaged": damaged.collect::<Vec<_>>(),
            "unknown": self.unknown,
        })
    }
}
