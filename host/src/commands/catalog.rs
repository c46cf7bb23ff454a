//! `f1-ingest catalog rebuild`: a new snapshot of the catalogue, from keys, metadata and what runs noted.

use anyhow::Result;
use clap::Parser;
use f1_ingest_component::catalog::record::{Became, Entry};
use f1_ingest_component::s3::key::Key;
use serde_json::json;

use crate::command_line::take;
use crate::lake::{Lake, LakeOptions};
use crate::random;
use crate::stdio::announce;

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest catalog rebuild", disable_help_flag = true)]
struct RebuildLine {
    #[command(flatten)]
    lake: LakeOptions,
}

/// Writes a snapshot that owes nothing to earlier ones. The hashes that no run noted are read from the objects' metadata.
pub fn rebuild(arguments: Vec<String>) -> Result<u8> {
    let (line, arguments) = take::<RebuildLine>(arguments)?;
    let Some(lake) = Lake::of_line::<RebuildLine>(&line.lake, &arguments)? else {
        return Ok(0);
    };
    let mut reading = lake.read_afresh()?;
    let mut entries = Vec::new();
    for (item, known) in &reading.lake.items {
        for version in known.versions.iter().filter(|version| version.sha256.is_none()) {
            let key = Key::new(item, version.seconds)?.to_string();
            let Some((size, sha256)) = lake.described(&key)? else { continue };
            let warnings = known.warnings.clone();
            let became = Became::Stored { seconds: version.seconds, size, sha256: Some(sha256), warnings };
            entries.push(Entry { item: item.clone(), at: version.seconds, became });
        }
    }
    entries.into_iter().for_each(|entry| reading.lake.add_entry(entry));
    let (items, damaged) = (reading.lake.items.len(), reading.damaged.len());
    lake.snapshot(&reading, &random::hex_of(16))?;
    announce(&match line.lake.json {
        true => format!("{}\n", json!({"items": items, "damaged": damaged})),
        false => format!("a new snapshot of {items} items; {damaged} damaged records were left out\n"),
    });
    Ok(0)
}
