//! Percent-encoding of what goes into a URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A name or value of a query, as S3 wants it.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A path, its slashes kept.
pub fn encoded_path(path: &str) -> String {
    utf8_percent_encode(path, IN_PATH).to_string()
}

/// A text whose ASCII stays as it is.
pub fn encoded_beyond_ascii(text: &str) -> String {
    utf8_percent_encode(text, &AsciiSet::EMPTY).to_string()
}
