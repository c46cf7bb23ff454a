//! The three tables of a session, from what was fetched to JSON (FastF1's `Session.load` with everything on).

use super::drivers::{self, Driver, Drivers};
use super::ergast::{self, Classified};
use super::feed::Unusable;
use super::lap::Lap;
use super::laps::{self, Inputs, Participant};
use super::results::computed::{QualifyingParts, fill_in};
use super::results::{self, ResultRow};
use super::table::write_rows;
use super::text::Text;
use super::time::Timestamp;
use super::weather::{self, Weather};
use crate::document::Remarks;
use crate::session::{Session, SessionKind};

/// What was fetched of a session.
pub struct Sources<'a> {
    /// A livetiming feed by its topic; None if it is missing.
    pub feed: &'a dyn Fn(&str) -> Option<&'a [u8]>,
    /// Jolpica's document named by [`results::ergast_document`].
    pub results: Option<&'a [u8]>,
    /// Jolpica's `laps/1.json`, of a race.
    pub first_lap: Option<&'a [u8]>,
    /// The moment of session time 0 (FastF1's `_calculate_t0_date`); laps have no dates without it.
    pub zero_date: Option<Timestamp>,
}

/// The tables; one that FastF1 could not load is None.
#[derive(Debug, Default)]
pub struct Tables {
    pub laps: Option<Vec<Lap>>,
    pub weather: Option<Vec<Weather>>,
    pub results: Vec<ResultRow>,
    /// What FastF1 warns of.
    pub remarks: Remarks,
}

impl Tables {
    pub fn of(session: &Session, sources: &Sources) -> Tables {
        let mut remarks = Remarks::default();
        let drivers = drivers(sources, &mut remarks);
        let classified = classified(session, sources, &mut remarks);
        let mut rows = results::joined(session, &drivers, &classified, &mut remarks.warnings);
        if !session.timing {
            return Tables { results: rows, remarks, ..Tables::default() };
        }
        let participants = participants(&rows);
        let loaded = laps::load(&Inputs {
            is_race_like: session.kind() == SessionKind::Race,
            drivers: Some(&participants),
            session_status: (sources.feed)("SessionStatus"),
            track_status: (sources.feed)("TrackStatus"),
            lap_count: (sources.feed)("LapCount"),
            timing_data: (sources.feed)("TimingData"),
            timing_app_data: (sources.feed)("TimingAppData"),
            race_control: (sources.feed)("RaceControlMessages"),
            first_lap: sources.first_lap,
            t0_date: sources.zero_date,
        });
        remarks.warnings.extend(loaded.remarks.warnings);
        remarks.notes.extend(loaded.remarks.notes);
        for number in loaded.drivers_from_timing.into_iter().flatten() {
            rows.push(results::unnamed(number));
        }
        if let Some(laps) = &loaded.laps {
            let parts = QualifyingParts {
                split_times: loaded.split_times.as_ref().map_or(&[], |times| times.as_slice()),
                status: loaded.session_status.as_ref().map_or(&[], |status| &status.changes),
            };
            if let Err(why) = fill_in(&mut rows, session.kind(), laps, parts) {
                remarks.warn(format!("no results were made of the laps: {why}"));
            }
        }
        let weather = laps::read("WeatherData", (sources.feed)("WeatherData"), weather::read, &mut remarks);
        Tables { laps: loaded.laps, weather: weather.map(|(rows, _)| rows), results: rows, remarks }
    }

    /// `{"laps": ..., "weather": ..., "results": ...}`.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = b"{\"laps\":".to_vec();
        match &self.laps {
            Some(laps) => write_rows(&mut json, laps),
            None => json.extend_from_slice(b"null"),
        }
        json.extend_from_slice(b",\"weather\":");
        match &self.weather {
            Some(weather) => write_rows(&mut json, weather),
            None => json.extend_from_slice(b"null"),
        }
        json.extend_from_slice(b",\"results\":");
        write_rows(&mut json, &self.results);
        json.push(b'}');
        json
    }
}

/// The numbers in FastF1's `session.drivers` when it loads telemetry: before it computes results from laps.
/// If neither upstream lists any, those whom the timing data knows.
pub fn numbers(session: &Session, sources: &Sources) -> Vec<String> {
    let remarks = &mut Remarks::default();
    let drivers = drivers(sources, remarks);
    let classified = classified(session, sources, remarks);
    let rows = results::joined(session, &drivers, &classified, &mut remarks.warnings);
    let numbers: Vec<_> = participants(&rows).into_iter().map(|driver| driver.number).collect();
    if !numbers.is_empty() {
        return numbers;
    }
    let timing = Inputs {
        drivers: Some(&[]),
        session_status: (sources.feed)("SessionStatus"),
        timing_data: (sources.feed)("TimingData"),
        timing_app_data: (sources.feed)("TimingAppData"),
        ..Inputs::default()
    };
    laps::load(&timing).drivers_from_timing.unwrap_or_default()
}

fn drivers(sources: &Sources, remarks: &mut Remarks) -> Vec<Driver> {
    let feed = (sources.feed)("DriverList");
    let Drivers { drivers, delayed, .. } =
        laps::read("DriverList", feed, drivers::read, remarks).unwrap_or_default();
    if !delayed.is_empty() {
        let late = delayed.join(", ");
        remarks.warn(format!("DriverList names the drivers {late} too late; they are left out"));
    }
    drivers
}

fn classified(session: &Session, sources: &Sources, remarks: &mut Remarks) -> Vec<Classified> {
    let Some((_, list)) = results::ergast_document(session) else {
        remarks
            .note(format!("Jolpica has no results of a {}; they are made of the laps", session.name.full()));
        return Vec::new();
    };
    let results = sources.results.map(|body| ergast::results(body, list));
    match results.unwrap_or(Ok(None)) {
        Ok(Some(results)) => results,
        Ok(None) => {
            remarks.warn("Jolpica has no results of this session (yet)");
            Vec::new()
        }
        Err(Unusable(why)) => {
            remarks.warn(format!("Jolpica's results cannot be used: {why}"));
            Vec::new()
        }
    }
}

/// FastF1's `session.drivers`: each number once, and what the laps take from its row.
fn participants(rows: &[ResultRow]) -> Vec<Participant> {
    let mut participants: Vec<Participant> = Vec::new();
    // The Python name of a missing value is what a text column holds in its place.
    let text = |text: &Text| text.as_str().unwrap_or("nan").to_owned();
    for row in rows {
        let driver = Participant {
            number: text(&row.driver_number),
            abbreviation: text(&row.abbreviation),
            team: text(&row.team_name),
            driver_id: text(&row.driver_id),
            is_withdrawn: row.classified_position.as_str() == Some("W"),
        };
        match participants.iter_mut().find(|known| known.number == driver.number) {
            Some(known) => *known = driver,
            None => participants.push(driver),
        }
    }
    participants
}
