//! One answer of the API: whether it is one, and what it says of itself.

use http::Uri;

use super::rows::{Group, Members, Row};
use crate::error::{Error, Kind, Result};
use crate::http::transport::Response;
use crate::http::url::Shown;

/// An answer, read as far as its rows. `limit`, `offset` and `total` are numbers, as texts or not.
/// <https://github.com/jolpica/jolpica-f1/blob/main/docs/README.md>
#[derive(Debug)]
pub struct Answer<'a> {
    pub text: &'a str,
    /// The limit as it came.
    pub limit_text: Option<&'a str>,
    /// How many rows it has at most.
    pub limit: Option<u64>,
    /// How many rows come before its first.
    pub offset: Option<u64>,
    /// How many rows there are.
    pub total: u64,
    /// Its table, as it came and by its rows. None if there is none that is known.
    pub table: Option<(&'a str, Group<'a>)>,
}

/// Why something is no answer of the API.
#[derive(Debug)]
pub struct Unreadable {
    pub why: String,
    /// It ends in the middle.
    is_torn: bool,
    source: Option<serde_json::Error>,
}

impl From<&str> for Unreadable {
    fn from(why: &str) -> Self {
        Unreadable { why: why.to_owned(), is_torn: false, source: None }
    }
}

impl<'a> Answer<'a> {
    /// Reads an answer; fails with a line for the user.
    pub fn of(url: &Uri, response: &'a Response) -> Result<Answer<'a>> {
        Answer::read(&response.body).map_err(|Unreadable { why, is_torn, source }| {
            let (url, got) = (Shown(url), response.header("content-type").unwrap_or("no content type"));
            let error = match is_torn {
                true => Error::new(
                    Kind::Network,
                    format!("{url}: the JSON ends in the middle ({why}); check the network"),
                ),
                false => Error::new(
                    Kind::NotJson,
                    format!("{url} sent something that is not Ergast JSON ({got}: {why}); check the URL"),
                ),
            };
            match source {
                Some(source) => error.because_of(source),
                None => error,
            }
        })
    }

    pub fn read(body: &'a [u8]) -> std::result::Result<Answer<'a>, Unreadable> {
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::from("it is not UTF-8"))?;
        let document = Members::read(text).map_err(|error| Unreadable {
            why: error.to_string(),
            is_torn: error.is_eof() && !text.is_empty(),
            source: Some(error),
        })?;
        let data =
            document.get("MRData").and_then(|data| Members::read(data).ok()).ok_or("it has no MRData")?;
        let number = |key: &str| data.get(key).and_then(|value| value.trim_matches('"').parse().ok());
        Ok(Answer {
            text,
            limit_text: data.get("limit"),
            limit: number("limit"),
            offset: number("offset"),
            total: number("total").ok_or("it does not say how many rows it has")?,
            table: Group::table(&data),
        })
    }

    /// Its rows, in their order.
    pub fn rows(&self) -> Vec<Row<'a>> {
        self.table.as_ref().map(|(_, table)| table.rows()).unwrap_or_default()
    }

    /// How many rows it has; none if they are in no list that is known.
    pub fn count(&self) -> u64 {
        self.table.as_ref().map_or(0, |(_, table)| table.count())
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn read(body: &str) -> std::result::Result<(u64, u64), Kind> {
        let response =
            Response { status: StatusCode::OK, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        let answer = Answer::of(&Uri::from_static("https://example.org/f1"), &response);
        answer.map(|answer| (answer.count(), answer.total)).map_err(|error| error.kind)
    }

    #[test]
    fn an_answer_says_how_many_rows_there_are() {
        assert_eq!(read(r#"{"MRData": {"total": "20", "RaceTable": {"Races": []}}}"#), Ok((0, 20)));
        assert_eq!(read(r#"{"MRData": {"total": 20, "x": {"y": [1]}}}"#), Ok((0, 20)));
        for total in ["null", r#""many""#, r#""-1""#, r#""""#, "-1", "1.5", "{}"] {
            assert_eq!(
                read(&format!(r#"{{"MRData": {{"total": {total}}}}}"#)),
                Err(Kind::NotJson),
                "{total}"
            );
        }
        assert_eq!(read(r#"{"MRData": {"total": "20", "RaceTable"#), Err(Kind::Network));
        for other in [
            r#"{"MRData": {"RaceTable": {}}}"#,
            r#"{"MRData": {"error": "internal"}, "detail": "x"}"#,
            r#"{"MRData": [{"total": "1"}]}"#,
            r#"{"detail": "throttled"}"#,
            "<!DOCTYPE html><html></html>",
            "[]",
            "",
        ] {
            assert_eq!(read(other), Err(Kind::NotJson), "{other}");
        }
    }

    #[test]
    fn rows_are_counted_in_every_table() {
        for (table, rows) in [
            (r#""RaceTable": {"Races": [{"round": "1"}, {"round": "2"}]}"#, 2),
            (r#""RaceTable": {"Races": [{"round": "1", "Results": [{}, {}]}, {"Results": [{}]}]}"#, 3),
            (r#""RaceTable": {"Races": [{"Qualifying": {}, "QualifyingResults": [{}, {}, {}]}]}"#, 3),
            (r#""RaceTable": {"Races": [{"PitStops": [{}, {}]}, {"SprintResults": []}]}"#, 2),
            (r#""RaceTable": {"Races": [{"Laps": [{"Timings": [{}, {}]}, {"Timings": [{}]}]}]}"#, 3),
            (
                r#""StandingsTable": {"StandingsLists": [{"DriverStandings": [{"Constructors": [{}, {}]}]}]}"#,
                1,
            ),
            (r#""StandingsTable": {"StandingsLists": [{"ConstructorStandings": [{}, {}]}]}"#, 2),
            (r#""DriverTable": {"Drivers": [{}, {}]}"#, 2),
            (r#""ConstructorTable": {"Constructors": [{}]}"#, 1),
            (r#""CircuitTable": {"Circuits": [{}]}"#, 1),
            (r#""SeasonTable": {"Seasons": [{}, {}, {}]}"#, 3),
            (r#""StatusTable": {"Status": [{}]}"#, 1),
            (r#""OtherTable": {"Others": [{}]}"#, 0),
        ] {
            let body = format!(r#"{{"MRData": {{"limit": 30, {table}, "total": "9"}}}}"#);
            assert_eq!(read(&body), Ok((rows, 9)), "{table}");
        }
    }
}
