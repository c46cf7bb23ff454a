//! The results table: livetiming's drivers joined with Jolpica's results (FastF1's `_load_drivers_results`).
//! What Jolpica does not have, [`computed`] makes of the laps.

pub mod computed;

use super::drivers::Driver;
use super::ergast::Classified;
use super::order::{arrange, sort_stable};
use super::table::{Cell, Column, Row, columns};
use super::text::Text;
use super::time::Timedelta;
use super::{numpy, python};
use crate::session::{Session, SessionKind, SessionName};

/// A driver's result (FastF1's `SessionResults._COLUMNS`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResultRow {
    pub driver_number: Text,
    pub broadcast_name: Text,
    pub abbreviation: Text,
    pub driver_id: Text,
    pub team_name: Text,
    pub team_color: Text,
    pub team_id: Text,
    pub first_name: Text,
    pub last_name: Text,
    pub full_name: Text,
    pub headshot_url: Text,
    pub country_code: Text,
    pub position: Option<f64>,
    pub classified_position: Text,
    pub grid_position: Option<f64>,
    pub q: [Option<Timedelta>; 3],
    pub time: Option<Timedelta>,
    pub status: Text,
    pub points: Option<f64>,
    pub laps: Option<f64>,
}

/// Which of Jolpica's documents has a session's results: its name and the list in it. Of practice sessions
/// it has none, but the race tells who drove; of qualifyings for a Sprint it has nothing.
pub fn ergast_document(session: &Session) -> Option<(&'static str, &'static str)> {
    match (session.kind(), session.name) {
        (SessionKind::Practice, _) | (_, SessionName::Race) => Some(("results", "Results")),
        (SessionKind::Race, _) => Some(("sprint", "SprintResults")),
        (SessionKind::Qualifying, SessionName::Qualifying) => Some(("qualifying", "QualifyingResults")),
        (SessionKind::Qualifying, _) => None,
    }
}

/// Joins the two lists of drivers; either may be missing. Rows come by position, those without one last.
/// Adds to `warnings` what FastF1 warns of.
pub fn joined(
    session: &Session,
    drivers: &[Driver],
    classified: &[Classified],
    warnings: &mut Vec<String>,
) -> Vec<ResultRow> {
    // Who drove is the same in Jolpica only if its list is of this very session.
    let same_drivers = session.kind() == SessionKind::Race || session.name == SessionName::Qualifying;
    let numbers = numbers(classified);
    let ergast: Vec<ErgastRow> =
        classified.iter().zip(numbers).map(|(c, n)| ErgastRow { number: n, classified: c }).collect();
    if drivers.is_empty() && ergast.is_empty() {
        warnings.push("neither livetiming nor Jolpica has a list of drivers".into());
    }
    let mut rows = match (drivers.is_empty(), same_drivers) {
        (true, _) => ergast.iter().map(|row| row.alone(session)).collect(),
        (false, true) => outer_join(session, drivers, &ergast),
        (false, false) => left_join(session, drivers, &ergast),
    };
    cast(&mut rows);
    if same_drivers && !drivers.is_empty() {
        fill_in_missing_drivers(&mut rows, drivers, &ergast);
    }
    let duplicates = duplicates(&rows);
    if !duplicates.is_empty() {
        warnings
            .push(format!("the results have more than one row for the drivers {}", duplicates.join(", ")));
    }
    sort_by_position(&mut rows);
    if session.name == SessionName::Qualifying {
        let classified = classified_positions(rows.iter().map(|row| (row.position, row.q)));
        for (row, classified) in rows.iter_mut().zip(classified) {
            row.classified_position = Text::Is(classified);
        }
    }
    rows
}

/// `ClassifiedPosition` of a qualifying: the position as Python writes a float, or `N` for whoever was
/// eliminated in Q1 and slower than 107 % of its fastest time.
pub(super) fn classified_positions(
    rows: impl Iterator<Item = (Option<f64>, [Option<Timedelta>; 3])> + Clone,
) -> Vec<String> {
    let limit = rows.clone().filter_map(|(_, [q1, ..])| q1).min().map(|fastest| nanos(fastest) as f64 * 1.07);
    rows.map(|(position, [q1, q2, _])| {
        // pandas cuts the product to whole nanoseconds before it compares.
        let slow = q1.zip(limit).is_some_and(|(q1, limit)| nanos(q1) > limit as i64);
        match position {
            _ if slow && q2.is_none() => "N".into(),
            Some(position) => python::float_text(position),
            None => "nan".into(),
        }
    })
    .collect()
}

