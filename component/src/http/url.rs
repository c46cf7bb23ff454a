//! URLs that options give, and what is made of them.

use std::fmt;

use http::Uri;

use crate::error::{Error, Kind, Result};
use crate::http::percent::{encoded_beyond_ascii, encoded_path};

/// `host[:port]` of a URL.
pub fn authority(url: &Uri) -> String {
    url.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default()
}

/// Parameters whose values are no secret: the rest may be keys.
const HARMLESS: &[&str] = &[
    "limit",
    "offset",
    "list-type",
    "prefix",
    "delimiter",
    "continuation-token",
    "uploads",
    "uploadId",
    "partNumber",
    "key-marker",
    "upload-id-marker",
];

/// A URL as anybody may see it: no user, no password, and of its query the names.
pub struct Shown<'a>(pub &'a Uri);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(url) = self;
        if let Some(scheme) = url.scheme_str() {
            write!(f, "{scheme}://")?;
        }
        let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
        match authority.rsplit_once('@') {
            Some((_, host)) => write!(f, "***@{host}{}", url.path())?,
            None => write!(f, "{authority}{}", url.path())?,
        }
        let parameters = url.query().into_iter().flat_map(|query| query.split('&'));
        for (number, parameter) in parameters.enumerate() {
            f.write_str(if number == 0 { "?" } else { "&" })?;
            match parameter.split_once('=') {
                Some((name, _)) if HARMLESS.contains(&name) => f.write_str(parameter)?,
                Some((name, _)) => write!(f, "{name}=***")?,
                None if HARMLESS.contains(&parameter) => f.write_str(parameter)?,
                None => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

/// Reads an absolute http or https URL without a user name in it. Letters beyond ASCII become what goes over the
/// wire, and is in metadata and signatures; in a host they have another form.
pub fn absolute(text: &str) -> std::result::Result<Uri, String> {
    let host = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    if let Some(host) = host.filter(|host| !host.is_ascii()) {
        return Err(format!("{host} is a host beyond ASCII; write it as xn--…"));
    }
    let uri: Uri = encoded_beyond_ascii(text).parse().map_err(|e| format!("not a URL: {e}"))?;
    let authority = uri.authority().ok_or("a URL begins with https:// or http:// and a host")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("a URL begins with https:// or http://".into());
    }
    if authority.as_str().contains('@') {
        return Err("a URL must not hold a user name or password".into());
    }
    Ok(uri)
}

/// Reads the base of other URLs: no query, and a path without its last slash.
pub fn base(text: &str) -> std::result::Result<Uri, String> {
    let uri = absolute(text.trim_end_matches('/'))?;
    if uri.query().is_some() {
        return Err("a base URL has no query".into());
    }
    Ok(uri)
}

/// The URL of `path` below a base; what no URL can hold is percent-encoded.
pub fn below(base: &Uri, path: &str) -> Result<Uri> {
    let base = base.to_string();
    let url = format!("{}/{}", base.trim_end_matches('/'), encoded_path(path));
    url.parse().map_err(|e| {
        // It can be an upstream's, and as long as that likes.
        let (begin, length) = (url.chars().take(100).collect::<String>(), url.len());
        Error::new(
            Kind::NotJson,
            format!("{begin}, of {length} bytes, is not a URL: {e}; check the base URL"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("https://h/a", "https://h/a"),
            ("http://h:1/a?limit=5&apikey=SECRET&x", "http://h:1/a?limit=5&apikey=***&***"),
            ("https://me:SECRET@h:1/?sig=SECRET", "https://***@h:1/?sig=***"),
            ("https://h/k?partNumber=1&uploadId=2", "https://h/k?partNumber=1&uploadId=2"),
        ] {
            assert_eq!(Shown(&url.parse().unwrap()).to_string(), shown);
        }
    }

    #[test]
    fn a_url_beyond_ascii_is_one_of_the_wire() {
        assert_eq!(
            absolute("https://a.example/são?x=ü%20").unwrap(),
            "https://a.example/s%C3%A3o?x=%C3%BC%20"
        );
        for wrong in ["https://são.example/", "https://a.example/a b", "https://a.example/\n"] {
            assert!(absolute(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_path_that_makes_no_url_is_no_wrong_usage() {
        let base = "https://livetiming.formula1.com/static".parse().unwrap();
        let error = below(&base, &"a".repeat(70_000)).unwrap_err();
        assert!(error.kind == Kind::NotJson && error.message.len() < 300, "{error}");
    }

    #[test]
    fn what_is_not_ascii_is_percent_encoded() {
        let base = "https://livetiming.formula1.com/static/".parse().unwrap();
        let path = "2024/2024-11-03_São_Paulo_Grand_Prix/2024-11-03_Race/";
        let expected = "https://livetiming.formula1.com/static/2024/2024-11-03_S%C3%A3o_Paulo_Grand_Prix/2024-11-03_Race/";
        assert_eq!(below(&base, path).unwrap(), expected);
    }
}
