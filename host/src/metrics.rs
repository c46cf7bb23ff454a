//! Figures for Prometheus, in its text format: what `/metrics` answers and `--metrics-file` holds.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::BTreeMap;

use f1_ingest_component::report::Stored;

use crate::outcome::{Outcome, seconds};

/// Label names and values of one sample.
type Labels = Vec<(&'static str, String)>;

/// A page of metrics, one family after the other.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// Adds `f1_ingest_<name>`, unless there are no samples.
    pub fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_some() {
            self.0.push_str(&format!("# HELP f1_ingest_{name} {help}\n# TYPE f1_ingest_{name} {kind}\n"));
        }
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            self.0.push_str(&format!("f1_ingest_{name}{labels} {value}\n"));
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help, [(vec![], value)]);
    }

    /// The version of this program.
    pub fn build_info(&mut self) {
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.family("build_info", "gauge", "The version that is running.", [(version, 1.0)]);
    }

    /// What became of the last run.
    pub fn last_run(&mut self, outcome: &Outcome) {
        let ended = seconds(outcome.started + outcome.took);
        self.gauge("last_run_timestamp_seconds", "When the last run ended.", ended);
        self.gauge("last_run_duration_seconds", "How long the last run took.", outcome.took.as_secs_f64());
        let code = f64::from(outcome.exit_code());
        self.gauge("last_run_exit_code", "0 stored, 1 failed, 2 wrong usage, 75 not now.", code);
        let by_source = |stored: &Stored| vec![("source", stored.source.clone())];
        let stored = outcome.report.stored.iter();
        let stored = sums(stored.map(|stored| (by_source(stored), stored.size as f64)));
        self.family("last_run_stored_bytes", "gauge", "Bytes that the last run stored, by source.", stored);
        let unchanged = outcome.report.unchanged.iter();
        let unchanged = sums(unchanged.map(|unchanged| (by_source(unchanged), 1.0)));
        self.family(
            "last_run_unchanged",
            "gauge",
            "What the last run found stored already, with the same bytes, by source.",
            unchanged,
        );
        let failed =
            sums(outcome.failures().into_iter().map(|(source, kind, _)| {
                (vec![("source", source.to_owned()), ("kind", kind.to_owned())], 1.0)
            }));
        self.family(
            "last_run_failed",
            "gauge",
            "What the last run did not store, by source and cause.",
            failed,
        );
        let warnings = outcome.report.warnings.len();
        self.gauge("last_run_warnings", "What is missing from what the last run stored.", warnings as f64);
        if let Some(ends) = outcome.token_ends {
            let help = "When the F1TV token ends that the last run had.";
            self.gauge("token_expires_timestamp_seconds", help, ends as f64);
        }
    }

    /// When the last successful run ended, in unix seconds.
    pub fn last_success(&mut self, ended: f64) {
        self.gauge(
            "last_success_timestamp_seconds",
            "When the last run with exit code 0 ended that was no dry run.",
            ended,
        );
    }

    /// The page in Prometheus's format.
    pub fn text(self) -> String {
        self.0
    }
}

/// When the last successful run ended, in unix seconds, as a page of metrics has it.
pub fn last_success(page: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix("f1_ingest_last_success_timestamp_seconds "));
    line?.trim().parse().ok()
}

/// Adds up samples that have the same labels: a page must not have them twice.
fn sums(samples: impl Iterator<Item = (Labels, f64)>) -> BTreeMap<Labels, f64> {
    let mut sums = BTreeMap::new();
    for (labels, value) in samples {
        *sums.entry(labels).or_default() += value;
    }
    sums
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_success_is_read_back() {
        let mut page = Page::default();
        page.build_info();
        page.last_success(1_795_521_600.25);
        assert_eq!(last_success(&page.text()), Some(1_795_521_600.25));
        assert_eq!(last_success("# HELP f1_ingest_last_success_timestamp_seconds x\n"), None);
    }

    #[test]
    fn a_family_is_its_help_its_type_and_its_samples() {
        let mut page = Page::default();
        let of = |source: &str| vec![("source", source.to_owned())];
        page.family("x", "gauge", "Why.", [(of("a\"\\\n"), 1.5), (of("b"), 2.0)]);
        page.family("none", "gauge", "Nothing.", []);
        page.gauge("y", "Plain.", 1_795_521_600.25);
        assert_eq!(
            page.text(),
            "# HELP f1_ingest_x Why.\n# TYPE f1_ingest_x gauge\n\
             f1_ingest_x{source=\"a\\\"\\\\\\n\"} 1.5\nf1_ingest_x{source=\"b\"} 2\n\
             # HELP f1_ingest_y Plain.\n# TYPE f1_ingest_y gauge\nf1_ingest_y 1795521600.25\n"
        );
    }
}