fn nanos(span: Timedelta) -> i64 {
    span.0.saturating_mul(1000)
}

/// FastF1's `sort_values("Position")`: rows without a position come last, and of two in the same position numpy
/// may put the later one first.
pub(super) fn sort_by_position(rows: &mut [ResultRow]) {
    let positions: Vec<Option<f64>> = rows.iter().map(|row| row.position).collect();
    arrange(rows, &numpy::order_of_floats(&positions));
}

/// The row of a driver of whom only the timing data knows.
pub fn unnamed(number: String) -> ResultRow {
    let mut row = [ResultRow { driver_number: Text::Is(number), ..ResultRow::default() }];
    cast(&mut row);
    let [row] = row;
    row
}

/// A row of Jolpica's with its index label.
struct ErgastRow<'a> {
    number: String,
    classified: &'a Classified,
}

/// `DriverNumber` as text. If a row lacks it, pandas holds the column as floats.
fn numbers(classified: &[Classified]) -> Vec<String> {
    let whole = classified.iter().all(|row| row.number.is_some());
    let text = |row: &Classified| match row.number {
        Some(number) if whole => number.to_string(),
        Some(number) => python::float_text(number as f64),
        None => "nan".into(),
    };
    classified.iter().map(text).collect()
}

impl ErgastRow<'_> {
    fn full_name(&self) -> Text {
        match (&self.classified.first_name, &self.classified.last_name) {
            (Text::Is(first), Text::Is(last)) => Text::Is(format!("{first} {last}")),
            _ => Text::NaN,
        }
    }

    /// Fills in what only Jolpica has, as far as it belongs to the session.
    fn join_into(&self, row: ResultRow, session: &Session) -> ResultRow {
        let Classified { driver_id, team_id, .. } = self.classified.clone();
        let row = ResultRow { driver_id, team_id, ..row };
        let ergast = self.classified.clone();
        match session.kind() {
            SessionKind::Practice => row,
            SessionKind::Qualifying => ResultRow { position: ergast.position, q: ergast.q, ..row },
            SessionKind::Race => ResultRow {
                position: ergast.position,
                classified_position: ergast.position_text,
                grid_position: ergast.grid,
                time: ergast.time,
                status: ergast.status,
                points: ergast.points,
                laps: ergast.laps,
                ..row
            },
        }
    }

    /// Fills in what both sources have.
    fn share_into(&self, row: ResultRow) -> ResultRow {
        let Classified { abbreviation, first_name, last_name, team_name, .. } = self.classified.clone();
        let driver_number = Text::Is(self.number.clone());
        ResultRow {
            driver_number,
            abbreviation,
            first_name,
            last_name,
            team_name,
            full_name: self.full_name(),
            ..row
        }
    }

    fn alone(&self, session: &Session) -> ResultRow {
        self.join_into(self.share_into(ResultRow::default()), session)
    }
}

fn driver_row(driver: &Driver) -> ResultRow {
    let name = |part: &Option<String>| part.clone().unwrap_or_else(|| "None".into());
    ResultRow {
        driver_number: Text::Is(driver.number.clone()),
        broadcast_name: driver.broadcast_name.clone().into(),
        abbreviation: driver.abbreviation.clone().into(),
        team_name: driver.team_name.clone().into(),
        team_color: driver.team_color.clone().into(),
        first_name: driver.first_name.clone().into(),
        last_name: driver.last_name.clone().into(),
        full_name: Text::Is(format!("{} {}", name(&driver.first_name), name(&driver.last_name))),
        headshot_url: driver.headshot_url.clone().into(),
        country_code: driver.country_code.clone().into(),
        ..ResultRow::default()
    }
}

fn with_matches(session: &Session, driver: &Driver, ergast: &[ErgastRow]) -> Vec<ResultRow> {
    let matches = ergast.iter().filter(|row| row.number == driver.number);
    let joined: Vec<_> = matches.map(|row| row.join_into(driver_row(driver), session)).collect();
    if joined.is_empty() { vec![driver_row(driver)] } else { joined }
}

