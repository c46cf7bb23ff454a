//! Points and spans in time as FastF1 holds them: whole microseconds, parsed as leniently as it parses.

use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use chrono::NaiveDate;

use super::python;

/// A span in microseconds, or the time since the feed's first message. Python's `datetime.timedelta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timedelta(pub i64);

/// A point in time, UTC, in microseconds since 1970. Python's naive `datetime.datetime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timedelta {
    pub const ZERO: Timedelta = Timedelta(0);

    /// The longest span that pandas' nanoseconds can hold; sums of a few of them stay far from overflow.
    const MAX: i64 = i64::MAX / 1000;

    pub const fn from_seconds(seconds: i64) -> Timedelta {
        Timedelta(seconds * 1_000_000)
    }

    pub const fn from_millis(millis: i64) -> Timedelta {
        Timedelta(millis * 1000)
    }

    /// Reads `[[hours:]minutes:]seconds[.fraction]` (FastF1's `to_timedelta`): any of the parts may carry
    /// a sign or spaces, a fraction is cut to microseconds. None for everything else.
    pub fn parse(text: &str) -> Option<Timedelta> {
        clock(text).or_else(|| plain(text)).or_else(|| Timedelta::parse_any(text))
    }

    fn parse_any(text: &str) -> Option<Timedelta> {
        let mut parts = text.split(':');
        let first = parts.next()?;
        let (hours, minutes, seconds) = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => ("0", "0", first),
            (Some(seconds), None, _) => ("0", first, seconds),
            (Some(minutes), Some(seconds), None) => (first, minutes, seconds),
            // FastF1 takes the first of four or more parts for the seconds.
            (.., Some(_)) => ("0", "0", first),
        };
        let (seconds, micros) = seconds_and_micros(seconds)?;
        let total = python::int(hours)?
            .checked_mul(3600)?
            .checked_add(python::int(minutes)?.checked_mul(60)?)?
            .checked_add(seconds)?
            .checked_mul(1_000_000)?
            .checked_add(micros)?;
        (total.abs() <= Timedelta::MAX).then_some(Timedelta(total))
    }

    /// Whole milliseconds, cut towards zero as pandas' `to_json` does.
    pub fn millis(self) -> i64 {
        self.0 / 1000
    }

    /// Seconds, added up from the same parts in the same order as pandas' `Timedelta.total_seconds`, so
    /// that a comparison at a tolerance falls on the same side.
    pub fn total_seconds(self) -> f64 {
        let whole = self.0.div_euclid(1_000_000);
        whole as f64 + self.0.rem_euclid(1_000_000) as f64 / 1_000_000.0
    }
}

impl Timestamp {
    /// Reads `2020-12-13T13:27:15[.320][Z]` (FastF1's `to_datetime`). None for everything else.
    pub fn parse(text: &str) -> Option<Timestamp> {
        plain_date(text).or_else(|| Timestamp::parse_any(text))
    }

    fn parse_any(text: &str) -> Option<Timestamp> {
        let [date, time] = exactly(text.trim_matches('Z').split('T'))?;
        let [year, month, day] = exactly(date.split('-'))?;
        let [hours, minutes, seconds] = exactly(time.split(':'))?;
        let (seconds, micros) = seconds_and_micros(seconds)?;
        let year = i32::try_from(python::int(year)?).ok().filter(|year| (1..=9999).contains(year))?;
        let small = |value: i64, below: i64| u32::try_from(value).ok().filter(|v| i64::from(*v) < below);
        let date =
            NaiveDate::from_ymd_opt(year, small(python::int(month)?, 13)?, small(python::int(day)?, 32)?)?;
        let moment = date.and_hms_micro_opt(
            small(python::int(hours)?, 24)?,
            small(python::int(minutes)?, 60)?,
            small(seconds, 60)?,
            small(micros, 1_000_000)?,
        )?;
        Some(Timestamp(moment.and_utc().timestamp_micros()))
    }

    /// Whole milliseconds since 1970, cut towards zero as pandas' `to_json` does.
    pub fn millis(self) -> i64 {
        self.0 / 1000
    }
}

/// `15.32` to 15 and 320,000: the fraction is filled up or cut to six digits, then read as a number.
fn seconds_and_micros(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.split('.');
    let seconds = python::int(parts.next()?)?;
    let Some(fraction) = parts.next() else { return Some((seconds, 0)) };
    if parts.next().is_some() {
        return None;
    }
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
    Some((seconds, python::int(&digits)?))
}

/// `hh:mm:ss.mmm`, the form in which nearly all times of messages come.
fn clock(text: &str) -> Option<Timedelta> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, b'.', t1, t2, t3] = text.as_bytes() else { return None };
    let [hours, minutes] = [number([*h1, *h2])?, number([*m1, *m2])?].map(i64::from);
    let [seconds, millis] = [number([*s1, *s2])?, number([*t1, *t2, *t3])?].map(i64::from);
    Some(Timedelta::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis))
}

