//! Results of a session out of Jolpica's JSON, cast as FastF1's `ergast` package casts them.

use super::feed::Unusable;
use super::text::Text;
use super::time::Timedelta;
use super::value::{Json, Value};
use crate::jolpica::races;

/// One driver's result. A text is [`Text::NaN`], and the rest None, if the upstream leaves it out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Classified {
    /// The car's number, -1 if what stands there is not one.
    pub number: Option<i64>,
    pub driver_id: Text,
    pub team_id: Text,
    pub abbreviation: Text,
    pub first_name: Text,
    pub last_name: Text,
    pub team_name: Text,
    pub position: Option<f64>,
    /// `R`, `D`, `W` and so on, else the position.
    pub position_text: Text,
    pub grid: Option<f64>,
    pub status: Text,
    pub points: Option<f64>,
    /// The winner's time, the others' gap to it.
    pub time: Option<Timedelta>,
    pub laps: Option<f64>,
    pub q: [Option<Timedelta>; 3],
}

/// The list `list` (`Results`, `QualifyingResults`, `SprintResults`) of the first race in a document.
/// None if the document has no race.
pub fn results(body: &[u8], list: &str) -> Result<Option<Vec<Classified>>, Unusable> {
    let mut json = Json::default();
    let document = json.read_bytes(body).ok_or_else(|| Unusable::new("no JSON"))?;
    let Some(race) =
        races(document).ok_or_else(|| Unusable::new("no Ergast JSON: it has no races"))?.items().next()
    else {
        return Ok(None);
    };
    let results = race.get(list).filter(|results| results.is_list());
    let results = results.ok_or_else(|| Unusable::new(format!("the race has no {list}")))?;
    Ok(Some(results.items().map(classified).collect()))
}

fn classified(result: Value) -> Classified {
    let text = |path: &[&str]| result.at(path).map_or(Text::NaN, text);
    let int = |key: &str| result.get(key).map(|value| save_int(value) as f64);
    let time = |path: &[&str]| result.at(path).and_then(Value::text).and_then(timedelta);
    Classified {
        number: result.get("number").map(save_int),
        driver_id: text(&["Driver", "driverId"]),
        team_id: text(&["Constructor", "constructorId"]),
        abbreviation: text(&["Driver", "code"]),
        first_name: text(&["Driver", "givenName"]),
        last_name: text(&["Driver", "familyName"]),
        team_name: text(&["Constructor", "name"]),
        position: int("position"),
        position_text: text(&["positionText"]),
        grid: int("grid"),
        status: text(&["status"]),
        points: result.get("points").and_then(save_float),
        time: time(&["Time", "time"]),
        laps: int("laps"),
        q: [time(&["Q1"]), time(&["Q2"]), time(&["Q3"])],
    }
}

/// Python's `str(value)`.
fn text(value: Value) -> Text {
    Text::Is(value.python_text().unwrap_or("None".into()).into_owned())
}

/// FastF1's `save_int`: only a text of digits is a number, all else is -1.
fn save_int(value: Value) -> i64 {
    let digits = |text: &&str| !text.starts_with(['+', '-']) || text.len() > 1;
    value.text().filter(digits).and_then(|text| text.parse().ok()).unwrap_or(-1)
}

/// FastF1's `save_float`: only plain decimals, no exponent.
fn save_float(value: Value) -> Option<f64> {
    let plain = |text: &&str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-'));
    value.text().filter(plain).and_then(|text| text.parse().ok())
}

/// FastF1's `timedelta_from_ergast`: `[+-][hh:][mm:]ss[.micros]`, and whatever follows is not looked at.
pub(super) fn timedelta(text: &str) -> Option<Timedelta> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(_) => (-1, text.trim_matches('-')),
        None => (1, text.trim_matches('+')),
    };
    let (first, rest) = colon(text).unzip();
    let (second, rest) =
        colon(rest.unwrap_or(text)).map_or((None, rest.unwrap_or(text)), |(n, r)| (Some(n), r));
    let (seconds, rest) = number(rest)?;
    let (hours, minutes) = match (first, second) {
        (Some(hours), Some(minutes)) => (hours, minutes),
        (Some(minutes), None) => (0, minutes),
        (None, _) => (0, 0),
    };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let micros: String = match rest.strip_prefix('.') {
        Some(rest) => rest.chars().take_while(char::is_ascii_digit).take(6).collect(),
        None => String::new(),
    };
    let micros: i64 = format!("{micros:0<6}").parse().ok()?;
    Some(Timedelta(sign * (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)))
}

/// One or two digits and a colon, and what follows.
fn colon(text: &str) -> Option<(i64, &str)> {
    let (number, rest) = number(text)?;
    Some((number, rest.strip_prefix(':')?))
}

/// One or two digits, and what follows.
fn number(text: &str) -> Option<(i64, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_as_fastf1_does() {
        let cases = [
            ("1:43:44.291", Some(6_224_291_000)),
            ("+2.460", Some(2_460_000)),
            ("+1:02.3", Some(62_300_000)),
            ("-1:02", Some(-62_000_000)),
            ("1:20.126", Some(80_126_000)),
            ("+1 Lap", Some(1_000_000)),
            ("123:45", Some(12_000_000)),
            ("1:60", None),
            ("24:00:00", None),
            ("", None),
            ("Lap", None),
        ];
        for (text, micros) in cases {
            assert_eq!(timedelta(text), micros.map(Timedelta), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_minus_one_or_nothing() {
        let of = |text: &str| format!("{text:?}");
        let ints = [("5", 5), ("+5", 5), ("-5", -5), ("", -1), ("+", -1), ("5.0", -1), ("x", -1)];
        for (text, value) in ints {
            assert_eq!(Json::default().read(&of(text)).map(save_int), Some(value), "{text:?}");
        }
        assert_eq!(Json::default().read("5").map(save_int), Some(-1));
        let floats = [("1.5", Some(1.5)), ("-.5", Some(-0.5)), ("5.", Some(5.0)), ("1e3", None), (".", None)];
        for (text, value) in floats {
            assert_eq!(Json::default().read(&of(text)).and_then(save_float), value, "{text:?}");
        }
    }
}