fn left_join(session: &Session, drivers: &[Driver], ergast: &[ErgastRow]) -> Vec<ResultRow> {
    drivers.iter().flat_map(|driver| with_matches(session, driver, ergast)).collect()
}

/// Rows come in the order of the numbers as texts; equal ones keep their order.
fn outer_join(session: &Session, drivers: &[Driver], ergast: &[ErgastRow]) -> Vec<ResultRow> {
    if ergast.is_empty() {
        return left_join(session, drivers, ergast);
    }
    let only_ergast = ergast.iter().filter(|row| !drivers.iter().any(|driver| driver.number == row.number));
    let driven = drivers.iter().map(|driver| (&driver.number, with_matches(session, driver, ergast)));
    let missed = only_ergast.map(|row| (&row.number, vec![row.join_into(ResultRow::default(), session)]));
    let mut labelled: Vec<(&String, Vec<ResultRow>)> = driven.chain(missed).collect();
    sort_stable(&mut labelled, |(a, _), (b, _)| a.cmp(b));
    labelled.into_iter().flat_map(|(_, rows)| rows).collect()
}

/// Drivers who did not start are missing at livetiming: their names come from Jolpica, and no position.
fn fill_in_missing_drivers(rows: &mut [ResultRow], drivers: &[Driver], ergast: &[ErgastRow]) {
    let missing = ergast.iter().filter(|row| !drivers.iter().any(|driver| driver.number == row.number));
    // The join has left their number open, in the order of Jolpica's numbers as texts.
    let mut missing: Vec<&ErgastRow> = missing.collect();
    sort_stable(&mut missing, |a, b| a.number.cmp(&b.number));
    let open = rows.iter_mut().filter(|row| row.driver_number == Text::Is("nan".into()));
    for (row, ergast) in open.zip(missing) {
        *row = ergast.share_into(std::mem::take(row));
        row.position = None;
        row.grid_position = None;
    }
}

fn duplicates(rows: &[ResultRow]) -> Vec<&str> {
    let numbers: Vec<&str> = rows.iter().filter_map(|row| row.driver_number.as_str()).collect();
    let seen_before = |(i, number): (usize, &&str)| numbers.iter().take(i).any(|n| n == number);
    numbers.iter().enumerate().filter(|(i, n)| seen_before((*i, n))).map(|(_, number)| *number).collect()
}

fn cast(rows: &mut [ResultRow]) {
    const TEXTS: [fn(&mut ResultRow) -> &mut Text; 14] = [
        |row| &mut row.driver_number,
        |row| &mut row.broadcast_name,
        |row| &mut row.abbreviation,
        |row| &mut row.driver_id,
        |row| &mut row.team_name,
        |row| &mut row.team_color,
        |row| &mut row.team_id,
        |row| &mut row.first_name,
        |row| &mut row.last_name,
        |row| &mut row.full_name,
        |row| &mut row.headshot_url,
        |row| &mut row.country_code,
        |row| &mut row.classified_position,
        |row| &mut row.status,
    ];
    for column in TEXTS {
        Text::cast(rows.iter_mut().map(column));
    }
}

impl Row for &ResultRow {
    const COLUMNS: &'static [Column] = &columns([
        "DriverNumber",
        "BroadcastName",
        "Abbreviation",
        "DriverId",
        "TeamName",
        "TeamColor",
        "TeamId",
        "FirstName",
        "LastName",
        "FullName",
        "HeadshotUrl",
        "CountryCode",
        "Position",
        "ClassifiedPosition",
        "GridPosition",
        "Q1",
        "Q2",
        "Q3",
        "Time",
        "Status",
        "Points",
        "Laps",
    ]);

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let [q1, q2, q3] = self.q;
        [
            (&self.driver_number).into(),
            (&self.broadcast_name).into(),
            (&self.abbreviation).into(),
            (&self.driver_id).into(),
            (&self.team_name).into(),
            (&self.team_color).into(),
            (&self.team_id).into(),
            (&self.first_name).into(),
            (&self.last_name).into(),
            (&self.full_name).into(),
            (&self.headshot_url).into(),
            (&self.country_code).into(),
            self.position.into(),
            (&self.classified_position).into(),
            self.grid_position.into(),
            q1.into(),
            q2.into(),
            q3.into(),
            self.time.into(),
            (&self.status).into(),
            self.points.into(),
            self.laps.into(),
        ]
        .into_iter()
    }
}

#[cfg(test)]
mod tests;
