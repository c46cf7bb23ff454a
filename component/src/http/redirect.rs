//! Where a response sends us: `Location` is a reference, relative to the URL that was asked (RFC 9110, 10.2.2).

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::error::{Error, Kind, Result};
use crate::http::transport::Response;
use crate::http::url::{Shown, authority};

/// What no URL can hold, but a careless `Location` does.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where a response sends us, if it does: to https, or to the very scheme and host that was asked.
pub fn redirect<B>(response: &Response<B>, from: &Uri) -> Result<Option<Uri>> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse =
        |why: &str| Error::new(Kind::Denied, format!("{} redirects {why}; check the URL", Shown(from)));
    let location = response.headers.get("location").map(|location| location.as_bytes().trim_ascii());
    let location = location.filter(|location| !location.is_empty()).ok_or_else(|| refuse("to nowhere"))?;
    let location = percent_encode(location, UNSAFE).to_string();
    let next: Uri =
        resolved(from, &location).parse().map_err(|_| refuse("to something that is not a URL"))?;
    let stays = next.scheme() == from.scheme() && authority(&next) == authority(from);
    if next.scheme_str() != Some("https") && !stays {
        return Err(refuse(&format!("to {}, which is not https", Shown(&next))));
    }
    Ok(Some(next))
}

/// A reference, resolved against a URL (RFC 3986, 5.2), without its fragment.
fn resolved(base: &Uri, reference: &str) -> String {
    let reference = reference.split('#').next().unwrap_or_default();
    let scheme = base.scheme_str().unwrap_or("https");
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    if path.split('/').next().is_some_and(|first| first.contains(':')) {
        return reference.to_owned();
    }
    if path.starts_with("//") {
        return format!("{scheme}:{reference}");
    }
    let (path, query) = match path {
        "" => (base.path().to_owned(), query.or(base.query())),
        _ if path.starts_with('/') => (without_dots(path), query),
        _ => {
            let folder = base.path().rfind('/').map_or("/", |slash| &base.path()[..=slash]);
            (without_dots(&format!("{folder}{path}")), query)
        }
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{}{path}{query}", authority(base))
}

/// A path without `.` and `..` (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let is_last = at + 1 == segments.len();
        match *segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    /// RFC 3986, 5.4, as far as HTTP has such URLs.
    #[test]
    fn a_relative_reference_is_resolved() {
        let base = Uri::from_static("http://a/b/c/d;p?q");
        let table = [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("https://x/y?at=12:00", "https://x/y?at=12:00"),
            ("g?at=12:00", "http://a/b/c/g?at=12:00"),
        ];
        for (reference, expected) in table {
            assert_eq!(resolved(&base, reference), expected, "{reference}");
        }
    }

    fn sent(from: &str, location: &[u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("location", HeaderValue::from_bytes(location).unwrap());
        let response = Response { status: StatusCode::MOVED_PERMANENTLY, headers, body: () };
        redirect(&response, &from.parse().unwrap()).ok().flatten().map(|next| next.to_string())
    }

    #[test]
    fn a_redirect_stays_where_it_is_or_goes_to_https() {
        let sent = |from: &str, location: &str| sent(from, location.as_bytes());
        assert_eq!(sent("http://mirror/f1", "f1/").unwrap(), "http://mirror/f1/");
        assert_eq!(sent("http://mirror/f1", "http://mirror/f1/").unwrap(), "http://mirror/f1/");
        assert_eq!(sent("http://mirror/f1", "https://mirror/f1").unwrap(), "https://mirror/f1");
        for elsewhere in ["http://other/f1", "//other/f1", "http://mirror:8080/f1", "ftp://mirror/f1"] {
            assert_eq!(sent("http://mirror/f1", elsewhere), None, "{elsewhere}");
        }
        assert_eq!(sent("https://mirror/f1", "http://mirror/f1"), None);
        assert_eq!(sent("https://mirror/f1", ""), None);
    }

    #[test]
    fn a_refusal_shows_no_secret_of_either_url() {
        let headers = HeaderMap::from_iter([(
            http::header::LOCATION,
            HeaderValue::from_static("http://me:SECRET@other/next?key=SECRET"),
        )]);
        let response = Response { status: StatusCode::FOUND, headers, body: () };
        let from = Uri::from_static("https://mirror/f1?key=SECRET");
        let why = redirect(&response, &from).unwrap_err().message;
        assert!(why.contains("https://mirror/f1?key=***") && why.contains("@other/next"), "{why}");
        assert!(!why.contains("SECRET"), "{why}");
    }

    #[test]
    fn what_no_url_can_hold_is_encoded() {
        assert_eq!(
            sent("https://mirror/f1", "São Paulo/?a b".as_bytes()).unwrap(),
            "https://mirror/S%C3%A3o%20Paulo/?a%20b"
        );
        assert_eq!(sent("https://mirror/f1", b"%20/").unwrap(), "https://mirror/%20/");
    }
}
