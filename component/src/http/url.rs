//! URLs that options give, and what is made of them.

use http::Uri;

use crate::error::{Error, Result};
use crate::http::percent::{encoded_beyond_ascii, encoded_path};

/// `host[:port]` of a URL.
pub fn authority(url: &Uri) -> String {
    url.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default()
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
    url.parse().map_err(|e| Error::usage(format!("{url} is not a URL: {e}; check the base URL")))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_not_ascii_is_percent_encoded() {
        let base = "https://livetiming.formula1.com/static/".parse().unwrap();
        let path = "2024/2024-11-03_São_Paulo_Grand_Prix/2024-11-03_Race/";
        let expected = "https://livetiming.formula1.com/static/2024/2024-11-03_S%C3%A3o_Paulo_Grand_Prix/2024-11-03_Race/";
        assert_eq!(below(&base, path).unwrap(), expected);
    }
}
