//! `serve --schedule`: the job by the clock, for people without a scheduler.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use f1_ingest_component::error::Error;

use crate::cron::Schedule;
use crate::files::write_whole;
use crate::service::Service;
use crate::stdio::say;

/// How long to sleep at most before looking at the wall clock again: it can be set, and a machine can have been
/// asleep.
const NAP: Duration = Duration::from_secs(20);

/// How long to wait before a run that ended "not now" is tried again, if the upstream does not say; each further
/// pause is twice as long.
const PAUSE: TimeDelta = TimeDelta::minutes(15);

/// The same for a run that could not begin.
const SHORT_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// How far a clock may be set back as if nothing had happened.
const LITTLE: TimeDelta = TimeDelta::seconds(10);

/// The note of when the last scheduled run began (`--state`): what was due between that and now was missed, and
/// one run makes up for all of it.
pub struct LastRun(Option<PathBuf>);

impl LastRun {
    /// The note is in `file`, or nowhere.
    pub fn new(file: Option<PathBuf>) -> LastRun {
        LastRun(file)
    }

    /// Up to when the schedule was kept. A first start has missed nothing, nor has one without a file, nor one whose
    /// file a power cut damaged. Fails if the file cannot be read or holds something else.
    pub fn read(&self) -> Result<DateTime<Utc>> {
        let Some(file) = self.0.as_ref().filter(|file| file.is_file()) else { return Ok(now()) };
        let usage = |why: String| Error::usage(format!("--state {}: {why}", file.display()));
        let bytes = std::fs::read(file).map_err(|error| usage(error.to_string()))?;
        let text = String::from_utf8_lossy(&bytes);
        let Ok(last) = DateTime::parse_from_rfc3339(text.trim()) else {
            if !is_damaged(&text) {
                let why = "does not hold the time of a last run; remove it to start afresh";
                return Err(usage(why.into()).into());
            }
            let file = file.display();
            tracing::warn!(
                "--state {file}: damaged, so no last run is known; starting as for the first time"
            );
            return Ok(now());
        };
        // A clock that was ahead must not hold the next run back.
        Ok(last.to_utc().min(now()))
    }

    /// Notes that the schedule was kept up to `last`. Fails if the file cannot be written.
    pub fn write(&self, last: DateTime<Utc>) -> Result<()> {
        let Some(file) = &self.0 else { return Ok(()) };
        write_whole(file, format!("{}\n", text(last)).as_bytes())
            .with_context(|| format!("--state: cannot write {}", file.display()))
    }
}

/// Whether a text can be what is left of a note: cut, empty or overwritten. Anything else is somebody's own file, which
/// is not to be replaced.
fn is_damaged(text: &str) -> bool {
    let is_of_a_time = |c: char| c.is_ascii_digit() || "-T:.Z+".contains(c);
    text.contains(|c: char| c.is_control() && !c.is_whitespace() || c == char::REPLACEMENT_CHARACTER)
        || text.trim().chars().all(is_of_a_time)
}

/// Runs the job whenever it is due, until the service stops or the schedule ends. `last` is up to when the schedule
/// was kept.
pub async fn keep(schedule: Schedule, note: LastRun, mut last: DateTime<Utc>, service: Arc<Service>) {
    while let Some(due) = schedule.after(last) {
        match due <= now() {
            true => say(&format!("the run of {} was missed; making up for it now", text(due))),
            false => say(&format!("the next run is at {}", text(due))),
        }
        if !comes(due, last).await {
            last = now();
            say(&format!("the clock went back to {}; the schedule goes on from there", text(last)));
            continue;
        }
        last = now();
        let mut begun = false;
        for attempt in 0.. {
            let Some(outcome) = service.run_in_turn().await else { return };
            begun |= outcome.begun;
            let (what, later) = match (outcome.begun, outcome.exit_code()) {
                (false, _) => ("the run could not begin", again(attempt, None, SHORT_PAUSE, now())),
                (true, 75) => ("not now", again(attempt, outcome.comes_back(), PAUSE, now())),
                (true, _) => break,
            };
            let is_in_time = |at: &DateTime<Utc>| schedule.after(last).is_none_or(|next| *at < next);
            let Some(at) = later.filter(is_in_time) else { break };
            say(&format!("{what}; the run is tried again at {}", text(at)));
            if !comes(at, last).await {
                break;
            }
        }
        // Noted at the end: a run that was killed, did not begin or was still to be tried again is made up for.
        if begun && let Err(error) = note.write(last) {
            tracing::warn!("{error:#}");
        }
    }
    tracing::warn!("the schedule has ended");
}

