//! A few lines of Markdown for the page of a run on GitHub.
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary>

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use f1_ingest_component::error::one_line;
use f1_ingest_component::report::WouldStore;

use crate::outcome::Outcome;

/// Appends what became of a run to the page's file. Fails if that cannot be written.
pub fn append(file: &Path, outcome: &Outcome) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(markdown(outcome).as_bytes())?;
    // What is no plain file cannot be synced.
    if file.metadata()?.is_file() {
        file.sync_all()?;
    }
    Ok(())
}

fn markdown(outcome: &Outcome) -> String {
    let (code, seconds) = (outcome.exit_code(), outcome.took.as_secs_f64());
    let mut text = format!("### f1-ingest: exit code {code} after {seconds:.1} s\n\n");
    let planned = &outcome.report.would_store;
    if outcome.kept().next().is_some() || !planned.is_empty() {
        text.push_str("| source | key | bytes |\n|---|---|---|\n");
    }
    for WouldStore { source, size, changed, .. } in planned {
        let what = if *changed == Some(false) { "unchanged" } else { "would be stored" };
        text.push_str(&format!("| {source} | dry run: {what} | {size} |\n"));
    }
    for (what, object) in outcome.kept() {
        let size = if what == "stored" { object.size.to_string() } else { what.to_owned() };
        text.push_str(&format!("| {} | {} | {size} |\n", object.source, verbatim(&object.key)));
    }
    let failures = outcome.failures();
    let warnings = outcome.report.warnings.iter();
    let lines = failures
        .iter()
        .map(|(source, kind, why)| format!("- {source} {kind}: {}\n", verbatim(why)))
        .chain(warnings.map(|warning| format!("- warning: {}\n", verbatim(warning))));
    text.push('\n');
    text.extend(lines);
    text
}

/// Somebody else's text, as code, so that nothing in it means anything to Markdown.
fn verbatim(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'"))
}
