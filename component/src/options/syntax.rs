//! How the value of one option is read.

use std::time::Duration;

use http::HeaderValue;

use super::table::PAIR;
use crate::http::budget::{HOUR, MOST};

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

/// The most is what the host keeps of a host's requests.
pub fn requests_per_hour(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|n| *n <= MOST).ok_or(format!("{text:?} is not a number from 0 to {MOST}"))
}

pub fn budget_hour(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=HOUR.as_secs()).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or(format!("{text:?} is not a number of seconds from 1 to {}", HOUR.as_secs()))
}

/// Whether a bucket can have this name, at AWS or elsewhere. Nobody's looks like an address.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub fn bucket(name: String, at_aws: bool) -> std::result::Result<String, String> {
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(format!("{name:?} is an IP address, which no bucket is named like"));
    }
    let why = if !at_aws {
        return Ok(name);
    } else if name.contains(|c: char| c.is_ascii_uppercase() || c == '_') {
        "it has no capitals and no underscores"
    } else if name.contains(".-") || name.contains("-.") {
        "a dot and a hyphen do not stand side by side"
    } else if ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|begin| name.starts_with(begin)) {
        "AWS keeps names that begin so for itself"
    } else if name.ends_with("--x-s3") || name.ends_with("--table-s3") {
        "directory and table buckets are no stores of objects by date; give a general purpose bucket"
    } else {
        return Ok(name);
    };
    Err(format!("{name:?} is not a bucket name at AWS: {why} (for another store give --endpoint-url)"))
}

pub fn header_value(text: &str) -> std::result::Result<HeaderValue, String> {
    let fine = !text.trim().is_empty() && text.is_ascii();
    let value = HeaderValue::from_str(text).ok().filter(|_| fine);
    value.ok_or("only printable ASCII can go into a header".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_at_aws_is_named_by_its_rules() {
        for fine in ["lake", "lake.of.data", "a-b.c1", "readers-abcdefgh1234-s3alias", "1.2.3", "1.2.3.4a"] {
            assert_eq!(bucket(fine.into(), true).as_deref(), Ok(fine));
        }
        for wrong in ["Lake", "my_lake", "a.-b", "a-.b", "xn--lake", "lake--use2-az1--x-s3", "sthree-lake"] {
            assert!(bucket(wrong.into(), true).unwrap_err().contains(wrong), "{wrong}");
            assert!(bucket(wrong.into(), false).is_ok(), "{wrong}");
        }
        for at_aws in [true, false] {
            assert!(bucket("192.168.5.4".into(), at_aws).unwrap_err().contains("IP address"));
        }
    }
}
