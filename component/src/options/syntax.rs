//! How the value of one option is read.

use http::HeaderValue;

use super::table::PAIR;

/// `NAME=VALUE`, one a line.
pub fn pairs(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    text.lines().map(|line| pair(line).ok_or(format!("{line:?} is not {PAIR}"))).collect()
}

/// S3's least part, and a most that a component's memory can hold. S3's own is 5 GiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub fn part_size(text: &str) -> std::result::Result<usize, String> {
    let fine = size(text).ok().filter(|size| (5 << 20..=1 << 30).contains(size));
    fine.ok_or(format!("{text:?} is not a size from 5MiB to 1GiB"))
}

pub fn gzip(text: &str) -> std::result::Result<(), String> {
    (text == "gzip").then_some(()).ok_or(format!("{text:?} is not gzip, the one compression that there is"))
}

/// A size in bytes: a number of MiB, or a number with `KiB`, `MiB` or `GiB`.
pub fn size(text: &str) -> std::result::Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "kib" | "k" => 10,
        "" | "mib" | "m" => 20,
        "gib" | "g" => 30,
        _ => return Err("a number of MiB, or a number with KiB, MiB or GiB".into()),
    };
    let number: usize = digits.parse().map_err(|_| "a number of MiB, or a number with KiB, MiB or GiB")?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or("too small or too large".into())
}

pub fn attempts(text: &str) -> std::result::Result<u32, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=100).contains(n))
        .ok_or(format!("{text:?} is not a number from 1 to 100"))
}

pub fn requests_per_second(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|n| *n <= 1000).ok_or(format!("{text:?} is not a number from 0 to 1000"))
}

pub fn header_value(text: &str) -> std::result::Result<HeaderValue, String> {
    let fine = !text.trim().is_empty() && text.is_ascii();
    let value = HeaderValue::from_str(text).ok().filter(|_| fine);
    value.ok_or("only printable ASCII can go into a header".into())
}
