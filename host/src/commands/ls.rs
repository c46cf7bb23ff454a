//! `f1-ingest ls [ITEM]`: the keys of an item's documents, or of all below it, newest first.

use anyhow::Result;
use clap::Parser;
use f1_ingest_component::catalog::lake::Version;
use f1_ingest_component::s3::key::Key;
use serde_json::json;

use crate::command_line::{positional, take};
use crate::lake::{Lake, LakeOptions};
use crate::stdio::announce;

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest ls", disable_help_flag = true)]
struct LsLine {
    #[command(flatten)]
    lake: LakeOptions,
}

/// Prints keys. Gives exit code 0 if there are any, else 1.
pub fn ls(arguments: Vec<String>) -> Result<u8> {
    let (line, arguments) = take::<LsLine>(arguments)?;
    let (item, arguments) = positional(arguments)?;
    let Some(lake) = Lake::of_line::<LsLine>(&line.lake, &arguments)? else { return Ok(0) };
    let reading = lake.read_and_compact()?;
    let below = item.map(|item| item.trim_matches('/').to_owned()).filter(|item| !item.is_empty());
    let is_asked = |name: &str| {
        below.as_ref().is_none_or(|below| {
            name.strip_prefix(below.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let known = reading.lake.items.iter().filter(|(name, _)| is_asked(name));
    let mut all: Vec<(&str, &Version)> = known
        .flat_map(|(name, known)| known.versions.iter().map(|version| (name.as_str(), version)))
        .collect();
    all.sort_by(|a, b| (b.1.seconds, a.0).cmp(&(a.1.seconds, b.0)));
    let mut text = String::new();
    for (item, version) in &all {
        let key = Key::new(item, version.seconds)?.to_string();
        text.push_str(&match line.lake.json {
            true => {
                let Version { seconds, size, .. } = version;
                json!({"key": key, "item": item, "seconds": seconds, "size": size, "sha256": version.hash()})
                    .to_string()
            }
            false => key,
        });
        text.push('\n');
    }
    announce(&text);
    Ok(all.is_empty().into())
}