/// When to try a run again: the first time when the upstream `said`, else after `pause`, then later each time.
fn again(
    attempt: u32,
    said: Option<DateTime<Utc>>,
    pause: TimeDelta,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let paused = now.checked_add_signed(pause.checked_mul(1 << attempt.min(16))?)?;
    Some(match said {
        Some(said) if attempt == 0 => said,
        Some(said) => said.max(paused),
        None => paused,
    })
}

/// Sleeps until `due`. False, and at once, if the clock went back behind `last` meanwhile: what is due is another
/// instant then.
async fn comes(due: DateTime<Utc>, last: DateTime<Utc>) -> bool {
    loop {
        let now = now();
        if went_back(last, now) {
            return false;
        }
        match (due - now).to_std() {
            Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(NAP)).await,
            _ => return true,
        }
    }
}

/// Whether the clock was ahead when it showed `last`. A little does not count: following it would do again what was
/// just done, and not doing so holds the next run back by no more than that.
fn went_back(last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    last - now > LITTLE
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    #[test]
    fn a_run_that_was_not_now_is_tried_when_the_upstream_said_and_then_later_each_time() {
        let now = instant("2026-11-24T12:00:00Z");
        let at =
            |attempt, said: Option<&str>| again(attempt, said.map(instant), PAUSE, now).map(text).unwrap();
        assert_eq!(at(0, None), "2026-11-24T12:15:00Z");
        assert_eq!(at(3, None), "2026-11-24T14:00:00Z");
        assert_eq!(at(0, Some("2026-11-24T12:00:07Z")), "2026-11-24T12:00:07Z");
        assert_eq!(at(1, Some("2026-11-24T12:00:07Z")), "2026-11-24T12:30:00Z", "it said so before");
        assert_eq!(at(1, Some("2026-11-24T13:00:00Z")), "2026-11-24T13:00:00Z");
        assert_eq!(again(2, None, SHORT_PAUSE, now).map(text).unwrap(), "2026-11-24T12:04:00Z");
        assert!(again(u32::MAX, None, PAUSE, now).is_some_and(|at| at > now));
    }

    #[test]
    fn a_clock_that_was_ahead_is_followed_and_a_small_correction_repeats_nothing() {
        let schedule: Schedule = "0 12 * * *".parse().unwrap();
        let due = |last: &str, now: &str| {
            let (last, now) = (instant(last), instant(now));
            text(schedule.after(if went_back(last, now) { now } else { last }).unwrap())
        };
        assert_eq!(due("2030-11-23T12:00:00Z", "2026-11-24T09:00:00Z"), "2026-11-24T12:00:00Z");
        assert_eq!(due("2026-11-24T12:00:00Z", "2026-11-24T10:00:00Z"), "2026-11-24T12:00:00Z");
        assert_eq!(due("2026-11-24T12:00:01Z", "2026-11-24T11:59:58Z"), "2026-11-25T12:00:00Z");
        assert_eq!(due("2026-11-24T12:00:00Z", "2026-11-24T18:00:00Z"), "2026-11-25T12:00:00Z");
    }

    #[tokio::test]
    async fn what_is_due_years_ahead_is_not_waited_for_once_the_clock_went_back() {
        let (ahead, before) = (now() + TimeDelta::days(1460), now() - TimeDelta::days(1));
        assert!(!comes(ahead + TimeDelta::seconds(1), ahead).await);
        assert!(comes(now(), before).await);
    }

    #[test]
    fn the_note_of_the_last_run_is_read_back_and_never_lies_ahead() {
        let folder = tempfile::tempdir().unwrap();
        let note = LastRun::new(Some(folder.path().join("last-run")));
        let before = now();
        assert!(note.read().unwrap() >= before, "a first start has missed nothing");
        note.write(instant("2026-01-02T03:04:05Z")).unwrap();
        assert_eq!(text(note.read().unwrap()), "2026-01-02T03:04:05Z");
        note.write(instant("2999-01-01T00:00:00Z")).unwrap();
        assert!(note.read().unwrap() <= now());
        for damaged in ["", "\0\0\0\0\0\0\0\0", "2026-11-2", "2026-01-02T03:04:05Z\0\0", "\n"] {
            std::fs::write(folder.path().join("last-run"), damaged).unwrap();
            let before = now();
            assert!(note.read().unwrap() >= before, "{damaged:?}");
        }
        std::fs::write(folder.path().join("last-run"), [0xff, 0x80, 0x12]).unwrap();
        note.read().unwrap();
        std::fs::write(folder.path().join("last-run"), "yesterday").unwrap();
        assert!(note.read().unwrap_err().to_string().contains("last-run"));
    }
}