/// `[+][[hours:]minutes:]seconds.fraction` of digits alone, the form in which nearly all gaps and laps come.
fn plain(text: &str) -> Option<Timedelta> {
    let mut bytes = text.strip_prefix('+').unwrap_or(text).as_bytes().iter();
    let (mut total, mut number, mut digits, mut colons) = (0, 0, 0, 0);
    loop {
        match *bytes.next()? {
            digit @ b'0'..=b'9' if digits < 6 => {
                number = number * 10 + i64::from(digit - b'0');
                digits += 1;
            }
            b':' if digits > 0 && colons < 2 => {
                total = (total + number) * 60;
                (number, digits, colons) = (0, 0, colons + 1);
            }
            b'.' if digits > 0 => break,
            _ => return None,
        }
    }
    Some(Timedelta((total + number) * 1_000_000 + micros(bytes.as_slice())?))
}

/// `yyyy-mm-ddThh:mm:ss[.fraction]Z`, the form in which nearly all dates come.
fn plain_date(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.strip_suffix('Z')?.as_bytes().split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', time @ ..] = date else { return None };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = time else { return None };
    let micros = match rest {
        [] => 0,
        [b'.', fraction @ ..] => micros(fraction)?,
        _ => return None,
    };
    let year = number([*y1, *y2, *y3, *y4]).filter(|year| *year > 0)?;
    let date = NaiveDate::from_ymd_opt(year as i32, number([*m1, *m2])?, number([*d1, *d2])?)?;
    let second = number([*s1, *s2]).filter(|second| *second < 60)?;
    let moment = date.and_hms_micro_opt(number([*h1, *h2])?, number([*n1, *n2])?, second, micros as u32)?;
    Some(Timestamp(moment.and_utc().timestamp_micros()))
}

/// A number of so many digits.
fn number<const N: usize>(digits: [u8; N]) -> Option<u32> {
    digits
        .into_iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

/// A fraction of digits alone, cut to six.
fn micros(digits: &[u8]) -> Option<i64> {
    let (mut micros, mut unit) = (0, 1_000_000);
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        unit /= 10;
        micros += i64::from(digit - b'0') * unit;
    }
    Some(micros)
}

/// The parts of a text, if there are exactly as many as asked for.
fn exactly<'a, const N: usize>(mut parts: impl Iterator<Item = &'a str>) -> Option<[&'a str; N]> {
    let mut found = [""; N];
    for slot in &mut found {
        *slot = parts.next()?;
    }
    parts.next().is_none().then_some(found)
}

impl Add for Timedelta {
    type Output = Timedelta;
    fn add(self, other: Timedelta) -> Timedelta {
        Timedelta(self.0.saturating_add(other.0))
    }
}

impl Sub for Timedelta {
    type Output = Timedelta;
    fn sub(self, other: Timedelta) -> Timedelta {
        Timedelta(self.0.saturating_sub(other.0))
    }
}

impl Neg for Timedelta {
    type Output = Timedelta;
    fn neg(self) -> Timedelta {
        Timedelta(self.0.saturating_neg())
    }
}

impl Sum for Timedelta {
    fn sum<I: Iterator<Item = Timedelta>>(spans: I) -> Timedelta {
        spans.fold(Timedelta::ZERO, Add::add)
    }
}

impl Add<Timedelta> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Timedelta) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Timedelta;
    fn sub(self, other: Timestamp) -> Timedelta {
        Timedelta(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// What is plain is read as any text is.
        #[test]
        fn plain_is_as_any(
            span in "[+-]{0,2}([0-9]{0,7}:){0,3}[0-9 ]{0,7}[.]{0,2}[0-9]{0,8}",
            clock_text in "[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}",
            date in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9+]{0,9})?Z{0,2}",
        ) {
            prop_assert_eq!(clock(&clock_text), Timedelta::parse_any(&clock_text));
            for plain in [clock(&span), plain(&span)] {
                prop_assert!(plain.is_none_or(|plain| Some(plain) == Timedelta::parse_any(&span)));
            }
            prop_assert!(plain_date(&date).is_none_or(|plain| Some(plain) == Timestamp::parse_any(&date)));
        }
    }

    #[test]
    fn reads_spans_as_fastf1_does() {
        let cases = [
            ("13:24:46.320215", Some(48_286_320_215)),
            ("1:31.123", Some(91_123_000)),
            ("24.3564", Some(24_356_400)),
            ("8:45:46", Some(31_546_000_000)),
            ("+0.5", Some(500_000)),
            ("-5.5", Some(-4_500_000)),
            ("1.12345678", Some(1_123_456)),
            ("7.", Some(7_000_000)),
            ("9:1:2:3", Some(9_000_000)),
            (" 1_0 ", Some(10_000_000)),
            ("", None),
            ("1 LAP", None),
            ("1.2.3", None),
            ("1__0", None),
            ("99999999999999999999", None),
        ];
        for (text, micros) in cases {
            assert_eq!(Timedelta::parse(text), micros.map(Timedelta), "{text:?}");
        }
    }

    #[test]
    fn reads_dates_as_fastf1_does() {
        let cases = [
            ("1970-01-02T00:00:00.5Z", Some(86_400_500_000)),
            ("2020-12-13T13:27:15.3200009Z", Some(1_607_866_035_320_000)),
            ("2020-12-13T13:27:15", Some(1_607_866_035_000_000)),
            ("2020-12-13 13:27:15", None),
            ("2020-13-13T13:27:15", None),
            ("2020-12-13T13:27:60", None),
            ("2020-12-13T13:27:15.-5", None),
        ];
        for (text, micros) in cases {
            assert_eq!(Timestamp::parse(text), micros.map(Timestamp), "{text:?}");
        }
    }
}
